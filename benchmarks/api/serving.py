"""Serve the real front door for the other files here: HTTP, keys, desk, solver, replayed model."""

import asyncio
import contextlib
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import uvicorn

from votebox.deployments.backend import LocalBackend
from votebox.deployments.front import build_front
from votebox.deployments.front_args import FrontArgs
from votebox.deployments.keys import digest
from votebox.plugins import Delta, Prompt, Recorded, Registry, ReplayEngine, Solver
from votebox.plugins.replaystream import ReplayStream
from votebox.sandbox import Execution

__all__ = ["KEY", "MODEL", "RECIPE", "Counted", "Door", "open_door"]

KEY: Final = "vb-benchmark"
MODEL: Final = "replay"
RECIPE: Final = "vote"

_PROGRAM: Final = "Let me compute.\n```python\nprint(6 * 7)\n```"
_ANSWER: Final = "So it is \\boxed{42}."


@dataclass(slots=True)
class Counted:
    """Count what is in flight at the two ports of the solver."""

    streams: int = 0
    programs: int = 0


class CountedStream:
    """A stream that is counted until it is closed."""

    def __init__(self, stream: ReplayStream, counted: Counted) -> None:
        self._stream, self._counted, self._open = stream, counted, True
        counted.streams += 1

    def __aiter__(self) -> Self:
        """Return the stream itself."""
        return self

    async def __anext__(self) -> Sequence[Delta]:
        """Return the next batch."""
        return await anext(self._stream)

    async def abort(self, chain: int) -> None:
        """End one chain."""
        await self._stream.abort(chain)

    async def aclose(self) -> None:
        """End all chains."""
        self._counted.streams -= self._open
        self._open = False
        await self._stream.aclose()


class CountedEngine(ReplayEngine):
    """A replay engine that tells how many of its streams are open, and remembers no prompt."""

    def __init__(self, pause_s: float, counted: Counted) -> None:
        super().__init__(_reply(pause_s), model=MODEL)
        self._counted = counted

    def sample(self, prompts: Sequence[Prompt]) -> Any:
        """Start one chain per prompt."""
        stream = CountedStream(super().sample(prompts), self._counted)
        self.sampled.clear()
        self.aborted.clear()
        return stream


class CountedBox:
    """A sandbox that has run each program before, and waits as long as that took."""

    def __init__(self, pause_s: float, counted: Counted) -> None:
        self._pause_s, self._counted = pause_s, counted

    async def run(self, code: str, limits: object = None, **more: object) -> Execution:
        """Return 42, printed."""
        self._counted.programs += 1
        try:
            await asyncio.sleep(self._pause_s)
        finally:
            self._counted.programs -= 1
        return Execution("ok", "42\n", "", 0, None, 0.0, 0.0, 0.0, False, "none")


@dataclass(frozen=True, slots=True)
class Door:
    """Hold a running server. `solver` is the one behind it; both run on `loop`."""

    url: str
    headers: Mapping[str, str]
    solver: Solver
    counted: Counted
    loop: asyncio.AbstractEventLoop

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)


@contextlib.contextmanager
def open_door(*, pause_s: float = 0.01, **args: Any) -> Iterator[Door]:
    """Serve on a free port; a model's reply takes `pause_s`. `args` are FrontArgs' fields."""
    counted = Counted()
    engine = CountedEngine(pause_s, counted)
    solver = Solver(engine, CountedBox(pause_s, counted), Registry.load(allowed=()))
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys.toml"
        keys.write_text(f'[keys.bench]\nadmin = true\nsha256 = "{digest(KEY)}"\n')
        backend = LocalBackend(solver, models={MODEL: engine})
        app = build_front(backend, FrontArgs(keys=str(keys), **args))
        with _served(app) as (url, loop):
            yield Door(url, {"authorization": f"Bearer {KEY}"}, solver, counted, loop)


@contextlib.contextmanager
def _served(app: Any) -> Iterator[tuple[str, asyncio.AbstractEventLoop]]:
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=5, access_log=False)
    )
    running = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        running.set()
        await server.serve([listening])

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    running.wait(60)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", loops[0]
    finally:
        server.should_exit = True
        thread.join(60)
        listening.close()


def _reply(pause_s: float) -> Any:
    """Return what answers by a program first and then in a box."""

    def reply(prompt: Prompt) -> Recorded:
        again = any(message.role == "assistant" for message in prompt.messages)
        text = _ANSWER if again else _PROGRAM
        return Recorded(text, "Six times seven.", "stop", len(text) // 4, 40, pause_s)

    return reply
