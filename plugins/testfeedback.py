"""Say to a model which tests failed, so that it can try again."""

import re
from collections.abc import Mapping
from typing import Final

from votebox.plugins.testvector import TestResult, TestVector

__all__ = ["failure_feedback"]

_PLACE: Final = re.compile(r'^( *)File "([^"\n]{1,300})", line ([0-9]{1,6}),')
_WORK: Final = "/box/work/"
_MOST_CHARS: Final = 8000
_LINES: Final = 24
_CUT: Final = "[...]"


def failure_feedback(vector: TestVector, most_chars: int = _MOST_CHARS) -> str:
    """Return the failing tests, their messages first, in at most `most_chars` characters.

    Of a message too long the end is kept, which names the exception. Tests of one message
    are listed together. The jail's paths and the false copies are never mentioned.
    """
    failing = [result for result in vector.results if result.outcome not in ("passed", "skipped")]
    if vector.broken:
        return _trim(f"The tests gave no results: {vector.broken}", most_chars)
    if not failing:
        return f"All {len(vector.results)} tests pass."
    head = f"{len(failing)} of {len(vector.results)} tests fail."
    groups: dict[str, list[TestResult]] = {}
    for result in failing:
        groups.setdefault(_message(result, vector.tests), []).append(result)
    each = max(200, (most_chars - len(head)) // len(groups) - 8)
    parts = [head, *(_part(message, found, each) for message, found in groups.items())]
    whole = "\n\n".join(parts)
    if len(whole) <= most_chars:
        return whole
    more = "\n\n[further failures are left out]"
    return whole[: max(0, most_chars - len(more))] + more


def _part(message: str, results: list[TestResult], most_chars: int) -> str:
    names = ", ".join(result.id for result in results)
    head = f"{results[0].outcome}: {names}"
    head = head if len(head) <= most_chars // 2 else head[: most_chars // 2 - len(_CUT)] + _CUT
    room = most_chars - len(head) - 1
    printed = results[0].printed.strip()
    said = f"{message}\nprinted:\n{_trim(printed, room // 4)}" if printed else message
    return f"{head}\n{_trim(said, room)}"


def _message(result: TestResult, tests: Mapping[str, str]) -> str:
    """Return a traceback with the lines of the tests, which are on no disk of the jail."""
    if result.outcome == "forged":
        return "the solution interferes with the tests; write one that does what is asked"
    lines = []
    for line in result.message.replace(_WORK, "").splitlines():
        place = _PLACE.match(line)
        path = place[2].partition("/")[2] if place else ""
        lines.append(line.replace(place[2], path) if place and path in tests else line)
        if place and path in tests:
            source = tests[path].splitlines()
            number = int(place[3])
            if 0 < number <= len(source):
                lines.append(f"{place[1]}  {source[number - 1].strip()}")
    return "\n".join(lines[-_LINES:])


def _trim(text: str, most_chars: int) -> str:
    """Return a text, or its end behind a mark where it is too long."""
    if len(text) <= most_chars:
        return text
    return _CUT + text[len(text) - max(0, most_chars - len(_CUT)) :]
