"""Solve in the calling process, without Ray: an engine, the sandbox and the solver.

The engine is vLLM in this process or an OpenAI-compatible endpoint. vLLM writes to file
descriptors 1 and 2 whatever Python is told, so both go to the log file meanwhile.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

from votebox.cluster.endpoint_roles import Roles, start_roles
from votebox.cluster.errors import INTERRUPTED
from votebox.cluster.keeper import adopt_orphans, end_all
from votebox.cluster.recordings import Recorder
from votebox.cluster.screen import Show

if TYPE_CHECKING:
    from votebox.plugins import Engine, Recipe, Registry, SandboxPort, SolveOptions

__all__ = ["LocalPlan", "ended_at_once", "leave", "quiet", "solve_here", "start_engine"]

_GRACE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class LocalPlan:
    """Say what to solve and with which engine; None leaves the other side's default.

    `endpoint` None means vLLM in this process with `model`; `traces` None keeps none, and
    `record` is the folder to record the solve into. `roles` are endpoints by role.
    """

    question: str
    recipe: "Recipe"
    registry: "Registry"
    options: "SolveOptions"
    model: str | None = None
    endpoint: str | None = None
    endpoint_model: str | None = None
    traces: str | None = None
    record: Path | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    roles: Roles | None = None

    @property
    def elsewhere(self) -> bool:
        """Return whether the models are in other processes than this one."""
        return self.endpoint is not None or self.roles is not None


@contextmanager
def quiet(log: Path) -> Iterator[tuple[TextIO, TextIO]]:
    """Send file descriptors 1 and 2 to `log`; yield streams to the real ones."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    sink = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    os.close(sink)
    streams = [
        os.fdopen(os.dup(fd), "w", encoding="utf-8", errors="replace", buffering=1) for fd in kept
    ]
    try:
        yield streams[0], streams[1]
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for stream in streams:
            stream.close()
        for number, descriptor in zip((1, 2), kept, strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)


@contextmanager
def ended_at_once(close: Callable[[], None]) -> Iterator[None]:
    """Make Ctrl-C, SIGTERM and SIGHUP end this process and all it started, now.

    Unwinding is not enough here: an engine that is starting cannot be interrupted, and
    the interpreter would wait for its thread. `close` gives the terminal back.
    """

    def end() -> None:
        close()
        leave(INTERRUPTED)

    def told(number: int, frame: FrameType | None) -> None:
        for ignored in numbers:
            signal.signal(ignored, signal.SIG_IGN)
        # In a thread, because the signal may have come while this one writes to the very
        # stream that `close` writes to.
        threading.Thread(target=end).start()

    adopt_orphans()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, told) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def solve_here(plan: LocalPlan, show: Show, answered: Callable[[dict[str, Any]], None]) -> None:
    """Solve and call `answered` with the verdict as its wire dict, before cleaning up.

    Raises:
        VoteboxError: what the engine, the sandbox or the solver raise.
    """
    asyncio.run(_solve(plan, show, answered))


def leave(code: int) -> NoReturn:
    """End this process and all it started, now: vLLM takes five seconds to unwind."""
    end_all(_GRACE_S)
    os._exit(code)


async def _solve(plan: LocalPlan, show: Show, answered: Callable[[dict[str, Any]], None]) -> None:
    from votebox.plugins import Problem, Solver, TraceStore, to_wire
    from votebox.sandbox import Sandbox

    async with AsyncExitStack() as stack:
        sandbox: SandboxPort | None = None
        if plan.recipe.needs_sandbox:  # first, because it fails at once where it cannot run
            show({"type": "stage", "text": "starting the sandbox"})
            sandbox = await stack.enter_async_context(Sandbox(workers=2))
        engine = await start_engine(plan, show, stack)
        store = TraceStore(plan.traces) if plan.traces is not None else None
        recorder: Recorder | None = None
        if plan.record is not None and not isinstance(engine, Mapping):
            recorder = Recorder(plan.record, engine, sandbox)
            engine, sandbox = recorder.engine, recorder.sandbox
        solver = Solver(engine, sandbox, plan.registry, store)
        events = solver.events(Problem(plan.question, files=plan.files), plan.recipe, plan.options)
        stack.push_async_callback(events.aclose)
        async for event in events:
            wire: Mapping[str, Any] = to_wire(event)
            show(wire)
            if wire["type"] == "verdict_reached":
                if recorder is not None:
                    recorder.save(plan.question, plan.recipe.name, wire["verdict"]["seed"])
                answered(dict(wire["verdict"]))


async def start_engine(
    plan: LocalPlan, show: Show, stack: AsyncExitStack
) -> "Engine | Mapping[str, Engine]":
    """Start the engine of the plan, or one for each role; `stack` closes them."""
    if plan.roles is not None:
        return await start_roles(plan.roles, show, stack)
    if plan.endpoint is not None:
        from votebox.deployments.engine_endpoint import EndpointEngine

        show({"type": "stage", "text": f"asking {plan.endpoint} for its models"})
        endpoint = EndpointEngine(plan.endpoint, model=plan.endpoint_model or "")
        return await stack.enter_async_context(endpoint)
    from votebox.deployments.engine_embedded import EmbeddedEngine

    show({"type": "stage", "text": "loading the model (importing vLLM)"})
    return await stack.enter_async_context(EmbeddedEngine(plan.model))
