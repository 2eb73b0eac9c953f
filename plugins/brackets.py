r"""Split a text at separators that stand outside all brackets, in one pass."""

import re
from typing import Final

__all__ = ["balanced", "parts", "split"]

_GROUPED: Final = re.compile(r"-?[1-9]\d{0,2}(?:,\d{3})++(?:\.\d++)?")


def parts(text: str, *, grouped: bool) -> list[str]:
    """Return the parts of a list, the text itself when it is none.

    A comma before a blank has become ";", and where there is one 1,234 is one number.
    """
    apart = split(text, ";") or [text]
    grouped = grouped or len(apart) > 1
    return [p for part in apart for p in (split(part, ",", grouped=grouped) or [part])]


def balanced(text: str) -> bool:
    """Return whether no bracket of `text` closes one before it, whatever its sort."""
    return split(text, "") is not None


def split(text: str, separator: str, *, grouped: bool = False) -> list[str] | None:
    """Return the parts between separators outside all brackets, None if they do not match.

    Brackets of intervals need not be of one sort. `grouped` keeps the commas of 1,234.
    """
    depth = start = at = 0
    found = []
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
            char = "(" if text[at : at + 1] == "{" else ")" if text[at : at + 1] == "}" else ""
        number = (
            _GROUPED.match(text, at) if grouped and not depth and char in "-123456789" else None
        )
        if number and text[number.end() : number.end() + 1] not in (",", "."):
            at = number.end()
            continue
        if char and char in "([{":
            depth += 1
        elif char and char in ")]}":
            depth -= 1
        elif char and char == separator and not depth:
            found.append(text[start:at])
            start = at + 1
        if depth < 0:
            return None
        at += 1
    found.append(text[start:])
    return [part for part in found if part.strip()] if not depth else None
