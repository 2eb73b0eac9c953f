"""Group recorded chains into experiments: who was asked what, and which answers are one.

Answers are read under a policy and become classes; what had to be decided about the table
is said in notes. Files are whatif_tables.py's affair, trials whatif.py's.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from votebox.plugins.answers import Key, Policy, key, show
from votebox.plugins.errors import TableError
from votebox.plugins.whatif import Experiment, Ints
from votebox.plugins.whatif_tables import Row

__all__ = ["Grouping", "group"]


@dataclass(frozen=True, slots=True)
class Grouping:
    """Hold the experiments of a table and what had to be decided about it, in sentences.

    `labels` are the prompts by the number experiments use.
    """

    experiments: tuple[Experiment, ...]
    labels: tuple[str, ...]
    notes: tuple[str, ...]


def group(rows: Sequence[Row], policy: Policy, *, weighted: bool = False) -> Grouping:
    """Group rows into experiments, the answers of each into classes under `policy`.

    Raises:
        TableError: nothing is left to simulate.
    """
    kept = [row for row in rows if not row.aborted]
    known = [row.tokens for row in kept if row.tokens]
    if not known:
        raise TableError("the table", "has no chain with a token count", "record tokens")
    tables: dict[tuple[str, str], list[Row]] = {}
    # Sorted by all that tells chains apart: the order of a file's rows decides nothing.
    for row in sorted(kept, key=_place):
        tables.setdefault((row.group, row.problem), []).append(row)
    labels = {label: number for number, label in enumerate(sorted({row.label for row in kept}))}
    read = _Reader(policy)
    mean = round(sum(known) / len(known))
    made = tuple(
        _experiment(tables[names], read, labels, mean, weighted=weighted)
        for names in sorted(tables)
    )
    notes = _notes(len(rows) - len(kept), tables.values(), made, weighted=weighted)
    return Grouping(made, tuple(labels), tuple(notes))


def _place(row: Row) -> tuple[object, ...]:
    known = isfinite(row.weight)
    told = (row.answer or "", row.tokens or 0, known, row.weight if known else 0.0)
    return row.chain, row.label, row.solve, *told, repr(row.ballot)


def _notes(
    aborted: int,
    tables: Iterable[Sequence[Row]],
    experiments: Sequence[Experiment],
    *,
    weighted: bool,
) -> Iterator[str]:
    tables = list(tables)
    rows = [row for table in tables for row in table]
    numbered = any(row.chain for row in rows)
    alike = sum(len(t) - len({(r.chain, r.label, r.solve) for r in t}) for t in tables)
    for number, text in (
        (aborted, "chains were aborted when recorded and are left out"),
        (
            sum(not row.tokens for row in rows),
            "chains lack a token count; each is given the mean of its experiment",
        ),
        (
            sum(not _counts(row.weight) for row in rows) if weighted else 0,
            "chains have no weight above 0 and cast no vote",
        ),
        (
            alike if numbered else 0,
            "chains repeat the number of another of their experiment; each counts",
        ),
        (
            sum(e.reference is None for e in experiments),
            "experiments have no readable reference and no accuracy",
        ),
    ):
        if number:
            yield f"{number:,} {text}"


class _Reader:
    """Read answers under a policy, each different text once."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._known: dict[str, Key | None] = {}

    def __call__(self, text: str | None) -> Key | None:
        if text is None:
            return None
        if text not in self._known:
            self._known[text] = key(text, self.policy)
        return self._known[text]


def _experiment(
    rows: Sequence[Row],
    read: _Reader,
    labels: Mapping[str, int],
    mean: int,
    *,
    weighted: bool,
) -> Experiment:
    problem = rows[0].problem
    reference = _reference(problem, rows, read)
    keys = [read(row.answer) if _counts(row.weight) else None for row in rows]
    said = (read(candidate.answer) for row in rows for candidate in row.ballot)
    classes = list(dict.fromkeys(k for k in (*keys, *said, reference) if k is not None))
    place = {value: number for number, value in enumerate(classes)}
    counted = [row.tokens for row in rows if row.tokens]
    filler = round(sum(counted) / len(counted)) if counted else mean
    weights = [row.weight if _counts(row.weight) else 0.0 for row in rows]
    return Experiment(
        rows[0].group,
        problem,
        votes=np.array([-1 if k is None else place[k] for k in keys], dtype=np.int64),
        tokens=np.array([row.tokens or filler for row in rows], dtype=np.int64),
        ranks=_ranks(classes, read.policy.order),
        reference=None if reference is None else place[reference],
        nobody_right=reference is not None and read.policy.fallback == show(reference),
        weights=np.array(weights) if weighted else None,
        labels=np.array([labels[row.label] for row in rows], dtype=np.int64),
        answers=tuple(map(show, classes)),
        ballots=tuple(row.ballot for row in rows),
    )


def _reference(problem: str, rows: Sequence[Row], read: _Reader) -> Key | None:
    given = {row.reference for row in rows if row.reference is not None}
    if len({read(text) for text in given}) > 1:
        listed = ", ".join(sorted(map(repr, given)))
        differ = f"{problem!r} has references that differ: {listed:.200}"
        raise TableError("the table", differ, "give one reference to a problem")
    return read(min(given)) if given else None


def _ranks(classes: Sequence[Key], order: Callable[[Any], Any]) -> Ints:
    """Return the place of each class in the policy's order; equals share a place."""
    keys = [order(value) for value in classes]
    different: list[Any] = []
    for one in sorted(keys):
        if not different or different[-1] != one:
            different.append(one)
    return np.array([bisect_left(different, one) for one in keys], dtype=np.int64)


def _counts(weight: float) -> bool:
    return isfinite(weight) and weight > 0
