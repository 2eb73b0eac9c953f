"""Count the votes of a solve: the recipe's votes, selects and steps behind the chains."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from votebox.plugins.answers import Policy, key
from votebox.plugins.calls import call, call_async, expect
from votebox.plugins.chain import Chain
from votebox.plugins.classes import Classes, Judged, Referee
from votebox.plugins.context import Ports
from votebox.plugins.nouns import Candidate
from votebox.plugins.recipe import Node, Recipe
from votebox.plugins.voting import Tally, VoteState

__all__ = ["Ballot", "policy_of", "vote_state"]


class Ballot:
    """Take a recipe's votes under its policy; made once per solve.

    Under a policy with expressions, answers are sorted into classes, with `referee` for
    those that exact rules leave undecided, and `policy` admits a class by its
    representative, so that votes need not know.
    """

    def __init__(self, recipe: Recipe, referee: Referee | None = None) -> None:
        self._plain = policy_of(recipe)
        expressions = getattr(self._plain, "expressions", False)
        self._classes = Classes(referee) if expressions else None
        self.policy: Any = Judged(self._plain, self._classes) if self._classes else self._plain
        self._recipe = recipe
        self._first = next(filter(self._reads_chains, recipe.after_vote), None)
        self._most = _most(recipe.nodes[self._first]) if self._first else 1.0

    @property
    def undecided(self) -> int:
        """Return how many pairs of answers count as different because nobody could tell."""
        return len(self._classes.undecided) if self._classes else 0

    async def settle(self, chains: Sequence[Chain]) -> None:
        """Decide which answers of the chains are the same, before a vote counts them."""
        await self._settle(c for chain in chains for c in chain.log.candidates)

    def running(self, ended: Sequence[Chain]) -> Tally:
        """Take the first vote that reads chains, over the chains that have ended."""
        if self._first is None:
            return Tally()
        node = self._recipe.nodes[self._first]
        return self._vote(node, _candidates(node, ended))

    def state(
        self, tally: Tally, planned: int, ended: Sequence[int], elapsed: float = 0.0
    ) -> VoteState:
        """Return what stop rules see, with `ended` the chains in the order they ended."""
        return vote_state(tally, planned, ended, self._most, elapsed)

    async def final(self, chains: Sequence[Chain], ports: Ports) -> Tally:
        """Run the nodes behind the chains, in order, and return the last one's tally."""
        values: dict[str, Any] = {}
        records = tuple(chain.log.record() for chain in chains)
        await self.settle(chains)
        ports = replace(ports, chains=records, policy=self.policy)
        for name in self._recipe.after_vote:
            node = self._recipe.nodes[name]
            if node.kind == "vote":
                behind = [c for parent in node.after for c in values.get(parent, ())]
                await self._settle(behind)
                values[name] = self._vote(node, _candidates(node, chains) + behind)
                continue
            inputs = {
                parent: values[parent]
                if parent in values
                else [value for chain in chains for value in chain.values(parent)]
                for parent in node.after
            }
            values[name] = await call_async(node.plugin, node.options, inputs, ports)
        sink = self._recipe.sink
        return expect(sink.plugin, values[sink.id], Tally)

    async def _settle(self, candidates: Iterable[Candidate]) -> None:
        if self._classes is not None:
            keys = (key(c.answer, self._plain) for c in candidates)
            await self._classes.settle(k for k in keys if k is not None)

    def _vote(self, node: Node, candidates: list[Candidate]) -> Tally:
        tally = call(node.plugin, node.options, candidates, self.policy)
        return expect(node.plugin, tally, Tally)

    def _reads_chains(self, name: str) -> bool:
        node = self._recipe.nodes[name]
        return node.kind == "vote" and all(p in self._recipe.per_chain for p in node.after)


def vote_state(
    tally: Tally, planned: int, ended: Sequence[int], most: float, elapsed: float = 0.0
) -> VoteState:
    """Return what stop rules see of a tally, with `ended` the chains in the order they ended.

    `chain_weight` is `most`, what the vote declares one chain can cast, and at least the
    most that one has cast so far.
    """
    cast: dict[int, float] = {}
    voted: dict[int, int] = {}
    for number, vote in enumerate(tally.classes):
        share = vote.weight / max(1, len(vote.members))
        for member in vote.members:
            cast[member.chain] = cast.get(member.chain, 0.0) + share
            voted.setdefault(member.chain, number)
    return VoteState(
        planned,
        len(ended),
        tuple(c.weight for c in tally.classes),
        max([most, *cast.values()]),
        tuple(map(voted.get, ended)),
        elapsed,
    )


def policy_of(recipe: Recipe) -> Policy:
    """Return the policy of a recipe, made with its options."""
    policy: Policy = recipe.policy.plugin.made(recipe.policy.options)
    return policy


def _most(vote: Node) -> float:
    """Return the largest weight the vote says one chain can cast."""
    return vote.plugin.most if vote.plugin else 1.0


def _candidates(node: Node, chains: Sequence[Chain]) -> list[Candidate]:
    """Return what the chains gave the node's parents, by chain, round and parent."""
    place = {name: number for number, name in enumerate(node.after)}
    found = [c for chain in chains for c in chain.log.candidates if c.source in place]
    return sorted(found, key=lambda c: (c.chain, c.evidence.round, place[c.source]))
