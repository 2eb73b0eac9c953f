"""Elect an answer: `vote:majority` (Wang et al. 2022), `weighted`, and two that look at code.

A chain casts one vote in all: its program and its box are not two independent voters.
Its vote is its last word, the candidate of its last round; within that round the source
named first in `prefer` wins, then any other, and of equal rank the one given last. That
candidate counts or is rejected: an unreadable box is not replaced by a printed number.
Classes are exact: two candidates agree when the policy admits both to the same value.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Annotated

from pydantic import Field

from votebox.plugins import Candidate, Register, Tally, VoteClass, declare, hookimpl
from votebox.plugins.answers import Key, Policy, key, show


@dataclass(frozen=True, slots=True)
class VoteOptions:
    """Name the source nodes whose candidates win within a round, the strongest first."""

    prefer: tuple[str, ...] = ()


def majority(candidates: Sequence[Candidate], policy: Policy, options: VoteOptions) -> Tally:
    """Elect the answer of most chains: argmax over a of the number of chains that say a."""
    return count(last_words(candidates, options.prefer), policy, lambda _: 1.0)


@declare(most=inf)
def weighted(candidates: Sequence[Candidate], policy: Policy, options: VoteOptions) -> Tally:
    """Elect the answer of most weight: argmax over a of the sum of its chains' weights.

    A weight that is not positive and finite is rejected with its candidate.
    """
    return count(last_words(candidates, options.prefer), policy, lambda c: c.weight)


def code_over_box(candidates: Sequence[Candidate], policy: Policy, options: VoteOptions) -> Tally:
    """Elect the answer of most chains, a chain's program speaking before its box.

    A chain votes with the last answer a program of its printed and the policy admits; where
    there is none, with the last it wrote itself.
    """
    printed = [c for c in candidates if _ran(c) and key(c.answer, policy) is not None]
    spoke = {c.chain for c in printed}
    boxed = [c for c in candidates if not _ran(c) and c.chain not in spoke]
    spoke |= {c.chain for c in boxed}
    silent = [c for c in candidates if c.chain not in spoke]
    voters = [w for said in (printed, boxed, silent) for w in last_words(said, options.prefer)]
    return count(sorted(voters, key=lambda c: c.chain), policy, lambda _: 1.0)


@dataclass(frozen=True, slots=True)
class CodeBoxOptions:
    """Set what a chain casts: both answers equal, only one there, or each when they differ."""

    agree: Annotated[float, Field(gt=0, le=2)] = 1.5
    alone: Annotated[float, Field(gt=0, le=2)] = 1.0
    apart: Annotated[float, Field(gt=0, le=1)] = 0.5


@declare(most=2.0)
def code_box(candidates: Sequence[Candidate], policy: Policy, options: CodeBoxOptions) -> Tally:
    """Weigh a chain's program and box together: 1.5 when they agree, 0.5 each when not.

    A chain with only one of the two casts 1. Ours, and not yet measured on recorded votes:
    no recording holds both answers of a chain.
    """
    valid = [c for c in candidates if key(c.answer, policy) is not None]
    rejected = [c for c in candidates if key(c.answer, policy) is None]
    printed = {c.chain: c for c in last_words(filter(_ran, valid), ())}
    boxed = {c.chain: c for c in last_words((c for c in valid if not _ran(c)), ())}
    voters: list[Candidate] = []
    weights: dict[int, float] = {}
    for chain in sorted(printed.keys() | boxed.keys()):
        words = [said[chain] for said in (boxed, printed) if chain in said]
        agree = len({key(word.answer, policy) for word in words}) < len(words)
        voters += words[:1] if agree else words
        weights[chain] = (
            options.agree if agree else options.alone if len(words) == 1 else options.apart
        )
    tally = count(voters, policy, lambda c: weights[c.chain])
    return replace(tally, rejected=(*rejected, *tally.rejected))


def _ran(candidate: Candidate) -> bool:
    """Return whether a program printed this answer."""
    return candidate.evidence.execution is not None


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
    register("vote:code-over-box", code_over_box, options=VoteOptions)
    register("vote:code-box", code_box, options=CodeBoxOptions)
