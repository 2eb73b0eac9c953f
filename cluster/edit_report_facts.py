"""Put rows of editing benchmarks side by side: in order, with ties, with what does not add up.

Pure: rows in, frozen facts out. Files are edit_report_sources.py's affair.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from votebox.cluster.edit_rows import EditRow
from votebox.cluster.statistics import mcnemar_exact

__all__ = ["Board", "CaseOutcome", "EditEntry", "Reference", "Source", "board", "doubts"]

_CHANCE: Final = 0.05
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Reference:
    """Hold a score that a text names without a row: a line of the chart, in percent."""

    name: str
    percent: float


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """Hold what became of one case of a run: shares of its chains that solved it.

    `blind` after the first try, `after_feedback` after the last; `voted` says whether the
    elected change did, None where nothing was elected. `fault` is empty or a class of failure.
    """

    id: str
    repeat: int
    chains: int
    blind: float
    after_feedback: float
    voted: bool | None
    fault: str

    @property
    def oracle(self) -> bool:
        """Tell whether any chain solved it."""
        return self.after_feedback > 0


@dataclass(frozen=True, slots=True)
class Source:
    """Hold the rows of one file, by the name people gave it; `cases` where it is of a run."""

    name: str
    rows: tuple[EditRow, ...]
    cases: tuple[CaseOutcome, ...] = ()


@dataclass(frozen=True, slots=True)
class EditEntry:
    """Hold one row of a report: its number from 1 in the order of scores, and where it is from."""

    number: int
    row: EditRow
    source: Source

    @property
    def place(self) -> Hashable:
        """Return what it shares with the rows it compares with: its cases, else its file."""
        return frozenset((case.id, case.repeat) for case in self.source.cases) or id(self.source)


@dataclass(frozen=True, slots=True)
class Board:
    """Hold the entries, best first, the reference lines, and who is tied with whom, by number."""

    entries: tuple[EditEntry, ...]
    references: tuple[Reference, ...]
    ties: Mapping[int, tuple[int, ...]]

    @property
    def runs(self) -> tuple[EditEntry, ...]:
        """Return the entries whose cases are known."""
        return tuple(entry for entry in self.entries if entry.source.cases)

    @property
    def places(self) -> tuple[tuple[EditEntry, ...], ...]:
        """Return the entries by what they compare with, the place of the best first."""
        held: dict[Hashable, list[EditEntry]] = defaultdict(list)
        for entry in self.entries:
            held[entry.place].append(entry)
        return tuple(map(tuple, held.values()))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Return how many cases the rows are over, each number once, the largest first."""
        return tuple(sorted({n for e in self.entries if (n := e.row.test_cases)}, reverse=True))


def board(sources: Sequence[Source], references: Sequence[Reference] = ()) -> Board:
    """Return the rows of all sources by `pass_rate_2`, best first, those without it last.

    Equal rows keep the order they came in.
    """
    found = [(row, source) for source in sources for row in source.rows]
    ordered = sorted(found, key=lambda pair: -_score(pair[0]))
    entries = tuple(EditEntry(n, row, source) for n, (row, source) in enumerate(ordered, 1))
    ties = {
        one.number: tuple(
            other.number for other in entries if other is not one and _tied(one, other)
        )
        for one in entries
    }
    return Board(entries, tuple(references), ties)


def _score(row: EditRow) -> float:
    return -1.0 if row.pass_rate_2 is None else row.pass_rate_2


def _tied(one: EditEntry, other: EditEntry) -> bool:
    """Tell whether two rows over the same exercises differ by no more than chance may do."""
    p = difference_p(one, other)
    return p is not None and p >= _CHANCE


def difference_p(one: EditEntry, other: EditEntry) -> float | None:
    """Return the two-sided p of a difference between two rows; None where they do not compare.

    Runs of the same cases compare case by case, rows of one file by their rates. Rows of
    different files may be over different exercises.
    """
    if one.place != other.place:
        return None
    if one.source.cases:
        return _paired_p(one.source.cases, other.source.cases)
    return _rates_p(one.row, other.row)


def _paired_p(ones: Sequence[CaseOutcome], others: Sequence[CaseOutcome]) -> float:
    """Compare runs by the exact test of how many cases each solved more often.

    Of cases asked once, by one chain, that is McNemar's test, else the sign test (W. J. Dixon
    and A. M. Mood, JASA 41 (1946)), which leaves out by how much.
    """
    gains: dict[str, float] = defaultdict(float)
    for sign, cases in ((1, ones), (-1, others)):
        for case in cases:
            gains[case.id] += sign * case.after_feedback
    signs = [math.copysign(1, gain) for gain in gains.values() if abs(gain) > _ROUNDING]
    return mcnemar_exact(signs.count(1), signs.count(-1))


def _rates_p(one: EditRow, other: EditRow) -> float | None:
    """Compare two rates by the pooled z test (J. L. Fleiss, Statistical Methods for Rates, ch. 2).

    It takes the rows for independent; over the same exercises they are not quite, which
    makes it call ties too often, never too rarely.
    """
    if one.pass_rate_2 is None or other.pass_rate_2 is None:
        return None
    if not one.test_cases or not other.test_cases:
        return None
    first, second = one.pass_rate_2 / 100, other.pass_rate_2 / 100
    pooled = (first * one.test_cases + second * other.test_cases) / (
        one.test_cases + other.test_cases
    )
    spread = math.sqrt(pooled * (1 - pooled) * (1 / one.test_cases + 1 / other.test_cases))
    if spread == 0:
        return 1.0
    return math.erfc(abs(first - second) / spread / math.sqrt(2))


def doubts(row: EditRow) -> tuple[str, ...]:
    """Return what in a row does not add up, or cannot say what it seems to say, as sentences."""
    return tuple(filter(None, (_no_multiple(row), _malformed(row), _blind_architect(row))))


def _no_multiple(row: EditRow) -> str:
    """Return that no number of solved cases gives the rate; it has one decimal."""
    cases, rate = row.test_cases, row.pass_rate_2
    if not cases or rate is None or (row.repeats or 1) > 1 or (row.voted_n or 1) > 1:
        return ""  # a mean over repeats or candidates
    nearest = 100 * round(rate / 100 * cases) / cases
    if abs(nearest - rate) <= 0.051:
        return ""
    return f"{rate:g} % is no multiple of 1 in {cases:,}: cases are missing from the count."


def _malformed(row: EditRow) -> str:
    cases, said = row.test_cases, row.percent_cases_well_formed
    bad = row.num_with_malformed_responses
    if not cases or said is None or bad is None or bad > cases:
        return ""
    counted = 100 * (1 - bad / cases)
    if abs(counted - said) <= 0.051:
        return ""
    return f"{said:g} % well formed, but {bad:,} malformed of {cases:,} cases make {counted:.1f} %."


def _blind_architect(row: EditRow) -> str:
    """Return that the published benchmark counts no malformed edits of an editor."""
    if not row.paired or row.percent_cases_well_formed != 100 or row.well_formed_editor is not None:
        return ""
    return "Where an editor writes the edits, this benchmark counts no malformed ones: 100 % is no finding."
