"""Find the rows of editing benchmarks that a command names: files, runs, examples.

A run is a folder with results.yml and, beside it, cases.jsonl. Both names are fixed: what a
row says of paths is text.
"""

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from votebox.cluster.edit_report_facts import CaseOutcome, Reference, Source
from votebox.cluster.edit_rows import EditRow, read_rows
from votebox.cluster.errors import BadUsage
from votebox.cluster.report_facts import told_apart, without_passwords

if TYPE_CHECKING:
    from votebox.cluster.edit_cases import Case

__all__ = ["holds_rows", "read_references", "read_sources"]

_ROWS: Final = "results.yml"
_EXAMPLE: Final = "example:"
_ENDINGS: Final = (".yml", ".yaml")
_NAME_CHARS: Final = 200
_PROSE: Final = {
    # The post names both in its text; its table has no row of theirs.
    "example:qwq": (Reference("Sonnet alone", 84.0), Reference("o1-preview + o1-mini", 85.0)),
}


def holds_rows(where: Path) -> bool:
    """Tell whether something named on a command line is rows of an editing benchmark."""
    told = str(where)
    return told.startswith(_EXAMPLE) or told.endswith(_ENDINGS) or (where / _ROWS).is_file()


def read_sources(named: Sequence[Path]) -> tuple[tuple[Source, ...], tuple[Reference, ...]]:
    """Return the rows of each file or run, and the scores that texts name beside examples.

    Raises:
        BadUsage: a file holds no rows, or there is no such example.
        Failed: the cases of a run cannot be read; names the line.
    """
    found: list[Source] = []
    prose: list[Reference] = []
    for where in named:
        found.append(_source(where))
        prose += _PROSE.get(str(where), ())
    names = told_apart(source.name for source in found)
    apart = (replace(each, name=name) for each, name in zip(found, names, strict=True))
    return tuple(apart), tuple(prose)


def _source(where: Path) -> Source:
    told = str(where)
    if told.startswith(_EXAMPLE):
        return Source(told, _safe(read_rows(_example(told.removeprefix(_EXAMPLE)))))
    if (where / _ROWS).is_file():
        return Source(where.resolve().name, _safe(read_rows(where / _ROWS)), _cases(where))
    return Source(where.name, _safe(read_rows(where)))


def read_references(said: Sequence[str]) -> tuple[Reference, ...]:
    """Return scores given as NAME=PERCENT.

    Raises:
        BadUsage: one of them has no name, or no percent from 0 to 100.
    """
    return tuple(map(_reference, said))


def _reference(said: str) -> Reference:
    name, _, percent = said.rpartition("=")
    try:
        value = float(percent)
    except ValueError:
        value = -1.0
    if not name.strip() or not 0 <= value <= 100:  # which NaN is not, either
        problem = f"--reference {said!r:.{_NAME_CHARS}} is no name and percent from 0 to 100"
        raise BadUsage(problem, 'write it as --reference "Sonnet alone=84"')
    return Reference(name.strip()[:_NAME_CHARS], value)


def _example(name: str) -> Path:
    folder = Path(str(files(__package__) / "examples"))
    known = {path.stem: path for path in sorted(folder.glob("*.yml"))}
    if name not in known:
        problem = f"there is no example of rows {name!r:.{_NAME_CHARS}}"
        raise BadUsage(problem, f"known: {', '.join(known)}")
    return known[name]


def _safe(rows: Sequence[EditRow]) -> tuple[EditRow, ...]:
    """Return rows without the passwords of addresses in their commands: a page is shared."""
    return tuple(
        row if row.command is None else replace(row, command=without_passwords(row.command))
        for row in rows
    )


def _cases(folder: Path) -> tuple[CaseOutcome, ...]:
    from votebox.cluster.edit_run import load_cases

    return tuple(map(_outcome, load_cases(folder)))


def _outcome(case: "Case") -> CaseOutcome:
    elected = case.elected
    return CaseOutcome(
        case.id,
        case.repeat,
        case.planned,
        case.share(1),
        case.share(_LAST),
        None if elected is None else elected.passes(case.scoring),
        _fault(case),
    )


_LAST: Final = 1_000
"""More tries than any run has: `Case.share` then takes the last change."""


def _fault(case: "Case") -> str:
    """Return the class of what went wrong last: an error, a chain's, a reply's, the tests'."""
    if case.error is not None:
        return case.error.type
    if case.share(_LAST) > 0 or not case.chains:
        return ""
    last = case.chains[-1]
    if last.changes:
        return last.changes[-1].verdict
    faults = [reply.fault for reply in last.replies if reply.fault]
    return faults[-1] if faults else last.error or "no change"
