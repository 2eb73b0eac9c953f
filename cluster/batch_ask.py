"""Ask for the verdict on one row, whoever gives it: an app, a Serve handle, a solver here.

Each way takes a request (the keys of SolveRequest) and returns the verdict as plain types.
What goes wrong is told in three ways, because a batch answers each differently: a row's own
fault is any other exception, `Busy` means later, `Gone` that nobody answers for now.
"""

import json
import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

from votebox.cluster.checks import KEY_ENV
from votebox.cluster.errors import BadUsage, Failed
from votebox.plugins.errors import EngineUnavailable, ProblemError

if TYPE_CHECKING:
    import httpx

    from votebox.plugins import Recipe, Solver

__all__ = ["Ask", "AskApp", "AskHandle", "AskSolver", "Busy", "Gone"]

_WAIT_S: Final = 1.0
_CONNECT_S: Final = 10.0
_MOST_RETRY_S: Final = 60.0


class Busy(Exception):
    """Say that there is no room now; try again after `after_s` seconds."""

    def __init__(self, after_s: float = _WAIT_S) -> None:
        super().__init__(after_s)
        self.after_s = after_s


class Gone(Exception):
    """Say that nobody answers, who may come back; `why` is for people."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Ask(Protocol):
    """Give the verdict on a request."""

    async def __call__(self, request: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """Return the verdict as `verdict_to_wire` tells it.

        `key` names the request for good: asked twice, it need be answered but once.

        Raises:
            Busy: there is no room; nothing was done.
            Gone: nobody answers.
            ProblemError, RecipeError, VoteboxError: this request cannot be answered.
            BadUsage, Failed: no request can be.
        """
        ...

    async def aclose(self) -> None:
        """Let go of what it holds."""
        ...


class AskSolver:
    """Solve in this process; `recipe` is for requests that name none."""

    def __init__(self, solver: "Solver", recipe: "Recipe | str") -> None:
        self._solver, self._recipe = solver, recipe

    async def __call__(self, request: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """Return the verdict; see Ask."""
        from votebox.deployments.solve_request import parse_request
        from votebox.plugins import verdict_to_wire

        asked = parse_request(request)
        recipe = asked.recipe or self._recipe
        try:
            verdict = await self._solver.solve(asked.problem(), recipe, asked.options())
        except EngineUnavailable as e:
            raise Gone(str(e)) from e
        return verdict_to_wire(verdict)

    async def aclose(self) -> None:
        """Do nothing: the solver's owner closes its engines."""


class AskHandle:
    """Ask the Solver deployment through its handle."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle.options(stream=True)

    async def __call__(self, request: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """Return the verdict; see Ask."""
        response = None
        try:
            response = self._handle.solve.remote(dict(request))
            async for verdict in response:
                found: Mapping[str, Any] = verdict
                return found
        except Exception as e:
            # Serve and Ray raise many kinds; those that mean "later" are told apart.
            raise _known(e) from e
        finally:
            if response is not None:
                response.cancel()  # leaving the loop ends nothing there
        raise Gone("the solver ended its stream without a verdict")

    async def aclose(self) -> None:
        """Do nothing: handles hold nothing."""


def _known(error: Exception) -> Exception:
    from ray.exceptions import RayActorError, RayTaskError
    from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

    cause = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(cause, BackPressureError):
        return Busy()
    if isinstance(cause, RayActorError | DeploymentUnavailableError | EngineUnavailable):
        return Gone(str(cause).splitlines()[0] if str(cause) else type(cause).__name__)
    return cause if isinstance(cause, Exception) else error


class AskApp:
    """Ask the votebox app at `url` over HTTP, `concurrency` requests at most at once.

    The app's key is read from VOTEBOX_API_KEY. `transport` replaces the network in tests.
    """

    def __init__(
        self, url: str, concurrency: int, transport: "httpx.AsyncBaseTransport | None" = None
    ) -> None:
        import httpx

        key = os.environ.get(KEY_ENV, "").strip()
        self._url = url
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            limits=httpx.Limits(max_connections=concurrency),
            # A solve may be silent for an hour; its own deadline ends it.
            timeout=httpx.Timeout(None, connect=_CONNECT_S),
            transport=transport,
            trust_env=False,  # an app is asked directly, as by `votebox solve`
        )

    async def __call__(self, request: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """Return the verdict; see Ask."""
        import httpx

        try:
            reply = await self._http.post(
                f"{self._url}/v1/solves", json=dict(request), headers={"Idempotency-Key": key}
            )
        except httpx.HTTPError as e:
            why = f"the app at {self._url} does not answer: {e or type(e).__name__}"
            raise Gone(why) from e
        if reply.status_code == HTTPStatus.OK:
            verdict = _object(reply)
            if "answer" not in verdict:
                raise Failed(f"{self._url} sends no verdict", "is it a votebox app?")
            return verdict
        raise self._refusal(reply)

    def _refusal(self, reply: "httpx.Response") -> Exception:
        status = reply.status_code
        error = _object(reply).get("error")
        said = str(error.get("message", "")) if isinstance(error, Mapping) else ""
        said = said or f"the app at {self._url} answers {status}"
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return Busy(_after_s(reply.headers.get("retry-after", "")))
        if status in (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE):
            return Gone(said)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            return BadUsage(said, f"set {KEY_ENV} to a key it knows, or give another --url")
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return ProblemError(said)
        return EngineFailure(said)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._http.aclose()


class EngineFailure(Exception):
    """Carry what an app says of a solve that failed there."""


def _object(reply: "httpx.Response") -> Mapping[str, Any]:
    try:
        found = json.loads(reply.content)
    except (ValueError, RecursionError):  # nested thousands deep
        return {}
    return found if isinstance(found, Mapping) else {}


def _after_s(header: str) -> float:
    seconds = float(header) if header.isdigit() and len(header) < 6 else _WAIT_S
    return min(max(seconds, 0.1), _MOST_RETRY_S)
