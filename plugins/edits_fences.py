"""Find fenced blocks of whole files in a reply, and choose a fence for a prompt.

Stricter than the reader of programs (builtin/fences.py), which mends sloppy fences: here
a block replaces a file, so what opens and ends one must be beyond doubt.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from votebox.plugins.edits_nouns import MOST_OPS
from votebox.plugins.edits_text import lines_of

__all__ = ["FENCES", "Block", "blocks", "choose_fence", "closes", "opens"]

FENCES: Final = (
    ("```", "```"),
    ("````", "````"),
    ("<source>", "</source>"),
    ("<code>", "</code>"),
    ("<pre>", "</pre>"),
    ("<codeblock>", "</codeblock>"),
    ("<sourcecode>", "</sourcecode>"),
)
"""The fences a prompt may ask for, in order of preference: opening and closing."""

_TICKS: Final = re.compile(r"(`{3,}+)[ \t]*+([^`]*+)\Z")
_TAGS: Final = {opening: closing for opening, closing in FENCES if opening[0] == "<"}
_OPEN_TAG: Final = re.compile(r"(<(?:source|code|pre|codeblock|sourcecode)>)[ \t]*+([\w+#.-]*+)\Z")


@dataclass(frozen=True, slots=True)
class Block:
    """Hold one fenced block: line indices from 0, `first` and `last` those of its fences.

    `last` is the count of lines where nothing closes it; `nested` says that fences inside
    were counted, and did not come out even if it is not closed.
    """

    fence: str
    info: str
    first: int
    last: int
    closed: bool
    nested: bool

    @property
    def tag(self) -> str:
        """Return the language the fence names, in lower case."""
        return self.info.split(None, 1)[0].lower() if self.info else ""


def opens(line: str) -> tuple[str, str] | None:
    """Return the fence and the info string of a line that can open a block."""
    if line[:3] == "```":
        match = _TICKS.match(line)
        return (match[1], match[2].strip()) if match else None
    if line[:1] == "<":
        match = _OPEN_TAG.match(line.rstrip())
        return (match[1], match[2]) if match else None
    return None


def closes(line: str, fence: str) -> bool:
    """Return whether a line closes a block of this fence: its kind, and at least as long."""
    if fence[0] == "<":
        return line.rstrip() == _TAGS[fence]
    return line[:3] == "```" and len(line.rstrip()) >= len(fence) and not line.rstrip().strip("`")


def blocks(lines: Sequence[str]) -> list[Block]:
    """Return the fenced blocks of a reply in order, MOST_OPS + 1 at most.

    A tag that nothing closes is prose.
    """
    ends = dict.fromkeys(_TAGS.values(), -1)
    for number, line in enumerate(lines):
        if line[:2] == "</" and line.rstrip() in ends:
            ends[line.rstrip()] = number
    found: list[Block] = []
    at = 0
    while at < len(lines) and len(found) <= MOST_OPS:
        opened = opens(lines[at]) if lines[at][:1] in ("`", "<") else None
        if opened is None or (opened[0][0] == "<" and ends[_TAGS[opened[0]]] <= at):
            at += 1
            continue
        block = _block(lines, at, *opened)
        found.append(block)
        at = block.last + 1
    return found


def _block(lines: Sequence[str], first: int, fence: str, info: str) -> Block:
    depth, nested = 1, False
    for number in range(first + 1, len(lines)):
        line = lines[number]
        if line[:1] != fence[0]:
            continue
        if closes(line, fence):
            depth -= 1
            if not depth:
                return Block(fence, info, first, number, True, nested)
        elif fence[0] == "`" and (inner := opens(line)) and len(inner[0]) >= len(fence):
            depth += 1
            nested = True
    return Block(fence, info, first, len(lines), False, nested)


def choose_fence(texts: Iterable[str]) -> tuple[str, str]:
    r"""Return the first fence with which no line of any text starts, opening and closing.

    >>> choose_fence(["a = 1", "```\ncode\n```"])
    ('````', '````')

    Where every one is taken, it is a run of backticks longer than any that starts a line.
    """
    longest, taken = 0, set()
    for text in texts:
        for line in lines_of(text):
            if line[:1] == "`":
                longest = max(longest, len(line) - len(line.lstrip("`")))
            elif line[:1] == "<":
                taken |= {f for f, close in FENCES[2:] if line.startswith((f, close))}
    for fence in FENCES:
        if fence[0] not in taken and (fence[0][0] == "<" or longest < len(fence[0])):
            return fence
    return "`" * (longest + 1), "`" * (longest + 1)
