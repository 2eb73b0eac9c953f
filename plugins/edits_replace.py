"""Carry out one search/replace on a file in memory, or say why not and where it nearly fits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from votebox.plugins.edits_fuzzy import best_window
from votebox.plugins.edits_gate import lazy_line
from votebox.plugins.edits_match import Match, find, places
from votebox.plugins.edits_nouns import (
    LEVELS,
    EditOp,
    EditRules,
    Level,
    OpReport,
    Status,
    Window,
)
from votebox.plugins.edits_text import Text

__all__ = ["SLIGHT", "Step", "done", "failed", "replaced", "weight"]

SLIGHT: Final = 10
"""Non-blank characters under which text is too slight to say where it belongs."""
_NEAR: Final = 0.6
_AROUND: Final = 5
_ELSEWHERE: Final = 50
_MOST_UNSURE: Final = 8
"""Further ways to part a block, each of which is a search for similar lines."""
_MOST_DROPPED: Final = 64
"""Lines of context that a hunk may lose at either end, each of which is a search."""

type _Parts = tuple[tuple[str, ...], tuple[str, ...]]
type _Hit = tuple[_Parts, Match]


@dataclass(frozen=True, slots=True)
class Step:
    """Hold what an op came to: its report, and the files it changes (None: gone)."""

    report: OpReport
    changed: Mapping[str, Text | None] = field(default_factory=dict)


def done(op: EditOp, path: str, text: Text, level: Level = "exact", at: Sequence[int] = ()) -> Step:
    """Return the step of an op that leaves `text` at `path`; `at` are line indices."""
    lines = tuple(start + 1 for start in at)
    return Step(OpReport(op, "applied", path, level, positions=lines), {path: text})


def failed(op: EditOp, path: str, status: Status, message: str, at: Sequence[int] = ()) -> Step:
    """Return the step of an op that changes nothing."""
    lines = tuple(start + 1 for start in at)
    return Step(OpReport(op, status, path, positions=lines, message=message))


def weight(lines: Sequence[str]) -> int:
    """Return how many characters of some lines are not blank."""
    return sum(len("".join(line.split())) for line in lines)


def replaced(op: EditOp, path: str, state: Mapping[str, Text], rules: EditRules) -> Step:
    """Put an op's new lines where its old ones stand, in exactly one place."""
    text = state[path]
    if not op.old and not op.splits:
        return _inserted(op, path, text)
    for look in (_strictly, _applied, _shrunk, _fuzzily):
        step = look(op, path, text, rules)
        if step is not None:
            return step
    return _nowhere(op, path, state, rules)


def _options(op: EditOp) -> list[_Parts]:
    return [parts for parts in ((op.old, op.new), *op.splits) if parts[0]]


def _strictly(op: EditOp, path: str, text: Text, rules: EditRules) -> Step | None:
    strict = replace(rules, level=min(rules.level, "elision", key=LEVELS.index))
    return _matched(op, path, text, strict)


def _fuzzily(op: EditOp, path: str, text: Text, rules: EditRules) -> Step | None:
    if not rules.allows("fuzzy") or len(op.splits) > _MOST_UNSURE:
        return None
    return _matched(op, path, text, rules)


def _matched(op: EditOp, path: str, text: Text, rules: EditRules) -> Step | None:
    """Take the one way to part the block that stands in the file; several are refused."""
    prefer = _preference(op, text)
    hits: list[_Hit] = []
    for parts in _options(op):
        match = find(*parts, text.lines, rules, prefer)
        if match is not None:
            hits.append((parts, match))
    if not hits:
        return None
    least = min(LEVELS.index(match.level) for _, match in hits)
    hits = [hit for hit in hits if LEVELS.index(hit[1].level) == least]
    hits = _longest(hits)
    starts = sorted({start for _, match in hits for start in match.starts})
    if len(hits) > 1:
        message = "its lines can be parted in several ways that all fit; send a smaller block"
        return failed(op, path, "ambiguous", message, starts)
    parts, match = hits[0]
    if not match.changes:
        shown = ", ".join(str(start + 1) for start in starts[:10])
        message = f"the text stands at {len(starts)} places of {path}: lines {shown}"
        return failed(op, path, "ambiguous", message, starts)
    return _taken(op, path, text, parts, match)


def _longest(hits: Sequence[_Hit]) -> list[_Hit]:
    """Keep the longest old text: that it stands in the file whole, divider lines and all, no chance."""
    most = max(len(parts[0]) for parts, _ in hits)
    return [hit for hit in hits if len(hit[0][0]) == most]


def _taken(op: EditOp, path: str, text: Text, parts: _Parts, match: Match) -> Step:
    if match.level == "exact" and _repeats(*parts, text.lines, match.starts[0]):
        message = "the new lines stand there already"
        return failed(op, path, "already_applied", message, match.starts)
    known = {line.strip() for line in text.lines}
    written = [item for c in match.changes for item in c.new if isinstance(item, str)]
    if lazy := lazy_line(written, known):
        message = f"{lazy!r:.80} stands for lines left out; write them or leave them alone"
        return failed(op, path, "elided", message, match.starts)
    after = text
    for change in reversed(match.changes):
        after = after.with_lines(change.start, change.stop, change.new)
    return done(op, path, after, match.level, match.starts)


