"""Find the fenced code blocks of a reply, in one pass over its lines.

A helper of the extractors, no plugin. CommonMark's rules (three or more backticks or
tildes; the closing fence is of the same character, at least as long and bare), read
generously where models are sloppy: any indentation, list items; and an opening
fence that names a language ends a block somebody forgot to close.
"""

import re
from dataclasses import dataclass
from typing import Final

_FENCE: Final = re.compile(r"[ \t]*+(?:(?:[-*+]|\d{1,3}[.)])[ \t]++)?(`{3,}+|~{3,}+)([^\n]*+)")
_TAG: Final = re.compile(r"[\s{.]*+([\w+#-]*+)")


@dataclass(frozen=True, slots=True)
class Fence:
    """Hold one fenced block.

    `tag` is the language in lower case, "" when none is named; `code` the text between
    the fences and `span` its place; `closed` whether a closing fence was found.
    """

    tag: str
    code: str
    span: tuple[int, int]
    closed: bool


def fences(text: str) -> list[Fence]:
    """Return the fenced blocks of `text` in order."""
    found: list[Fence] = []
    mark, tag, start = "", "", 0
    at = 0
    for line in text.splitlines(keepends=True):
        end = at + len(line)
        fence = _FENCE.match(line) if "```" in line or "~~~" in line else None
        if fence:
            run, info = fence[1], fence[2].strip()
            opens = not (run[0] == "`" and "`" in info)
            if mark and not info and run[0] == mark[0] and len(run) >= len(mark):
                found.append(Fence(tag, text[start:at], (start, at), closed=True))
                mark = ""
            elif opens and (not mark or (info and run == mark)):
                if mark:
                    found.append(Fence(tag, text[start:at], (start, at), closed=False))
                mark, tag, start = run, _tag(info), end
        at = end
    if mark:
        found.append(Fence(tag, text[start:], (start, len(text)), closed=False))
    return found


def _tag(info: str) -> str:
    """Return the language an info string names, attributes and braces left out."""
    match = _TAG.match(info)
    return match[1].lower() if match else ""
