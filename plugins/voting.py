"""Define what votes, stop rules, dispatchers and guards see and give.

Frozen values like the other nouns (nouns.py), apart because only rules handle them.
"""

from dataclasses import dataclass

from votebox.plugins.nouns import Candidate
from votebox.sandbox import Execution

__all__ = ["Advice", "ChainProgress", "Tally", "VoteClass", "VoteState"]


@dataclass(frozen=True, slots=True)
class VoteClass:
    """Hold one class of equal answers: the voted value, its weight, its members."""

    answer: str
    weight: float
    members: tuple[Candidate, ...] = ()

    @property
    def chains(self) -> tuple[int, ...]:
        """Return the numbers of the chains behind this class, in order, once each."""
        return tuple(dict.fromkeys(member.chain for member in self.members))


@dataclass(frozen=True, slots=True)
class Tally:
    """Hold the result of a vote: classes in order, the winner first.

    `rejected` are candidates the policy did not admit.
    """

    classes: tuple[VoteClass, ...] = ()
    rejected: tuple[Candidate, ...] = ()

    @property
    def leader(self) -> VoteClass | None:
        """Return the winning class, or None when nobody voted."""
        return self.classes[0] if self.classes else None

    @property
    def share(self) -> float:
        """Return the leader's part of all weight, 0.0 when nobody voted."""
        whole = sum(c.weight for c in self.classes)
        return self.classes[0].weight / whole if whole else 0.0


@dataclass(frozen=True, slots=True)
class VoteState:
    """Show a stop rule where the vote stands.

    `planned` chains in all, `finished` of them ended (with or without an answer),
    `counts` the class weights in falling order. `chain_weight` is the most one chain
    can cast (1 unless a vote counts several candidates of a chain). `order` has one entry
    for each ended chain, in the order they ended: the number of its class in `counts`,
    None for a chain that cast no vote. `elapsed` is the part of the deadline that is
    over, 0 where there is none.
    """

    planned: int
    finished: int
    counts: tuple[float, ...] = ()
    chain_weight: float = 1.0
    order: tuple[int | None, ...] = ()
    elapsed: float = 0.0

    @property
    def left(self) -> int:
        """Return how many chains have not ended."""
        return self.planned - self.finished

    @property
    def lead(self) -> tuple[float, float]:
        """Return the two largest weights (v1, v2), 0 where a class is missing."""
        padded = (*self.counts, 0.0, 0.0)
        return padded[0], padded[1]


@dataclass(frozen=True, slots=True)
class Advice:
    """Carry a stop rule's word.

    `stop` ends the solve. `need` is the least number of further votes for the leader
    after which the rule would fire. `risk` is the rule's estimate that the full vote
    would end otherwise, None when the rule has none.
    """

    stop: bool
    need: int
    risk: float | None = None


@dataclass(frozen=True, slots=True)
class ChainProgress:
    """Show a guard one chain that is still writing.

    `text` is its reply so far, `wall_s` is since that began, `executions` are what its
    programs did. `group_confidence` is the mean token confidence of the last 2048 tokens
    (see Confidence), None before there are so many or where the engine was not asked;
    `lowest_of_ended` has the lowest such mean of each chain that has ended, in the order of
    their ends.
    """

    chain: int
    text: str
    tokens: int
    wall_s: float
    executions: tuple[Execution, ...] = ()
    group_confidence: float | None = None
    lowest_of_ended: tuple[float, ...] = ()