def _repeats(old: Sequence[str], new: Sequence[str], lines: Sequence[str], start: int) -> bool:
    """Return whether new lines that keep the old ones stand around them already."""
    if len(new) <= len(old) or weight(new) - weight(old) < SLIGHT:
        return False
    return any(
        list(lines[start - inner : start - inner + len(new)]) == list(new)
        for inner in places(old, new)
        if inner <= start
    )


def _applied(op: EditOp, path: str, text: Text, rules: EditRules) -> Step | None:
    """Say that the new lines are there and the old ones are not."""
    if weight(op.new) < SLIGHT:
        return None
    starts = places(op.new, text.lines)
    message = "the old lines are gone and the new ones are there"
    return failed(op, path, "already_applied", message, starts) if starts else None


def _shrunk(op: EditOp, path: str, text: Text, rules: EditRules) -> Step | None:
    """Drop context from both ends of a hunk, a line at a time, until it fits in one place."""
    if not op.shrinks or not rules.allows("fuzzy"):
        return None
    head, tail = _context(op.old, op.new)
    for dropped in range(1, min(max(head, tail), _MOST_DROPPED) + 1):
        first, last = min(dropped, head), min(dropped, tail)
        old, new = op.old[first : len(op.old) - last], op.new[first : len(op.new) - last]
        if weight(old) < SLIGHT:
            return None
        starts = places(old, text.lines)
        if len(starts) == 1:
            step = _matched(replace(op, old=old, new=new), path, text, EditRules(level="exact"))
            if step is not None:
                return Step(replace(step.report, op=op, level="fuzzy"), step.changed)
        if starts:
            return None
    return None


def _context(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """Return how many lines old and new share at their beginning and at their end."""
    most = min(len(old), len(new))
    head = next((n for n in range(most) if old[n] != new[n]), most)
    tail = next((n for n in range(most - head) if old[-1 - n] != new[-1 - n]), most - head)
    return head, tail


def _preference(op: EditOp, text: Text) -> Callable[[Sequence[int], int], list[int]] | None:
    """Return what chooses among places by the op's scope and the file's end, if it has any."""
    if not op.scope and not op.at_end:
        return None

    def prefer(starts: Sequence[int], size: int) -> list[int]:
        kept = list(starts)
        if op.at_end:
            kept = [s for s in kept if s + size == len(text.lines)] or kept
        if len(kept) > 1 and op.scope:
            region = _region(op.scope, text.lines)
            kept = [s for s in kept if s in region] or kept
        return kept

    return prefer


def _region(scope: Sequence[str], lines: Sequence[str]) -> range:
    """Return the lines under the last of some scopes, as far as they are indented deeper."""
    at = -1
    for name in scope:
        at = next((n for n in range(at + 1, len(lines)) if lines[n].strip() == name.strip()), -1)
        if at < 0:
            return range(0)
    depth = len(lines[at]) - len(lines[at].lstrip())
    for number in range(at + 1, len(lines)):
        line = lines[number]
        if line.strip() and len(line) - len(line.lstrip()) <= depth:
            return range(at, number)
    return range(at, len(lines))


def _inserted(op: EditOp, path: str, text: Text) -> Step:
    """Insert lines without context: under their scope, at the end, or into an empty file."""
    if not any(line.strip() for line in text.lines) or (op.at_end and not op.scope):
        at = len(text.lines)
        return done(op, path, text.with_lines(at, at, op.new), at=[at])
    starts = [n for n, s in enumerate(text.lines) if op.scope and s.strip() == op.scope[-1].strip()]
    if len(starts) == 1:
        at = starts[0] + 1
        return done(op, path, text.with_lines(at, at, op.new), at=[at])
    if starts:
        return failed(
            op, path, "ambiguous", f"{op.scope[-1]!r:.80} stands at several lines", starts
        )
    message = "new lines without any line of context have no place; add lines around them"
    return failed(op, path, "no_context", message)


def _nowhere(op: EditOp, path: str, state: Mapping[str, Text], rules: EditRules) -> Step:
    lines = state[path].lines
    elsewhere = tuple(
        other
        for other in list(state)[:_ELSEWHERE]
        if other != path and len(places(op.old, state[other].lines)) == 1
    )
    message = f"the text to replace is not in {path}"
    if elsewhere:
        message += f"; it is in {', '.join(elsewhere[:4])}"
    report = OpReport(
        op,
        "no_match",
        path,
        message=message,
        near=_near(op.old, lines) if rules.near else None,
        found=bool(op.new) and bool(places(op.new, lines)),
        elsewhere=elsewhere,
    )
    return Step(report)


def _near(old: Sequence[str], lines: Sequence[str]) -> Window | None:
    found = best_window(old, lines, _NEAR)
    if not found:
        return None
    first = found[0].start
    last = first + len(old)
    start, stop = max(0, first - _AROUND), min(len(lines), last + _AROUND)
    return Window(found[0].ratio, first + 1, last, start + 1, tuple(lines[start:stop]))
