"""Serve the solver: recipes run here, over the handles of model and sandbox replicas.

The one place that sees every chain of a solve and can end it. Imports neither torch nor
vLLM; loads its own plugins.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Final

from ray import serve
from ray.serve.handle import DeploymentHandle

from votebox.deployments.batching import batched, merged
from votebox.deployments.handle import ServeEngine, ServeSandbox
from votebox.deployments.solve_request import parse_request
from votebox.plugins import Engine, Judge, Registry, Solver, TraceStore, to_wire, verdict_to_wire

__all__ = ["EVENTS_INTERVAL_S", "SolverDeployment"]

EVENTS_INTERVAL_S: Final = 0.05
"""How long events are gathered before they are sent, in seconds."""


@serve.deployment(
    name="Solver",
    ray_actor_options={"num_cpus": 0.1},
    graceful_shutdown_timeout_s=5,
)
class SolverDeployment:
    """Turn requests into verdicts; the keys of a request are those of SolveRequest."""

    def __init__(
        self,
        models: Mapping[str, tuple[DeploymentHandle[Any], str]],
        endpoints: Mapping[str, Mapping[str, Any]],
        jails: DeploymentHandle[Any] | None,
        recipe: str,
        traces: str | None = None,
    ) -> None:
        """Take, by role, handles with model names and settings of EndpointEngines.

        A single model serves every role. `recipe` is what requests get that name none.
        `traces` is where the trace of each solve is kept, None for nowhere.
        """
        self._recipe = recipe
        self._registry = Registry.load()
        self._registry.recipe(recipe)  # a wrong default shows at start
        engines: dict[str, Engine] = {r: ServeEngine(*model) for r, model in models.items()}
        engines |= {role: _endpoint(settings) for role, settings in endpoints.items()}
        self._models = sorted({engine.model for engine in engines.values()})
        sandbox = ServeSandbox(jails) if jails is not None else None
        every = next(iter(engines.values())) if len(engines) == 1 else engines
        store = TraceStore(traces) if traces is not None else None
        self._judge = Judge()
        self._solver = Solver(every, sandbox, self._registry, store, self._judge)

    def __del__(self) -> None:
        """End the judge's processes; Serve calls this when a replica stops."""
        if hasattr(self, "_judge"):
            self._judge.close()

    async def solve(self, request: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Yield exactly one item, the verdict as plain types, when all is cleaned up.

        A generator because Ray Data's bridge takes the first item of a stream.

        Raises:
            ProblemError, RecipeError: the request is wrong (both ValueErrors: a row's own
                fault to Ray Data).
            EngineError, SandboxError: the solve failed.
        """
        asked = parse_request(request)
        recipe = asked.recipe or self._recipe
        verdict = await self._solver.solve(asked.problem(), recipe, asked.options())
        yield verdict_to_wire(verdict)

    async def solve_events(
        self, request: Mapping[str, Any]
    ) -> AsyncGenerator[list[dict[str, Any]], None]:
        """Yield lists of events as plain types; the last event is verdict_reached.

        Closing or cancelling it ends the solve. Raises what `solve` raises.
        """
        asked = parse_request(request)
        recipe = asked.recipe or self._recipe
        events = self._solver.events(asked.problem(), recipe, asked.options())
        async with aclosing(batched(events, EVENTS_INTERVAL_S)) as batches:
            async for batch in batches:
                yield [to_wire(event) for event in merged(batch)]

    async def info(self) -> dict[str, Any]:
        """Return the default recipe, each recipe with its description, and the models."""
        recipes = {name: r.description for name, r in sorted(self._registry.recipes.items())}
        return {"default": self._recipe, "recipes": recipes, "models": self._models}


def _endpoint(settings: Mapping[str, Any]) -> Engine:
    from votebox.deployments.engine_endpoint import EndpointEngine

    return EndpointEngine(**settings)
