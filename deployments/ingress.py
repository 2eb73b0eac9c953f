"""Serve HTTP: the OpenAI API over recipes, and votebox's own /v1/solves.

A client that goes away ends its solve, down to vLLM and nsjail. Holds no state and no
policy: what a request may ask is checked in openai_models.py and by the solver.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from ray import serve
from ray.serve.handle import DeploymentHandle
from starlette.exceptions import HTTPException

from votebox.deployments.openai_models import PREFIX, ApiError, read_chat_request, read_json
from votebox.deployments.openai_reply import Reply, model_card
from votebox.deployments.solve_request import SolveRequest, parse_request
from votebox.deployments.web import Events, as_api_error, event_stream, json_reply, read_body
from votebox.plugins import ProblemError

__all__ = ["Ingress"]

app = FastAPI(title="votebox", docs_url=None, redoc_url=None)


@app.exception_handler(ApiError)
async def _tell(request: Request, error: ApiError) -> Response:
    return json_reply(error.body, error.status, error.headers)


@app.exception_handler(HTTPException)
async def _tell_http(request: Request, error: HTTPException) -> Response:
    told = ApiError(error.status_code, f"{request.method} {request.url.path}: {error.detail}")
    return json_reply(told.body, told.status)


@app.exception_handler(Exception)
async def _tell_any(request: Request, error: Exception) -> Response:
    told = as_api_error(error)
    return json_reply(told.body, told.status, told.headers)


# Serve copies the class while this module is still being imported: what its methods use
# must be defined above it.


def _chunks(reply: Reply, batch: list[dict[str, Any]]) -> str:
    written = []
    for event in batch:
        if event["type"] == "solve_started":
            written.append(reply.opening())
        if event["type"] == "verdict_reached":
            written.append(reply.closing(event["verdict"]))
        else:
            written.append(reply.progress(event))
    return "".join(written)


def _plain(batch: list[dict[str, Any]]) -> str:
    ended = "data: [DONE]\n\n" if batch[-1]["type"] == "verdict_reached" else ""
    return "".join(f"data: {json.dumps(event)}\n\n" for event in batch) + ended


def _checked(read: Callable[[], SolveRequest]) -> SolveRequest:
    """Read a request and try what the solver will do with it; raise ApiError 400."""
    try:
        solve = read()
        solve.problem()
        solve.options()
    except ProblemError as e:
        raise as_api_error(e) from e
    return solve


def _wire(solve: SolveRequest) -> dict[str, Any]:
    return solve.model_dump(exclude_none=True)


@serve.deployment(
    name="Ingress",
    max_ongoing_requests=512,
    ray_actor_options={"num_cpus": 0.1},
    graceful_shutdown_timeout_s=5,
)
@serve.ingress(app)
class Ingress:
    """Answer HTTP with the solver behind `solver`."""

    def __init__(self, solver: DeploymentHandle[Any]) -> None:
        self._solver = solver.options(stream=True)
        self._info = solver.info
        self._created = int(time.time())

    @app.get("/health")
    async def health(self) -> Response:
        """Say that requests are taken."""
        return json_reply({"status": "ok"})

    @app.get("/v1/models")
    async def models(self) -> Response:
        """List each recipe as a model."""
        return json_reply({"object": "list", "data": list((await self._cards()).values())})

    @app.get("/v1/models/{model:path}")
    async def model(self, model: str) -> Response:
        """Return one model."""
        return json_reply((await self._cards())[await self._known(model)])

    @app.post("/v1/chat/completions")
    async def chat(self, request: Request) -> Response:
        """Solve the last user message; `model` names the recipe."""
        asked = read_chat_request(read_json(await read_body(request)))
        await self._known(asked.model)
        solve = _checked(asked.solve_request)
        reply = Reply(asked.model, include_usage=asked.include_usage)
        if not asked.stream:
            return json_reply(reply.whole(await self._solve(solve)))
        return await event_stream(self._events(solve), lambda events: _chunks(reply, events))

    @app.post("/v1/solves")
    async def solves(self, request: Request) -> Response:
        """Solve one request; `stream: true` sends each event as it happens."""
        given = read_json(await read_body(request))
        stream = given.pop("stream", False)
        if not isinstance(stream, bool):
            raise ApiError(400, f"stream = {stream!r} is neither true nor false", param="stream")
        solve = _checked(lambda: parse_request(given))
        if not stream:
            return json_reply(await self._solve(solve))
        return await event_stream(self._events(solve), _plain)

    async def _cards(self) -> dict[str, dict[str, Any]]:
        info = await self._info.remote()
        names = {f"{PREFIX}{name}": told for name, told in info["recipes"].items()}
        return {name: model_card(name, self._created, told) for name, told in names.items()}

    async def _known(self, model: str) -> str:
        known = await self._cards()
        if model not in known:
            message = f"there is no model {model!r}; known: {', '.join(known)}"
            raise ApiError(404, message, param="model", code="model_not_found")
        return model

    async def _solve(self, solve: SolveRequest) -> dict[str, Any]:
        response: Any = self._solver.solve.remote(_wire(solve))
        try:
            verdict: dict[str, Any] = await anext(response)
        except Exception as e:
            # Serve and Ray raise many kinds; the client gets each as an error object.
            raise as_api_error(e) from e
        finally:
            response.cancel()
        return verdict

    async def _events(self, solve: SolveRequest) -> Events:
        response: Any = self._solver.solve_events.remote(_wire(solve))
        try:
            async for batch in response:
                yield batch
        except Exception as e:
            # As in _solve; in a stream that has begun it becomes its last event.
            raise as_api_error(e) from e
        finally:
            response.cancel()
