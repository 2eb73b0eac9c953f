"""Take simulated votes with a real vote plugin, as a solve would: the slow way, for any vote.

Each chain brings the candidates it was recorded with; the plugin makes the tally, and the
tally the VoteState that rules see.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from zlib import crc32

from votebox.plugins.answers import Policy
from votebox.plugins.ballot import vote_state
from votebox.plugins.calls import call, expect
from votebox.plugins.nouns import Candidate
from votebox.plugins.recipe import Use
from votebox.plugins.voting import Tally, VoteState
from votebox.plugins.whatif import Experiment, Ints, Trials

__all__ = ["Ballots"]

_UNHEARD: Final = 2**32
"""Classes from here on are answers that no chain gave and a vote elected nevertheless."""


class Ballots:
    """Count votes of one vote plugin under one policy."""

    def __init__(self, vote: Use, policy: Policy) -> None:
        self.vote, self.policy = vote, policy

    def state(self, trials: Trials, row: int, ended: Sequence[int]) -> VoteState:
        """Return where the vote of `row` stands with the columns `ended`, in that order."""
        tally = self._tally(trials, row, ended)
        return vote_state(tally, int(trials.planned[row]), ended, trials.most)

    def winner(self, trials: Trials, row: int, heard: Ints) -> int:
        """Return the class that wins a row when its columns `heard` vote, -1 for none."""
        leader = self._tally(trials, row, heard.tolist()).leader
        if leader is None:
            return -1
        answers = _experiment(trials, row).answers
        if leader.answer in answers:
            return answers.index(leader.answer)
        return _UNHEARD + crc32(leader.answer.encode(errors="surrogatepass"))

    def _tally(self, trials: Trials, row: int, columns: Sequence[int]) -> Tally:
        ballots = _experiment(trials, row).ballots
        recorded = trials.recorded[row]
        candidates = [
            candidate
            for column in sorted(columns)
            for candidate in _launched(ballots[recorded[column]], column)
        ]
        said = call(self.vote.plugin, self.vote.options, candidates, self.policy)
        return expect(self.vote.plugin, said, Tally)


def _experiment(trials: Trials, row: int) -> Experiment:
    return trials.experiments[int(trials.experiment[row])]


def _launched(ballot: Sequence[Candidate], column: int) -> list[Candidate]:
    """Return the candidates of a chain with the number it was launched with."""
    return [replace(candidate, chain=column) for candidate in ballot]
