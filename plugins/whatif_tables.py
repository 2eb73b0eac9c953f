"""Read recorded chains from tables: a row for each, of whatever file, checked cell by cell.

Columns: `problem_id`, `answer` (null where none was read), `tokens`; `reference` where the
right answer is known, `model` where there are several, `chain` for its number, `label` for
its prompt, `aborted`, and for votes that weigh `weight`, `confidence` or the statistics of
a Confidence. A trace (traces.py) is such a table; of its rows those of chains are read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from math import isnan, nan
from typing import Any, Final

from votebox.plugins.errors import TableError
from votebox.plugins.nouns import Candidate, Confidence, Evidence
from votebox.plugins.whatif_files import Sheet, sheets
from votebox.sandbox import Execution

__all__ = ["Row", "read_table"]

_REQUIRED: Final = ("problem_id", "answer", "tokens")
_STATISTICS: Final = ("logprob", "mean", "tail", "lowest", "bottom", "entropy")
_OPTIONAL: Final = ("reference", "chain", "label", "aborted", "weight", "confidence", *_STATISTICS)
_TRACE: Final = ("kind", "solve", "ended")
_BALLOT: Final = ("candidates", "programs")
_TEXTS: Final = ("problem_id", "answer", "reference", "model", "label", "solve")
_ABORTED: Final = frozenset({"aborted", "deadline", "budget"})  # as a trace's `ended` says it
_LARGEST: Final = 2**53
"""Past this many tokens a count is no count."""


@dataclass(frozen=True, slots=True)
class Row:
    """Hold one recorded chain. `answer` None: none was read; `tokens` None: not counted.

    `weight` is NaN where it is not known. `ballot` is what a vote plugin sees of the chain,
    () where nobody asked for it. `solve` tells the chains of several solves apart.
    """

    group: str
    problem: str
    answer: str | None
    tokens: int | None
    reference: str | None = None
    chain: int = 0
    weight: float = 1.0
    label: str = ""
    aborted: bool = False
    solve: str = ""
    ballot: tuple[Candidate, ...] = ()


def read_table(
    where: str,
    *,
    by: str | None = None,
    columns: Mapping[str, str] | None = None,
    weighted: bool = False,
    ballots: bool = False,
) -> list[Row]:
    """Read the chains of a file, a folder, a pattern or a URI.

    `by` names the column whose values are asked the same problems, `model` where a table
    has one. `columns` maps a name this module uses to the table's own. `weighted` wants a
    `weight` or else a `confidence`; `ballots` fills `Row.ballot`.

    Raises:
        TableError: it cannot be read, lacks a column or holds a value that does not fit;
            the file, the row and the column are named.
    """
    names = dict(columns or {})
    for name in names:
        if name not in (*_REQUIRED, *_OPTIONAL):
            known = f"known: {', '.join((*_REQUIRED, *_OPTIONAL))}"
            raise TableError(where, f"no column is called {name!r} here", known)
    asked = [names.get(name, name) for name in (*_REQUIRED, *_OPTIONAL)]
    wanted = {*asked, *_TRACE, by or "model", *(_BALLOT if ballots or weighted else ())}
    texts = {names.get(name, name) for name in _TEXTS} | {by or "model"}
    reader = _Reader(names, by, weighted=weighted, ballots=ballots)
    return [row for sheet in sheets(where, wanted, texts) for row in reader.rows(sheet)]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Make rows of sheets; the fields are the arguments of `read_table`."""

    names: Mapping[str, str]
    by: str | None
    weighted: bool
    ballots: bool

    def rows(self, sheet: Sheet) -> list[Row]:
        self._check(sheet)
        group = self.by or ("model" if "model" in sheet.found else "")
        kept = self._chains(sheet)
        aborted = [
            flag or ended in _ABORTED
            for flag, ended in zip(
                self._of(sheet, "aborted", _flag), self._of(sheet, "ended", _text), strict=True
            )
        ]
        columns = [
            [text or "" for text in self._of(sheet, group, _text)],
            self._problems(sheet, kept),
            self._of(sheet, "answer", _text),
            self._of(sheet, "tokens", _whole),
            self._of(sheet, "reference", _text),
            [number or 0 for number in self._of(sheet, "chain", _whole)],
            self._weights(sheet) if self.weighted else [1.0] * sheet.rows,
            [text or "" for text in self._of(sheet, "label", _text)],
            aborted,
            [text or "" for text in self._of(sheet, "solve", _text)],
            self._ballots(sheet) if self.ballots else [()] * sheet.rows,
        ]
        cells = zip(kept, zip(*columns, strict=True), strict=True)
        return [Row(*row) for is_chain, row in cells if is_chain]

    def _check(self, sheet: Sheet) -> None:
        wanted = [*_REQUIRED, *self.names] + ([self.by] if self.by else [])
        sources = dict.fromkeys(self._source(name) for name in wanted)
        missing = [name for name in sources if name not in sheet.found]
        found = f"found: {', '.join(sheet.found) or 'none'}"
        if missing:
            problem = f"has no column {', '.join(missing)}"
            raise TableError(sheet.name, problem, f"{found}; rename with --column NAME=FOUND")

    def _weights(self, sheet: Sheet) -> list[float]:
        """Return what each chain's vote weighs: in a trace, what its last candidate does."""
        # The column confidence of a trace is the verdict's.
        if _is_trace(sheet) and "candidates" in sheet.cells:
            return [said[-1].weight if said else nan for said in self._recorded(sheet)]
        for name in ("weight", "confidence"):
            if self._source(name) in sheet.found:
                return self._of(sheet, name, _number)
        problem = "has no column weight or confidence, which a weighted vote needs"
        fix = f"found: {', '.join(sheet.found)}; rename with --column NAME=FOUND"
        raise TableError(sheet.name, problem, fix)

    def _source(self, name: str) -> str:
        return self.names.get(name, name)

    def _chains(self, sheet: Sheet) -> list[bool]:
        """Return which rows are chains: of a trace, not the one of the solve."""
        if not _is_trace(sheet):
            return [True] * sheet.rows
        return [kind == "chain" for kind in sheet.cells["kind"]]

    def _problems(self, sheet: Sheet, kept: list[bool]) -> list[str]:
        """Return the problems; a solve without one is a problem of its own."""
        told = self._of(sheet, "problem_id", _text)
        names = [a or b for a, b in zip(told, self._of(sheet, "solve", _text), strict=True)]
        for number, (name, is_chain) in enumerate(zip(names, kept, strict=True), 1):
            if is_chain and name is None:
                column = self._source("problem_id")
                raise TableError(sheet.name, f"row {number} has no {column}", "name its problem")
        return [name or "" for name in names]

    def _of[T](self, sheet: Sheet, name: str, convert: Callable[[Any], T]) -> list[T]:
        source = self._source(name)
        if source not in sheet.cells:
            return [convert(None)] * sheet.rows
        cells: list[T] = []
        for number, value in enumerate(sheet.cells[source], 1):
            try:
                cells.append(convert(value))
            except (TypeError, ValueError, OverflowError) as e:
                problem = f"row {number}, column {source}: {value!r:.80} {e}"
                fix = f"mend it, or name another column: --column {name}=FOUND"
                raise TableError(sheet.name, problem, fix) from e
        return cells

    def _ballots(self, sheet: Sheet) -> list[tuple[Candidate, ...]]:
        if "candidates" in sheet.cells:
            return self._recorded(sheet)
        answers = self._of(sheet, "answer", _text)
        weights = self._of(sheet, "weight", _number)
        sure = [self._of(sheet, name, _number) for name in _STATISTICS]
        return [
            (_candidate(answer, 1.0 if isnan(weight) else weight, told),) if answer else ()
            for answer, weight, *told in zip(answers, weights, *sure, strict=True)
        ]

    def _recorded(self, sheet: Sheet) -> list[tuple[Candidate, ...]]:
        """Return the candidates of a trace, in the order a vote is given them."""
        programs = sheet.cells.get("programs", [None] * sheet.rows)
        try:
            return [
                tuple(_traced(cell, ran or ()) for cell in sorted(said or (), key=_round))
                for said, ran in zip(sheet.cells["candidates"], programs, strict=True)
            ]
        except (TypeError, KeyError, IndexError, ValueError) as e:
            problem = "column candidates does not hold what a trace's holds"
            raise TableError(sheet.name, problem, "see docs/traces.md, or rename it") from e


