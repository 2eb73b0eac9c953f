"""Put runs side by side: by dataset, problem by problem, pair by pair.

Pure: runs in, frozen facts out. What a single run says of itself is summary.py's affair.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from votebox.cluster.compare import compare_runs
from votebox.cluster.evaluate_rows import EvalRow
from votebox.cluster.runs import DatasetFacts, Run
from votebox.cluster.statistics import Interval
from votebox.cluster.summary import Summary, summarize

__all__ = [
    "Asked",
    "Entry",
    "Family",
    "Pair",
    "families",
    "frontier",
    "tied",
    "told_apart",
    "without_passwords",
]

_DIGITS: Final = re.compile(r"(\d++)")


@dataclass(frozen=True, slots=True)
class Entry:
    """Hold one run of a report: its number from 0, a name no other run has, its summary."""

    number: int
    name: str
    run: Run
    summary: Summary

    @property
    def command(self) -> tuple[str, ...]:
        """Return the words that ran it, `votebox` first, without the passwords of addresses."""
        words = tuple(map(_without_password, self.run.head.command))
        return words if not words or words[0] == "votebox" else ("votebox", *words)


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold one problem with what each run made of it, by number of the run, repeats in order."""

    id: str
    question: str
    reference: str | None
    rows: dict[int, tuple[EvalRow, ...]]


@dataclass(frozen=True, slots=True)
class Pair:
    """Compare two runs over the `shared` problems that both were asked, reference known.

    `one` is the more accurate there, or the first where they are equal. `difference` is the
    accuracy of `one` minus that of `other`, its interval at 95 % from a bootstrap over problems.
    `only_one` counts the rows that only `one` has right, and `p` is McNemar's, None where
    problems were repeated. `tied` is Comparison's.
    """

    one: Entry
    other: Entry
    shared: int
    only_one: int
    only_other: int
    difference: float
    interval: Interval
    p: float | None
    tied: bool


@dataclass(frozen=True, slots=True)
class Family:
    """Hold the runs over one dataset, their problems by id, and each pair that shares some."""

    dataset: DatasetFacts
    entries: tuple[Entry, ...]
    problems: tuple[Asked, ...]
    pairs: tuple[Pair, ...]

    @property
    def ranked(self) -> tuple[Entry, ...]:
        """Return the runs, the most accurate first, those without references last."""
        return tuple(sorted(self.entries, key=lambda e: (-_known(e), e.number)))


def families(runs: Sequence[Run]) -> tuple[Family, ...]:
    """Return the runs by what they asked, file and columns, in order of first appearance."""
    names = told_apart(run.head.name or run.folder.name or "run" for run in runs)
    held: dict[tuple[object, ...], list[Entry]] = defaultdict(list)
    for number, run in enumerate(runs):
        dataset = run.head.dataset
        asked = (dataset.sha256 or dataset.path, *sorted(dataset.columns.items()))
        held[asked].append(Entry(number, names[number], run, summarize(run)))
    return tuple(
        Family(same[0].run.head.dataset, tuple(same), _problems(same), _pairs(same))
        for same in held.values()
    )


def frontier(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the runs that none matches in accuracy for fewer tokens, the cheapest first."""
    best, found = -1.0, []
    known = [entry for entry in entries if entry.summary.accuracy is not None]
    for entry in sorted(known, key=lambda e: (e.summary.tokens.mean, -_known(e), e.number)):
        if _known(entry) > best:
            best = _known(entry)
            found.append(entry)
    return tuple(found)


def tied(family: Family, entry: Entry) -> tuple[Entry, ...]:
    """Return the runs whose difference from `entry` could be chance, in their order."""
    pairs = [pair for pair in family.pairs if pair.tied and entry in (pair.one, pair.other)]
    return tuple(pair.other if pair.one is entry else pair.one for pair in pairs)


def without_passwords(text: str) -> str:
    """Return text in which no address says who logs in.

    >>> without_passwords("eval --endpoint http://me:secret@host/v1 -o a@b")
    'eval --endpoint http://***@host/v1 -o a@b'
    """
    return " ".join(map(_without_password, text.split(" ")))


def _without_password(word: str) -> str:
    """Hide who an address logs in as: a page is shared more widely than a run."""
    scheme, mark, rest = word.partition("://")
    place, slash, path = rest.partition("/")
    _, login, host = place.rpartition("@")
    return f"{scheme}{mark}***@{host}{slash}{path}" if mark and login else word


def _known(entry: Entry) -> float:
    accuracy = entry.summary.accuracy
    return -1.0 if accuracy is None else accuracy


def told_apart(names: Iterable[str]) -> list[str]:
    """Return names with a number where one is taken.

    >>> told_apart(["a", "a", "b", "a (2)"])
    ['a', 'a (2)', 'b', 'a (2) (2)']
    """
    taken: Counter[str] = Counter()
    found: list[str] = []
    for name in names:
        taken[name] += 1
        while (told := f"{name} ({taken[name]})" if taken[name] > 1 else name) in found:
            taken[name] += 1
        found.append(told)
    return found


def _problems(entries: Iterable[Entry]) -> tuple[Asked, ...]:
    held: dict[str, dict[int, list[EvalRow]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        for row in entry.run.rows:
            held[row.id][entry.number].append(row)
    found = []
    for key in sorted(held, key=_natural):
        rows = {n: tuple(sorted(same, key=lambda r: r.repeat)) for n, same in held[key].items()}
        first = next(iter(rows.values()))[0]
        found.append(Asked(key, first.question, first.reference, rows))
    return tuple(found)


def _natural(text: str) -> list[tuple[int, str]]:
    """Order numbers within a text by value: a2 before a10; texts and numbers alternate."""
    parts = _DIGITS.split(text)
    return [
        (len(part.lstrip("0")), part.lstrip("0")) if place % 2 else (0, part)
        for place, part in enumerate(parts)
    ]


def _pairs(entries: Sequence[Entry]) -> tuple[Pair, ...]:
    """Compare each two runs that share a row with a reference."""
    marked = {
        entry.number: {row.key for row in entry.run.rows if row.correct is not None}
        for entry in entries
    }
    return tuple(
        _pair(one, other)
        for one, other in combinations(entries, 2)
        if marked[one.number] & marked[other.number]
    )


def _pair(first: Entry, second: Entry) -> Pair:
    found = compare_runs(first.run, second.run)
    only, gap, span = (found.only_first, found.only_second), found.difference, found.interval
    if gap > 0:  # it is the second less the first
        first, second, only = second, first, only[::-1]
    else:
        gap, span = -gap, Interval(-span.high, -span.low)
    p = found.p if found.pairs == found.problems else None
    return Pair(first, second, found.problems, *only, gap, span, p, found.tied)
