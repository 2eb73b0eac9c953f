"""Find the fenced code blocks of a reply, in one pass over the lines that hold a fence.

A helper of the extractors, no plugin. CommonMark's rules (three or more backticks or
tildes; the closing fence is of the same character, at least as long and bare), read
generously where models are sloppy: any indentation, list items, quotes, a fence that
opens or closes at the end of a line, a whole block on one line. An opening fence that
names a language ends a block somebody forgot to close, and a fence in a triple-quoted
string of Python ends none.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

_FENCE: Final = re.compile(
    r"(?P<lead>^[ \t>]*+(?:(?:[-*+]|\d{1,3}[.)])[ \t]++)?+)?(?P<run>`{3,}+|~{3,}+)(?P<rest>[^\n]*+)",
    re.MULTILINE,
)
_ONE_LINE: Final = re.compile(r"[ \t]*+(?P<tag>[\w.+#-]*+)(?P<code>[^`]*+)```")
_TAG: Final = re.compile(r"[\s{.#!:=]*+(?:lang(?:uage)?[-=:])?+\"?+([\w+#.-]*+)")
_PYTHON: Final = re.compile(
    r"(?:i?python|py|pycon|sage|sagemath|repl|jupyter|tool_code)(?:[\d.]|-repl)*+|.*\.py"
)
_ATTRIBUTE: Final = re.compile(r"\w=")
_QUOTE: Final = re.compile(
    r"#[^\n]*+"
    r'|"""|"(?:[^"\\\n]++|\\.)*+"?+'
    r"|'''|'(?:[^'\\\n]++|\\.)*+'?+"
    r"|\\.",
    re.DOTALL,
)
_QUOTED: Final = {
    '"""': re.compile(r'(?:[^"\\]++|\\.|"(?!""))*+"""', re.DOTALL),
    "'''": re.compile(r"(?:[^'\\]++|\\.|'(?!''))*+'''", re.DOTALL),
}
_MOST_LINES: Final = 4_000
"""Lines with a fence that are read; no honest reply has as many."""
_LOOK_LINES: Final = 8
_LOOK_CHARS: Final = 50_000
"""How far a fence in a string is looked past for one outside it."""


@dataclass(frozen=True, slots=True)
class Fence:
    """Hold one block of code, fenced or found as if it were.

    `tag` is the language in lower case, "" when none is named; `code` the text between
    the fences and `span` its place; `closed` whether a closing fence was found. `begin`
    is where the opening fence stands.
    """

    tag: str
    code: str
    span: tuple[int, int]
    closed: bool
    begin: int = 0

    @property
    def python(self) -> bool:
        """Return whether the tag names Python."""
        return is_python(self.tag)


def is_python(tag: str) -> bool:
    """Return whether a tag in lower case names Python: `py3`, `python3.11`, `main.py`."""
    return _PYTHON.fullmatch(tag) is not None


def fences(text: str) -> list[Fence]:
    """Return the fenced blocks of `text` in order."""
    if "\n" not in text:
        text = text.replace("\r", "\n")
    found: list[Fence] = []
    lines = list(islice(_lines(text), _MOST_LINES))
    number = 0
    while number < len(lines):
        whole = _one_line(lines[number])
        if whole:
            found.append(whole)
            number += 1
        elif _opens(lines[number]):
            last = _last(text, lines, number)
            end = _end(lines[last]) if last < len(lines) else len(text)
            closed = last < len(lines) and not _names_language(lines[last])
            found.append(_fence(text, lines[number], end, closed=closed))
            number = last + closed
        else:
            number += 1
    return found


def _lines(text: str) -> Iterator[re.Match[str]]:
    """Yield the lines with a fence, from where it stands; a search finds the others faster."""
    places = {mark: text.find(mark) for mark in ("```", "~~~")}
    read = 0
    while found := [at for at in places.values() if at >= 0]:
        at = min(found)
        line = text.rfind("\n", read, at) + 1 or read
        match = _FENCE.match(text, line) or _FENCE.match(text, at)
        if match is None:  # no mark of ours is no fence
            return
        yield match
        read = match.end()
        places = {
            mark: at if at < 0 or at >= read else text.find(mark, read)
            for mark, at in places.items()
        }


