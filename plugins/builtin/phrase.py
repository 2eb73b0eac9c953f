r"""Read the answer a reply states in words: `extract:phrase`.

Only of a chain that finished, since one that was cut off has not said its last word, and
only of text without a box. Stated are "The answer is 42.", "#### 42", a number under the
heading "Final Answer", `"answer": 42`, `<answer>42</answer>`, the one bold number of the
last line and a reply that is nothing but a number; behind the thinking also a last line
that says one thing "is", "=" or ":" a number. The last statement counts, and one that is
no number ("unknown", "3 or 4", "at least 5") leaves the reply without an answer.
"""

import re
from typing import Final

from votebox.plugins import Reading, Register, hookimpl
from votebox.plugins.answers import canonical
from votebox.plugins.builtin.boxed import last_box
from votebox.plugins.builtin.fences import fences
from votebox.plugins.builtin.thinking import after_thinking

_TAIL: Final = 4000
"""Characters at the end of a reply in which it may state its answer."""
_LINE: Final = 300
"""Characters of a statement that are looked at."""

_STATED: Final = re.compile(
    r"(?P<tag><answer>)|(?P<hash>####)|(?P<key>\"(?:final_)?answer\"[ \t]*+:)"
    r"|(?P<title>^[#*_ \t]*+(?:the )?(?:final )?answer[*_: \t]*+\n)"
    r"|(?P<cell>\banswer[* \t]*+\|)"
    r"|\banswer(?: to [\w' ]{1,60}?)??[*_]*+\s*+"
    r"(?:is\b|=|:|(?:should|must) be\b|equals\b)"
    r"(?:\s*+(?:therefore|thus|then|hence|so|simply|just|exactly|equal to)\b,?+)?+\s*+[:=]?+"
    r"|答案(?:是|为|為|:|\uff1a)",
    re.IGNORECASE | re.MULTILINE,
)
_SUPPOSED: Final = re.compile(
    r"\b(?:if|suppose|assum\w*+|whether|unless|write|end with|format)\b", re.IGNORECASE
)
_SENTENCE_START: Final = re.compile(r".*(?:[.!?]\s|\n)", re.DOTALL)
_SENTENCE_END: Final = re.compile(
    r"[.!][*_\")]*+(?:\s|$)|。|\n|</?[a-z|\uff5c]|,\s(?=(?:since|because|as|which|where|not)\b)"
)
_LINE_END: Final = re.compile(r"\n")
_CELL_END: Final = re.compile(r"[|\n]")
_TAG_END: Final = re.compile(r"</")
_JSON_VALUE: Final = re.compile(r"[ \t]*+(?:\"([^\"\n]{1,200})\"|([^\",{}\[\]\n]{1,200}))")
_DISPLAY: Final = re.compile(r"(\$\$|\\\[)([^$]{1,200}?)(?:\$\$|\\\])[.,*\s]*+(?:\n|$)")
_TOKENS: Final = re.compile(r"(?:\s*+(?:<[|\uff5c][^<>\n]{1,40}[|\uff5c]>|</s>))++\s*+$")
_COUNTED: Final = re.compile(r"(?<=[\d$)}*])[*_]*+ (?:[a-z]{3,20} ?){1,3}$")
# Words behind a number that make another number of it, or say that it is not the answer.
_CHANGING: Final = re.compile(
    r"\b(?:and|or|not|too?|more|less|fewer|than|times|plus|minus|mod|modulo|over|base|binary|of|one"
    r"|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|scores?|pairs?|gross"
    r"|hundreds?|thousands?|[mbt]r?illions?|half|halves|thirds?|quarters?|\w+ths?|squared|cubed"
    r"|root|raised|power|divided|multiplied|choose|factorial|remainder|with|from|for|but|per|if"
    r"|sin|cos|tan|log|exp|sqrt|alpha|beta|gamma|delta|theta|lambda|wrong|incorrect|is|was)\b"
)
_DOUBT: Final = re.compile(
    r"\b(?:not|at least|at most|than|between|or|either|approximately|roughly|about|nearly|if|step"
    r"|case|part|problem|question|example|equation|figure)\b|n't\b|[≈<>]",
    re.IGNORECASE,
)
_CHECK: Final = re.compile(
    r"[\s*_#>(]*+(?:let(?:'s| us| me) |to |we can |double[- ])?(?:check|verif(?:y|ication)|proof)",
    re.IGNORECASE,
)
_BOLD: Final = re.compile(r"\*\*([^*\n]{1,200})\*\*")
_RELATION: Final = re.compile(r"\bis\b|=|:")
_MARKUP: Final = " *_\t\r\n"


def phrase(text: str, finish_reason: str | None, options: None = None) -> list[Reading]:
    """Return what a finished reply without a box states as its answer."""
    start = after_thinking(text)
    if finish_reason != "stop" or last_box(text, start) is not None:
        return []
    found = stated(text, start)
    return [] if found is None else [found]


