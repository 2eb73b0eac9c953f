"""Audit diversity: do the errors of different prompts (or models) fall on the same questions?

Chains are independent given their question, so the correlation of two chains' errors is
the question's doing: two prompts are worth more than one only where they fail on different
questions. With rho the mean correlation of two of n chains, they count as
n / (1 + (n - 1) rho) independent ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from votebox.plugins.errors import ProblemError
from votebox.plugins.whatif import Experiment, Floats, Ints, draw, full_vote, is_right

__all__ = ["Audit", "Pair", "Voice", "audit", "effective"]


@dataclass(frozen=True, slots=True)
class Voice:
    """Hold one prompt: how its chains do alone, and what the mixed vote gains by it.

    `error` is a chain's rate of errors, no answer being one; `rho` the error correlation
    of two of its chains; `effective` what `chains` of them count for. `alone` is the
    accuracy of its own vote, `gain` the mixed vote's accuracy minus the mixed vote's
    without it, of as many chains. None where it cannot be told.
    """

    label: str
    recorded: int
    error: float
    rho: float | None
    effective: float | None
    alone: float
    gain: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Hold the error correlation of a chain of one prompt and a chain of another."""

    a: str
    b: str
    rho: float | None


@dataclass(frozen=True, slots=True)
class Audit:
    """Hold the audit: `mixed` is the accuracy of a vote dealt evenly over all prompts.

    `rho_between` is the mean over pairs, `rho_within` over prompts; `effective` is what
    `chains` chains dealt evenly count for. Different prompts add diversity only where
    `rho_between` is below `rho_within`.
    """

    voices: tuple[Voice, ...]
    pairs: tuple[Pair, ...]
    chains: int
    problems: int
    mixed: float
    rho_within: float | None
    rho_between: float | None
    effective: float | None


def audit(
    experiments: Sequence[Experiment], labels: Sequence[str], chains: int, orders: int, seed: int
) -> Audit:
    """Audit the labels of experiments over the questions that all of them were asked.

    Raises:
        ProblemError: fewer than two labels, or no question with a reference has all.
    """
    if len(labels) < 2:
        problem = "a diversity audit needs two prompts or models"
        raise ProblemError(problem, "record their names in a column label or model")
    kept = [e for e in experiments if e.reference is not None and _has_all(e, len(labels))]
    if not kept:
        fix = "record them on the same problems, with a reference"
        raise ProblemError(f"no problem was asked of all of {', '.join(labels)}", fix)
    right, asked = _counts(kept, len(labels))
    rho = _correlations(asked - right, asked)
    mixed = _accuracy(kept, chains, orders, seed)
    voices = tuple(
        Voice(
            label,
            int(asked[:, number].sum()),
            float(np.mean(1 - right[:, number] / asked[:, number])),
            _told(rho[number, number]),
            _effective(chains, rho[number, number]),
            _accuracy([_only(e, number) for e in kept], chains, orders, seed),
            mixed - _accuracy([_only(e, number, drop=True) for e in kept], chains, orders, seed),
        )
        for number, label in enumerate(labels)
    )
    upper = [(a, b) for a in range(len(labels)) for b in range(a + 1, len(labels))]
    within, between = _mean(np.diag(rho)), _mean(np.array([rho[a, b] for a, b in upper]))
    return Audit(
        voices,
        tuple(Pair(labels[a], labels[b], _told(rho[a, b])) for a, b in upper),
        chains,
        len(kept),
        mixed,
        within,
        between,
        _mixed_effective(chains, len(labels), within, between),
    )


def effective(chains: int, rho: float) -> float:
    """Return how many independent chains `chains` of mean error correlation `rho` count for.

    >>> effective(5, 0.25)
    2.5
    """
    # Errors that avoid each other may bring the sum to zero; they cannot count for more.
    return chains / max(1 + (chains - 1) * rho, 1 / chains)


def _has_all(experiment: Experiment, labels: int) -> bool:
    return experiment.labels is not None and len(np.unique(experiment.labels)) == labels


def _counts(experiments: Sequence[Experiment], labels: int) -> tuple[Floats, Floats]:
    """Return right and asked chains, by question and label."""
    right = np.zeros((len(experiments), labels))
    asked = np.zeros((len(experiments), labels))
    for row, experiment in enumerate(experiments):
        np.add.at(asked[row], _labels(experiment), 1)
        np.add.at(right[row], _labels(experiment), experiment.votes == experiment.reference)
    return right, asked


def _correlations(wrong: Floats, asked: Floats) -> Floats:
    """Return the error correlation of two chains, by their labels; NaN where it is undefined.

    Questions count alike. Between labels two chains are any two; within one they are two
    different ones, k (k - 1) / (n (n - 1)) of whose pairs are both wrong.
    """
    rate = wrong / asked
    both = rate.T @ rate / len(rate)
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs = wrong * (wrong - 1) / (asked * (asked - 1))
        np.fill_diagonal(both, pairs.mean(axis=0))
        mean = rate.mean(axis=0)
        spread = np.sqrt(mean * (1 - mean))
        return np.asarray((both - np.outer(mean, mean)) / np.outer(spread, spread))


def _accuracy(experiments: Sequence[Experiment], chains: int, orders: int, seed: int) -> float:
    trials = draw(experiments, chains, orders, seed, balanced=True)
    return float(is_right(experiments, trials.experiment, full_vote(trials).winner).mean())


def _only(experiment: Experiment, label: int, *, drop: bool = False) -> Experiment:
    """Return the experiment with the chains of one label, or with all others."""
    mine = (_labels(experiment) == label) != drop
    weights = experiment.weights
    return replace(
        experiment,
        votes=experiment.votes[mine],
        tokens=experiment.tokens[mine],
        labels=_labels(experiment)[mine],
        weights=None if weights is None else weights[mine],
    )


def _labels(experiment: Experiment) -> Ints:
    return experiment.labels if experiment.labels is not None else np.zeros_like(experiment.votes)


def _effective(chains: int, rho: float) -> float | None:
    return None if np.isnan(rho) else effective(chains, float(rho))


def _mixed_effective(
    chains: int, labels: int, within: float | None, between: float | None
) -> float | None:
    if between is None or within is None:
        return None
    if chains < 2:
        return float(chains)
    # Of the chains besides one, those of another label.
    other = min(chains - chains / labels, chains - 1)
    return effective(chains, (other * between + (chains - 1 - other) * within) / (chains - 1))


def _mean(values: Floats) -> float | None:
    return None if np.isnan(values).all() else float(np.nanmean(values))


def _told(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
