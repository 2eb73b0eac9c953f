"""Serve the solver: recipes run here, over the handles of model and sandbox replicas.

The one place that sees every chain of a solve and can end it. Imports neither torch nor
vLLM; loads its own plugins.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from ray import serve
from ray.serve.handle import DeploymentHandle

from votebox.deployments.backend import Batches, LocalBackend
from votebox.deployments.callers import Callers
from votebox.deployments.handle import ServeEngine, ServeSandbox
from votebox.deployments.pins import check_pins
from votebox.deployments.scaling import CHAINS
from votebox.deployments.solve_request import parse_request
from votebox.plugins import Engine, Judge, Registry, Solver, TraceStore, verdict_to_wire

if TYPE_CHECKING:
    from votebox.deployments.engine_endpoint import EndpointEngine

__all__ = ["SolverDeployment"]


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
        *,
        plugins: Mapping[str, Any] | None = None,
        pins: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Take, by role, handles with model names and settings of EndpointEngines.

        A single model serves every role. `recipe` is what requests get that name none.
        `traces` is where the trace of each solve is kept, None for nowhere; `plugins` are
        the `blocked` and `allowed` names of Registry.load, `pins` fields of PinArgs.
        """
        self._recipe = recipe
        registry = Registry.load(**(plugins or {}))
        check_pins(registry, pins or {})
        registry.recipe(recipe)  # a wrong default shows at start
        served = {role: ServeEngine(*model) for role, model in models.items()}
        asked = {role: endpoint_engine(settings) for role, settings in endpoints.items()}
        engines: dict[str, Engine] = {**served, **asked}
        self._sampling: list[ServeEngine | EndpointEngine] = [*served.values(), *asked.values()]
        sandbox = ServeSandbox(jails) if jails is not None else None
        every = next(iter(engines.values())) if len(engines) == 1 else engines
        store = TraceStore(traces) if traces is not None else None
        self._judge = Judge()
        self._callers = Callers()
        self._solver = Solver(every, sandbox, registry, store, self._judge)
        self._engines = list(engines.values())
        self._unnamed = [asked[r] for r, settings in endpoints.items() if not settings["model"]]
        self._backend = self._local()

    def __del__(self) -> None:
        """End the judge's processes; Serve calls this when a replica stops."""
        if hasattr(self, "_judge"):
            self._judge.close()

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Report the chains in flight; Serve asks for this where solvers scale by them."""
        return {CHAINS: sum(engine.running for engine in self._sampling)}

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

    async def solve_events(self, request: Mapping[str, Any], caller: str = "") -> Batches:
        """Yield lists of events as plain types; the last event is verdict_reached.

        Closing or cancelling it ends the solve, and so does the death of the replica `caller`.
        Raises what `solve` raises.
        """
        async with aclosing(self._backend.solve_events(request)) as batches:
            with self._callers.working_for(caller):
                async for batch in batches:
                    yield batch

    async def complete(self, request: Mapping[str, Any], caller: str = "") -> Batches:
        """Yield lists of what a raw model replies; see Backend.complete."""
        await self._find_names()
        async with aclosing(self._backend.complete(request)) as batches:
            with self._callers.working_for(caller):
                async for batch in batches:
                    yield batch

    async def check(self, request: Mapping[str, Any]) -> None:
        """Refuse what no solve can do with a request; see Backend.check."""
        await self._backend.check(request)

    async def info(self) -> dict[str, Any]:
        """Return what there is to ask; see Backend.info."""
        await self._find_names()
        return await self._backend.info()

    def _local(self) -> LocalBackend:
        """Return the backend over the models whose names are known."""
        named = [engine for engine in self._engines if engine not in self._unnamed]
        models = {engine.model: engine for engine in named}
        return LocalBackend(self._solver, recipe=self._recipe, models=models)

    async def _find_names(self) -> None:
        """Let endpoints that were given no name of a model learn it from their servers.

        One that cannot is asked again the next time; a solve that needs it tells why.
        """
        if not self._unnamed:
            return
        asked = list(self._unnamed)
        told = await asyncio.gather(*(e.start() for e in asked), return_exceptions=True)
        self._unnamed = [e for e, why in zip(asked, told, strict=True) if why is not None]
        self._backend = self._local()


def endpoint_engine(settings: Mapping[str, Any]) -> "EndpointEngine":
    """Return the engine of settings that came as plain values; `rules` are EndpointRules'."""
    from votebox.deployments.endpoint_rules import EndpointRules
    from votebox.deployments.engine_endpoint import EndpointEngine

    rules = EndpointRules.model_validate(settings.get("rules") or {})
    return EndpointEngine(**{**settings, "rules": rules})
