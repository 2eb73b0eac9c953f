"""Sum up a run: how often it was right, how sure that is, and what it took.

Pure: rows in, numbers out. A row with a reference counts as asked; an abstention and an
error are asked and not right. Where problems were repeated, intervals redraw whole
problems, because repeats of one problem are alike.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from votebox.cluster.evaluate_rows import ChainRow, EvalRow
from votebox.cluster.runs import Run
from votebox.cluster.statistics import (
    Bin,
    Interval,
    bootstrap_mean,
    ece,
    majority_at_k,
    pass_at_k,
    quantile,
    reliability,
    wilson,
)

__all__ = ["AtK", "Group", "Spread", "Summary", "share_right", "summarize"]

_SEED: Final = 0
_NOBODY: Final = "(no label)"


@dataclass(frozen=True, slots=True)
class Spread:
    """Sum up one quantity of each row: in all, on average, and two quantiles."""

    total: float = 0.0
    mean: float = 0.0
    p50: float = 0.0
    p95: float = 0.0


@dataclass(frozen=True, slots=True)
class AtK:
    """Tell what `k` chains of each problem would have done, on average over problems.

    `majority` is the chance that their vote is right, `passed` that one of them is.
    """

    k: int
    majority: float
    passed: float


@dataclass(frozen=True, slots=True)
class Group:
    """Count chains that have a prompt, a model or a source in common.

    `chains` came to their own end, or were cut by the clock; of them `read` gave an answer
    that could be read and `right` the reference (None without any). `behind` stand behind
    the answer given.
    """

    name: str
    chains: int
    read: int
    right: int | None
    behind: int

    @property
    def unreadable(self) -> float:
        """Return the share of chains without a readable answer."""
        return 1 - self.read / self.chains if self.chains else 0.0

    @property
    def accuracy(self) -> float | None:
        """Return the share of chains that were right, None where nobody can tell."""
        return None if self.right is None or not self.chains else self.right / self.chains


@dataclass(frozen=True, slots=True)
class Summary:
    """Hold the numbers of a run; a share is None where there is nothing to take it of.

    `asked` rows have a reference and `right` of them are correct; `interval` is of
    `accuracy` at 95 %. `accuracy_answered` leaves abstentions and errors out. `pass_1` is
    the mean over problems of the share of their chains that are right, known as avg@k.
    `at_k` goes as far as every problem has chains that came to their own end: a rule that
    stops a vote leaves few. `tokens` are prompt and completion tokens, `seconds` each
    row's from question to verdict. `calibration` compares the share of votes with
    what came true, of answered rows, and `ece` is its expected error.
    """

    problems: int
    rows: int
    asked: int
    right: int
    answered: int
    abstained: int
    errors: int
    accuracy: float | None
    interval: Interval | None
    accuracy_answered: float | None
    pass_1: float | None
    at_k: tuple[AtK, ...]
    tokens: Spread
    seconds: Spread
    tokens_saved: int
    chains: int
    chains_aborted: int
    executions: int
    sandbox_s: float
    prompts: tuple[Group, ...]
    sources: tuple[Group, ...]
    models: tuple[Group, ...]
    stops: Mapping[str, int]
    ece: float | None
    calibration: tuple[Bin, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as JSON types; the fields keep their names."""
        found = asdict(self)
        for name in ("prompts", "sources", "models"):
            for group, told in zip(getattr(self, name), found[name], strict=True):
                told |= {"unreadable": group.unreadable, "accuracy": group.accuracy}
        return found


def summarize(run: Run) -> Summary:
    """Sum up the rows of a run, finished or not.

    >>> from votebox.cluster.runs import DatasetFacts, RunHead
    >>> head = RunHead("demo", DatasetFacts("d", "d.jsonl", "", 2), "vote")
    >>> right = EvalRow("a", 0, "1 + 1?", reference="2", answer="2", correct=True)
    >>> wrong = EvalRow("b", 0, "2 + 2?", reference="4", answer="5", correct=False)
    >>> summarize(Run(head, (right, wrong))).accuracy
    0.5
    """
    rows = run.rows
    asked = [row for row in rows if row.correct is not None]
    answered = [row for row in rows if row.answer is not None]
    graded = [row for row in asked if row.answer is not None]
    said = [min(1.0, max(0.0, row.confidence)) for row in graded]
    came = [float(row.correct is True) for row in graded]
    chains = [chain for row in rows for chain in row.chains]
    pools = _pools(asked)
    return Summary(
        problems=len({row.id for row in rows}),
        rows=len(rows),
        asked=len(asked),
        right=sum(row.correct is True for row in asked),
        answered=len(answered),
        abstained=sum(row.abstained for row in rows),
        errors=sum(row.error is not None for row in rows),
        accuracy=_mean([float(row.correct is True) for row in asked]),
        interval=share_right(asked),
        accuracy_answered=_mean(came),
        pass_1=_mean([_mean([float(c.correct is True) for c in pool]) or 0.0 for pool in pools]),
        at_k=_at_k(pools),
        tokens=_spread([float(row.total_tokens) for row in rows]),
        seconds=_spread([row.wall_s for row in rows]),
        tokens_saved=sum(row.tokens_saved for row in rows),
        chains=len(chains),
        chains_aborted=sum(not chain.whole for chain in chains),
        executions=sum(row.executions for row in rows),
        sandbox_s=math.fsum(row.sandbox_s for row in rows),
        prompts=_groups(rows, lambda chain: chain.label or _NOBODY),
        sources=_sources(rows),
        models=_groups(rows, lambda chain: chain.model or _NOBODY),
        stops=dict(Counter(row.stop_reason for row in rows if row.stop_reason).most_common()),
        ece=ece(said, came),
        calibration=reliability(said, came),
    )


