"""Stand between HTTP and the solver: a port of three calls, in this process or over Serve.

Requests and what comes back are plain types, the same on both sides, so that the front door
knows neither Ray nor recipes. Ray is imported when a ServeBackend is asked.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, Protocol

from votebox.deployments.batching import batched, merged, paced
from votebox.deployments.completing import complete
from votebox.deployments.edit_request import check_task
from votebox.deployments.openai_errors import overloaded, rate_limited
from votebox.deployments.solve_request import parse_request
from votebox.plugins import Engine, Recipe, Solver, VoteboxError, draw_svg, to_wire
from votebox.plugins.overrides import overridden

if TYPE_CHECKING:
    from ray.serve.handle import DeploymentHandle

__all__ = ["EVENTS_INTERVAL_S", "Backend", "Batches", "LocalBackend", "ServeBackend"]

EVENTS_INTERVAL_S: Final = 0.05
"""How long events are gathered before they are sent, in seconds."""

Batches = AsyncGenerator[list[dict[str, Any]], None]


class Backend(Protocol):
    """Solve, complete, and tell what there is to ask."""

    async def info(self) -> dict[str, Any]:
        """Return the default recipe, what each recipe is, and the names of the models.

        `recipes` maps a name to `description`, `chains`, `rounds`, `svg` (text), `hash` and
        `models`: the model that serves each role the recipe needs, None where none does.
        """
        ...

    async def check(self, request: Mapping[str, Any]) -> None:
        """Refuse what no solve can do with a request; raise ProblemError or RecipeError."""
        ...

    def solve_events(self, request: Mapping[str, Any]) -> Batches:
        """Yield batches of a solve's events as plain types; the last is verdict_reached.

        The keys of `request` are those of SolveRequest. Closing it ends the solve.

        Raises:
            ProblemError, RecipeError: the request is wrong.
            EngineError, SandboxError, PluginError: the solve failed.
        """
        ...

    def complete(self, request: Mapping[str, Any]) -> Batches:
        """Yield batches of what a raw model replies; see completing.py.

        Closing it aborts the replies.

        Raises:
            ProblemError: the request is wrong, or names no model there is.
            EngineError: the model failed.
        """
        ...


class LocalBackend:
    """Serve a Solver of this process; `models` are the engines of raw requests by name."""

    def __init__(
        self, solver: Solver, *, recipe: str = "vote", models: Mapping[str, Engine] | None = None
    ) -> None:
        """Take `recipe` for requests that name none; raise RecipeError when it is unknown."""
        solver.registry.recipe(recipe)
        self._solver, self._recipe, self._models = solver, recipe, dict(models or {})
        self._solves = 0  # that run, as far as they were asked for here

    async def info(self) -> dict[str, Any]:
        """Return what there is to ask."""
        recipes = sorted(self._solver.registry.recipes.items())
        told = {name: self._told(recipe) for name, recipe in recipes}
        return {"default": self._recipe, "recipes": told, "models": sorted(self._models)}

    async def check(self, request: Mapping[str, Any]) -> None:
        """Refuse what no solve can do with a request."""
        asked, registry = parse_request(request), self._solver.registry
        recipe, problem = registry.recipe(asked.recipe or self._recipe), asked.problem()
        overridden(recipe, asked.options(), registry)
        check_task(problem.files, problem.metadata, recipe)

    async def solve_events(self, request: Mapping[str, Any]) -> Batches:
        """Yield batches of a solve's events."""
        asked = parse_request(request)
        recipe = asked.recipe or self._recipe
        events = self._solver.events(asked.problem(), recipe, asked.options())
        self._solves += 1
        try:
            interval_s = paced(EVENTS_INTERVAL_S, self._solves)
            async with aclosing(batched(events, interval_s)) as batches:
                async for batch in batches:
                    yield [to_wire(event) for event in merged(batch)]
        finally:
            self._solves -= 1

    async def complete(self, request: Mapping[str, Any]) -> Batches:
        """Yield batches of what a raw model replies."""
        async with aclosing(complete(self._models, request)) as batches:
            async for batch in batches:
                yield batch

    def _told(self, recipe: Recipe) -> dict[str, Any]:
        return {
            "description": recipe.description,
            "chains": recipe.chains,
            "rounds": recipe.rounds,
            "svg": draw_svg(recipe),
            "hash": recipe.hash,
            "models": self._solver.models(recipe),
        }


class ServeBackend:
    """Ask the SolverDeployment behind a handle.

    A response is cancelled by hand whenever its reader goes: one that is dropped keeps its
    replica working. An error of ours is raised as itself, without Ray's wrapping; a full queue
    and a dead replica as the ApiError that clients get.
    """

    def __init__(self, solver: "DeploymentHandle[Any]") -> None:
        self._handle = solver
        self._solver = solver.options(stream=True)

    async def info(self) -> dict[str, Any]:
        """Return what there is to ask."""
        try:
            told: dict[str, Any] = await self._handle.info.remote()
        except Exception as e:
            # Serve and Ray raise many kinds, see `_known`.
            if (known := _known(e)) is None:
                raise
            raise known from e
        return told

    async def check(self, request: Mapping[str, Any]) -> None:
        """Refuse what no solve can do with a request."""
        try:
            await self._handle.check.remote(dict(request))
        except Exception as e:
            # As in `info`.
            if (known := _known(e)) is None:
                raise
            raise known from e

    def solve_events(self, request: Mapping[str, Any]) -> Batches:
        """Yield batches of a solve's events."""
        return _batches(self._solver.solve_events, request)

    def complete(self, request: Mapping[str, Any]) -> Batches:
        """Yield batches of what a raw model replies."""
        return _batches(self._solver.complete, request)


async def _batches(method: Any, request: Mapping[str, Any]) -> Batches:
    from votebox.deployments.callers import own_name

    response = method.remote(dict(request), own_name())
    try:
        async for batch in response:
            yield batch
    except Exception as e:
        # As in `info`.
        if (known := _known(e)) is None:
            raise
        raise known from e
    finally:
        response.cancel()


def _known(error: Exception) -> Exception | None:
    """Return what a client is told of an error of Ray or Serve; None for the error itself."""
    from ray.exceptions import RayActorError, RayTaskError
    from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

    cause = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(cause, VoteboxError) and cause is not error:
        return cause
    if isinstance(error, BackPressureError):
        return rate_limited("the solvers' queue is full", 5)
    if isinstance(error, RayActorError | DeploymentUnavailableError):
        return overloaded("a part of the server died and is being started again")
    return None