def _fence(text: str, opening: re.Match[str], end: int, *, closed: bool) -> Fence:
    start = min(opening.end() + 1, len(text))
    end = max(start, end)
    return Fence(_tag(opening["rest"]), text[start:end], (start, end), closed, opening.start())


def _one_line(line: re.Match[str]) -> Fence | None:
    """Return the block that begins and ends on its line: ```python print(1)```."""
    if line["run"][0] != "`" or "```" not in line["rest"]:
        return None
    inner = _ONE_LINE.match(line["rest"])
    if inner is None or not inner["code"].strip():
        return None
    tag = inner["tag"].lower()
    named = is_python(tag) and inner["code"][0] in " \t"
    if not named and line["lead"] is None:
        return None
    offset = line.start("rest")
    start, end = inner.start("code") if named else 0, inner.end("code")
    span = (offset + start, offset + end)
    return Fence(tag if named else "", line["rest"][start:end], span, True, line.start())


def _opens(line: re.Match[str]) -> bool:
    """Return whether a line opens a block; in the middle of a line only if it says Python."""
    rest = line["rest"]
    if line["lead"] is None:
        return is_python(rest.strip().lower())
    return not (line["run"][0] == "`" and "`" in rest)


def _last(text: str, lines: Sequence[re.Match[str]], opening: int) -> int:
    """Return the number of the line that ends a block, the count of lines if none does."""
    opened = lines[opening]
    python = is_python(_tag(opened["rest"]))
    state, read = "", opened.end()
    first = len(lines)
    for number in range(opening + 1, len(lines)):
        line = lines[number]
        if first < number and _far(lines[first], line, number - first):
            break
        if not _ends(opened, line, python=python):
            continue
        if not python:
            return number
        state, read = _state(text[read : _end(line)], state), _end(line)
        if not state:
            return number
        if state == "#":
            state, read = "", line.end()
        else:
            first = min(first, number)
    return first


def _far(first: re.Match[str], line: re.Match[str], passed: int) -> bool:
    """Return whether a line is too far behind the first fence to be its better."""
    return passed > _LOOK_LINES or line.start() - first.start() > _LOOK_CHARS


def _end(line: re.Match[str]) -> int:
    """Return where the code before a fence ends."""
    return line.start() if line["lead"] is not None else line.start("run")


def _ends(opened: re.Match[str], line: re.Match[str], *, python: bool) -> bool:
    """Return whether a line can end the block that `opened` opened."""
    mark, run, rest = opened["run"], line["run"], line["rest"].strip()
    if run[0] != mark[0] or len(run) < len(mark) or "`" in rest:
        return False
    if line["lead"] is None:
        return python and not rest
    return not rest or len(run) == len(mark)


def _names_language(line: re.Match[str]) -> bool:
    """Return whether the words behind a fence name a language and are not prose."""
    rest = line["rest"].strip()
    if not rest:
        return False
    return (
        rest[0] == "{"
        or len(rest.split(None, 1)) == 1
        or is_python(_tag(rest))
        or _ATTRIBUTE.search(rest) is not None
    )


def _state(code: str, state: str) -> str:
    """Return what Python code ends in: an open triple quote, "#" for a comment, else ""."""
    at = 0
    for token in _tokens(code, state):
        state, at = token
    return state if at == len(code) or state in _QUOTED else ""


def _tokens(code: str, state: str) -> Iterator[tuple[str, int]]:
    """Yield the state behind each quote and comment, with its end."""
    at = 0
    while at < len(code):
        if state:
            closing = _QUOTED[state].match(code, at)
            if closing is None:
                yield state, len(code)
                return
            state, at = "", closing.end()
            yield state, at
        token = _QUOTE.search(code, at)
        if token is None:
            return
        at = token.end()
        state = token[0] if token[0] in _QUOTED else ""
        yield state or ("#" if token[0][0] == "#" else ""), at


def _tag(info: str) -> str:
    """Return the language an info string names, attributes and braces left out."""
    match = _TAG.match(info)
    return match[1].lower() if match else ""
