"""Carry out an edit script on files in memory, all of it or nothing.

Files are a mapping of relative paths to texts; no disk is known here. Ops run in order, each
on what the ones before left.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from votebox.plugins.edits_gate import whole_fault
from votebox.plugins.edits_nouns import (
    LEVELS,
    ApplyReport,
    EditOp,
    EditRules,
    EditScript,
    Level,
    OpKind,
    OpReport,
)
from votebox.plugins.edits_paths import Found, locate
from votebox.plugins.edits_replace import SLIGHT, Step, done, failed, replaced, weight
from votebox.plugins.edits_text import Text

__all__ = ["apply"]

_MOST_LOOKED: Final = 600_000
"""Pairs of lines a script may have compared by similarity; later ops go without."""
_LEAST: Final = 8
"""What the lines of a short text count for: more lines of a file are nearly like it."""


def apply(
    script: EditScript, files: Mapping[str, str], rules: EditRules | None = None
) -> tuple[dict[str, str], ApplyReport]:
    """Return the files as the script leaves them, and what came of each op.

    Unless the report is ok the files come back as they were. A script whose text was at
    fault, or whose ops changed nothing and were not applied already, is not ok.
    """
    rules = rules or EditRules()
    state: dict[str, Text] = {path: Text.of(text) for path, text in files.items()}
    reports: list[OpReport] = []
    looked = 0
    for op in _sorted_out(script.ops, list(files), rules):
        step = op if isinstance(op, Step) else _carry_out(op, state, rules)
        looked += _looked(step.report, state)
        if looked > _MOST_LOOKED and rules.near:
            level: Level = min(rules.level, "elision", key=LEVELS.index)
            rules = replace(rules, level=level, near=False)
        reports.append(step.report)
        for path, text in step.changed.items():
            if text is None:
                state.pop(path, None)
            else:
                state[path] = text
    useful = any(r.status in ("applied", "already_applied") for r in reports)
    ok = useful and not script.faults and all(r.ok for r in reports)
    report = ApplyReport(ok, tuple(reports), script.diagnostics)
    return ({path: str(t) for path, t in state.items()} if ok else dict(files)), report


def _looked(report: OpReport, state: Mapping[str, Text]) -> int:
    """Return at how many pairs of lines an op was compared by similarity, about."""
    if report.level != "fuzzy" and report.status != "no_match":
        return 0
    return (
        len(state[report.path].lines) * max(_LEAST, len(report.op.old))
        if report.path in state
        else 0
    )


def _sorted_out(
    ops: Sequence[EditOp], known: Sequence[str], rules: EditRules
) -> list[EditOp | Step]:
    """Decide which whole files are meant: a named block beats one in prose beats the only file."""
    writes = {n: locate(op, known, rules) for n, op in enumerate(ops) if op.kind == "write"}
    rank = {"exact": 0, "basename": 0, "close": 0, "prose": 1, "only": 2}
    best: dict[str, int] = {}
    for found in writes.values():
        if found.path:
            best[found.path] = min(best.get(found.path, 9), rank[found.level])
    taken = any(f.path and not f.status for f in writes.values())
    result: list[EditOp | Step] = []
    for number, op in enumerate(ops):
        found = writes.get(number, Found())
        unnamed = rank[found.level] > 0 or found.status == "no_path"
        beaten = found.path and rank[found.level] > best[found.path]
        if number in writes and unnamed and (beaten or (taken and not found.path)):
            message = "a block without a path is not taken for a file: another one is"
            result.append(Step(OpReport(op, "ignored", message=message)))
        else:
            result.append(_twice(op, number, ops, writes) or op)
    return result


def _twice(
    op: EditOp, number: int, ops: Sequence[EditOp], writes: Mapping[int, Found]
) -> Step | None:
    """Refuse a file given twice with different text; where it is the same, take the first."""
    mine = writes.get(number)
    if mine is None or not mine.path:
        return None
    same = [n for n, f in writes.items() if f.path == mine.path and f.level == mine.level]
    if any(ops[n].new != op.new for n in same):
        lines = tuple(ops[n].first for n in same)
        message = f"{mine.path} is given {len(same)} times with different text"
        return Step(OpReport(op, "duplicate", mine.path, positions=lines, message=message))
    if same[0] != number:
        message = f"{mine.path} is given before"
        return Step(OpReport(op, "ignored", mine.path, message=message))
    return None


def _carry_out(op: EditOp, state: Mapping[str, Text], rules: EditRules) -> Step:
    found = locate(op, list(state), rules)
    if found.status:
        return Step(OpReport(op, found.status, found.path, message=found.message))
    step = _ACTS[op.kind](op, found.path, state, rules)
    return replace(step, report=replace(step.report, path_level=found.level))


def _write(op: EditOp, path: str, state: Mapping[str, Text], rules: EditRules) -> Step:
    before = state.get(path)
    if before is None:
        return done(op, path, Text.of("").written(op.new))
    if op.new == before.lines:
        return failed(op, path, "already_applied", "the file is so already")
    status, message = whole_fault(op, path, before)
    if status:
        return failed(op, path, status, message)
    return done(op, path, before.written(op.new))


def _create(op: EditOp, path: str, state: Mapping[str, Text], rules: EditRules) -> Step:
    before = state.get(path)
    if before is None:
        return done(op, path, Text.of("").written(op.new))
    if op.new == before.lines:
        return failed(op, path, "already_applied", "the file is so already")
    return failed(op, path, "exists", f"{path} exists; change it instead of adding it")


def _append(op: EditOp, path: str, state: Mapping[str, Text], rules: EditRules) -> Step:
    before = state.get(path)
    if before is not None and op.splits:
        step = replaced(op, path, state, rules)
        if step.report.status != "no_match":
            return step
    if any(not old for old, _ in op.splits):
        message = "its end markers leave open where it ends; send a smaller block"
        return failed(op, path, "ambiguous", message)
    if before is None:
        return _create(op, path, state, rules)
    size = len(before.lines)
    if weight(op.new) >= SLIGHT and before.lines[size - len(op.new) :] == op.new:
        return failed(op, path, "already_applied", "the file ends with it already")
    return done(op, path, before.with_lines(size, size, op.new))


def _delete(op: EditOp, path: str, state: Mapping[str, Text], rules: EditRules) -> Step:
    if not rules.delete:
        return failed(op, path, "bad_path", f"{path} may not be deleted")
    return Step(OpReport(op, "applied", path), {path: None})


def _rename(op: EditOp, path: str, state: Mapping[str, Text], rules: EditRules) -> Step:
    if not rules.delete:
        return failed(op, path, "bad_path", f"{path} may not be moved")
    to = locate(EditOp("create", op.to, explicit=True), list(state), rules)
    if to.status:
        return failed(op, path, to.status, to.message)
    if to.known:
        return failed(op, path, "exists", f"{to.path} exists")
    return Step(OpReport(op, "applied", path), {path: None, to.path: state[path]})


_ACTS: Final[dict[OpKind, Callable[[EditOp, str, Mapping[str, Text], EditRules], Step]]] = {
    "write": _write,
    "create": _create,
    "append": _append,
    "delete": _delete,
    "rename": _rename,
    "replace": replaced,
}
