"""The plugins votebox ships: one small file per concern, over the public door only."""
