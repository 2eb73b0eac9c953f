"""Vote by the table of the second place of AIMO-2: `vote:aimo2-allvote`.

The rules are those of imagination-research/aimo2, as their repository describes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from votebox.plugins import Candidate, Register, Tally, declare, hookimpl
from votebox.plugins.answers import Policy, key
from votebox.plugins.builtin.votes import count, last_words


@dataclass(frozen=True, slots=True)
class AllvoteOptions:
    """Set the weight of suspicious answers, and whether a box yields to the program."""

    suspicious: Annotated[float, Field(gt=0, le=1)] = 0.6
    priority: bool = False


@declare(most=2.0)
def allvote(candidates: Sequence[Candidate], policy: Policy, options: AllvoteOptions) -> Tally:
    """Let a chain's program and its box both vote; small and round answers weigh 0.6.

    Suspicious is a whole answer of at most 20, or a multiple of 100. With `priority` the
    box votes only in chains whose program gave no answer.
    """
    printed = last_words((c for c in candidates if c.evidence.execution is not None), ())
    boxed = last_words((c for c in candidates if c.evidence.execution is None), ())
    if options.priority:
        spoke = {c.chain for c in printed if key(c.answer, policy) is not None}
        boxed = [c for c in boxed if c.chain not in spoke]

    def weigh(voter: Candidate) -> float:
        value = key(voter.answer, policy)
        return options.suspicious if _is_suspicious(value) else 1.0

    return count(sorted([*printed, *boxed], key=lambda c: c.chain), policy, weigh)


def _is_suspicious(value: Fraction | str | None) -> bool:
    if not isinstance(value, Fraction) or value.denominator != 1:
        return False
    return value <= 20 or value % 100 == 0


@hookimpl
def register_votes(register: Register) -> None:
    """Register the vote."""
    register("vote:aimo2-allvote", allvote, options=AllvoteOptions)
