"""Show what a reply's edits would do to a folder, and do it where asked to."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any

from votebox.cluster.edit_folder import Folder, read_folder, write_folder
from votebox.cluster.text import clean, one_line

if TYPE_CHECKING:
    from votebox.plugins import ApplyReport, EditRules, EditScript, OpReport

__all__ = ["edit_folder"]


def edit_folder(
    script: "EditScript", folder: Path, rules: "EditRules", *, write: bool, as_json: bool
) -> tuple[str, bool]:
    """Return what came of a script on a folder, as text or JSON, and whether all was well.

    With `write` the folder is changed, if all is well.
    """
    from votebox.plugins.edits import apply

    found = read_folder(folder)
    files, report = apply(script, found.files, rules)
    written = write_folder(folder, found.files, files) if write and report.ok else []
    told = _as_json if as_json else _as_text
    return told(script, report, found, _diff(found.files, files), written), report.ok


def _diff(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return the unified diff of two folders; a line's own form feeds end none."""
    lines: list[str] = []
    for path in dict.fromkeys((*before, *after)):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        names = (
            f"a/{path}" if old is not None else "/dev/null",
            f"b/{path}" if new is not None else "/dev/null",
        )
        lines += unified_diff((old or "").split("\n"), (new or "").split("\n"), *names, lineterm="")
    return "\n".join(lines)


def _as_json(
    script: "EditScript", report: "ApplyReport", found: Folder, diff: str, written: list[str]
) -> str:
    """Return one JSON object in ASCII, so that no text can steer the terminal."""
    row: dict[str, Any] = {
        "ok": report.ok,
        "format": script.format,
        "well_formed": script.well_formed,
        "exact": report.exact,
        "level": report.level,
        "ops": [_op_row(op) for op in report.per_op],
        "diagnostics": [asdict(d) | {"fatal": d.fatal} for d in script.diagnostics],
        "diff": diff,
        "written": written,
        "skipped": [list(pair) for pair in found.skipped],
    }
    return json.dumps(row) + "\n"


def _op_row(report: "OpReport") -> dict[str, Any]:
    op = report.op
    return {
        "kind": op.kind,
        "named": op.path,
        "path": report.path,
        "status": report.status,
        "level": report.level,
        "path_level": report.path_level,
        "positions": list(report.positions),
        "message": report.message,
        "reply_lines": [op.first, op.last],
        "to": op.to,
    }


def _as_text(
    script: "EditScript", report: "ApplyReport", found: Folder, diff: str, written: list[str]
) -> str:
    from votebox.plugins.edits import feedback

    lines = [*_ops(report), *(_said(d.kind, d.line, d.message) for d in script.diagnostics)]
    if found.skipped:
        shown = ", ".join(f"{path} {why}" for path, why in found.skipped[:5])
        more = f" and {len(found.skipped) - 5} more" if len(found.skipped) > 5 else ""
        lines.append(one_line(f"left out: {shown}{more}"))
    if diff:
        lines += ["", clean(diff)]
    if not report.ok:
        lines += ["", clean(feedback(report))]
    lines += ["", _verdict(report, written)]
    return "\n".join(lines).lstrip("\n") + "\n"


def _ops(report: "ApplyReport") -> Iterator[str]:
    for op in report.per_op:
        where = f" at line {', '.join(map(str, op.positions))}" if op.positions else ""
        name = op.path or op.op.path or "?"
        level = f" ({op.level}, path {op.path_level})" if op.status == "applied" else ""
        words = f": {op.message}" if op.message else ""
        yield one_line(f"{op.status} {op.op.kind} {name}{where}{level}{words}")


def _said(kind: str, line: int, message: str) -> str:
    return one_line(f"{kind}, line {line} of the reply: {message}")


def _verdict(report: "ApplyReport", written: list[str]) -> str:
    if not report.ok:
        return "nothing would be changed"
    if written:
        return one_line(f"written: {', '.join(written)}")
    return f"all would be applied, level {report.level}; --write does it"
