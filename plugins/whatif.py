"""Hold recorded votes and draw trials of them: the ground of `votebox whatif`.

One experiment is one question asked of one group (a model): its recorded chains, each with
the class of its answer and its tokens. A trial draws up to N of them without replacement in
a random order. Rules are raced over trials in whatif_race.py; tables, policies and
statistics are not known here.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from votebox.plugins.nouns import Candidate

__all__ = [
    "Bools",
    "Experiment",
    "Floats",
    "Ints",
    "Outcome",
    "Poll",
    "Trials",
    "draw",
    "full_vote",
    "is_right",
    "winners",
]

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_MAX_CELLS: Final = 2**21  # chains of the trials simulated at once: 16 MiB an array


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """Hold the recorded chains of one question, asked of one group.

    `votes` is the class each chain votes for, -1 for none; `tokens` its length; `weights`
    what its vote counts, None for 1 each; `labels` a number for its prompt. `ranks` is, by
    class, its place where a tie is broken, the larger first. `reference` is the right
    class, None when it is unknown; `nobody_right` says whether the answer given when
    nobody voted is right. `answers` are the classes as they are shown, `ballots` what a
    vote plugin sees of each chain, () where only counts are asked for.
    """

    group: str
    problem: str
    votes: Ints
    tokens: Ints
    ranks: Ints
    reference: int | None = None
    nobody_right: bool = False
    weights: Floats | None = None
    labels: Ints | None = None
    answers: tuple[str, ...] = ()
    ballots: tuple[tuple[Candidate, ...], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Hold trials as arrays, one row each, the orders of an experiment together.

    Columns are chains in the order they are launched; only the first `planned` of a row
    count. `experiment` is each row's place in `experiments`, `recorded` each chain's place
    in it. `most` is the largest weight a chain can cast. Where there is a `poll` it elects,
    else the sums of votes or `weights` do.
    """

    experiments: tuple[Experiment, ...]
    experiment: Ints
    planned: Ints
    recorded: Ints
    votes: Ints
    tokens: Ints
    weights: Floats | None = None
    most: float = 1.0
    poll: "Poll | None" = None

    def __len__(self) -> int:
        return len(self.experiment)

    @property
    def chains(self) -> int:
        """Return the number of columns."""
        return int(self.votes.shape[1])

    @property
    def ranks(self) -> Ints:
        """Return the ranks of each experiment's classes, -1 where it has no such class."""
        width = max(len(e.ranks) for e in self.experiments)
        padded = np.full((len(self.experiments), width), -1, dtype=np.int64)
        for row, experiment in zip(padded, self.experiments, strict=True):
            row[: len(experiment.ranks)] = experiment.ranks
        return padded

    def first(self, chains: int) -> "Trials":
        """Return the same trials with at most `chains` chains."""
        return replace(
            self,
            planned=np.minimum(self.planned, chains),
            recorded=self.recorded[:, :chains],
            votes=self.votes[:, :chains],
            tokens=self.tokens[:, :chains],
            weights=None if self.weights is None else self.weights[:, :chains],
        )

    def parts(self) -> Iterator["Trials"]:
        """Split by rows so that no part takes much memory."""
        rows = max(1, _MAX_CELLS // max(1, self.chains))
        for start in range(0, len(self), rows):
            part = slice(start, start + rows)
            yield replace(
                self,
                experiment=self.experiment[part],
                planned=self.planned[part],
                recorded=self.recorded[part],
                votes=self.votes[part],
                tokens=self.tokens[part],
                weights=None if self.weights is None else self.weights[part],
            )


class Poll(Protocol):
    """Elect by a vote plugin."""

    def winner(self, trials: Trials, row: int, heard: Ints) -> int:
        """Return the class that wins a row when its columns `heard` vote, -1 for none."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Hold what became of trials, one entry each.

    `winner` is the class answered, -1 for none. `samples` counts the chains that ended,
    with or without an answer; `tokens` counts those of aborted chains, too; `makespan` is
    the time to the answer in token steps, 0 where it is not defined.
    """

    winner: Ints
    samples: Ints
    tokens: Ints
    makespan: Ints

    @staticmethod
    def joined(parts: Sequence["Outcome"]) -> "Outcome":
        """Return the outcomes of parts as one."""
        names = [f.name for f in fields(Outcome)]
        return Outcome(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


def draw(
    experiments: Sequence[Experiment],
    chains: int,
    orders: int,
    seed: int,
    *,
    balanced: bool = False,
) -> Trials:
    """Draw `orders` trials of each experiment, at most `chains` chains in random order.

    The orders of an experiment depend on `seed` and its names alone, not on the others.
    `balanced` deals the labels of an experiment out evenly.
    """
    size = len(experiments) * orders
    votes = np.full((size, chains), -1, dtype=np.int64)
    tokens = np.zeros((size, chains), dtype=np.int64)
    weighted = any(e.weights is not None for e in experiments)
    weights = np.zeros((size, chains)) if weighted else None
    planned = np.zeros(size, dtype=np.int64)
    recorded = np.zeros((size, chains), dtype=np.int64)
    for number, experiment in enumerate(experiments):
        rows = slice(number * orders, (number + 1) * orders)
        order = _orders(experiment, orders, seed, balanced=balanced)[:, :chains]
        width = order.shape[1]
        planned[rows] = width
        recorded[rows, :width] = order
        votes[rows, :width] = experiment.votes[order]
        tokens[rows, :width] = experiment.tokens[order]
        if weights is not None and experiment.weights is not None:
            weights[rows, :width] = experiment.weights[order]
    which = np.repeat(np.arange(len(experiments)), orders)
    return Trials(tuple(experiments), which, planned, recorded, votes, tokens, weights)


def full_vote(trials: Trials) -> Outcome:
    """Run every planned chain, all at once: the vote that stop rules are measured against."""
    return Outcome.joined([_full_vote(part) for part in trials.parts()])


def is_right(experiments: Sequence[Experiment], which: Ints, winner: Ints) -> Floats:
    """Return 1.0 where the winner in experiment `which` is right, 0.0 where not.

    NaN where nobody knows.
    """
    known = np.array([-1 if e.reference is None else e.reference for e in experiments])
    nobody = np.array([e.nobody_right for e in experiments])
    reference = known[which]
    hit = np.where(winner < 0, nobody[which], winner == reference)
    return np.where(reference < 0, np.nan, hit)


def winners(trials: Trials, rows: Ints, heard: Bools) -> Ints:
    """Return the class that wins each of `rows` when its `heard` chains vote, -1 for none.

    Ties go by rank, then to the class whose first voter was launched first, as in a Tally.
    """
    if trials.poll is not None:
        elect, listed = trials.poll.winner, zip(rows.tolist(), heard, strict=True)
        return np.array([elect(trials, row, np.flatnonzero(own)) for row, own in listed], np.int64)
    ranks = trials.ranks
    votes = trials.votes[rows]
    weights = np.where(heard & (votes >= 0), 1.0, 0.0)
    if trials.weights is not None:
        weights *= trials.weights[rows]
    width = ranks.shape[1]
    cells = np.arange(len(rows))[:, None] * width + np.maximum(votes, 0)
    sums = np.bincount(cells.ravel(), weights.ravel(), len(rows) * width)
    sums = sums.reshape(len(rows), width)
    best = sums.max(axis=1, initial=0.0)
    tied = (sums == best[:, None]) & (best > 0)[:, None]
    places = np.where(tied, ranks[trials.experiment[rows]], -1)
    tied &= places == places.max(axis=1, initial=-1)[:, None]
    found = np.where(best > 0, tied.argmax(axis=1), -1)
    for row in np.flatnonzero(tied.sum(axis=1) > 1):
        cast = votes[row][heard[row]]
        found[row] = next(vote for vote in cast if vote >= 0 and tied[row, vote])
    return found


def _orders(experiment: Experiment, orders: int, seed: int, *, balanced: bool) -> Ints:
    names = f"{experiment.group}\0{experiment.problem}".encode()
    known = int.from_bytes(hashlib.sha256(names).digest()[:8])
    random = np.random.default_rng([seed, known])
    keys = random.random((orders, len(experiment.votes)))
    if balanced and experiment.labels is not None:
        # The first chain of every label in random order, then the second of each, ...
        for label in np.unique(experiment.labels):
            mine = experiment.labels == label
            turn = np.argsort(np.argsort(keys[:, mine], axis=1), axis=1)
            keys[:, mine] = turn + random.random(turn.shape)
    return np.argsort(keys, axis=1)


def _full_vote(trials: Trials) -> Outcome:
    heard = np.arange(trials.chains) < trials.planned[:, None]
    tokens = np.where(heard, trials.tokens, 0)
    winner = winners(trials, np.arange(len(trials)), heard)
    makespan = tokens.max(axis=1, initial=0)
    return Outcome(winner, trials.planned.copy(), tokens.sum(axis=1), makespan)
