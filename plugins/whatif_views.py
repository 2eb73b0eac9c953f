"""Show rules where simulated votes stand: the lead alone, the whole course, or a real tally.

A view hands out each different VoteState once and says which trial is in which, so that a
rule is asked once for each and not once for each trial.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np

from votebox.plugins.voting import VoteState
from votebox.plugins.whatif import Floats, Ints, Trials
from votebox.plugins.whatif_ballots import Ballots
from votebox.plugins.whatif_rules import Book

__all__ = ["Course", "ExactView", "LeadView", "PollView", "Standing", "View", "view_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Hold where each trial's vote stands; filled in place as chains end."""

    ended: Ints
    v1: Floats
    v2: Floats
    chain_weight: Floats


class View(Protocol):
    """Say in which VoteState each trial is."""

    def states(self, rows: Ints) -> tuple[Sequence[VoteState], Ints]:
        """Return the different states of `rows`, and which of them each row is in."""
        ...

    def heard(self, rows: Ints, columns: Ints, votes: Ints, weights: Floats) -> None:
        """Note that the chain in this column of each of `rows` ended with this vote."""
        ...


class LeadView:
    """Show the lead alone: two counts at most, and no order."""

    def __init__(self, trials: Trials, standing: Standing) -> None:
        self._planned, self._standing = trials.planned, standing

    def states(self, rows: Ints) -> tuple[Sequence[VoteState], Ints]:
        """Return the different leads of `rows`, and which of them each row has."""
        now = self._standing
        columns = (self._planned, now.ended, now.v1, now.v2, now.chain_weight)
        first, which = _different(*(column[rows] for column in columns))
        cells = zip(*(column[rows[first]].tolist() for column in columns), strict=True)
        return [
            VoteState(planned, ended, tuple(v for v in (v1, v2) if v), weight)
            for planned, ended, v1, v2, weight in cells
        ], which

    def heard(self, rows: Ints, columns: Ints, votes: Ints, weights: Floats) -> None:
        """Do nothing: the standing is kept by the race."""


class ExactView:
    """Show all a solve shows. Trials whose votes ran the same course share a node.

    Classes of equal weight and equal rank are numbered by the first to end, where a solve
    takes the first launched; which number a class has tells a rule nothing.
    """

    def __init__(self, trials: Trials, standing: Standing) -> None:
        self._planned = trials.planned
        self._node = trials.experiment.copy()
        self._courses = [
            Course(e.ranks.tolist(), chain_weight=trials.most) for e in trials.experiments
        ]

    def states(self, rows: Ints) -> tuple[Sequence[VoteState], Ints]:
        """Return the different states of `rows`, and which of them each row is in."""
        first, which = _different(self._node[rows], self._planned[rows])
        planned = self._planned[rows[first]].tolist()
        nodes = self._node[rows[first]].tolist()
        return [self._courses[node].state(n) for node, n in zip(nodes, planned, strict=True)], which

    def heard(self, rows: Ints, columns: Ints, votes: Ints, weights: Floats) -> None:
        """Move each row to the node of its longer course."""
        first, which = _different(self._node[rows], votes, weights)
        nodes = self._node[rows[first]].tolist()
        cast = zip(nodes, votes[first].tolist(), weights[first].tolist(), strict=True)
        # All rows have heard as many chains, so the courses so far are not needed again.
        self._courses = [self._courses[node].then(vote, weight) for node, vote, weight in cast]
        self._node[rows] = which


@dataclass(frozen=True, slots=True)
class Course:
    """Hold the votes of a trial so far in the order they ended, and their sums by class."""

    ranks: list[int]
    votes: tuple[int, ...] = ()
    sums: Mapping[int, float] = MappingProxyType({})
    chain_weight: float = 1.0

    def then(self, vote: int, weight: float) -> "Course":
        """Return the course one chain longer."""
        if vote < 0:
            return Course(self.ranks, (*self.votes, vote), self.sums, self.chain_weight)
        sums = {**self.sums, vote: self.sums.get(vote, 0.0) + weight}
        return Course(self.ranks, (*self.votes, vote), sums, max(self.chain_weight, weight))

    def state(self, planned: int) -> VoteState:
        """Return what a rule sees; classes stand by weight, then rank, then first to end."""
        sums, ranks = self.sums, self.ranks
        classes = sorted(sums, key=lambda vote: (-sums[vote], -ranks[vote]))
        number: dict[int, int | None] = {vote: place for place, vote in enumerate(classes)}
        number[-1] = None
        order = tuple([number[vote] for vote in self.votes])
        counts = tuple([sums[vote] for vote in classes])
        return VoteState(planned, len(order), counts, self.chain_weight, order)


class PollView:
    """Show what the vote plugin of a solve would have it show: a tally for each trial.

    Slow: the plugin is called whenever a chain of any trial ends.
    """

    def __init__(self, trials: Trials, poll: Ballots) -> None:
        self._trials, self._poll = trials, poll
        self._ended: list[list[int]] = [[] for _ in range(len(trials))]

    def states(self, rows: Ints) -> tuple[Sequence[VoteState], Ints]:
        """Return the different states of `rows`, and which of them each row is in."""
        place: dict[VoteState, int] = {}
        which = [
            place.setdefault(self._poll.state(self._trials, row, self._ended[row]), len(place))
            for row in rows.tolist()
        ]
        return list(place), np.array(which, dtype=np.int64)

    def heard(self, rows: Ints, columns: Ints, votes: Ints, weights: Floats) -> None:
        """Keep the columns in the order their chains ended."""
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            self._ended[row].append(column)


def view_of(trials: Trials, standing: Standing, book: Book) -> View:
    """Return the view that shows the rules of `book` what they look at, and no more."""
    if isinstance(trials.poll, Ballots):
        return PollView(trials, trials.poll)
    return (LeadView if book.lead_only else ExactView)(trials, standing)


def _different(*columns: Ints | Floats) -> tuple[Ints, Ints]:
    """Return the first row of each different tuple, and which tuple each row has."""
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        values, place = np.unique(column, return_inverse=True)
        codes = codes * len(values) + place
        if len(values) > 1:
            codes = np.unique(codes, return_inverse=True)[1]
    _, first, which = np.unique(codes, return_index=True, return_inverse=True)
    return first, which
