"""Build the front door: one ASGI app over a backend that solves.

    app = build_front(LocalBackend(...), FrontArgs())

Knows no Ray: under Ray Serve the backend is a handle (ingress.py), in tests and benchmarks
it is a Solver in the same process. The routes are in routes_*.py; who may come in is decided
before them, in gate.py.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from votebox.deployments import routes_openai, routes_responses, routes_site, routes_solves
from votebox.deployments.admission import Admission
from votebox.deployments.backend import Backend
from votebox.deployments.catalogue import Catalogue
from votebox.deployments.desk import Desk
from votebox.deployments.failures import as_api_error
from votebox.deployments.front_args import FrontArgs
from votebox.deployments.gate import Gate
from votebox.deployments.keys import ENVIRONMENT, KeyRing
from votebox.deployments.openai_models import ApiError
from votebox.deployments.watch import Watch
from votebox.deployments.web import ClientGone, json_reply

__all__ = ["Front", "build_front"]

_DEFAULT_RUNNING: Final = 64


@dataclass(frozen=True, slots=True)
class Front:
    """Hold what the routes share."""

    args: FrontArgs
    backend: Backend
    desk: Desk
    catalogue: Catalogue
    watch: Watch


def build_front(backend: Backend, args: FrontArgs, *, proxied: bool = False) -> ASGIApp:
    """Return the app; `proxied` says that Ray Serve's proxy is before it, see gate.py.

    Raises:
        KeyFileError: the keys cannot be read.
        SpansError, ValueError: the environment asks for spans or logs that cannot be.
    """
    ring = KeyRing(Path(args.keys) if args.keys else None, os.environ.get(ENVIRONMENT, ""))
    watch = Watch.from_environment(questions=args.log_questions)
    desk = Desk(
        backend.solve_events,
        Admission(args.max_running or _DEFAULT_RUNNING, args.max_queued),
        (watch,),
        keep=args.keep_solves,
        keep_chars=args.keep_mib * 2**20,
    )
    app = _app(Front(args, backend, desk, Catalogue(backend, watch.meters.know), watch))
    gate = Gate(app, ring, args.max_body_bytes, watch.seen, proxied=proxied)
    if not args.cors_origins:
        return gate
    return CORSMiddleware(
        gate,
        allow_origins=args.cors_origins,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=["x-request-id", "retry-after", "x-should-retry", "location"],
    )


def _app(front: Front) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await front.desk.close()
        await asyncio.to_thread(front.watch.close)

    app = FastAPI(
        title="votebox",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # gate.py takes them off: a redirect behind TLS leads out of it
        lifespan=lifespan,
    )
    app.state.front = front
    for routes in (routes_openai, routes_responses, routes_solves, routes_site):
        app.include_router(routes.router)
    app.exception_handler(ApiError)(_tell)
    app.exception_handler(HTTPException)(_tell_http)
    app.exception_handler(ClientGone)(_tell_nobody)
    app.exception_handler(Exception)(_tell_any)
    return app


async def _tell(request: Request, error: Any) -> Response:
    return json_reply(error.body, error.status, error.headers)


async def _tell_http(request: Request, error: Any) -> Response:
    """Answer what no route takes; the commonest causes are a base URL without /v1, or with two."""
    path, shown = request.scope["path"], request.scope["path"][:200]
    if error.status_code == 405:
        message = f"{shown!r} does not take {request.method}"
    else:
        base = path.removeprefix("/v1") if path.startswith("/v1/v1/") else f"/v1{path}"
        routes = (getattr(route, "path", "") for route in request.app.routes)
        fix = f"did you mean {base!r}" if base in routes else "/openapi.json describes what is"
        message = f"there is no {shown!r}; {fix}"
    told = ApiError(error.status_code, message)
    return json_reply(told.body, told.status, error.headers)


async def _tell_nobody(request: Request, error: Any) -> Response:
    return Response(status_code=499)


async def _tell_any(request: Request, error: Any) -> Response:
    told = as_api_error(error)
    return json_reply(told.body, told.status, told.headers)
