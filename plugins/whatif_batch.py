"""Share one budget of chains among questions, where the next chain helps most.

Batch-greedy starts every question with three chains and then always gives one more to the
question with the largest `priority`. Nothing is aborted: the budget is the stop rule.
"""

from collections.abc import Callable
from math import exp, lgamma, log, sqrt
from typing import Final

import numpy as np

from votebox.plugins.errors import ProblemError
from votebox.plugins.voting import VoteState
from votebox.plugins.whatif import Bools, Floats, Ints, Outcome, Trials, winners

__all__ = ["FIRST_CHAINS", "priority", "share_budget"]

FIRST_CHAINS: Final = 3
"""The chains every question starts with."""

_TINY: Final = 1e-17


def priority(state: VoteState) -> float:
    """Return how much one more chain is worth: P(theta < 1/2) / sqrt(n).

    theta ~ Beta(v1 + 1/2, v2 + 1/2) is the leader's part against its rival, n the chains
    that ended. The chance is the sum over a = v1 + 1/2, v1 + 3/2, ... of
    2^-(a + b) / (a B(a, b)) with b = v2 + 1/2: the recurrence of the incomplete beta
    function in its first parameter (DLMF 8.17.20), summed to its end.
    """
    v1, v2 = state.lead
    a, b = v1 + 0.5, v2 + 0.5
    term = exp(-(a + b) * log(2) - log(a) - lgamma(a) - lgamma(b) + lgamma(a + b))
    chance = 0.0
    while term > _TINY * chance:  # each term is less than the one before, in the end half of it
        chance += term
        term *= (a + b) / (2 * (a + 1))
        a += 1
    return chance / sqrt(max(1, state.finished))


def share_budget(
    trials: Trials, average: float, worth: Callable[[VoteState], float] = priority
) -> Outcome:
    """Let the questions of each trial share `average` chains a question.

    Row o of every experiment is one trial of all of them; the experiments must have the
    same number of orders. Ties go to the first question. Makespan is not defined.

    Raises:
        ProblemError: `average` is less than three, or more than the chains there are.
    """
    questions = len(trials.experiments)
    planned = trials.planned.reshape(questions, -1)[:, 0]
    budget = round(average * questions)
    if average < FIRST_CHAINS or budget > planned.sum():
        fix = f"give {FIRST_CHAINS} to {planned.sum() / questions:g}"
        raise ProblemError(f"batch-greedy cannot average {average:g} chains a question", fix)
    pool = _Pool(trials, planned, worth)
    for _ in range(FIRST_CHAINS):
        for question in range(questions):
            pool.add(np.full(pool.orders, question))
    for _ in range(budget - int(np.minimum(planned, FIRST_CHAINS).sum())):
        pool.add(pool.worth.argmax(axis=1))
    return pool.outcome()


class _Pool:
    """Hold the questions of all trials: arrays of (orders, questions)."""

    def __init__(self, trials: Trials, planned: Ints, worth: Callable[[VoteState], float]) -> None:
        questions = len(planned)
        self.orders = len(trials) // questions
        self._trials, self._planned, self._ask = trials, planned, worth
        self._known: dict[tuple[int, int, int, int], float] = {}
        shape = (self.orders, questions)
        self.worth: Floats = np.full(shape, np.inf)
        self._ended = np.zeros(shape, dtype=np.int64)
        self._counts = np.zeros((*shape, trials.ranks.shape[1]), dtype=np.int64)

    def add(self, question: Ints) -> None:
        """Give one more chain to a question of each trial, where it has one left."""
        order = np.arange(self.orders)
        left = self._ended[order, question] < self._planned[question]
        order, question = order[left], question[left]
        rows = question * self.orders + order
        votes = self._trials.votes[rows, self._ended[order, question]]
        self._ended[order, question] += 1
        cast = votes >= 0
        self._counts[order[cast], question[cast], votes[cast]] += 1
        self.worth[order, question] = self._worth(order, question)

    def _worth(self, order: Ints, question: Ints) -> Floats:
        top = np.sort(self._counts[order, question], axis=1)[:, -2:]
        v2 = top[:, 0] if top.shape[1] > 1 else np.zeros(len(top), dtype=np.int64)
        columns = (self._planned[question], self._ended[order, question], top[:, -1], v2)
        return np.array(
            [self._look(*cell) for cell in zip(*(c.tolist() for c in columns), strict=True)]
        )

    def _look(self, planned: int, ended: int, v1: int, v2: int) -> float:
        if ended == planned:
            return -np.inf
        state = (planned, ended, v1, v2)
        if state not in self._known:
            counts = tuple(float(v) for v in (v1, v2) if v)
            self._known[state] = self._ask(VoteState(planned, ended, counts))
        return self._known[state]

    def outcome(self) -> Outcome:
        """Elect the winners."""
        ended = self._ended.T.ravel()
        heard: Bools = np.arange(self._trials.chains) < ended[:, None]
        rows = np.arange(len(self._trials))
        tokens = np.where(heard, self._trials.tokens, 0).sum(axis=1)
        winner = winners(self._trials, rows, heard)
        return Outcome(winner, ended, tokens, np.zeros_like(tokens))
