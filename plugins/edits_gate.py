"""Refuse text that stands for code it leaves out, or that lost its end."""

import re
from collections.abc import Collection, Sequence
from typing import Final

from votebox.plugins.edits_match import is_elision
from votebox.plugins.edits_nouns import EditOp, Status
from votebox.plugins.edits_text import Text

__all__ = ["lazy_line", "whole_fault"]

_DOTS: Final = r"(?:\.\.\.|\u2026)"
_LAZY: Final = re.compile(
    r"(?:#|//|--|;|%|/\*|<!--)[ \t]*+(?:"
    rf"{_DOTS}[^\n]*+"
    r"|(?=[^\n]{0,120}\b(?:code|existing|omitted|previous|remaining|rest|same|unchanged)\b)"
    rf"[^\n]{{0,120}}?{_DOTS}[ \t]*+(?:\*/|-->)?+\Z"
    r"|\(?(?:the )?(?:rest of|remaining|existing|other|previous) [\w ,'/-]{0,60}?"
    r"(?:unchanged|as before|stays? the same|remains? the same|(?:goes|stays) here)\)?\.?\Z)",
    re.IGNORECASE,
)
_PROSE: Final = (".markdown", ".md", ".rst", ".txt")


def lazy_line(new: Sequence[str], known: Collection[str]) -> str:
    """Return the first comment of `new` that stands for code left out, "" if none does.

    A line that is in the file (`known`, without blanks at its ends) is none.

    >>> lazy_line(["x = 1", "# ... rest of the code"], [])
    '# ... rest of the code'
    """
    for line in new:
        text = line.strip()
        if _LAZY.match(text) and text not in known:
            return text
    return ""


def whole_fault(op: EditOp, path: str, before: Text) -> tuple[Status | None, str]:
    """Return why a whole file may not replace the one there, (None, "") if it may."""
    if not any(map(str.strip, op.new)) and any(map(str.strip, before.lines)):
        return "emptied", f"the block would empty {path}; delete it by name if that is meant"
    known = {line.strip() for line in before.lines}
    lazy = lazy_line(op.new, known) or _bare(op.new, known)
    if lazy:
        return "elided", f"{lazy!r:.80} stands for lines left out; write the file in full"
    if op.suspect and _may_hold(op, path, before):
        fix = f"put it into a fence longer than {op.suspect.split()[0]}"
        return "cut_body", f"a fence inside {path} may have ended it early; {fix}"
    return None, ""


def _bare(new: Sequence[str], known: Collection[str]) -> str:
    """Return an ellipsis on a line of its own that is no stub's body, "" if there is none."""
    above = ""
    for line in new:
        text = line.strip()
        if is_elision(line) and text not in known and not above.endswith(":"):
            return text
        above = text or above
    return ""


def _may_hold(op: EditOp, path: str, before: Text) -> bool:
    fence = op.suspect[:3]
    return path.endswith(_PROSE) or any(line.startswith(fence) for line in before.lines)
