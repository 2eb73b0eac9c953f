"""Compare what rules did with the full vote: means, intervals, the Pareto front.

Trials of one problem share its difficulty, whatever the model or the order, so the problem
is the unit that intervals resample and standard errors cluster by.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from votebox.plugins.whatif import Experiment, Floats, Outcome, is_right
from votebox.plugins.whatif_plans import FULL, Plan, Simulator
from votebox.plugins.whatif_workers import outcomes_of

__all__ = ["Estimate", "GroupLine", "Line", "Report", "compare"]

_RESAMPLES: Final = 2000


@dataclass(frozen=True, slots=True)
class Estimate:
    """Hold a mean over trials and its 95 % bootstrap interval, clustered by problem."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class GroupLine:
    """Hold the means of one plan over one group; accuracies None where no reference is known."""

    group: str
    accuracy: float | None
    accuracy_delta: float | None
    agreement: float
    samples: float
    tokens_saved: float


@dataclass(frozen=True, slots=True)
class Line:
    """Hold what one plan did, over all trials.

    `accuracy_delta` is paired with the full vote on the same chains and `delta_se` its
    standard error. `agreement` is how often the answer is that of the full vote.
    `tokens` are per question; `tokens_saved` and `makespan` relate to launching all
    chains at once. `front` marks a plan that no other beats in accuracy (agreement, where
    no reference is known), tokens and makespan together.
    """

    stop: str
    dispatch: str
    accuracy: Estimate | None
    accuracy_delta: Estimate | None
    delta_se: float | None
    agreement: Estimate
    samples: float
    tokens: float
    tokens_saved: Estimate
    makespan: Estimate | None
    groups: tuple[GroupLine, ...]
    front: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """Hold the comparison: lines by falling tokens saved, and what they were measured on.

    `capped` counts the experiments with fewer recorded chains than asked for. `tokens` and
    `makespan` of the full vote are per question, in tokens.
    """

    lines: tuple[Line, ...]
    experiments: int
    problems: int
    groups: int
    chains: int
    orders: int
    seed: int
    capped: int
    accuracy: Estimate | None
    tokens: float
    makespan: float


