"""Hold what the chains and steps of one solve share: its ports, its recipe, its clock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from votebox.plugins.events import Event
from votebox.plugins.nouns import ChainView, Problem
from votebox.plugins.ports import Engine, SandboxPort
from votebox.plugins.recipe import Recipe
from votebox.plugins.sampler import Sampler
from votebox.plugins.verdicts import ChainRecord

__all__ = ["Ports", "SolveContext"]


@dataclass(frozen=True, slots=True)
class Ports:
    """Give a step what it may use: engines by role, the sandbox, the problem.

    In a chain there is also `chain`, as a prompt sees it: its earlier rounds in `turns`.
    Behind the chains there are instead `chains`, what each of them did, and `policy`, under
    which their answers are compared.
    """

    engines: Mapping[str, Engine]
    sandbox: SandboxPort | None
    problem: Problem
    chains: tuple[ChainRecord, ...] = ()
    policy: Any = None
    chain: ChainView | None = None


@dataclass(frozen=True, slots=True)
class SolveContext:
    """Hold what all chains of one solve share.

    `clock` gives the seconds since its start. For `lowest_of_ended` see ChainProgress.
    """

    recipe: Recipe
    ports: Ports
    samplers: Mapping[str, Sampler]
    planned: int
    rounds: int
    seed: int
    emit: Callable[[Event], None]
    spend: Callable[[int], None]
    observe: Callable[..., None]
    clock: Callable[[], float]
    lowest_of_ended: Callable[[], tuple[float, ...]] = tuple
