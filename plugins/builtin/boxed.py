r"""Read the final `\boxed{...}` of a reply: `extract:boxed`.

The last complete box wins: an earlier one followed by a later one is a correction,
never a set. Boxes in fenced code and placeholders do not count. A box that was cut off
counts only when nothing else is there and what it holds is a number.
"""

import re
from typing import Final

from votebox.plugins import Reading, Register, hookimpl
from votebox.plugins.answers import canonical
from votebox.plugins.builtin.fences import fences
from votebox.plugins.builtin.thinking import after_thinking

_BOX: Final = re.compile(
    r"(?P<box>\\\\?(?:boxed|fbox|framebox)(?![a-zA-Z])[ \t]*+\n?+[ \t]*+)(?P<open>\{)?"
)
_TOKEN: Final = re.compile(_BOX.pattern + r"|\\.|[{}]", re.DOTALL)
_BARE: Final = re.compile(r"-?\d[\d,]*+(?:\.\d++)?+(?!\w)|[a-zA-Z](?!\w)")
_PLACEHOLDER: Final = re.compile(
    r"(?:\\text\{)?[\s<\[]*+(?:(?:your|the|final|numerical|numeric|integer)\s++)*+"
    r"(?:answer(?:\s++here)?+|result|number|value|solution|\.{2,}|\\[lcd]?dots|…|\?+|_+)?+[\s>\]}.]*+",
    re.IGNORECASE,
)


def boxed(text: str, finish_reason: str | None, options: None = None) -> list[Reading]:
    """Return the last box after the thinking; only if there is none, of all the text."""
    start = after_thinking(text)
    final = last_box(text, start)
    if final is None and start:
        final = last_box(text[:start], 0)
    return [] if final is None else [final]


def last_box(text: str, start: int) -> Reading | None:
    """Return the last complete box behind `start`, else a numeric one that was cut off."""
    first_box = _BOX.search(text, start)
    if first_box is None:
        return None
    whole, cut = _boxes(_without_code(text, start), first_box.start())
    for first, last in reversed(whole):
        value = text[first:last].strip()
        if not _PLACEHOLDER.fullmatch(value):
            return Reading(value, (first, last))
    if cut is None:
        return None
    rest = text[cut:].rstrip("$ \n")
    number = canonical(rest)
    if number is None or number.denominator != 1 or rest.endswith((".", ",")):
        return None
    return Reading(rest.strip(), (cut, cut + len(rest)), complete=False)


def _without_code(text: str, start: int) -> str:
    """Return `text` with fenced code blanked, so that no offset moves.

    A fence that nobody closed hides what follows only when it names a language.
    """
    parts, at = [], 0
    for fence in fences(text[start:]):
        if fence.closed or fence.tag:
            first, last = (start + offset for offset in fence.span)
            parts += [text[at:first], " " * (last - first)]
            at = last
    return "".join([*parts, text[at:]])


def _boxes(text: str, start: int) -> tuple[list[tuple[int, int]], int | None]:
    """Return the content spans of boxes as they close, and where the last open one begins.

    One pass with a stack of open braces; escaped characters are skipped.
    """
    whole: list[tuple[int, int]] = []
    opened: list[int] = []  # where a box's content begins, -1 for any other brace
    for token in _TOKEN.finditer(text, start):
        if token["box"]:
            bare = None if token["open"] else _BARE.match(text, token.end())
            if token["open"]:
                opened.append(token.end())
            elif bare:
                whole.append(bare.span())
        elif token[0] == "{":
            opened.append(-1)
        elif token[0] == "}" and opened:
            first = opened.pop()
            if first >= 0:
                whole.append((first, token.start()))
    return whole, next((first for first in reversed(opened) if first >= 0), None)


@hookimpl
def register_extractors(register: Register) -> None:
    """Register the reading of boxes."""
    register("extract:boxed", boxed)
