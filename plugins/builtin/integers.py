"""Read the number a program printed last: `extract:last-integer`.

Only of a program that ended well, and only when the last line says one number: a list,
a call or a formula is not one. A label or a sentence around the number is fine.
"""

import re
from typing import Final

from votebox.plugins import Reading, Register, hookimpl
from votebox.plugins.answers import canonical

_LINE: Final = 2000
"""Characters at the end of a line that are looked at."""
# `print(a, b)` puts a blank between two numbers; elsewhere that blank groups thousands.
_TWO_NUMBERS: Final = re.compile(r"\d[ \t]+[-+]?[\d.]")
_NUMBER: Final = re.compile(
    r"(?<![\w.)])[-+]?(?:\d{1,3}(?:,\d{3})++(?!\d|,\d)|\d++)(?:\.\d++)?(?:[eE][-+]?\d++)?(?:/\d++)?(?![\w(])"
)
_OPERATOR: Final = frozenset("+*/^%([{,")


def last_integer(text: str, finish_reason: str | None, options: None = None) -> list[Reading]:
    """Return the number on the last non-empty line; nothing unless the program ended ok."""
    if finish_reason != "stop":
        return []
    output = text.rstrip()
    start = max(output.rfind("\n") + 1, len(output) - _LINE)
    line = output[start:]
    if not _TWO_NUMBERS.search(line) and canonical(line) is not None:
        return [Reading(line.strip(), (start, len(output)))]
    last: re.Match[str] | None = None
    for match in _NUMBER.finditer(line):
        last = match
    if last is None or not _stands_alone(line, last):
        return []
    return [Reading(last[0], (start + last.start(), start + last.end()))]


def _stands_alone(line: str, number: re.Match[str]) -> bool:
    """Return whether a number is no part of a list, a call, a formula or a cut line."""
    before, after = line[: number.start()].rstrip(), line[number.end() :].lstrip()
    open_brackets = sum(before.count(c) for c in "([{") - sum(before.count(c) for c in ")]}")
    joined = before[-1:] in _OPERATOR or after[:1] in _OPERATOR
    cut = number.start() == 0 and len(line) == _LINE
    return not (joined or cut or open_brackets > 0) and canonical(number[0]) is not None


@hookimpl
def register_extractors(register: Register) -> None:
    """Register the reading of printed numbers."""
    register("extract:last-integer", last_integer)
