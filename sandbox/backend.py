"""What every backend is, and what they share: watching one program to its end.

A backend starts programs and can interrupt and kill them; the deadline, the byte budgets
and the cgroup counters are watched here, outside of any jail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from votebox.sandbox.cgroup import Group
from votebox.sandbox.errors import SandboxError
from votebox.sandbox.execution import Execution, Limits
from votebox.sandbox.job import Job
from votebox.sandbox.launch import Streams
from votebox.sandbox.verdict import Cause, Report, decide

_GRACE_S = 0.04  # from the interrupt to the kill: the traceback tells where it was
_REPORT_S = 10.0  # for a loaded kernel to kill and reap; then the jail is torn down
_WATCH_S = 0.25  # how often the out-of-memory counter is read


class Backend(Protocol):
    """Run accepted programs; Sandbox queues them and checks their limits."""

    @property
    def isolation(self) -> str:
        """Name the walls, as Execution.isolation."""

    async def start(self) -> None:
        """Get ready; raise SandboxError where that fails."""

    async def run(self, job: Job) -> Execution:
        """Run one program; raise SandboxError for faults of ours."""

    async def run_cell(self, session: str, job: Job) -> Execution:
        """Run one program where earlier ones of the session left their variables."""

    async def end_session(self, session: str) -> bool:
        """End a session; return whether there was one."""

    def suspect(self) -> None:
        """Start afresh with the next program: something odd was seen."""

    def pool(self) -> Mapping[str, int]:
        """Return what it keeps between programs, in numbers by name."""

    async def aclose(self) -> None:
        """Wait until nothing of any program is left."""


class Running(Protocol):
    """One program that has been started."""

    @property
    def streams(self) -> Streams:
        """Our ends of its output."""

    async def ended(self) -> Report:
        """Wait until nothing of it is left; raise SandboxError when it was lost."""

    def interrupt(self) -> None:
        """Send SIGINT to the program."""

    def kill(self) -> None:
        """Kill it and all it started."""


class Counters(Protocol):
    """What the kernel counted of a program."""

    @property
    def oom_kills(self) -> int:
        """Processes killed for want of memory."""

    @property
    def refusals(self) -> int:
        """Processes and threads refused."""

    @property
    def peak_mib(self) -> float:
        """The most resident memory of all together."""


async def watch(
    running: Running,
    limits: Limits,
    group: Counters | None,
    spent_s: Callable[[], float] | None = None,
) -> tuple[Report, Cause | None]:
    """Wait for the program's end, or end it; say why if we did.

    `spent_s` tells the processor seconds, where the kernel does not hold the program to them.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limits.wall_s
    ended = asyncio.ensure_future(running.ended())
    flooded = asyncio.ensure_future(running.streams.flooded.wait())
    try:
        cause: Cause | None = None
        while cause is None and not ended.done():
            left = max(deadline - loop.time(), 0.0)
            await asyncio.wait(
                {ended, flooded},
                timeout=min(left, _WATCH_S) if group or spent_s else left,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if ended.done():
                break
            if flooded.done():
                cause = "output"
            elif group and group.oom_kills:
                cause = "memory"
            elif loop.time() >= deadline or (spent_s and spent_s() > limits.cpu_s):
                cause = "timeout"
                running.interrupt()
                await asyncio.wait({ended}, timeout=_GRACE_S)
        if not ended.done():
            running.kill()
            await asyncio.wait({ended}, timeout=_REPORT_S)
        if not ended.done():
            raise SandboxError("the jail did not end its program; it was torn down")
        return ended.result(), cause
    finally:
        ended.cancel()
        flooded.cancel()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold all that is known of a program that has ended."""

    limits: Limits
    streams: Streams
    group: Counters | None
    report: Report
    cause: Cause | None

    def execution(self, isolation: str, files: Mapping[str, bytes]) -> Execution:
        """Return the Execution, having read what the pipes still hold."""
        self.streams.drain()
        cause = self.cause
        if self.streams.flooded.is_set() and cause is None:
            cause = "output"
        report, group = self.report, self.group
        status = decide(
            report,
            self.limits,
            cause=cause,
            oom_kills=group.oom_kills if group else 0,
            refusals=group.refusals if group else None,
        )
        out, err = (capture.kept for capture in self.streams.captures)
        return Execution(
            status=status,
            stdout=out.text(),
            stderr=err.text(),
            exit_code=report.exit_code,
            signal=report.signal,
            wall_s=round(report.wall_s, 4),
            cpu_s=round(report.cpu_s, 4),
            peak_memory_mib=round(max(report.peak_mib, group.peak_mib if group else 0.0), 2),
            truncated=out.truncated or err.truncated,
            isolation=isolation,
            files=files,
        )


async def remove(group: Group | None) -> None:
    """Remove a program's cgroup; a dead process leaves it a moment later."""
    for _ in range(100):
        if group is None or group.remove():
            return
        await asyncio.sleep(0.02)


class Endings:
    """See pieces of work to their end whatever happens to those who wait for them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Await `work`; being cancelled meanwhile does not stop it."""
        await asyncio.shield(self.begin(work))

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start `work` and return at once."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def all(self) -> None:
        """Wait until everything begun has ended."""
        while self._tasks:
            await asyncio.gather(*self._tasks)


class KeepsNothing:
    """Be a backend that keeps nothing between programs: no sessions, nothing to replace."""

    name: str

    async def run_cell(self, session: str, job: Job) -> Execution:
        """Refuse: nothing is kept between programs."""
        raise SandboxError(
            f"session {session!r}: the backend {self.name!r} keeps nothing between programs",
            "use backend='fork', or pass session=None",
        )

    async def end_session(self, session: str) -> bool:
        """Return False: there is none."""
        return False

    def suspect(self) -> None:
        """Do nothing: each program starts afresh."""

    def pool(self) -> Mapping[str, int]:
        """Return nothing."""
        return {}


@contextmanager
def refusals() -> Iterator[None]:
    """Turn an OSError of ours into a SandboxError: the host refused a resource."""
    try:
        yield
    except OSError as error:
        raise SandboxError("the host refused a resource", str(error)) from error
