"""Stop sampling by rules others published: `asc`, `esc`, `lead`, `eprocess`, `rules`.

They see and say the same as `fhpc` (stops.py), and like it they hold for chains that cast
one whole vote each; with other weights they are `clinch`. None of them but `eprocess`
proves anything; `docs/voting.md` has what they measured.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from votebox.plugins import Advice, Register, VoteState, declare, hookimpl
from votebox.plugins.builtin.stops import clinch, least, spent, whole
from votebox.plugins.chances import evidence, preferred


@dataclass(frozen=True, slots=True)
class AscOptions:
    """Set the posterior probability at which `asc` is content."""

    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95


@dataclass(frozen=True, slots=True)
class EscOptions:
    """Set the number of answers in a window of `esc`."""

    window: Annotated[int, Field(ge=2, le=1024)] = 5


@dataclass(frozen=True, slots=True)
class LeadOptions:
    """Set the lead in votes at which `lead` stops."""

    votes: Annotated[int, Field(ge=1)] = 3


@dataclass(frozen=True, slots=True)
class EprocessOptions:
    """Set the chance `eprocess` accepts that its certificate is wrong."""

    delta: Annotated[float, Field(gt=0, lt=1)] = 0.05


@dataclass(frozen=True, slots=True)
class RulesOptions:
    """Set when `rules` is in a hurry: after which part of the deadline, with how many answers."""

    hurry_after: Annotated[float, Field(gt=0, le=1)] = 1.0
    hurried_answers: Annotated[int, Field(ge=1)] = 5


@declare(looks_at="lead")
def asc(state: VoteState, options: AscOptions) -> Advice:
    """Stop when the leader is preferred with probability `level` (Aggarwal et al. 2023).

    Adaptive-Consistency: P(theta > 1/2) >= level for theta ~ Beta(v1 + 1, v2 + 1). A
    posterior of each moment alone: looking again and again voids it as a guarantee.
    """
    return _by_counts(state, lambda v1, v2: preferred(v1, v2) >= options.level)


@declare(looks_at="lead")
def lead(state: VoteState, options: LeadOptions) -> Advice:
    """Stop when the leader is `votes` ahead.

    The sequential tests of ConSol (2025) with their published constants are `votes` = 3.
    """
    return _by_counts(state, lambda v1, v2: v1 - v2 >= options.votes)


@declare(looks_at="lead")
def eprocess(state: VoteState, options: EprocessOptions) -> Advice:
    """Stop when the leader is ahead of its rival with anytime-valid evidence 1 / delta.

    The e-value of v1 against v2 (chances.evidence) is valid for a pair of answers fixed
    beforehand, however often one looks; the leader is chosen after looking, so delta bounds
    the error against each rival, not against all together.
    """
    return _by_counts(state, lambda v1, v2: evidence(v1, v2) >= 1 / options.delta)


def esc(state: VoteState, options: EscOptions) -> Advice:
    """Stop when a whole window of answers is unanimous (Early-Stopping SC, Li et al. 2024).

    The answers, in the order their chains ended, are cut into windows of `window`, one
    after the other; chains without an answer are passed over.
    """
    if not whole(state):
        return clinch(state)
    size = options.window
    said = [answer for answer in state.order if answer is not None]
    begun = len(said) % size
    windows = (said[at : at + size] for at in range(0, len(said) - begun, size))
    if state.left == 0 or any(len(set(window)) == 1 for window in windows):
        return Advice(True, 0, spent(state))
    # The leader, class 0, fills the window that is begun, and if others speak in it one more.
    need = size - begun + (size if any(said[len(said) - begun :]) else 0)
    return Advice(False, min(need, state.left), spent(state))


def rules(state: VoteState, options: RulesOptions) -> Advice:
    """Stop by the table of the second place of AIMO-2 (imagination-research, 2025).

    4 of the first 4 answers agree, or 4 of the last 5, or 5 of at most 7, or 6 of at most 9;
    past `hurry_after` of the deadline, also as soon as there are `hurried_answers`.
    """

    def fires(said: Sequence[int]) -> bool:
        hurried = state.elapsed >= options.hurry_after and len(said) >= options.hurried_answers
        return hurried or _agree(said[:4], 4) or _agree(said[-5:], 4) or _in_time(said)

    return _by_order(state, fires)


_IN_TIME: Final = ((5, 7), (6, 9))
"""So many equal answers of at most so many."""


def _in_time(said: Sequence[int]) -> bool:
    return any(_agree(said[:most], votes) for votes, most in _IN_TIME)


def _agree(said: Sequence[int], votes: int) -> bool:
    return any(said.count(answer) >= votes for answer in set(said))


def _by_counts(state: VoteState, fires: Callable[[int, int], bool]) -> Advice:
    """Advise by a rule on the two largest counts that more votes for the leader only help."""
    if not whole(state):
        return clinch(state)
    v1, v2 = map(int, state.lead)
    need = least(lambda more: v1 + more > 0 and fires(v1 + more, v2), state.left)
    return Advice(need == 0, need, spent(state))


def _by_order(state: VoteState, fires: Callable[[Sequence[int]], bool]) -> Advice:
    """Advise by a rule on the answers in order; the leader is class 0."""
    if not whole(state):
        return clinch(state)
    said = [answer for answer in state.order if answer is not None]
    need = next((k for k in range(state.left) if fires([*said, *[0] * k])), state.left)
    return Advice(need == 0, need, spent(state))


@hookimpl
def register_stops(register: Register) -> None:
    """Register the rules."""
    register("stop:asc", asc, options=AscOptions)
    register("stop:esc", esc, options=EscOptions)
    register("stop:lead", lead, options=LeadOptions)
    register("stop:eprocess", eprocess, options=EprocessOptions)
    register("stop:rules", rules, options=RulesOptions)
