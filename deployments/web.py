"""Do what any HTTP service does: bodies, event streams, error objects."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from ray.exceptions import RayActorError, RayTaskError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

from votebox.deployments.openai_models import ApiError
from votebox.plugins import (
    EngineUnavailable,
    ProblemError,
    PromptTooLong,
    RecipeError,
    VoteboxError,
)

__all__ = ["Events", "as_api_error", "event_stream", "json_reply", "kept_alive", "read_body"]

KEEP_ALIVE_S: Final = 15.0
"""Seconds of silence after which a stream sends a comment."""

MAX_BODY: Final = 2 * 2**20
"""The largest body, in bytes."""

Events = AsyncGenerator[list[dict[str, Any]], None]

log = logging.getLogger("ray.serve")


async def read_body(request: Request) -> bytes:
    """Return the body; raise ApiError 413 as soon as it is too large."""
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > MAX_BODY:
            raise ApiError(413, f"the body is larger than {MAX_BODY:,} bytes")
    return bytes(content)


def json_reply(
    data: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with JSON in ASCII: a model's text may hold what UTF-8 cannot, as half a pair."""
    return Response(json.dumps(data), status, headers, media_type="application/json")


async def event_stream(
    events: Events, write: Callable[[list[dict[str, Any]]], str]
) -> StreamingResponse:
    """Answer with server-sent events; what fails before the first batch is raised."""
    try:
        first = await anext(events)
    except BaseException:
        await events.aclose()
        raise

    async def body() -> AsyncIterator[str]:
        async with aclosing(events):
            yield write(first)
            try:
                async for batch in kept_alive(events, KEEP_ALIVE_S):
                    yield ": keep-alive\n\n" if batch is None else write(batch)
            except ApiError as e:
                yield f"data: {json.dumps(e.body)}\n\n"

    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return StreamingResponse(body(), media_type="text/event-stream", headers=headers)


async def kept_alive[T](source: AsyncIterator[T], interval_s: float) -> AsyncIterator[T | None]:
    """Yield what `source` gives, and None after each `interval_s` of silence."""
    ahead: asyncio.Future[T] | None = None
    try:
        while True:
            if ahead is None:
                ahead = asyncio.ensure_future(anext(source))
            done, _ = await asyncio.wait({ahead}, timeout=interval_s)
            if not done:
                yield None
                continue
            try:
                item = ahead.result()
            except StopAsyncIteration:
                return
            ahead = None
            yield item
    finally:
        if ahead is not None:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)


def as_api_error(error: BaseException) -> ApiError:
    """Return any failure as the error object a client gets.

    What is the caller's fault is told in full; what is ours by its kind, because the
    text of an unknown exception may hold anything.
    """
    cause = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(cause, ApiError):
        return cause
    if isinstance(cause, ProblemError | RecipeError | PromptTooLong):
        param = "recipe" if isinstance(cause, RecipeError) else None
        return ApiError(400, str(cause), param=param)
    if isinstance(error, BackPressureError):
        return ApiError(
            429, "too many solves are waiting", "rate_limit_error", None, "rate_limit_exceeded"
        )
    if isinstance(cause, EngineUnavailable):
        return ApiError(503, str(cause), "server_error", None, "overloaded")
    if isinstance(error, RayActorError | DeploymentUnavailableError):
        message = "a part of the server died and is being started again"
        return ApiError(503, message, "server_error", None, "overloaded")
    log.error("a request failed", exc_info=error)
    message = str(cause) if isinstance(cause, VoteboxError) else type(cause).__name__
    return ApiError(500, f"the solve failed: {message}", "server_error")
