"""Run a recipe over the two ports: start chains, count votes, stop when it is decided.

The solver names no node and no plugin. Chains run side by side without a barrier; each
time one ends the vote is taken anew and the recipe's stop rule and dispatcher are asked.
Whatever ends the solve also ends the chains in the engine and their programs.
"""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from votebox.plugins.chain import Ports
from votebox.plugins.errors import ProblemError, RecipeError
from votebox.plugins.events import Event, VerdictReached
from votebox.plugins.judge import Judge, shared_judge
from votebox.plugins.nouns import Problem
from votebox.plugins.ports import Engine, SandboxPort, TraceSink
from votebox.plugins.recipe import MAX_CHAINS, Recipe
from votebox.plugins.registry import Registry
from votebox.plugins.run import Run
from votebox.plugins.verdicts import Verdict

__all__ = ["MAX_QUESTION_CHARS", "SolveOptions", "Solver"]

MAX_QUESTION_CHARS: Final = 100_000
"""The longest question a solver takes, in characters."""

_TRACE_S: Final = 10.0  # a slow store delays an answer by this at most

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SolveOptions:
    """Override parts of a recipe for one solve; None leaves the recipe's own value.

    `seed` None draws one, which the verdict tells. `deadline_s` counts seconds from the
    call; 0 means the time is up already. `temperature` and `max_tokens` (per reply)
    replace the sampling of every model node. `max_sandbox_s` counts wall seconds of programs,
    0 lets none run. What is given wins over the recipe's ladder. `trace` False keeps no trace
    of this solve.
    """

    chains: int | None = None
    seed: int | None = None
    deadline_s: float | None = None
    max_total_tokens: int | None = None
    max_sandbox_s: float | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    rounds: int | None = None
    trace: bool | None = None

    def __post_init__(self) -> None:
        """Refuse values no solve can use; raise ProblemError naming the value."""
        bounds: tuple[tuple[str, float, float], ...] = (
            ("chains", 1, MAX_CHAINS),
            ("rounds", 1, 64),
            ("seed", 0, 2**63 - 1),
            ("deadline_s", 0, math.inf),
            ("max_total_tokens", 1, math.inf),
            ("max_sandbox_s", 0, math.inf),
            ("temperature", 0, 10),
            ("max_tokens", 1, math.inf),
        )
        for name, least, most in bounds:
            value = getattr(self, name)
            whole = name not in ("deadline_s", "max_sandbox_s", "temperature")
            kinds = int if whole else (int, float)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, kinds):
                raise ProblemError(f"{name} = {value!r} is not a number it can be")
            if not least <= value <= most:
                upper = "" if most == math.inf else f" and at most {most:g}"
                raise ProblemError(f"{name} = {value!r}", f"give at least {least:g}{upper}")
        if not isinstance(self.trace, bool | None):
            raise ProblemError(f"trace = {self.trace!r} is neither true nor false")


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
        check_question(problem.text)
        found = self.registry.recipe(recipe) if isinstance(recipe, str) else recipe
        found = _overridden(found, options)
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
        )

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

    def _engine(self, recipe: Recipe, role: str) -> Engine:
        if not isinstance(self._engines, Mapping):
            return self._engines
        if role in self._engines:
            return self._engines[role]
        known = ", ".join(sorted(self._engines)) or "none"
        problem = f"needs a model for role {role!r}"
        raise RecipeError(recipe.name, "", problem, f"roles served: {known}")


def check_question(text: str) -> None:
    """Refuse a question that is empty, too long or not text; raise ProblemError."""
    if not text.strip():
        raise ProblemError("the question is empty", "write a question")
    if len(text) > MAX_QUESTION_CHARS:
        problem = f"the question has {len(text):,} characters"
        raise ProblemError(problem, f"give at most {MAX_QUESTION_CHARS:,}")
    try:
        text.encode()
    except UnicodeEncodeError as e:
        bad = text[e.start]
        problem = f"the question holds {bad!r} at {e.start}, which is not a character"
        raise ProblemError(problem, "remove it") from e


def _overridden(recipe: Recipe, options: SolveOptions) -> Recipe:
    """Return the recipe as this solve runs it: its ladder's step, then what the caller gave."""
    budget = {
        name: value
        for name in ("deadline_s", "max_total_tokens", "max_sandbox_s")
        if (value := getattr(options, name)) is not None
    }
    recipe = replace(recipe, budget=replace(recipe.budget, **budget))
    step = recipe.step(recipe.budget.deadline_s)
    sampling: dict[str, Any] = {
        name: value
        for name in ("temperature", "max_tokens")
        if (value := getattr(options, name)) is not None
    }
    if step and step.max_tokens:
        sampling.setdefault("max_tokens", step.max_tokens)
    nodes = {
        name: replace(node, sampling=replace(node.sampling, **sampling))
        if node.kind == "model"
        else node
        for name, node in recipe.nodes.items()
    }
    return replace(
        recipe,
        nodes=nodes,
        chains=options.chains or (step and step.chains) or recipe.chains,
        rounds=options.rounds or recipe.rounds,
        stop=(step and step.stop) or recipe.stop,
    )
