"""The backend that starts one nsjail for each program.

Slow, since each program pays for a fresh interpreter and its imports, and strict: programs
share nothing. It owns the deadline, the byte budgets and the cgroups.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Protocol

from votebox.sandbox import cgroup
from votebox.sandbox.cgroup import Cgroups, Group
from votebox.sandbox.errors import SandboxError
from votebox.sandbox.execution import Execution, Limits
from votebox.sandbox.job import Job
from votebox.sandbox.launch import Jail
from votebox.sandbox.verdict import Cause, Report, decide

_GRACE_S = 0.25  # from the interrupt to the kill: buffers are flushed, a traceback printed
_REPORT_S = 10.0  # for a loaded kernel to kill and reap; then the jail is torn down
_WATCH_S = 0.25  # how often the out-of-memory counter is read


class Backend(Protocol):
    """Run accepted programs; Sandbox queues them and checks their limits."""

    @property
    def isolation(self) -> str:
        """Name the walls, as Execution.isolation."""

    async def run(self, job: Job) -> Execution:
        """Run one program; raise SandboxError for faults of ours."""

    async def aclose(self) -> None:
        """Wait until nothing of any program is left."""


class OnceBackend:
    """Start one nsjail for each program."""

    def __init__(self, nsjail: Path) -> None:
        """Use the binary `nsjail` and whatever cgroups this host offers."""
        self._nsjail = nsjail
        self._cgroups: Cgroups | None = cgroup.find()
        self._endings: set[asyncio.Task[None]] = set()
        if self._cgroups:
            self._cgroups.sweep()

    @property
    def isolation(self) -> str:
        """Name the walls, as Execution.isolation."""
        return f"nsjail+userns+seccomp+{self._cgroups.kind if self._cgroups else 'rlimits'}"

    async def run(self, job: Job) -> Execution:
        """Run one program; raise SandboxError for faults of ours."""
        jail, group = Jail(self._nsjail), None
        try:
            group = self._cgroups.make(job.limits) if self._cgroups else None
            await jail.start(job, group)
            report, cause = await _watch(jail, job.limits, group)
            return self._conclude(job.limits, jail, group, report, cause)
        except OSError as error:
            raise SandboxError("the host refused a resource", str(error)) from error
        finally:
            await self._to_the_end(_clean(jail, group))

    async def aclose(self) -> None:
        """Wait until nothing of any program is left."""
        await asyncio.gather(*self._endings)

    def _conclude(
        self,
        limits: Limits,
        jail: Jail,
        group: Group | None,
        report: Report,
        cause: Cause | None,
    ) -> Execution:
        out, err = jail.captures
        out.drain()
        err.drain()
        if jail.flooded.is_set() and cause is None:
            cause = "output"
        status = decide(
            report,
            limits,
            cause=cause,
            oom_kills=group.oom_kills if group else 0,
            refusals=group.refusals if group else None,
        )
        return Execution(
            status=status,
            stdout=out.kept.text(),
            stderr=err.kept.text(),
            exit_code=report.exit_code,
            signal=report.signal,
            wall_s=round(report.wall_s, 4),
            cpu_s=round(report.cpu_s, 4),
            peak_memory_mib=round(max(report.peak_mib, group.peak_mib if group else 0.0), 2),
            truncated=out.kept.truncated or err.kept.truncated,
            isolation=self.isolation,
        )

    async def _to_the_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Await `work`; being cancelled meanwhile does not stop it."""
        task = asyncio.create_task(work)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
        await asyncio.shield(task)


async def _watch(jail: Jail, limits: Limits, group: Group | None) -> tuple[Report, Cause | None]:
    """Wait for the program's end, or end it; say why if we did."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limits.wall_s
    ended = asyncio.create_task(jail.receive())
    flooded = asyncio.create_task(jail.flooded.wait())
    try:
        cause: Cause | None = None
        while cause is None and not ended.done():
            left = max(deadline - loop.time(), 0.0)
            await asyncio.wait(
                {ended, flooded},
                timeout=min(left, _WATCH_S) if group else left,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if ended.done():
                break
            if flooded.done():
                cause = "output"
            elif group and group.oom_kills:
                cause = "memory"
            elif loop.time() >= deadline:
                cause = "timeout"
                jail.order(b"i")
                await asyncio.wait({ended}, timeout=_GRACE_S)
        if not ended.done():
            jail.order(b"k")
            await asyncio.wait({ended}, timeout=_REPORT_S)
        if not ended.done():
            raise SandboxError("the jail did not end its program; it was torn down")
        return _read(ended.result()), cause
    finally:
        ended.cancel()
        flooded.cancel()


def _read(message: bytes) -> Report:
    try:
        return Report.parse(message)
    except ValueError as error:
        raise SandboxError("the jail was lost while its program ran") from error


async def _clean(jail: Jail, group: Group | None) -> None:
    await jail.close()
    for _ in range(100):  # a dead process leaves its cgroup a moment later
        if group is None or group.remove():
            return
        await asyncio.sleep(0.02)
