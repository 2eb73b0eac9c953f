"""Read the number a program printed last: `extract:last-number`.

Only of a program that ended well, and only when the last line says one number, an
integer, a decimal or a fraction: a list, a call or a formula is not one. A label or a
sentence around the number is fine, and so is a container that holds nothing else.
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
    r"(?<![\w.)])[-+]?(?:\d{1,3}(?:,\d{3})++(?!\d|,\d)|\d++)(?:\.\d++)?(?:[eE][-+]?\d++)?(?:/\d++)?"
    r"(?![\w(]|\.\d)"
)
_JOINED_BEFORE: Final = re.compile(r"[-+*/^%(\[{,]$|\d[:/]$")
_JOINED_AFTER: Final = re.compile(r"[-+*/^(\[{,]|%\s*+\w|:\d")
# np.int64(42), [42], (42,) and {'ways': 42} are ways to print one number.
_ALONE_BEFORE: Final = re.compile(
    r"(?:\b(?:np|numpy|sympy|mpmath)\.)?\b(?:u?int\d*+|float\d*+|Integer|Float|mpf|Decimal)\(['\"]?+$"
    r"|(?<!\w)[\[({]\s*+$|(?<!\w)\{[^{},:\d]{1,80}:\s*+$"
)
_ALONE_AFTER: Final = re.compile(r"['\"]?+\s*+,?+\s*+[\])}]")


def last_number(text: str, finish_reason: str | None, options: None = None) -> list[Reading]:
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
    if last is None or not _stands_alone(line, last) or canonical(last[0]) is None:
        return []
    return [Reading(last[0], (start + last.start(), start + last.end()))]


def _stands_alone(line: str, number: re.Match[str]) -> bool:
    """Return whether a number is no part of a list, a call, a formula or a cut line."""
    before, after = line[: number.start()], line[number.end() :]
    for _ in range(3):
        opening, closing = _ALONE_BEFORE.search(before), _ALONE_AFTER.match(after)
        if not (opening and closing):
            break
        before, after = before[: opening.start()], after[closing.end() :]
    before, after = before.rstrip(), after.lstrip()
    open_brackets = sum(before.count(c) for c in "([{") - sum(before.count(c) for c in ")]}")
    joined = _JOINED_BEFORE.search(before) or _JOINED_AFTER.match(after)
    cut = number.start() == 0 and len(line) == _LINE
    return not (joined or cut or open_brackets > 0)


@hookimpl
def register_extractors(register: Register) -> None:
    """Register the reading of printed numbers."""
    register("extract:last-number", last_number)
