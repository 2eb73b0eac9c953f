"""Share one budget of chains among questions, where the next chain helps most.

The simulation of `dispatch:batch-greedy`: every question starts with a few chains, and one
more then always goes to the question of highest `chances.urgency`. A question whose stop
rule fires takes no more part; nothing is aborted.
"""

import numpy as np

from votebox.plugins.builtin.dispatch import BatchGreedyOptions
from votebox.plugins.chances import urgency
from votebox.plugins.errors import ProblemError
from votebox.plugins.whatif import Bools, Floats, Ints, Outcome, Trials, winners
from votebox.plugins.whatif_race import simulate
from votebox.plugins.whatif_rules import Book

__all__ = ["share_budget"]


def share_budget(trials: Trials, budget: BatchGreedyOptions, book: Book) -> Outcome:
    """Let the questions of each trial share `budget.average` chains a question.

    Row o of every experiment is one trial of all of them; the experiments must have the
    same number of orders. Urgency counts votes, also where the winner is elected by weight.
    Ties go to the first question. Makespan is not defined.

    Raises:
        ProblemError: there are fewer chains than that.
        PluginError: the stop rule failed; it is named.
    """
    questions = len(trials.experiments)
    planned = trials.planned.reshape(questions, -1)[:, 0]
    whole = round(budget.average * questions)
    if whole > planned.sum():
        problem = f"batch-greedy cannot average {budget.average:g} chains a question"
        raise ProblemError(problem, f"there are {planned.sum() / questions:g} recorded at most")
    # One after another, a question ends where its rule fires, whoever else is served between.
    ends = simulate(trials, book).samples.reshape(questions, -1).T
    pool = _Pool(trials, ends, whole)
    for _ in range(budget.first):
        for question in range(questions):
            pool.add(np.full(pool.orders, question))
    while pool.goes_on:
        pool.add(pool.worth.argmax(axis=1))
    return pool.outcome()


class _Pool:
    """Hold the questions of all trials: arrays of (orders, questions).

    `ends` is after how many chains a question is done, `budget` what they share.
    """

    def __init__(self, trials: Trials, ends: Ints, budget: int) -> None:
        self.orders, questions = ends.shape
        self._trials, self._ends, self._budget = trials, ends, budget
        self.worth: Floats = np.full(ends.shape, np.inf)
        self._ended = np.zeros_like(ends)
        self._counts = np.zeros((self.orders, questions, trials.ranks.shape[1]), dtype=np.int64)

    @property
    def goes_on(self) -> bool:
        """Return whether a trial has budget and a question that is not done."""
        return bool(((self._ended < self._ends).any(axis=1) & self._rich).any())

    @property
    def _rich(self) -> Bools:
        return np.asarray(self._ended.sum(axis=1) < self._budget)

    def add(self, question: Ints) -> None:
        """Give one more chain to a question of each trial, unless it or the budget is done."""
        order = np.arange(self.orders)
        left = (self._ended[order, question] < self._ends[order, question]) & self._rich
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
        ended = self._ended[order, question]
        cells = zip(top[:, -1].tolist(), v2.tolist(), ended.tolist(), strict=True)
        worth = np.array([urgency(*cell) for cell in cells])
        return np.where(ended < self._ends[order, question], worth, -np.inf)

    def outcome(self) -> Outcome:
        """Elect the winners."""
        ended = self._ended.T.ravel()
        heard: Bools = np.arange(self._trials.chains) < ended[:, None]
        rows = np.arange(len(self._trials))
        tokens = np.where(heard, self._trials.tokens, 0).sum(axis=1)
        winner = winners(self._trials, rows, heard)
        return Outcome(winner, ended, tokens, np.zeros_like(tokens))
