"""Answers with units for votebox: see plugin.py for what it registers."""
