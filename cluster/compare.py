"""Compare two runs of one data set, problem by problem. Pure: runs in, numbers out.

Each row is paired with the other run's row of the same id and repeat, so that what makes a
problem hard counts on both sides and cancels.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from votebox.cluster.errors import BadUsage
from votebox.cluster.evaluate_rows import EvalRow
from votebox.cluster.runs import Run
from votebox.cluster.statistics import Interval, bootstrap_mean, mcnemar_exact
from votebox.cluster.summary import share_right

__all__ = ["Comparison", "Difference", "Side", "compare_runs"]

_SEED: Final = 0
_CHANCE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Side:
    """Hold one run's part: over the pairs, not over all its rows."""

    name: str
    recipe: str
    accuracy: float
    interval: Interval | None
    right: int
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Name a pair of which one side alone is right."""

    id: str
    repeat: int
    question: str
    reference: str | None
    first: str | None
    second: str | None
    first_right: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Hold what two runs did with the same `pairs`.

    `difference` is the second's accuracy less the first's and `interval` its 95 % bootstrap
    interval over problems. `p` is McNemar's exact one, of `only_first` and `only_second`
    right; it takes pairs for independent. `p_problems` is that of whole problems, by which run
    is right more often in each: the same without repeats, and sound with them. Those problems
    are `more_first` and `more_second`. `left_out` counts rows that only one run has.
    """

    first: Side
    second: Side
    pairs: int
    problems: int
    left_out: int
    both_right: int
    both_wrong: int
    only_first: int
    only_second: int
    difference: float
    interval: Interval
    p: float
    p_problems: float
    more_first: int
    more_second: int
    differences: tuple[Difference, ...]

    @property
    def tied(self) -> bool:
        """Return whether the runs cannot be told apart: by the interval, or by the exact test.

        The interval alone will not do: redrawn, a few problems that all went one way never go
        the other, and of one problem it would make a winner. Nor do both where each names
        another: one run far better in few problems, the other a little better in many.
        """
        against = (self.more_second - self.more_first) * self.difference <= 0
        return 0.0 in self.interval or self.p_problems >= _CHANCE or against

    @property
    def verdict(self) -> str:
        """Return the outcome in words."""
        if self.tied:
            return f"{self.second.name} is tied with {self.first.name}"
        better, worse = (
            (self.second, self.first) if self.difference > 0 else (self.first, self.second)
        )
        return f"{better.name} is better than {worse.name}"

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as JSON types; the fields keep their names."""
        return asdict(self) | {"tied": self.tied, "verdict": self.verdict}


def compare_runs(first: Run, second: Run) -> Comparison:
    """Compare two runs on the rows both have.

    Raises:
        BadUsage: they asked different data sets, or share no row with a reference.
    """
    _check_same(first, second)
    pairs = _pairs(first.rows, second.rows)
    if not pairs:
        problem = f"{first.head.name} and {second.head.name} share no row with a reference"
        raise BadUsage(problem, "evaluate the same problems of a data set with answers")
    gaps: dict[str, list[float]] = defaultdict(list)
    for a, b in pairs:
        gaps[a.id].append(float(b.correct is True) - float(a.correct is True))
    flat = [gap for values in gaps.values() for gap in values]
    only_first, only_second = flat.count(-1.0), flat.count(1.0)
    sums = [sum(values) for values in gaps.values()]
    more_first, more_second = sum(s < 0 for s in sums), sum(s > 0 for s in sums)
    both = sum(a.correct is True and b.correct is True for a, b in pairs)
    names = _names(first, second)
    return Comparison(
        first=_side(first, names[0], [a for a, _ in pairs]),
        second=_side(second, names[1], [b for _, b in pairs]),
        pairs=len(pairs),
        problems=len(gaps),
        left_out=len(first.rows) + len(second.rows) - 2 * len(pairs),
        both_right=both,
        both_wrong=len(pairs) - both - only_first - only_second,
        only_first=only_first,
        only_second=only_second,
        difference=sum(flat) / len(flat),
        interval=bootstrap_mean(list(gaps.values()), _SEED),
        p=mcnemar_exact(only_first, only_second),
        p_problems=mcnemar_exact(more_first, more_second),
        more_first=more_first,
        more_second=more_second,
        differences=tuple(_difference(a, b) for a, b in pairs if a.correct is not b.correct),
    )


def _check_same(first: Run, second: Run) -> None:
    one, other = first.head.dataset, second.head.dataset
    if one.sha256 != other.sha256:
        problem = f"{first.head.name} asked {one.name} ({one.sha256:.12})"
        fix = "compare runs of the same data set"
        raise BadUsage(f"{problem} and {second.head.name} {other.name} ({other.sha256:.12})", fix)
    if one.columns != other.columns:
        problem = f"{first.head.name} and {second.head.name} read different columns"
        raise BadUsage(f"{problem} of {one.name}", "evaluate one of them anew")


def _pairs(first: Sequence[EvalRow], second: Sequence[EvalRow]) -> list[tuple[EvalRow, EvalRow]]:
    """Return the rows both have and somebody could mark, in the order of their keys."""
    known: Mapping[tuple[str, int], EvalRow] = {row.key: row for row in second}
    found = [(row, known[row.key]) for row in first if row.key in known]
    marked = [(a, b) for a, b in found if a.correct is not None and b.correct is not None]
    return sorted(marked, key=lambda pair: pair[0].key)


def _names(first: Run, second: Run) -> tuple[str, str]:
    """Return what to call the runs: their folders' names, told apart where those agree."""
    one, other = first.head.name, second.head.name
    return (one, other) if one != other else (f"{one} (A)", f"{other} (B)")


def _side(run: Run, name: str, rows: Sequence[EvalRow]) -> Side:
    right = sum(row.correct is True for row in rows)
    return Side(
        name,
        run.head.recipe,
        right / len(rows),
        share_right(rows),
        right,
        sum(row.total_tokens for row in rows),
        sum(row.wall_s for row in rows),
    )


def _difference(a: EvalRow, b: EvalRow) -> Difference:
    first = a.correct is True
    return Difference(a.id, a.repeat, a.question, a.reference, a.answer, b.answer, first)
