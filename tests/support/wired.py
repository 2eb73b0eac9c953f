"""A real solve as the wire tells it: forty chains, programs, failures and a guard."""

from typing import Any

from contract import FakeBox
from solved import QUESTION, engine, forty, known, ran

from votebox.plugins import Problem, SolveOptions, Solver
from votebox.plugins.wire import to_wire


async def wired(**changes: str) -> list[dict[str, Any]]:
    """Return the events of the solve, the verdict last; `changes` replace the recipe's text."""
    registry = known()
    solver = Solver(engine(pause_s=0.002), FakeBox(ran, pause_s=0.002), registry)
    problem = Problem(QUESTION, "aime-1", reference="400")
    events = solver.events(problem, forty(registry, **changes), SolveOptions(seed=7))
    return [to_wire(event) async for event in events]
