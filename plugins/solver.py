"""Run a recipe over the two ports: start chains, count votes, stop when it is decided.

The solver names no node and no plugin. Chains run side by side without a barrier; each
time one ends the vote is taken anew and the recipe's stop rule and dispatcher are asked.
Whatever ends the solve also ends the chains in the engine and their programs.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any, Final

from votebox.plugins.chainpool import ChainPools, ChainShare, Sharing
from votebox.plugins.context import Ports
from votebox.plugins.conversation import check_problem
from votebox.plugins.errors import RecipeError
from votebox.plugins.events import Event, VerdictReached
from votebox.plugins.judge import Judge, shared_judge
from votebox.plugins.nouns import Problem
from votebox.plugins.options import SolveOptions
from votebox.plugins.overrides import overridden, with_sampling
from votebox.plugins.ports import Engine, SandboxPort, TraceSink, sampling_of
from votebox.plugins.recipe import Recipe
from votebox.plugins.registry import Registry
from votebox.plugins.run import Run
from votebox.plugins.verdicts import Verdict

__all__ = ["Solver"]

_TRACE_S: Final = 10.0  # a slow store delays an answer by this at most

_log = logging.getLogger(__name__)


class Solver:
    """Turn problems into verdicts.

    `engines` is one Engine for every role, or a mapping from role to Engine; `sandbox`
    may be None for recipes that run no program. `traces` keeps what each solve leaves, None
    keeps nothing. `judge` decides which answers that are no number are equal, None shares one
    with the rest of this process. One solver serves many solves at once.
    """

    def __init__(
        self,
        engines: Engine | Mapping[str, Engine],
        sandbox: SandboxPort | None,
        registry: Registry | None = None,
        traces: TraceSink | None = None,
        judge: Judge | None = None,
    ) -> None:
        self._engines = engines
        self._judge = judge or shared_judge()
        self._sandbox = sandbox
        self._traces = traces
        self._pools = ChainPools()
        self.registry = registry or Registry.load()

    async def solve(
        self,
        problem: Problem,
        recipe: Recipe | str,
        options: SolveOptions | None = None,
    ) -> Verdict:
        """Return the verdict on `problem`.

        Raises:
            ProblemError: the question or an option cannot be used.
            RecipeError: the recipe is unknown or needs what this solver lacks.
            EngineError, SandboxError, PluginError: every chain failed; this is the first
                failure. A chain that failed beside others that voted is on its record.
        """
        run = self._run(problem, recipe, options or SolveOptions())
        try:
            return await self._traced(run, problem, options)
        finally:
            await run.aclose()

    async def events(
        self,
        problem: Problem,
        recipe: Recipe | str,
        options: SolveOptions | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Yield what happens while `problem` is solved; VerdictReached comes last.

        Closing the generator aborts every chain and program. Raises what `solve` raises.
        """
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        run = self._run(problem, recipe, options or SolveOptions(), events)
        task = asyncio.create_task(self._traced(run, problem, options))
        task.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            yield VerdictReached(await task)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await run.aclose()

    def _run(
        self,
        problem: Problem,
        recipe: Recipe | str,
        options: SolveOptions,
        events: "asyncio.Queue[Event | None] | None" = None,
    ) -> Run:
        check_problem(problem)
        found = self.registry.recipe(recipe) if isinstance(recipe, str) else recipe
        found = overridden(with_sampling(found, self._sampling(found)), options, self.registry)
        if found.needs_sandbox and self._sandbox is None:
            raise RecipeError(found.name, "", "runs programs and this solver has no sandbox")
        engines = {role: self._engine(found, role) for role in found.roles}
        return Run(
            found,
            Ports(engines, self._sandbox, problem),
            options,
            self.registry,
            events,
            referee=self._judge,
            share=self._share(found, options.pool),
        )

    def _share(self, recipe: Recipe, pool: str | None) -> ChainShare | None:
        """Return the part in the named pool, None for a dispatcher whose questions share none."""
        sharing = recipe.dispatch.options
        if pool is None or not isinstance(sharing, Sharing):
            return None
        return self._pools.join(pool, sharing)

    async def _traced(self, run: Run, problem: Problem, options: SolveOptions | None) -> Verdict:
        """Return the verdict of a run once its trace is kept, or cannot be."""
        verdict = await run.verdict()
        if self._traces is None or (options and options.trace is False):
            return verdict
        write = asyncio.to_thread(self._traces.append, verdict, problem, run.recipe)
        try:
            return replace(verdict, traced=await asyncio.wait_for(write, _TRACE_S))
        except TimeoutError:
            _log.warning("keeping the trace of solve %s takes more than %g s", verdict.id, _TRACE_S)
            return verdict

    def models(self, recipe: Recipe) -> dict[str, str | None]:
        """Return the model that serves each role of a recipe, None where none does."""
        if not isinstance(self._engines, Mapping):
            return dict.fromkeys(recipe.roles, self._engines.model)
        served = self._engines
        return {r: served[r].model if r in served else None for r in recipe.roles}

    def _sampling(self, recipe: Recipe) -> dict[str, Mapping[str, Any]]:
        """Return what the engines change of the recipe's sampling, by role."""
        if not isinstance(self._engines, Mapping):
            return dict.fromkeys(recipe.roles, sampling_of(self._engines))
        return {r: sampling_of(e) for r, e in self._engines.items() if r in recipe.roles}

    def _engine(self, recipe: Recipe, role: str) -> Engine:
        if not isinstance(self._engines, Mapping):
            return self._engines
        if role in self._engines:
            return self._engines[role]
        known = ", ".join(sorted(self._engines)) or "none"
        problem = f"needs a model for role {role!r}"
        raise RecipeError(recipe.name, "", problem, f"roles served: {known}")
