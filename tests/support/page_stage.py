"""Serve the live page over recorded solves: the API of the front, played from a list of events.

What a real front cannot be made to do on demand is done here: break a stream, refuse a
request, hold a solve in its middle, send what a hostile model might.
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from votebox.deployments.page_files import page_files
from votebox.plugins import Registry, draw_svg

Event = dict[str, Any]
Handler = Callable[[Request], Awaitable[Response]]


def shipped() -> list[dict[str, Any]]:
    """Return the shipped recipes as the front lists them."""
    recipes = Registry.load(allowed=()).recipes.values()
    return [
        {
            "name": recipe.name,
            "description": recipe.description,
            "chains": recipe.chains,
            "rounds": recipe.rounds,
            "hash": recipe.hash,
            "svg": draw_svg(recipe),
            "default": recipe.name == "vote",
        }
        for recipe in recipes
    ]


@dataclass
class Live:
    """Hold one solve: its object and what was told of it so far."""

    id: str
    body: dict[str, Any]
    created: float = field(default_factory=time.time)
    status: str = "running"
    events: list[Event] = field(default_factory=list)
    followed_from: list[int] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        votes: Sequence[Any] = ()
        for event in self.events:
            votes = event.get("votes", votes)
        tokens = sum(e["tokens"] for e in self.events if e["type"] == "chain_text")
        progress = {"planned": 0, "tokens": tokens, "votes": votes}
        common = {"question": self.body["question"], "recipe": self.body.get("recipe", "vote")}
        return {
            "id": self.id,
            "object": "solve",
            "status": self.status,
            "created": self.created,
            "started": self.created,
            "ended": None,
            "progress": progress,
            "error": None,
            **common,
        }


@dataclass
class Stage:
    """Play `script`, (seconds since the one before, event), to whoever asks.

    `hold_at` events are sent at once and the rest when `go` is set; without it all come in
    their time. `break_at` cuts the first stream behind so many events. `refusal` is
    (status, headers, error) for the next question, `key` the key that is asked for.
    """

    script: list[tuple[float, Event]]
    hold_at: int | None = None
    break_at: int | None = None
    refusal: tuple[int, dict[str, str], dict[str, Any]] | None = None
    key: str | None = None
    recipes: list[dict[str, Any]] = field(default_factory=shipped)
    go: threading.Event = field(default_factory=threading.Event)
    solves: dict[str, Live] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def play(self, live: Live) -> None:
        for number, (pause_s, event) in enumerate(self.script):
            if self.hold_at is None:
                await asyncio.sleep(pause_s)
            while number == self.hold_at and not self.go.is_set():
                await asyncio.sleep(0.01)
            if live.status != "running":
                return
            live.events.append(event)
        live.status = "completed"

    async def stream(self, live: Live, after: int | None) -> AsyncIterator[str]:
        live.followed_from.append(-1 if after is None else after)
        sent = 0 if after is None else after + 1
        while True:
            while sent < len(live.events):
                if self.break_at == sent:
                    self.break_at = None
                    await asyncio.sleep(0.3)  # a browser forgets what it has not read yet
                    raise ConnectionResetError
                yield f"id: {sent}\ndata: {json.dumps(live.events[sent])}\n\n"
                sent += 1
            if live.status != "running":
                yield "data: [DONE]\n\n"
                return
            yield ": keep-alive\n\n"
            await asyncio.sleep(0.01)

    def app(self) -> Starlette:
        one = "/v1/solves/{name}"
        return Starlette(
            routes=[
                Route("/v1/recipes", self._guarded(self._recipes)),
                Route("/v1/solves", self._guarded(self._solves)),
                Route("/v1/solves", self._guarded(self._ask), methods=["POST"]),
                Route(one, self._guarded(self._solve)),
                Route(one, self._guarded(self._cancel), methods=["DELETE"]),
                Route(f"{one}/events", self._guarded(self._events)),
                Route("/{path:path}", _page),
            ]
        )

    def _guarded(self, reply: Handler) -> Handler:
        """Ask for the key, and for a solve that is known, before `reply`."""

        async def checked(request: Request) -> Response:
            if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
                return _error(401, {"message": "no key", "code": "invalid_api_key"})
            name = request.path_params.get("name")
            if name is not None and name not in self.solves:
                return _error(404, {"message": f"there is no solve {name!r}"})
            return await reply(request)

        return checked

    async def _recipes(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": self.recipes})

    async def _solves(self, request: Request) -> Response:
        told = [live.told() for live in reversed(self.solves.values())]
        return JSONResponse({"object": "list", "data": told, "has_more": False})

    async def _ask(self, request: Request) -> Response:
        if self.refusal is not None:
            (status, headers, error), self.refusal = self.refusal, None
            return _error(status, error, headers)
        live = Live(f"20261123-1000{next(self.numbers):02d}-abc", await request.json())
        self.solves[live.id] = live
        self.tasks.add(asyncio.create_task(self.play(live)))
        return JSONResponse(live.told(), 202)

    async def _solve(self, request: Request) -> Response:
        live = self.solves[request.path_params["name"]]
        verdict = live.events[-1].get("verdict") if live.events else None
        return JSONResponse({**live.told(), "verdict": verdict})

    async def _events(self, request: Request) -> Response:
        after = request.query_params.get("after")
        source = self.stream(
            self.solves[request.path_params["name"]], None if after is None else int(after)
        )
        return StreamingResponse(source, media_type="text/event-stream")

    async def _cancel(self, request: Request) -> Response:
        live = self.solves[request.path_params["name"]]
        live.status = "cancelled"
        return JSONResponse(live.told())


@contextmanager
def staged(stage: Stage) -> Iterator[str]:
    """Serve a stage on a free port; give its address."""
    with served(stage.app()) as url:
        yield url


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an app on a free port in a thread of its own; give its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join()


def _error(status: int, error: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": error}, status, headers)


async def _page(request: Request) -> Response:
    found = page_files().get(request.url.path)
    return Response(found.content, headers=found.headers) if found else Response("", 404)
