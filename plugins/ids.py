"""Name solves: ids that sort by time, and whether a text is one."""

import re
import secrets
from datetime import datetime
from typing import Final

__all__ = ["is_id", "new_id"]

# ASCII, because an id becomes the name of a file and \d is any script's digit.
_ID: Final = re.compile(r"\d{8}-\d{6}-\d{3}-[0-9a-f]{10}", re.ASCII)


def new_id(started: datetime) -> str:
    """Return the id of a solve: its time in UTC, and a random end that keeps ids apart.

    >>> from datetime import UTC
    >>> new_id(datetime(2026, 3, 14, 15, 9, 26, 535_897, UTC))[:20]
    '20260314-150926-535-'
    """
    milliseconds = started.microsecond // 1000
    return f"{started:%Y%m%d-%H%M%S}-{milliseconds:03d}-{secrets.token_hex(5)}"


def is_id(text: str) -> bool:
    """Return whether a text has the form of `new_id`.

    >>> is_id("20260314-150926-535-0123456789"), is_id("../20260314-150926-535-0123456789")
    (True, False)
    """
    return _ID.fullmatch(text) is not None
