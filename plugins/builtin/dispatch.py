"""Choose how many chains to keep in flight: `dispatch:all`, `fixed`, `need-driven`, `batch-greedy`.

A dispatcher sees where the vote stands and what the stop rule still needs. More chains
at once answer sooner; fewer waste less when the rule fires.
"""

from dataclasses import dataclass
from math import ceil
from typing import Annotated

from pydantic import Field

from votebox.plugins import Advice, Register, VoteState, declare, hookimpl


@dataclass(frozen=True, slots=True)
class FixedOptions:
    """Set how many chains `dispatch:fixed` keeps in flight."""

    chains: Annotated[int, Field(ge=1)] = 8


@dataclass(frozen=True, slots=True)
class NeedDrivenOptions:
    """Set how many chains `dispatch:need-driven` starts for each vote still needed.

    1 costs least and is the sequential answer exactly; 3 takes less time than launching
    all at once.
    """

    slack: Annotated[float, Field(ge=1, le=1000)] = 3.0


@declare(looks_at="lead")
def launch_all(state: VoteState, advice: Advice, in_flight: int, options: None = None) -> int:
    """Keep every chain that is left in flight."""
    return state.left


@declare(looks_at="lead")
def fixed(state: VoteState, advice: Advice, in_flight: int, options: FixedOptions) -> int:
    """Keep a fixed number of chains in flight."""
    return min(options.chains, state.left)


@declare(looks_at="lead")
def need_driven(
    state: VoteState, advice: Advice, in_flight: int, options: NeedDrivenOptions
) -> int:
    """Keep ceil(slack x need) chains in flight, at least 1, at most those left."""
    # The margin keeps 1.1 x 10 = 11.000000000000002 at 11.
    wanted = ceil(options.slack * advice.need - 1e-9)
    return min(max(wanted, 1), state.left)


@dataclass(frozen=True, slots=True)
class BatchGreedyOptions:
    """Set the chains of questions that share a budget.

    They share `average` chains a question; `first` is what each gets before they compete.
    """

    average: Annotated[float, Field(ge=1, le=4096)] = 8.0
    first: Annotated[int, Field(ge=1, le=4096)] = 3


@declare(looks_at="lead")
def batch_greedy(
    state: VoteState, advice: Advice, in_flight: int, options: BatchGreedyOptions
) -> int:
    """Keep `first` chains in flight until so many have ended, then one.

    For questions that share a budget: each gets `first` chains, and the next chain then
    always goes to the question of highest `chances.urgency`. A solve on its own has nobody
    to compete with and goes on one by one until its stop rule fires, whatever the average.
    """
    return min(max(options.first - state.finished, 1), state.left)


@hookimpl
def register_stops(register: Register) -> None:
    """Register the dispatchers."""
    register("dispatch:all", launch_all)
    register("dispatch:fixed", fixed, options=FixedOptions)
    register("dispatch:need-driven", need_driven, options=NeedDrivenOptions)
    register("dispatch:batch-greedy", batch_greedy, options=BatchGreedyOptions)
