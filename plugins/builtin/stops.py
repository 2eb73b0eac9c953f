"""Stop sampling once the vote is decided: `stop:never`, `stop:clinch`, `stop:fhpc`.

Every rule sees N chains planned, n ended (with or without an answer), the two largest
classes v1 >= v2 and m = N - n chains left. It says whether to stop, how many more votes
for the leader would make it stop, and its risk: the chance that the full vote would end
otherwise. All stop when nothing is left.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import floor, inf
from typing import Annotated

from pydantic import Field

from votebox.plugins import Advice, Register, VoteState, declare, hookimpl
from votebox.plugins.chances import overtaken


@dataclass(frozen=True, slots=True)
class FhpcOptions:
    """Set the risk `fhpc` accepts and its Beta prior.

    `delta` 0 makes it `clinch`; `a` is both parameters of the prior.
    """

    delta: Annotated[float, Field(ge=0, lt=1)] = 0.02
    a: Annotated[float, Field(gt=0, le=1000)] = 0.5


@declare(looks_at="lead")
def never(state: VoteState, options: None = None) -> Advice:
    """Let every planned chain end."""
    return Advice(state.left == 0, state.left, spent(state))


@declare(looks_at="lead")
def clinch(state: VoteState, options: None = None) -> Advice:
    """Stop when the chains left cannot change the winner, not even by a tie.

    Fires when v1 - v2 > m w, with w the most one chain can cast. Exact: the answer is
    that of the full vote, with any weights.
    """
    v1, v2 = state.lead
    weight = state.chain_weight
    if state.left == 0 or v1 - v2 > state.left * weight:
        return Advice(True, 0, 0.0)
    if weight == inf:
        return Advice(False, state.left, None)
    # Least k with v1 + k w - v2 > (m - k) w.
    need = floor((state.left * weight - (v1 - v2)) / (2 * weight)) + 1
    return Advice(False, min(need, state.left), None)


@declare(looks_at="lead")
def fhpc(state: VoteState, options: FhpcOptions) -> Advice:
    """Stop when the leader would win the full vote with probability 1 - delta.

    Finite-horizon predictive clinch: the m chains left are dealt between the two largest
    classes by their Beta posterior and a tie counts as lost. It fires when
    sum over k with v1 + k > v2 + m - k of C(m, k) B(v1 + a + k, v2 + a + m - k)
    / B(v1 + a, v2 + a) >= 1 - delta, and v1 >= 1. Third classes and blanks are ignored,
    so this is a heuristic. It holds for chains that cast one whole vote; with other
    weights the rule is `clinch`.
    """
    v1, v2 = state.lead
    if state.left == 0:
        return Advice(True, 0, 0.0)
    if not whole(state):
        return clinch(state)
    lead, rival = int(v1), int(v2)

    def fires(more: int) -> bool:
        ahead, m = lead + more, state.left - more
        if ahead == 0 or options.delta == 0:
            return ahead - rival > m
        return overtaken(ahead, rival, m, options.a) <= options.delta

    risk = overtaken(lead, rival, state.left, options.a)
    need = least(fires, state.left)
    return Advice(need == 0, need, risk)


def whole(state: VoteState) -> bool:
    """Return whether every chain casts one whole vote, as all rules but `clinch` assume."""
    v1, v2 = state.lead
    return state.chain_weight == 1 and not v1 % 1 and not v2 % 1


def least(fires: Callable[[int], bool], left: int) -> int:
    """Return the least number of votes that fires, `left` when none does.

    A further vote for the leader never lowers its chance, so halving finds it.
    """
    low, high = 0, left
    while low < high:
        middle = (low + high) // 2
        if fires(middle):
            high = middle
        else:
            low = middle + 1
    return low


def spent(state: VoteState) -> float | None:
    """Return the risk of a rule that has no estimate: none once no chain is left."""
    return 0.0 if state.left == 0 else None


@hookimpl
def register_stops(register: Register) -> None:
    """Register the stop rules."""
    register("stop:never", never)
    register("stop:clinch", clinch)
    register("stop:fhpc", fhpc, options=FhpcOptions)
