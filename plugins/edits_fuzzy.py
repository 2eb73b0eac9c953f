"""Compare lines that are nearly the same: similarity, indentation, what stays of a place.

Bounded work: a text too large to compare gets no answer, never a slow one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

__all__ = ["Offset", "Similar", "best_window", "offset_of", "paired", "shifted"]

_MOST_OLD: Final = 400
"""Lines of a text that is compared by similarity."""
_MOST_CHARS: Final = 400
"""Characters of two lines that differ and are compared by similarity."""
_BUDGET: Final = 1_000_000
"""Pairs of characters that are compared before giving up."""
_MOST_LINES: Final = 300_000
"""Pairs of lines a text may be compared at, over all places of a file."""
_MOST_EQUALS: Final = 64


@dataclass(frozen=True, slots=True)
class Offset:
    """Move lines by leading blanks: put `add` before each, or take `cut` away."""

    add: str = ""
    cut: str = ""

    def __bool__(self) -> bool:
        return bool(self.add or self.cut)


@dataclass(frozen=True, slots=True)
class Similar:
    """Say how much the lines from `start` on are like a text, from 0 to 1."""

    start: int
    ratio: float


def offset_of(old: Sequence[str], lines: Sequence[str], *, similar: bool = False) -> Offset | None:
    """Return the one offset that takes each line of `old` to its line, None if there is none.

    With `similar` the lines may differ behind their leading blanks.
    """
    found: Offset | None = None
    for mine, theirs in zip(old, lines, strict=True):
        if not mine.strip() or not theirs.strip():
            if mine.strip() or theirs.strip():
                return None
            continue
        here = _offset(_lead(mine), _lead(theirs))
        if not similar and mine.lstrip(" \t") != theirs.lstrip(" \t"):
            return None
        if here is None or (found is not None and here != found):
            return None
        found = here
    return found


def _offset(mine: str, theirs: str) -> Offset | None:
    if theirs.endswith(mine):
        return Offset(add=theirs.removesuffix(mine))
    if mine.endswith(theirs):
        return Offset(cut=mine.removesuffix(theirs))
    return None


def _lead(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def shifted(lines: Sequence[str], offset: Offset) -> list[str] | None:
    """Return the lines moved by an offset, None where one has less to take away."""
    if any(line.strip() and not line.startswith(offset.cut) for line in lines):
        return None
    return [offset.add + line.removeprefix(offset.cut) if line.strip() else line for line in lines]


def paired(old: Sequence[str], new: Sequence[str], start: int) -> list[str | int]:
    """Return `new`, with each line it shares with `old` as the index where that one stands.

    >>> paired(["a", "b"], ["a", "c", "b"], 10)
    [10, 'c', 11]
    """
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    middle: list[str | int] = list(new[head : len(new) - tail])
    inner = old[head : len(old) - tail]
    if len(inner) * len(middle) <= _BUDGET:
        matcher = SequenceMatcher(None, inner, new[head : len(new) - tail], autojunk=True)
        for block in matcher.get_matching_blocks():
            for n in range(block.size):
                middle[block.b + n] = start + head + block.a + n
    stop = start + len(old)
    return [*range(start, start + head), *middle, *range(stop - tail, stop)]


def best_window(
    old: Sequence[str], lines: Sequence[str], least: float, *, aligned: bool = False
) -> list[Similar]:
    """Return the windows of as many lines that are most like `old`: the best, and its equals.

    Similarity is that of difflib, line by line and weighted by length, leading blanks left
    out. With `aligned` only windows count whose indentation differs by one offset.
    """
    size = len(old)
    if not 0 < size <= min(_MOST_OLD, len(lines)) or not any(s.strip() for s in old):
        return []
    if size * (len(lines) - size + 1) > _MOST_LINES:
        return []
    scale = _Scale(old, lines)
    best: list[Similar] = []
    for start in range(len(lines) - size + 1):
        floor = best[0].ratio if best else least
        if aligned and offset_of(old, lines[start : start + size], similar=True) is None:
            continue
        ratio = scale.ratio(start, floor)
        if ratio is None:
            return []
        if ratio > floor or (ratio == floor and not best):
            best = [Similar(start, ratio)]
        elif ratio == floor and len(best) < _MOST_EQUALS:
            best.append(Similar(start, ratio))
    return best


class _Scale:
    """Measure how much the lines at a place are like a text, within a budget."""

    def __init__(self, old: Sequence[str], lines: Sequence[str]) -> None:
        self._old = [line.strip() for line in old]
        self._lines = [line.strip() for line in lines]
        self._known: dict[tuple[str, str], float] = {}
        self._left = _BUDGET

    def ratio(self, start: int, floor: float) -> float | None:
        """Return the similarity at `start`, 0 if surely under `floor`, None out of budget."""
        pairs = list(zip(self._old, self._lines[start : start + len(self._old)], strict=True))
        self._left -= len(pairs)
        total = sum(len(a) + len(b) for a, b in pairs) or 1
        most: float = sum(2 * min(len(a), len(b)) for a, b in pairs)
        if most < floor * total:
            return 0.0
        for a, b in pairs:
            alike = self._alike(a, b)
            if alike is None:
                return None
            most += (len(a) + len(b)) * alike - 2 * min(len(a), len(b))
            if most < floor * total - 1e-9:
                return 0.0
        return most / total

    def _alike(self, a: str, b: str) -> float | None:
        if a == b:
            return 1.0
        if not a or not b or len(a) > _MOST_CHARS or len(b) > _MOST_CHARS:
            return 0.0
        known = self._known.get((a, b))
        if known is None:
            matcher = SequenceMatcher(None, a, b, autojunk=False)
            known = matcher.quick_ratio()
            self._left -= len(a) + len(b)
            if known >= 0.5:
                self._left -= len(a) * len(b)
                known = matcher.ratio()
            else:  # too unlike to count; the quick ratio is only a bound
                known = 0.0
            self._known[a, b] = known
        return None if self._left < 0 else known
