r"""Read the answer of a reply: `extract:answer`, boxed or else plainly stated.

A stated answer counts only in a chain that finished: a chain that was cut off has not
said its last word. "The answer is 42.", "#### 42" and a closing "**42**" are stated;
behind the thinking also a last line ending in "= 42", "is 42" or ": 42".
"""

import re
from typing import Final

from votebox.plugins import Reading, Register, hookimpl
from votebox.plugins.answers import canonical
from votebox.plugins.builtin.boxed import last_box
from votebox.plugins.builtin.fences import fences
from votebox.plugins.builtin.thinking import after_thinking

_STATED: Final = re.compile(
    r"(?:\banswer\b(?:\*\*)?+\s*+(?:is\b\s*+[:=]?+|=|:)|####)(?:[ \t]|\*\*)*+", re.IGNORECASE
)
_SENTENCE_END: Final = re.compile(r"\.\**+(?:\s|$)|\n")
_BOLD_END: Final = re.compile(r"\*\*([^*\n]{1,200})\*\*[ .]*+$")
_RELATION: Final = re.compile(r"\bis\b|=|:")
_EQUALS_END: Final = re.compile(r"(?:\bis\b|=|:)[ \t]*+([^=:\n]{1,200})$")
_LINE: Final = 300
"""Characters of a line that are looked at."""


def answer(text: str, finish_reason: str | None, options: None = None) -> list[Reading]:
    """Return the last box; without one, the answer a finished chain states at its end.

    What stands behind the thinking comes first, boxed or stated, and a box from inside
    the thinking last.
    """
    start = after_thinking(text)
    final = last_box(text, start)
    if final is None and finish_reason == "stop":
        final = stated(text, start)
    if final is None and start:
        final = last_box(text[:start], 0)
    return [] if final is None else [final]


def stated(text: str, start: int) -> Reading | None:
    """Return what the text behind `start` and behind all code states as its answer.

    The last statement counts, and when it is not a number nothing does.
    """
    begin = start
    for fence in fences(text[start:]):
        if not fence.closed:
            return None
        begin = start + fence.span[1]
    found: Reading | None = None
    named = False
    for match in _STATED.finditer(text, begin):
        reading = _sentence(text, match.end())
        if match[0].startswith("#") and reading is None:
            continue  # a heading
        found, named = reading, True
    if named:
        return found
    return _last_line(text, begin, thought=start > 0)


def _sentence(text: str, at: int) -> Reading | None:
    """Return the number that is all of the sentence from `at` on."""
    end = _SENTENCE_END.search(text, at, at + _LINE)
    stop = end.start() if end else min(len(text), at + _LINE)
    return _number(text, at, stop)


def _last_line(text: str, begin: int, *, thought: bool) -> Reading | None:
    """Return the bold end of the last line, or behind the thinking what it equals."""
    begin = max(begin, len(text) - _LINE)
    tail = text[begin:].rstrip()
    line = tail.rpartition("\n")[2]
    at = begin + len(tail) - len(line)
    match = _BOLD_END.search(line) if line.count("**") == 2 else None
    if match is None and thought and len(_RELATION.findall(line)) == 1:
        match = _EQUALS_END.search(line.rstrip("."))
    return _number(text, at + match.start(1), at + match.end(1)) if match else None


def _number(text: str, start: int, end: int) -> Reading | None:
    value = text[start:end].strip(" *_\t")
    return Reading(value, (start, end)) if canonical(value) is not None else None


@hookimpl
def register_extractors(register: Register) -> None:
    """Register the reading of final answers."""
    register("extract:answer", answer)
