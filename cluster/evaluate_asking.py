"""Ask one task of an evaluation: of a solver in this process, or of an app over HTTP."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from votebox.cluster.client import solve_over_http
from votebox.cluster.evaluate_tasks import Task
from votebox.plugins import Problem, Recipe, SolveOptions, Solver, verdict_to_wire

__all__ = ["AppAsker", "SolverAsker"]


class SolverAsker:
    """Solve in this process; one solver, and so one engine, serves all tasks."""

    def __init__(self, solver: Solver, recipe: Recipe, options: SolveOptions) -> None:
        self._solver, self._recipe, self._options = solver, recipe, options

    async def __call__(self, task: Task, deadline_s: float | None) -> Mapping[str, Any]:
        """Return the verdict; raise what Solver.solve raises."""
        problem = Problem(task.item.question, task.item.id, reference=task.item.reference)
        own = self._options.deadline_s
        given = replace(self._options, seed=task.seed, deadline_s=_least(own, deadline_s))
        return verdict_to_wire(await self._solver.solve(problem, self._recipe, given))


class AppAsker:
    """Solve in the app at `url`, `at_once` connections at most.

    A thread waits for each solve. Nobody can cancel one: ending this process closes the
    connections, and the app ends their solves.
    """

    def __init__(self, url: str, recipe: str, options: SolveOptions, at_once: int) -> None:
        self._url, self._recipe, self._options = url, recipe, options
        self._threads = ThreadPoolExecutor(at_once, "votebox-eval")

    async def __call__(self, task: Task, deadline_s: float | None) -> Mapping[str, Any]:
        """Return the verdict; raise BadUsage or Failed as solve_over_http does."""
        limit = _least(self._options.deadline_s, deadline_s)
        request = {
            "question": task.item.question,
            "id": task.item.id,
            "recipe": self._recipe,
            "seed": task.seed,
            **self._options.overrides,
            **({} if limit is None else {"deadline_s": limit}),
            **({} if self._options.trace is None else {"trace": self._options.trace}),
        }
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, solve_over_http, self._url, request, _unseen
        )


def _unseen(event: Mapping[str, Any]) -> None:
    """Take an event of a solve that nobody watches."""


def _least(*limits: float | None) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)
