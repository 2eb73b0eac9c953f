r"""Read the final `\boxed{...}` of a reply: `extract:boxed`.

The last complete box wins: an earlier one followed by a later one is a correction,
never a set. Boxes in fenced code and placeholders do not count. A box that was cut off
counts only when nothing else is there and what it holds is an integer.
"""

import re
from typing import Final

from votebox.plugins import Reading, Register, hookimpl
from votebox.plugins.answers import canonical
from votebox.plugins.builtin.fences import fences
from votebox.plugins.builtin.thinking import after_thinking

_BOX: Final = re.compile(
    r"(?P<box>\\\\?(?:boxed|fbox|framebox)(?![a-zA-Z])[ \t]*+(?:\[[^\[\]\n]{0,20}\][ \t]*+){0,2}+"
    r"\n?+[ \t]*+)(?P<open>\{)?"
)
_TOKEN: Final = re.compile(_BOX.pattern + r"|\\.|[{}]", re.DOTALL)
_BARE: Final = re.compile(r"-?\d[\d,]*+(?:\.\d++)?+(?!\w)|[a-zA-Z](?!\w)")
_PLACEHOLDER: Final = re.compile(
    r"(?:\\text\{)?[\s<\[]*+(?:(?:your|the|final|numerical|numeric|integer)\s++)*+"
    r"(?:answer(?:\s++here)?+|result|number|value|solution|\.{2,}|\\[lcd]?dots|…|\?+|(?:\\?_)+"
    r"|\\(?:big)?square)?+[\s>\]}.]*+",
    re.IGNORECASE,
)
_LETTER: Final = re.compile(r"(?:\\text[a-z]{0,2}\{)?\s*+\(?[a-zA-Z]\)?\s*+\}?+")
_GROWING: Final = re.compile(r"[\d)}]\s*+(?:[-+*/^!]|\\(?:times|cdot|div)(?![a-zA-Z]))")
_NEAR: Final = 2000
"""Characters before the last box in which a box around it may begin."""

# A sign before a box is part of its answer; one that follows a value, or begins a list
# item, is none.
_NEGATED: Final = re.compile(r"(?:^|[$=(:\[|]|(?<![\d)}\]])\s)[-\u2212]$|[$=(]\s?+[-\u2212]\s$")
_SUM: Final = re.compile(r"[-+=,;]|\\pm")

type Box = tuple[int, int, int]
"""Where a box begins, and where its content begins and ends."""


def boxed(text: str, finish_reason: str | None, options: None = None) -> list[Reading]:
    """Return the last box after the thinking; only if there is none, of all the text."""
    start = after_thinking(text)
    final = last_box(text, start)
    if final is None and start:
        final = last_box(text[:start], 0)
    return [] if final is None else [final]


def last_box(text: str, start: int) -> Reading | None:
    """Return the last complete box behind `start`, else an integer in one that was cut off.

    A single letter gives way to an earlier number: it is a placeholder or a choice's label.
    """
    if "box" not in text:
        return None
    bare = _without_code(text, start)
    # Any box around the last one begins near it; what is longer is no answer.
    near = max(start, bare.rfind("box", start) - _NEAR)
    found = _last_of(bare, near)
    if found and found.complete and not _LETTER.fullmatch(found.value):
        return found
    return _last_of(bare, start) if near > start else found


def _last_of(text: str, start: int) -> Reading | None:
    """Return the last box behind `start`, as `last_box` does, of text without code."""
    opening = _BOX.search(text, start)
    if opening is None:
        return None
    whole, cut = _boxes(text, opening.start())
    letter: Reading | None = None
    for begin, first, last in reversed(whole):
        reading = Reading(_signed(text, begin, text[first:last].strip()), (first, last))
        if letter is not None:
            if canonical(reading.value) is not None:
                return reading
        elif _LETTER.fullmatch(reading.value):
            letter = reading
        elif not _PLACEHOLDER.fullmatch(reading.value):
            return reading
    return letter or (None if cut is None else _cut_off(text, *cut))


def _signed(text: str, begin: int, content: str) -> str:
    r"""Return what a box holds, negated where a minus stands before it: -\boxed{7}."""
    if not content or not _NEGATED.search(text[max(0, begin - 4) : begin]):
        return content
    return f"-({content})" if _SUM.search(content) else f"-{content}"


def _cut_off(text: str, begin: int, start: int) -> Reading | None:
    """Return the integer a box from `start` on holds so far, None when it may yet change."""
    rest = text[start:].rstrip("$ \n")
    number = canonical(rest)
    if number is None or number.denominator != 1:
        return None
    if rest.endswith((".", ",")) or _GROWING.search(rest):
        return None
    value = _signed(text, begin, rest.strip())
    return Reading(value, (start, start + len(rest)), complete=False)


def _without_code(text: str, start: int) -> str:
    """Return `text` with fenced code blanked, so that no offset moves.

    A fence that nobody closed hides what follows only when it names a language.
    """
    if "```" not in text and "~~~" not in text:
        return text
    parts, at = [], 0
    for fence in fences(text[start:]):
        if fence.closed or fence.tag:
            first, last = (start + offset for offset in fence.span)
            parts += [text[at:first], " " * (last - first)]
            at = last
    return "".join([*parts, text[at:]])


def _boxes(text: str, start: int) -> tuple[list[Box], tuple[int, int] | None]:
    """Return the boxes as they close, and where the last open one and its content begin.

    One pass with a stack of open braces; escaped characters are skipped.
    """
    whole: list[Box] = []
    opened: list[tuple[int, int]] = []  # of a box and its content; -1 for any other brace
    for token in _TOKEN.finditer(text, start):
        if token["box"]:
            bare = None if token["open"] else _BARE.match(text, token.end())
            if token["open"]:
                opened.append((token.start(), token.end()))
            elif bare:
                whole.append((token.start(), *bare.span()))
        elif token[0] == "{":
            opened.append((-1, -1))
        elif token[0] == "}" and opened:
            begin, first = opened.pop()
            if begin >= 0:
                whole.append((begin, first, token.start()))
    return whole, next((box for box in reversed(opened) if box[0] >= 0), None)


@hookimpl
def register_extractors(register: Register) -> None:
    """Register the reading of boxes."""
    register("extract:boxed", boxed)
