"""Serve what is not a solve: health, readiness, version, metrics, the API's description."""

from functools import cache
from importlib.metadata import version
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from votebox.deployments.openai_errors import ApiError
from votebox.deployments.openapi import document
from votebox.deployments.page_files import page_files
from votebox.deployments.routing import front_of
from votebox.deployments.web import json_reply

__all__ = ["router"]

router = APIRouter()

_READ: Final = ["GET", "HEAD"]
"""Probes and browsers look with HEAD, too; servers leave the body out."""


@router.api_route("/health", methods=_READ)
async def health() -> Response:
    """Say that this process answers."""
    return json_reply({"status": "ok"})


@router.api_route("/ready", methods=_READ)
async def ready(request: Request) -> Response:
    """Say whether solves are taken, and how many run and wait; 503 while solvers are away."""
    front = front_of(request)
    admission = front.desk.admission
    state = await front.catalogue.state()
    told = {"status": state, "running": admission.running, "queued": admission.queued}
    if state != "ready":
        return json_reply(told, 503, {"retry-after": "5"})
    return json_reply(told)


@router.api_route("/version", methods=_READ)
async def told_version(request: Request) -> Response:
    """Return the version of votebox."""
    return json_reply({"version": version("votebox")})


@router.api_route("/openapi.json", methods=_READ)
async def openapi(request: Request) -> Response:
    """Return the description of this API."""
    return json_reply(_document())


@router.api_route("/metrics", methods=_READ)
async def metrics(request: Request) -> Response:
    """Return the app's metrics as Prometheus reads them."""
    text, media_type = front_of(request).watch.meters.text()
    return Response(text, media_type=media_type)


@router.api_route("/", methods=_READ)
async def page(request: Request) -> Response:
    """Return the live page."""
    return _file(request, "/")


@router.api_route("/page/{name}", methods=_READ)
async def page_file(request: Request, name: str) -> Response:
    """Return a file of the page."""
    return _file(request, f"/page/{name}")


@router.api_route("/favicon.ico", methods=_READ)
async def icon(request: Request) -> Response:
    """Return the page's icon."""
    return _file(request, "/page/icon.svg")


def _file(request: Request, path: str) -> Response:
    found = page_files().get(path)
    if found is None:
        raise ApiError(404, f"there is no {path[:200]!r}")
    if found.unchanged(request.headers.get("if-none-match")):
        return Response(status_code=304, headers=found.headers)
    return Response(found.content, headers=found.headers)


_document = cache(document)
