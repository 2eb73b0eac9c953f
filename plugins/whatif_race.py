"""Race recorded chains under a stop rule and a dispatcher, all trials at once.

The timing is that of a solve (run.py): whenever a chain ends, the rule is asked, then the
dispatcher; when the rule fires, what is in flight is aborted and its tokens so far are
spent. Every chain decodes one token a step. Chains that end in the same step are counted
one by one, the first launched first.
"""

from typing import Final

import numpy as np

from votebox.plugins.whatif import Floats, Ints, Outcome, Trials, winners
from votebox.plugins.whatif_rules import Book
from votebox.plugins.whatif_views import Standing, View, view_of

__all__ = ["simulate"]

_NOT_LAUNCHED: Final = np.iinfo(np.int64).max
_ENDED: Final = _NOT_LAUNCHED - 1


def simulate(trials: Trials, book: Book) -> Outcome:
    """Return what becomes of each trial under the rule and dispatcher of `book`.

    Raises:
        PluginError: the rule or the dispatcher failed; it is named.
    """
    return Outcome.joined([_Race(part, book).run() for part in trials.parts()])


class _Race:
    """Hold the trials while they run.

    `_finish` is when each chain ends, `_NOT_LAUNCHED` before its launch and `_ENDED` after.
    """

    def __init__(self, trials: Trials, book: Book) -> None:
        size, width = len(trials), 1 + max(len(e.ranks) for e in trials.experiments)
        self._trials, self._book = trials, book
        self._finish = np.full(trials.votes.shape, _NOT_LAUNCHED)
        self._now = np.zeros(size, dtype=np.int64)
        self._spent = np.zeros(size, dtype=np.int64)
        self._launched = np.zeros(size, dtype=np.int64)
        self._winner = np.full(size, -1)
        self._sums = np.zeros((size, width))
        self._leader = np.full(size, -1)
        zeros = np.zeros(size)
        self._standing = Standing(
            np.zeros(size, dtype=np.int64), zeros, zeros.copy(), zeros + trials.most
        )
        self._view: View = view_of(trials, self._standing, book)

    def run(self) -> Outcome:
        """Run to the end of every trial."""
        alive = np.arange(len(self._trials))
        while alive.size:
            alive = self._ask(alive)
            if alive.size:
                self._wait(alive)
        return Outcome(self._winner, self._standing.ended, self._spent, self._now)

    def _ask(self, alive: Ints) -> Ints:
        """Conclude the trials that stop, launch chains in the others and return those."""
        left = self._trials.planned[alive] > self._standing.ended[alive]
        self._conclude(alive[~left])
        alive = alive[left]
        states, which = self._view.states(alive)
        fires = np.array([self._book.advice(state).stop for state in states], dtype=bool)
        stops = fires[which]
        self._conclude(alive[stops])
        alive, which = alive[~stops], which[~stops]
        flying = self._launched[alive] - self._standing.ended[alive]
        base = self._trials.chains + 1
        pairs, place = np.unique(which * base + flying, return_inverse=True)
        wanted = [self._book.wanted(states[p // base], p % base) for p in pairs.tolist()]
        self._launch(alive, np.array(wanted, dtype=np.int64)[place] - flying)
        return alive

    def _launch(self, alive: Ints, more: Ints) -> None:
        rows, more = alive[more > 0], more[more > 0]
        start = self._launched[rows][:, None]
        columns = np.arange(self._trials.chains)
        at, column = np.nonzero((columns >= start) & (columns < start + more[:, None]))
        row = rows[at]
        self._finish[row, column] = self._now[row] + self._trials.tokens[row, column]
        self._launched[rows] += more

    def _wait(self, alive: Ints) -> None:
        """Let the next chain of each trial end and cast its vote."""
        column = self._finish[alive].argmin(axis=1)
        self._now[alive] = self._finish[alive, column]
        self._finish[alive, column] = _ENDED
        self._spent[alive] += self._trials.tokens[alive, column]
        self._standing.ended[alive] += 1
        votes = self._trials.votes[alive, column]
        given = self._trials.weights
        weights = np.ones(len(alive)) if given is None else given[alive, column]
        self._view.heard(alive, column, votes, weights)
        cast = votes >= 0
        self._count(alive[cast], votes[cast], weights[cast])

    def _count(self, rows: Ints, votes: Ints, weights: Floats) -> None:
        """Add a vote to each row, and keep its two largest classes."""
        now = self._standing
        self._sums[rows, votes] += weights
        total, v1, v2 = self._sums[rows, votes], now.v1[rows], now.v2[rows]
        leads = votes == self._leader[rows]
        passes = ~leads & (total > v1)
        now.v1[rows] = np.where(leads | passes, total, v1)
        now.v2[rows] = np.where(leads, v2, np.where(passes, v1, np.maximum(v2, total)))
        self._leader[rows] = np.where(passes, votes, self._leader[rows])
        now.chain_weight[rows] = np.maximum(now.chain_weight[rows], weights)

    def _conclude(self, rows: Ints) -> None:
        """Elect the winners of `rows` and abort what is in flight there."""
        finish = self._finish[rows]
        self._winner[rows] = winners(self._trials, rows, finish == _ENDED)
        flying = finish < _ENDED
        written = self._trials.tokens[rows] - (finish - self._now[rows, None])
        self._spent[rows] += np.where(flying, written, 0).sum(axis=1)
