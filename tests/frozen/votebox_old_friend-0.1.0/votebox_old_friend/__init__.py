"""A plugin as it was written for votebox 0.1. It is never changed: see docs/stability.md."""
