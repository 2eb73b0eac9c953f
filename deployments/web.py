"""Do what any HTTP service does: bodies, replies, event streams, clients that go away.

Knows nothing of solves.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from contextlib import AbstractContextManager, aclosing, nullcontext
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from votebox.deployments.openai_errors import ApiError, timed_out, too_large
from votebox.deployments.openai_json import server_event, write_json

__all__ = [
    "ClientGone",
    "EventStream",
    "json_reply",
    "kept_alive",
    "read_body",
    "unless_gone",
]

_KEEP_ALIVE: Final = ": keep-alive\n\n"
"""A comment, which keeps a silent stream open and is nothing to its reader."""


_BODY_S: Final = 60.0
"""How long a request's body may take to arrive, in seconds."""

_PATIENCE_S: Final = 60.0
"""How long a stream waits for a reader who takes nothing, in seconds."""


class ClientGone(Exception):
    """Say that nobody is there to answer."""


async def read_body(request: Request, most: int, within_s: float = _BODY_S) -> bytes:
    """Return the body.

    Raises:
        ApiError: 413, as soon as it is larger than `most` bytes; 415, it is compressed; 408,
            it has not come within `within_s` seconds.
        ClientGone: the client left before it had sent all of it.
    """
    coding = request.headers.get("content-encoding", "identity")
    if coding.lower() != "identity":
        message = f"Content-Encoding {coding[:80]!r} is not read here: send the body as it is"
        raise ApiError(415, message, param="Content-Encoding")
    content = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for piece in request.stream():
                content += piece
                if len(content) > most:
                    raise too_large(most)
    except TimeoutError as e:
        came = f"{len(content):,} bytes had come"
        message = f"the body was not whole after {within_s:g} seconds: {came}"
        raise timed_out(message) from e
    except ClientDisconnect as e:
        raise ClientGone from e
    return bytes(content)


def json_reply(
    data: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with JSON in ASCII: a model's text may hold what UTF-8 cannot, as half a pair."""
    return Response(write_json(data), status, headers, media_type="application/json")


async def unless_gone[T](request: Request, work: Awaitable[T]) -> T:
    """Return what `work` returns; cancel it when the client goes away first.

    Raises:
        ClientGone: it did.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.create_task(_gone(request.receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        await _end(task, gone)


class EventStream(StreamingResponse):
    """Send server-sent events for as long as somebody reads them.

    After each `keep_alive_s` in which nothing was sent a comment is: proxies and clients take
    silence for a dead connection. `held` is entered while the stream is sent and left however
    that ends, even if it never began; an ApiError of `events` becomes the stream's last event.
    A reader who takes nothing for `patience_s` seconds counts as gone: its stream holds a place
    others wait for.
    """

    def __init__(
        self,
        events: AsyncGenerator[str, None],
        keep_alive_s: float,
        held: AbstractContextManager[Any] | None = None,
        headers: Mapping[str, str] | None = None,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        told = {"cache-control": "no-cache", "x-accel-buffering": "no", **(headers or {})}
        self._told = _told(events, keep_alive_s)
        super().__init__(self._told, media_type="text/event-stream", headers=told)
        self._held, self._patience_s = held or nullcontext(), patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the events end or the client goes away."""

        async def send_soon(message: Message) -> None:
            async with asyncio.timeout(self._patience_s):
                await send(message)

        with self._held:
            task = asyncio.create_task(self.stream_response(send_soon))
            gone = asyncio.create_task(_gone(receive))
            try:
                await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    task.result()
            except OSError:
                pass  # the connection broke or stands still: the same as a client that goes away
            finally:
                await _end(task, gone)
                await self._told.aclose()  # a task that ended while it sent has left it open


async def kept_alive[T](
    source: AsyncIterator[T], interval_s: float
) -> AsyncGenerator[T | None, None]:
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


async def _told(
    events: AsyncGenerator[str, None], keep_alive_s: float
) -> AsyncGenerator[str, None]:
    # The inner one is closed first: a generator whose next item is awaited cannot be closed.
    async with aclosing(events), aclosing(kept_alive(events, keep_alive_s)) as texts:
        try:
            async for text in texts:
                yield _KEEP_ALIVE if text is None else text
        except ApiError as e:
            yield server_event(e.body)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _end(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
