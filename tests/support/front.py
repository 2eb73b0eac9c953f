"""The real front door over real HTTP, without Ray: uvicorn, a Solver, a replay engine."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn
from contract import FakeBox
from solved import engine, known, ran

from votebox.deployments.backend import LocalBackend
from votebox.deployments.front import build_front
from votebox.deployments.front_args import FrontArgs
from votebox.plugins import Solver


def backend(*, pause_s: float = 0.01) -> LocalBackend:
    """Return a backend whose chains answer as the table in solved.py."""
    replay = engine(pause_s=pause_s)
    solver = Solver(replay, FakeBox(ran, pause_s=0.02), known())
    return LocalBackend(solver, models={"QwQ-32B": replay})


@contextlib.contextmanager
def front_door(made: Any = None, /, **args: Any) -> Iterator[str]:
    """Serve `made`, a Backend, on a free port; yield the URL. `args` are FrontArgs' fields."""
    app = build_front(made or backend(), FrontArgs(**args))
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(60)
        listening.close()
