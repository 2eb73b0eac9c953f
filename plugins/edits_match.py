"""Find the lines a SEARCH text means, strictly first and with tolerance after.

The ladder: `exact`, `indent` (one offset of leading blanks), `blank` (trailing blanks, and
blank lines at the ends), `elision` ("..." stands for lines left out), `fuzzy` (similar
lines, edits_fuzzy.py). A level answers only with one place; two places end the ladder.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Final

from votebox.plugins.edits_fuzzy import best_window, offset_of, paired, shifted
from votebox.plugins.edits_nouns import EditRules, Level

__all__ = ["MOST_PLACES", "Change", "Match", "find", "is_elision", "places"]

MOST_PLACES: Final = 64
"""The most places looked at; text that stands at more is ambiguous anyway."""

_MOST_PIECES: Final = 64
"""Pieces between ellipses, each of which is a search of the whole file."""

_ELISION: Final = re.compile(
    r"(?:#|//|--|;|%|/\*|<!--)?+[ \t]*+(?:\.\.\.|\u2026)[ \t]*+(?:\*/|-->)?+"
)
type Item = str | int
"""A new line, or the index of a line of the file that stays."""

type Places = list[tuple["Change", ...]]
"""The changes of one op at each place it could be made."""


@dataclass(frozen=True, slots=True)
class Change:
    """Put `new` where the lines from `start` to `stop` stand."""

    start: int
    stop: int
    new: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """Say where a text stands: `changes` in order if at one place, all `starts` if at several."""

    level: Level
    starts: tuple[int, ...]
    changes: tuple[Change, ...] = field(default=())


def find(
    old: Sequence[str],
    new: Sequence[str],
    lines: Sequence[str],
    rules: EditRules,
    prefer: Callable[[Sequence[int], int], Sequence[int]] | None = None,
) -> Match | None:
    """Return the one place of `old` in `lines` with its change, or the several, or None.

    `prefer` narrows several places, given as their starts and the length of each.
    """
    for level, rung in _RUNGS:
        if not rules.allows(level):
            return None
        found = rung(old, new, lines)
        if len(found) > 1 and prefer is not None:
            kept = prefer([c[0].start for c in found], found[0][0].stop - found[0][0].start)
            found = [c for c in found if c[0].start in kept]
        if len(found) == 1:
            return Match(level, tuple(c.start for c in found[0]), found[0])
        if found:
            return Match(level, tuple(c[0].start for c in found))
    return None


def places(needle: Sequence[str], lines: Sequence[str]) -> list[int]:
    """Return where the lines of `needle` stand in a row, overlaps too, at most MOST_PLACES.

    >>> places(["a"], ["a", "b", "a"])
    [0, 2]
    """
    if not needle or len(needle) > len(lines):
        return []
    text = "\n".join(["", *lines, ""])
    wanted = "\n".join(["", *needle, ""])
    found: list[int] = []
    at, counted, number = text.find(wanted), 0, 0
    while at >= 0 and len(found) < MOST_PLACES:
        number += text.count("\n", counted, at)
        counted = at
        found.append(number)
        at = text.find(wanted, at + 1)
    return found


def is_elision(line: str) -> bool:
    """Return whether a line holds only an ellipsis, as code or in a comment."""
    return _ELISION.fullmatch(line.strip()) is not None


def _exact(old: Sequence[str], new: Sequence[str], lines: Sequence[str]) -> Places:
    return [(_change(start, old, new),) for start in places(old, lines)]


def _change(start: int, old: Sequence[str], new: Sequence[str]) -> Change:
    """Return a change that keeps the file's own lines where old and new agree."""
    return Change(start, start + len(old), tuple(paired(old, new, start)))


def _indented(old: Sequence[str], new: Sequence[str], lines: Sequence[str]) -> Places:
    bare = [line.lstrip(" \t") for line in lines]
    starts = places([line.lstrip(" \t") for line in old], bare)
    found: Places = []
    for start in starts:
        offset = offset_of(old, lines[start : start + len(old)])
        moved = shifted(new, offset) if offset else None
        if moved is not None and offset is not None:
            kept = shifted(old, offset) or list(old)
            found.append((_change(start, kept, moved),))
    unsure = len(starts) == MOST_PLACES and len(found) == 1  # others may stand further on
    return [] if unsure else found


def _blanks(old: Sequence[str], new: Sequence[str], lines: Sequence[str]) -> Places:
    bare = [line.rstrip() for line in lines]
    inner, outer = [line.rstrip() for line in old], list(new)
    starts = places(inner, bare)
    if not starts:
        inner, outer = _trimmed(inner, outer)
        starts = places(inner, bare)
    found: Places = [
        (Change(start, start + len(inner), tuple(_kept(inner, outer, start))),) for start in starts
    ]
    return found


def _kept(old: Sequence[str], new: Sequence[str], start: int) -> list[Item]:
    """Keep lines that differ by trailing blanks alone, but write new ones as sent."""
    items = paired(old, [line.rstrip() for line in new], start)
    return [item if isinstance(item, int) else line for item, line in zip(items, new, strict=True)]


def _trimmed(old: list[str], new: list[str]) -> tuple[list[str], list[str]]:
    """Drop the blank lines at both ends of old, and as many of new as answer them."""
    for _ in range(2):
        drop = next((n for n, line in enumerate(old) if line.strip()), len(old))
        also = next((n for n, line in enumerate(new[:drop]) if line.strip()), len(new[:drop]))
        old, new = old[drop:][::-1], new[also:][::-1]
    return old, new


def _elided(old: Sequence[str], new: Sequence[str], lines: Sequence[str]) -> Places:
    """Find each piece between ellipses once, in order; the lines they stand for stay."""
    before, after = _pieces(old), _pieces(new)
    if not 1 < len(before) <= _MOST_PIECES or len(before) != len(after):
        return []
    changes: list[Change] = []
    for number, (piece, other) in enumerate(zip(before, after, strict=True)):
        edge = number in (0, len(before) - 1)
        if not piece:
            if other or not edge:
                return []
            continue
        starts = places(piece, lines)
        if len(starts) != 1:
            return []
        changes.append(_change(starts[0], piece, other))
    if not changes or any(first.stop > second.start for first, second in pairwise(changes)):
        return []
    return [tuple(changes)]


def _pieces(lines: Sequence[str]) -> list[list[str]]:
    pieces: list[list[str]] = [[]]
    for line in lines:
        if is_elision(line):
            pieces.append([])
        else:
            pieces[-1].append(line)
    return pieces


def _similar(old: Sequence[str], new: Sequence[str], lines: Sequence[str]) -> Places:
    if any(is_elision(line) for line in old):
        return []
    found: Places = []
    for window in best_window(old, lines, 0.8, aligned=True):
        offset = offset_of(old, lines[window.start : window.start + len(old)], similar=True)
        moved = None if offset is None else shifted(new, offset)
        if moved is not None and offset is not None:
            kept = shifted(old, offset) or list(old)
            found.append((_change(window.start, kept, moved),))
    return list(islice(found, MOST_PLACES))


_RUNGS: Final[
    tuple[
        tuple[
            Level,
            Callable[[Sequence[str], Sequence[str], Sequence[str]], Places],
        ],
        ...,
    ]
] = (
    ("exact", _exact),
    ("indent", _indented),
    ("blank", _blanks),
    ("elision", _elided),
    ("fuzzy", _similar),
)
