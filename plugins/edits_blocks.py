"""Read search/replace blocks: formats `diff` and `diff-fenced`.

    path
    <<<<<<< SEARCH
    old lines
    =======
    new lines
    >>>>>>> REPLACE

Markers are runs of 5 to 9. The lines of a block may look like markers themselves: every
way to part it is kept (EditOp.splits), and the file decides which one is meant.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from votebox.plugins.edits_fences import blocks, closes, opens
from votebox.plugins.edits_nouns import MOST_OPS, Diagnostic, EditOp, EditScript
from votebox.plugins.edits_paths import bare_name, is_path
from votebox.plugins.edits_text import lines_of

__all__ = ["parse_blocks"]

_MARK: Final = re.compile(
    r"(?P<head><{5,9} SEARCH>?+[ \t]*+\Z)"
    r"|(?P<divider>={5,9}[ \t]*+\Z)"
    r"|(?P<end>>{5,9} REPLACE[ \t]*+\Z)"
    r"|(?P<near>[ \t]*+(?:<++ ?SEARCH>?+|>++ ?REPLACE)[ \t]*+\Z)"
)
_MOST_SPLITS: Final = 64
_ABOVE: Final = 3
_MOST_HINT: Final = 250
_SHELL: Final = frozenset({"bash", "bat", "cmd", "console", "fish", "ps1", "sh", "shell", "zsh"})

type _Split = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Mark:
    kind: str
    line: int


@dataclass(frozen=True, slots=True)
class _Extent:
    """Say where a block ends, and which of its marks may part and end it.

    `stop` is the line behind the block, `after` the number of the next mark to read.
    """

    dividers: tuple[int, ...]
    ends: tuple[int, ...]
    stop: int
    after: int


@dataclass(frozen=True, slots=True)
class _Name:
    """Hold the name above a block: `path` if it is surely one, else `hint`."""

    path: str = ""
    hint: str = ""
    explicit: bool = False


def parse_blocks(text: str, format_name: str = "diff") -> EditScript:
    """Read the search/replace blocks of a reply; never raises."""
    lines = lines_of(text)
    marks = list(_marks(lines))
    ops: list[EditOp] = []
    notes: list[Diagnostic] = []
    path, at = "", 0
    balance = _balance(marks)
    while at < len(marks):
        mark = marks[at]
        if len(ops) + len(notes) >= MOST_OPS:
            message = f"the reply holds more than {MOST_OPS} blocks"
            notes.append(Diagnostic("too_large", message, mark.line + 1))
            break
        if mark.kind != "head":
            notes += _stray(mark, lines)
            at += 1
            continue
        name = _name_above(lines, mark.line)
        path = name.path or path
        extent = _extent(lines, marks, at, balance.get(at, 0))
        raw = "\n".join(lines[mark.line : extent.stop])
        splits = _splits(lines, mark.line, extent)
        if 0 < len(splits) <= _MOST_SPLITS:
            place = (mark.line + 1, extent.stop)
            ops.append(_op(replace(name, path=path), splits, place, raw))
        else:
            notes.append(_fault(extent, mark.line, raw))
        at = extent.after
    if not ops and not any(n.fatal for n in notes):
        notes.append(Diagnostic("no_edit", "the reply holds no SEARCH/REPLACE block", len(lines)))
    return EditScript(tuple(ops), format_name, (*notes, *_commands(lines)))


def _marks(lines: Sequence[str]) -> Iterator[_Mark]:
    for number, line in enumerate(lines):
        if line[:1] in ("<", "=", ">", " ", "\t") and (found := _MARK.match(line)):
            yield _Mark(found.lastgroup or "", number)


def _extent(lines: Sequence[str], marks: Sequence[_Mark], at: int, balanced: int) -> _Extent:
    """Return where the block opened by mark `at` may be parted and ended.

    It ends at the first end marker with a divider before it, or at a later one that no new
    block precedes. A block that holds whole blocks ends where their markers balance.
    """
    dividers: list[int] = []
    ends: list[int] = []
    number = at + 1
    while number < len(marks) and marks[number].kind != "head":
        mark = marks[number]
        if mark.kind == "divider":
            dividers.append(mark.line)
        elif mark.kind == "end":
            ends.append(mark.line)
        number += 1
    if not ends and balanced:
        rest = islice(marks, balanced, None)
        number = next((n for n, m in enumerate(rest, balanced) if m.kind == "head"), len(marks))
        inner = marks[at + 1 : number]
        dividers = [m.line for m in inner if m.kind == "divider"]
        ends = [m.line for m in inner if m.kind == "end"]
    limit = marks[number].line if number < len(marks) else len(lines)
    if ends:
        dividers = [d for d in dividers if d < ends[-1]]
        return _Extent(tuple(dividers), tuple(ends), ends[-1] + 1, number)
    if len(dividers) > 1:  # a second divider may stand for the end marker
        return _Extent(tuple(dividers[:-1]), (dividers[-1],), dividers[-1] + 1, number)
    return _Extent(tuple(dividers), (), _fence_end(lines, marks[at].line, limit), number)


def _balance(marks: Sequence[_Mark]) -> dict[int, int]:
    """Return, for each head by number, the end marker that balances it if heads stand between."""
    heads: list[int] = []
    found: dict[int, int] = {}
    for number, mark in enumerate(marks):
        if mark.kind == "head":
            heads.append(number)
        elif mark.kind == "end" and heads:
            found[heads.pop()] = number
    return found


def _fence_end(lines: Sequence[str], start: int, limit: int) -> int:
    return next((n for n in range(start, limit) if closes(lines[n], "```")), limit)


def _splits(lines: Sequence[str], head: int, extent: _Extent) -> list[_Split]:
    """Return every way to part a block into old and new lines."""
    pairs = ((d, e) for e in extent.ends for d in extent.dividers if d < e)
    return [
        (tuple(lines[head + 1 : d]), tuple(lines[d + 1 : e]))
        for d, e in islice(pairs, _MOST_SPLITS + 1)
    ]


def _op(name: _Name, splits: Sequence[_Split], place: tuple[int, int], raw: str) -> EditOp:
    (old, new), *others = splits
    return EditOp(
        "replace" if old else "append",
        name.path,
        old,
        new,
        hints=(name.hint,) if name.hint else (),
        splits=tuple(others),
        explicit=name.explicit,
        first=place[0],
        last=place[1],
        raw=raw,
    )


def _name_above(lines: Sequence[str], head: int) -> _Name:
    """Return the name on the nearest line above that is neither fence nor blank."""
    for number in range(head - 1, max(head - 1 - _ABOVE, -1), -1):
        line = lines[number]
        inside = _named_fence(line)
        if not line.strip() or closes(line, "```") or (opens(line) and not inside):
            continue
        name, explicit = bare_name(inside or line)
        if is_path(name) or (explicit and name):
            return _Name(name, explicit=explicit)
        return _Name(hint="" if _MARK.match(line) else name[:_MOST_HINT])
    return _Name()


def _named_fence(line: str) -> str:
    """Return the path that an opening fence names behind its language, "" if none."""
    opened = opens(line)
    words = opened[1].replace(":", " ").split() if opened else []
    return words[-1] if words and "." in words[-1] and is_path(words[-1]) else ""


def _stray(mark: _Mark, lines: Sequence[str]) -> list[Diagnostic]:
    line = lines[mark.line].strip()
    if mark.kind == "near":
        message = f"{line!r:.60} is no marker: write 7 of its first character at the line's start"
        return [Diagnostic("bad_marker", message, mark.line + 1, line)]
    if mark.kind == "end":
        message = "a REPLACE marker without a block before it"
        return [Diagnostic("stray_marker", message, mark.line + 1, line)]
    return []


def _fault(extent: _Extent, head: int, raw: str) -> Diagnostic:
    if extent.ends and extent.dividers:
        message = "the block holds too many dividers to tell which one parts it; send smaller ones"
        return Diagnostic("bad_marker", message, head + 1, raw)
    if extent.ends or not extent.dividers:
        message = 'the block has no divider; write "=======" between old and new lines'
        return Diagnostic("missing_divider", message, extent.stop, raw)
    message = 'the block has no end marker; write ">>>>>>> REPLACE" after the new lines'
    return Diagnostic("missing_end", message, extent.stop, raw)


def _commands(lines: Sequence[str]) -> list[Diagnostic]:
    """Name the shell commands a reply suggests; they are no edits and are never run."""
    found = []
    for block in blocks(lines):
        inside = lines[block.first + 1 : block.last]
        if block.tag in _SHELL and not any(_MARK.match(line) for line in inside):
            found.append(Diagnostic("command", "a suggested command is no edit", block.first + 1))
    return found
