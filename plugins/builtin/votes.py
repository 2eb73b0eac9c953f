"""Elect an answer: `vote:majority` (Wang et al. 2022) and `vote:weighted`.

A chain casts one vote in all: its program and its box are not two independent voters.
Its vote is its last word, the candidate of its last round; within that round the source
named first in `prefer` wins, then any other, and of equal rank the one given last. That
candidate counts or is rejected: an unreadable box is not replaced by a printed number.
Classes are exact: two candidates agree when the policy admits both to the same value.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

from votebox.plugins import Candidate, Register, Tally, VoteClass, hookimpl
from votebox.plugins.answers import Key, Policy, key, show


@dataclass(frozen=True, slots=True)
class VoteOptions:
    """Name the source nodes whose candidates win within a round, the strongest first."""

    prefer: tuple[str, ...] = ()


def majority(candidates: Sequence[Candidate], policy: Policy, options: VoteOptions) -> Tally:
    """Elect the answer of most chains: argmax over a of the number of chains that say a."""
    return count(last_words(candidates, options.prefer), policy, lambda _: 1.0)


def weighted(candidates: Sequence[Candidate], policy: Policy, options: VoteOptions) -> Tally:
    """Elect the answer of most weight: argmax over a of the sum of its chains' weights.

    A weight that is not positive and finite is rejected with its candidate.
    """
    return count(last_words(candidates, options.prefer), policy, lambda c: c.weight)


def last_words(candidates: Iterable[Candidate], prefer: Sequence[str]) -> list[Candidate]:
    """Return the one candidate each chain votes with, in order of chain."""

    def rank(candidate: Candidate) -> tuple[int, int]:
        source = candidate.source
        strength = len(prefer) - prefer.index(source) if source in prefer else 0
        return candidate.evidence.round, strength

    chosen: dict[int, Candidate] = {}
    for candidate in candidates:
        held = chosen.get(candidate.chain)
        if held is None or rank(candidate) >= rank(held):
            chosen[candidate.chain] = candidate
    return [chosen[chain] for chain in sorted(chosen)]


def count(
    voters: Iterable[Candidate], policy: Policy, weigh: Callable[[Candidate], float]
) -> Tally:
    """Sum the weight of each voted value; order by weight, then value, then first voter."""
    classes: dict[Key, list[Candidate]] = {}
    rejected: list[Candidate] = []
    for voter in voters:
        value = key(voter.answer, policy)
        weight = weigh(voter)
        if value is None or not isfinite(weight) or weight <= 0:
            rejected.append(voter)
        else:
            classes.setdefault(value, []).append(voter)
    weights = {value: sum(map(weigh, members)) for value, members in classes.items()}
    # Sorting is stable, so reversing the key and not the list keeps first voters first.
    by_value = sorted(classes, key=policy.order, reverse=True)
    ordered = sorted(by_value, key=lambda value: -weights[value])
    return Tally(
        tuple(VoteClass(show(v), weights[v], tuple(classes[v])) for v in ordered),
        tuple(rejected),
    )


@hookimpl
def register_votes(register: Register) -> None:
    """Register the votes."""
    register("vote:majority", majority, options=VoteOptions)
    register("vote:weighted", weighted, options=VoteOptions)