def compare(
    experiments: Sequence[Experiment],
    plans: Sequence[Plan],
    simulator: Simulator,
    workers: int | None = None,
) -> Report:
    """Run every plan over the same trials and sum up; one seed, one result.

    With more than one of `workers`, processes that load the registry anew share the work;
    how many changes no number. None: as many as pay.

    Raises:
        PluginError: a plugin failed.
        ProblemError: a plan does not fit the trials.
    """
    study = simulator.study
    every = list(dict.fromkeys((FULL, *plans)))
    outcomes = outcomes_of(every, experiments, simulator, workers)
    which = np.repeat(np.arange(len(experiments)), study.orders)
    measured = [_Measured(o, is_right(experiments, which, o.winner)) for o in outcomes]
    full = measured[0]
    clusters = _Clusters(experiments, study.orders, study.seed)
    lines = [clusters.line(plan, got, full) for plan, got in zip(every, measured, strict=True)]
    lines.sort(key=lambda line: (-line.tokens_saved.value, line.stop, line.dispatch))
    return Report(
        tuple(_with_front(lines)),
        len(experiments),
        len({e.problem for e in experiments}),
        len({e.group for e in experiments}),
        study.chains,
        study.orders,
        study.seed,
        sum(len(e.votes) < study.chains for e in experiments),
        clusters.accuracy(full.right),
        float(full.outcome.tokens.mean()),
        float(full.outcome.makespan.mean()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    outcome: Outcome
    right: Floats


class _Clusters:
    """Average over trials, with the problem as the unit of chance."""

    def __init__(self, experiments: Sequence[Experiment], orders: int, seed: int) -> None:
        problems = sorted({e.problem for e in experiments})
        groups = sorted({e.group for e in experiments})
        place = {name: number for number, name in enumerate(problems)}
        number = {name: number for number, name in enumerate(groups)}
        self._groups = groups
        self._problem = np.repeat([place[e.problem] for e in experiments], orders)
        self._group = np.repeat([number[e.group] for e in experiments], orders)
        random = np.random.default_rng(seed)
        size = len(problems)
        self._resampled = random.multinomial(size, np.full(size, 1 / size), _RESAMPLES)

    def line(self, plan: Plan, got: _Measured, full: _Measured) -> Line:
        """Sum up one plan against the full vote."""
        outcome, base = got.outcome, full.outcome
        agree = (outcome.winner == base.winner).astype(float)
        ones = np.ones(len(agree))
        saved = self._ratio((base.tokens - outcome.tokens).astype(float), base.tokens.astype(float))
        known = ~np.isnan(full.right)
        delta = np.where(known, got.right - full.right, 0.0)
        timed = bool(outcome.makespan.any())
        return Line(
            plan.stop if plan.chains is None else f"fixed {plan.chains}",
            plan.dispatch,
            self.accuracy(got.right),
            self._ratio(delta, known.astype(float)) if known.any() else None,
            self._error(delta, known.astype(float)) if known.any() else None,
            self._ratio(agree, ones),
            float(outcome.samples.mean()),
            float(outcome.tokens.mean()),
            saved,
            self._ratio(outcome.makespan.astype(float), base.makespan.astype(float))
            if timed
            else None,
            tuple(self._group_lines(got, full, agree)),
        )

    def accuracy(self, right: Floats) -> Estimate | None:
        """Return how often the answer is right, over the trials whose reference is known."""
        known = ~np.isnan(right)
        return (
            self._ratio(np.where(known, right, 0.0), known.astype(float)) if known.any() else None
        )

    def _group_lines(self, got: _Measured, full: _Measured, agree: Floats) -> Iterator[GroupLine]:
        for number, name in enumerate(self._groups):
            mine = self._group == number
            known = mine & ~np.isnan(full.right)
            right = float(got.right[known].mean()) if known.any() else None
            base = float(full.right[known].mean()) if known.any() else 0.0
            spent, whole = got.outcome.tokens[mine].sum(), full.outcome.tokens[mine].sum()
            yield GroupLine(
                name,
                right,
                None if right is None else right - base,
                float(agree[mine].mean()),
                float(got.outcome.samples[mine].mean()),
                float(1 - spent / whole),
            )

    def _ratio(self, top: Floats, bottom: Floats) -> Estimate:
        """Return sum(top) / sum(bottom) with its interval."""
        above, below = self._sums(top), self._sums(bottom)
        drawn = self._resampled @ below
        # Resamples of nothing but problems without a reference say nothing.
        ratios = (self._resampled @ above)[drawn > 0] / drawn[drawn > 0]
        low, high = np.quantile(ratios, (0.025, 0.975))
        return Estimate(float(above.sum() / below.sum()), float(low), float(high))

    def _error(self, top: Floats, bottom: Floats) -> float | None:
        """Return the clustered standard error of sum(top) / sum(bottom), None of one problem."""
        above, below = self._sums(top), self._sums(bottom)
        above, below = above[below > 0], below[below > 0]
        size = len(below)
        if size < 2:
            return None
        rest = above - below * above.sum() / below.sum()
        return float(np.sqrt(size / (size - 1) * (rest**2).sum()) / below.sum())

    def _sums(self, values: Floats) -> Floats:
        sums = np.bincount(self._problem, values, self._resampled.shape[1])
        return sums.astype(np.float64)


def _with_front(lines: Sequence[Line]) -> Iterator[Line]:
    scores = [_score(line) for line in lines]
    for line, mine in zip(lines, scores, strict=True):
        beaten = any(
            other != mine and all(o >= m for o, m in zip(other, mine, strict=True))
            for other in scores
        )
        yield replace(line, front=not beaten)


def _score(line: Line) -> tuple[float, float, float]:
    """Return what a plan is good at, more is better; a makespan not defined is the worst."""
    good = line.accuracy or line.agreement
    slow = line.makespan.value if line.makespan else np.inf
    return good.value, line.tokens_saved.value, -slow