def _is_trace(sheet: Sheet) -> bool:
    return {"kind", "solve"} <= set(sheet.found)


def _candidate(answer: str, weight: float, told: list[float]) -> Candidate:
    values = [None if isnan(value) else value for value in told]
    sure = Confidence(0, *values) if any(value is not None for value in values) else None
    return Candidate(answer, "answer", 0, weight, confidence=sure)


def _round(cell: Any) -> int:
    return int(cell["round"])


def _traced(cell: Any, programs: Any) -> Candidate:
    ran = None if cell["program"] is None else programs[cell["program"]]["execution"]
    kept = {name: ran[name] for name in _RUN} if ran else None
    evidence = Evidence(round=cell["round"], execution=Execution(**kept) if kept else None)
    sure = Confidence(**cell["confidence"]) if cell["confidence"] else None
    return Candidate(cell["answer"], cell["source"], 0, cell["weight"], evidence, sure)


# What a vote may ask of a run; its files and session are no part of an answer.
_RUN: Final = tuple(f.name for f in fields(Execution) if f.name not in ("files", "session"))


def _text(value: Any) -> str | None:
    if value is None or value != value:  # noqa: PLR0124 - NaN, as pandas writes a null
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise TypeError("is neither text nor a number")
    return str(value).strip() or None


def _number(value: Any) -> float:
    if value is None or value == "":
        return nan
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise TypeError("is not a number")
    try:
        return float(value)
    except ValueError as e:
        raise ValueError("is not a number") from e


def _whole(value: Any) -> int | None:
    number = _number(value)
    if isnan(number):
        return None
    if number % 1 or not 0 <= number <= _LARGEST:
        raise ValueError("is not a count")
    return int(number)


def _flag(value: Any) -> bool:
    if value not in (None, False, True):  # 0 and 1, too
        raise TypeError("is neither true nor false")
    return bool(value)