def share_right(rows: Iterable[EvalRow]) -> Interval | None:
    """Return the 95 % interval of the share of rows that are right, None of none.

    Wilson's where each problem was asked once, else the bootstrap's over problems. Where those
    are all alike, as all right, redrawing them says nothing: then Wilson's, a problem as one.
    """
    problems: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row.correct is not None:
            problems[row.id].append(float(row.correct))
    values = list(problems.values())
    if not values:
        return None
    if all(len(repeats) == 1 for repeats in values):
        return wilson(sum(repeats[0] for repeats in values), len(values))
    found = bootstrap_mean(values, _SEED)
    if found.low < found.high:
        return found
    return wilson(min(1.0, found.low) * len(values), len(values))


def _pools(rows: Iterable[EvalRow]) -> list[list[ChainRow]]:
    """Return the chains of each problem, of all its repeats, that the vote did not stop."""
    pools: dict[str, list[ChainRow]] = defaultdict(list)
    for row in rows:
        pools[row.id] += [chain for chain in row.chains if chain.whole]
    return [pool for pool in pools.values() if pool]


def _at_k(pools: Sequence[Sequence[ChainRow]]) -> tuple[AtK, ...]:
    """Return what k chains would have done, for powers of two and for all there are."""
    most = min(map(len, pools), default=0)
    sizes = [2**power for power in range(most.bit_length()) if 2**power < most]
    found = []
    for k in [*sizes, most] if most else []:
        majority = _mean([_majority(pool, k) for pool in pools])
        right = [sum(c.correct is True for c in pool) for pool in pools]
        passed = _mean([pass_at_k(len(p), r, k) for p, r in zip(pools, right, strict=True)])
        found.append(AtK(k, majority or 0.0, passed or 0.0))
    return tuple(found)


def _majority(pool: Sequence[ChainRow], k: int) -> float:
    """Return the chance that k chains elect a right answer.

    What is right is one answer, however the repeats of a problem spell it: 1/2 and 0.5.
    """
    told = [(bool(chain.correct), chain.answer) for chain in pool if chain.answer is not None]
    votes = Counter((True, None) if right else (False, answer) for right, answer in told)
    right = {place for place, (good, _) in enumerate(votes) if good}
    return majority_at_k(list(votes.values()), right, len(pool) - votes.total(), k)


def _groups(rows: Iterable[EvalRow], name: Callable[[ChainRow], str]) -> tuple[Group, ...]:
    """Count the chains by a name of theirs, in order of the name."""
    held: dict[str, list[tuple[ChainRow, bool]]] = defaultdict(list)
    for row in rows:
        for chain in row.chains:
            if chain.whole:
                behind = row.answer is not None and chain.answer == row.answer
                held[name(chain)].append((chain, behind))
    return tuple(
        Group(
            label,
            len(pairs),
            sum(chain.readable for chain, _ in pairs),
            _known(chain.correct for chain, _ in pairs),
            sum(behind for _, behind in pairs),
        )
        for label, pairs in sorted(held.items())
    )


def _sources(rows: Iterable[EvalRow]) -> tuple[Group, ...]:
    """Count the chains by the nodes that could read them; one chain has several."""
    held: dict[str, list[tuple[bool, bool | None, bool]]] = defaultdict(list)
    for row in rows:
        for chain in row.chains if row.error is None else ():
            for source, text in chain.sources.items() if chain.whole else ():
                right = None if row.correct is None else source in chain.right_sources
                behind = text is not None and row.answer is not None and chain.answer == row.answer
                held[source].append((text is not None, right, behind))
    return tuple(
        Group(
            source,
            len(told),
            sum(read for read, _, _ in told),
            _known(right for _, right, _ in told),
            sum(behind for _, _, behind in told),
        )
        for source, told in sorted(held.items())
    )


def _known(right: Iterable[bool | None]) -> int | None:
    """Count what is right, None where no reference was known."""
    told = [each for each in right if each is not None]
    return sum(told) if told else None


def _spread(values: Sequence[float]) -> Spread:
    if not values:
        return Spread()
    total = math.fsum(values)
    return Spread(total, total / len(values), quantile(values, 0.5), quantile(values, 0.95))


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
