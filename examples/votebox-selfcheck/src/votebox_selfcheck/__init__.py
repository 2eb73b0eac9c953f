"""Chains that check themselves, for votebox: see plugin.py for what it registers."""
