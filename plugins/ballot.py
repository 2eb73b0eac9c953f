"""Count the votes of a solve: the recipe's votes, selects and steps behind the chains."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from votebox.plugins.calls import call, call_async, expect
from votebox.plugins.chain import Chain, Ports
from votebox.plugins.nouns import Candidate
from votebox.plugins.recipe import Node, Recipe
from votebox.plugins.voting import Tally, VoteState

__all__ = ["Ballot", "vote_state"]


class Ballot:
    """Take a recipe's votes under its policy; made once per solve."""

    def __init__(self, recipe: Recipe) -> None:
        thing = recipe.policy.plugin.thing
        self.policy: Any = thing(recipe.policy.options) if isinstance(thing, type) else thing
        self._recipe = recipe
        self._first = next(filter(self._reads_chains, recipe.after_vote), None)
        self._most = _most(recipe.nodes[self._first]) if self._first else 1.0

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
        ports = replace(ports, chains=records, policy=self.policy)
        for name in self._recipe.after_vote:
            node = self._recipe.nodes[name]
            if node.kind == "vote":
                behind = [c for parent in node.after for c in values.get(parent, ())]
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


def _most(vote: Node) -> float:
    """Return the largest weight the vote says one chain can cast."""
    return vote.plugin.most if vote.plugin else 1.0


def _candidates(node: Node, chains: Sequence[Chain]) -> list[Candidate]:
    """Return what the chains gave the node's parents, by chain, round and parent."""
    place = {name: number for number, name in enumerate(node.after)}
    found = [c for chain in chains for c in chain.log.candidates if c.source in place]
    return sorted(found, key=lambda c: (c.chain, c.evidence.round, place[c.source]))
