"""Find where the code of a reply stands: in fences, in tool calls, or bare in the text.

A helper of `code:python-blocks`, no plugin. Each finder returns blocks in the order of
the text; whether a block is a program is for the caller to say. Tags mean how sure it
may be: Python's own are sure, "" must look like code, and `BARE` very much so.
"""

import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from votebox.plugins.builtin.fences import Fence, fences

BARE: Final = "bare"
"""The tag of text that stands in no fence and may be prose."""

_DOCUMENTS: Final = frozenset({"", "markdown", "md", "mdx"})
_UNSURE: Final = frozenset({"", "code", "code-cell", "script", "snippet", "solution"})
_LABEL: Final = re.compile(
    r"\W*+(?:(?:the|its|expected|sample|example|console|program)\W++)*+"
    r"(?:outputs?|results?|stdout|prints|printed)(?:\W++(?:is|are))?+\W*+",
    re.IGNORECASE,
)
_OPENING: Final = re.compile(
    r"<(?P<name>code|python|py|tool_code|execute|execute_python|execute_ipython|interpreter)"
    r"(?P<attributes>\s[^<>]{0,200})?>"
    r'|<(?P<parameter>parameter)(?:=| name=")code"?>'
    r"|<\|(?:python_tag|python_start|interpreter)\|>"
    r"|\bto=python[^<\n]{0,40}<\|message\|>",
    re.IGNORECASE,
)
_ARGUMENT: Final = re.compile(
    r'"(?P<key>code|python_code|source_code|script|arguments|parameters)"\s*+:\s*+'
    r'"(?P<value>(?:[^"\\]++|\\.)*+)(?P<end>"?+)',
    re.DOTALL,
)
_INDENTED: Final = re.compile(r"(?:(?: {4}|\t)[^\n]*+(?:\n|\Z)(?:[ \t]*+\n)*+)++")
_FIRST: Final = re.compile(r"^(?:import \w|from [\w.]++ import |def \w++\()", re.MULTILINE)
_MOST: Final = 32
"""Blocks of one kind that are looked at, from the end of the text."""


def fenced(text: str) -> list[Fence]:
    """Return the fenced blocks that may be Python, those inside a Markdown block too."""
    found: list[Fence] = []
    for fence in fences(text):
        inner = _inside(fence) if fence.tag in _DOCUMENTS else []
        if inner:
            found += inner
        elif fence.python:
            found.append(fence)
        elif fence.tag in _UNSURE and not _labelled(text, fence):
            found.append(replace(fence, tag=""))
    return found


def _inside(fence: Fence) -> list[Fence]:
    offset = fence.span[0]
    return [
        replace(inner, span=(offset + inner.span[0], offset + inner.span[1]))
        for inner in fences(fence.code)
        if inner.python
    ]


def _labelled(text: str, fence: Fence) -> bool:
    """Return whether the line before a block is a label that calls it output."""
    before = text[max(0, fence.begin - 100) : fence.begin].rstrip()
    return _LABEL.fullmatch(before.rpartition("\n")[2]) is not None


def called(text: str) -> list[Fence]:
    """Return the code in tags, behind special tokens, and in the arguments of tool calls."""
    found = [*deque(_tagged(text), _MOST), *_arguments(text)]
    return sorted(map(_unwrapped, found), key=lambda block: block.span)


def _unwrapped(block: Fence) -> Fence:
    """Return a block without the fence that its code may stand in."""
    inner = fences(block.code) if block.code.lstrip().startswith(("```", "~~~")) else []
    return replace(block, tag="python", code=inner[0].code) if inner else block


def _tagged(text: str) -> Iterator[Fence]:
    """Yield what stands between a tag or token and its end; the rest of the text if it has none."""
    at, opening = 0, _OPENING.search(text)
    while opening:
        name = opening["name"] or opening["parameter"]
        end = text.find(f"</{name}" if name else "<|", opening.end())
        at = len(text) if end < 0 else end
        html = (name or "").lower() == "code" and "py" not in (opening["attributes"] or "").lower()
        closed = end >= 0
        code = text[opening.end() : at]
        yield Fence("" if html else "python", code, (opening.end(), at), closed, opening.start())
        opening = _OPENING.search(text, at)


def _arguments(text: str) -> Iterator[Fence]:
    """Yield the string arguments of JSON that hold code; arguments may be JSON in a string."""
    tag = "python" if '"name"' in text or "<tool_call" in text else ""
    for argument in deque(_ARGUMENT.finditer(text), _MOST):
        value = _decoded(argument["value"])
        sure = argument["key"] not in ("arguments", "parameters")
        inner = None if sure else _ARGUMENT.search(value)
        if inner:
            value = _decoded(inner["value"])
        closed = bool(argument["end"]) and (inner is None or bool(inner["end"]))
        sure = sure or inner is not None
        yield Fence(tag if sure else "", value, argument.span("value"), closed, argument.start())


def _decoded(literal: str) -> str:
    """Return the text a JSON string literal stands for, itself when it is none."""
    for cut in (0, 1, 5):  # the last escape may be cut off
        try:
            return str(json.loads(f'"{literal[: len(literal) - cut]}"', strict=False))
        except ValueError:
            continue
    return literal


def unfenced(text: str) -> Iterator[list[Fence]]:
    """Yield code without any mark: between fences, indented, behind a first import.

    The text between fences is all the text where there is no fence.
    """
    yield _between(text)
    indented = deque(_INDENTED.finditer(text), _MOST)
    yield [
        _bare(text, *block.span(), closed=True)
        for block in indented
        if block.start() == 0 or text[: block.start()].endswith("\n\n")
    ]
    first = _FIRST.search(text)
    if first:
        yield [_bare(text, first.start(), len(text), closed=False)]


def _between(text: str) -> list[Fence]:
    marked = fences(text)[-_MOST:]
    starts = [0, *(fence.span[1] for fence in marked)]
    ends = [*(fence.begin for fence in marked), len(text)]
    gaps = (_bare(text, start, end, closed=True) for start, end in zip(starts, ends, strict=True))
    return [gap for gap in gaps if gap.code.strip("`~ \t\r\n")]


def _bare(text: str, start: int, end: int, *, closed: bool) -> Fence:
    start, end = min(start, end), max(start, end)
    return Fence(BARE, text[start:end], (start, end), closed, start)