def stated(text: str, start: int) -> Reading | None:
    """Return what the text behind `start` states at its end, behind all code."""
    begin = _behind_code(text, start)
    if begin is None:
        return None
    tokens = _TOKENS.search(text, max(begin, len(text) - _LINE))
    text = text[: tokens.start()] if tokens else text
    begin = max(begin, len(text) - _TAIL)
    for match in reversed(list(_STATED.finditer(text, begin))):
        if _SUPPOSED.search(_sentence_before(text, begin, match.start())):
            continue
        found = _number(text, *_value(text, match))
        if found or match.lastgroup not in ("hash", "title", "cell"):  # those may be headings
            return found
    return _last_line(text, begin, thought=start > 0)


def _behind_code(text: str, start: int) -> int | None:
    """Return where the text behind all fenced code begins, None when the code has no end.

    A block of JSON that ends the reply is not passed over: it is the reply.
    """
    if "```" not in text and "~~~" not in text:
        return start
    blocks = fences(text[start:])
    if not blocks:
        return start
    if not all(fence.closed for fence in blocks):
        return None
    first, last = blocks[-1].span
    ends = not text[start + last :].strip("`~ \n")
    return start + (first if ends and blocks[-1].tag == "json" else last)


def _sentence_before(text: str, begin: int, at: int) -> str:
    """Return the sentence that leads up to `at`."""
    before = text[max(begin, at - _LINE) : at]
    start = _SENTENCE_START.match(before)
    return before[start.end() :] if start else before


def _value(text: str, match: re.Match[str]) -> tuple[int, int]:
    """Return the span a statement names as the answer."""
    at, limit = match.end(), min(len(text), match.end() + _LINE)
    if match["key"]:
        value = _JSON_VALUE.match(text, at)
        return value.span(value.lastindex or 0) if value else (at, at)
    first = at
    while not match["hash"] and text[first : first + 1] in _MARKUP and first < limit:
        first += 1
    if display := _DISPLAY.match(text, first, limit):
        return display.span(2)
    if match["tag"] or match["cell"]:
        closing = _TAG_END if match["tag"] else _CELL_END
    elif match["hash"] or match["title"] or "\n" in text[at:first]:
        closing = _LINE_END
    else:
        closing = _SENTENCE_END
    end = closing.search(text, first, limit)
    return first, end.start() if end else limit


def _last_line(text: str, begin: int, *, thought: bool) -> Reading | None:
    """Return what the last line says: one bold number, or one thing behind the thinking."""
    tail = _before_check(text[max(begin, len(text) - _LINE) :].rstrip())
    line = tail.rpartition("\n")[2]
    at = max(begin, len(text) - _LINE) + len(tail) - len(line)
    bold = _BOLD.search(line) if line.count("**") == 2 else None
    if bold and _is_said(line, bold):
        return _number(text, at + bold.start(1), at + bold.end(1))
    relations = list(_RELATION.finditer(line)) if thought else []
    if len(relations) == 1 and not _DOUBT.search(line, 0, relations[0].start()):
        said = _number(text, at + relations[0].end(), at + len(line.rstrip(".")))
        if said:
            return said
    alone = not text[begin:at].strip() and "=" not in line
    return _number(text, at, at + len(line)) if thought or alone else None


def _before_check(tail: str) -> str:
    """Return the lines up to the last that is no check of the value before it.

    Nothing is left where a heading says that the last line belongs to a check.
    """
    lines = tail.split("\n")
    while len(lines) > 1 and (_CHECK.match(lines[-1]) or not lines[-1].strip()):
        lines.pop()
    above = next((line for line in reversed(lines[:-1]) if line.strip()), "")
    heading = _CHECK.match(above) and not any(c.isdigit() for c in above)
    return "" if heading else "\n".join(lines).rstrip()


def _is_said(line: str, bold: re.Match[str]) -> bool:
    """Return whether a line says its bold part, rather than labels or doubts something."""
    rest = line[: bold.start()] + line[bold.end() :]
    label = bold[1].endswith((".", ":", ")")) and line[bold.end() :].strip(" .")
    return not (label or _DOUBT.search(rest) or any(c.isdigit() for c in rest))


def _number(text: str, start: int, end: int) -> Reading | None:
    """Return the number a span holds, with what is counted in plain words left out."""
    raw = text[start:end]
    value = raw.strip(_MARKUP)
    start += len(raw) - len(raw.lstrip(_MARKUP))
    if canonical(value) is None:
        counted = _COUNTED.search(value.rstrip(".!"))
        if not counted or _CHANGING.search(counted[0]):
            return None
        value = value[: counted.start()]
    return Reading(value, (start, start + len(value))) if canonical(value) is not None else None


@hookimpl
def register_extractors(register: Register) -> None:
    """Register the reading of stated answers."""
    register("extract:phrase", phrase)
