"""Derive seeds from seeds, so that every part of a solve has one of its own."""

import hashlib

__all__ = ["derive_seed"]


def derive_seed(*parts: object) -> int:
    """Return a 31-bit seed that depends on every part.

    >>> derive_seed(1, "think", 0) == derive_seed(1, "think", 0)
    True
    """
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 33
