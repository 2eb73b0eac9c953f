"""One program of a fork server, seen from outside: its order, its signals, its end."""

from __future__ import annotations

import asyncio
import marshal
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from votebox.sandbox import messages
from votebox.sandbox.cgroup import Groups, Lent
from votebox.sandbox.errors import SandboxError
from votebox.sandbox.job import Job
from votebox.sandbox.launch import Collected, Handed, Streams, anonymous_file
from votebox.sandbox.policy import program_rlimits, scratch_options
from votebox.sandbox.verdict import Report

if TYPE_CHECKING:
    from votebox.sandbox.fork import ForkServer

__all__ = ["Program", "ServerLost", "tell"]

_BEGIN_S = 10.0
_END_S = 30.0


class ServerLost(SandboxError):
    """Say that the fork server ended while a program was waiting or running."""


@dataclass(frozen=True, slots=True)
class _Handles:
    """Hold pidfds: of a program's process 1, whose end is the end of all, and of itself."""

    init: int
    program: int


class Program:
    """Own one program of a fork server, from its order to its end."""

    def __init__(self, serving: ForkServer, job: Job, groups: Groups | None) -> None:
        """Hold nothing yet; whoever starts it must close it, even if that fails."""
        loop = asyncio.get_running_loop()
        self.streams = Streams(job.limits.output_kib * 1024)
        self.collected = Collected(job.wanted)
        self.group: Lent | None = None
        self._groups = groups
        self._job = job
        self._serving = serving
        self._number: int | None = None
        self._handles: _Handles | None = None
        self._began: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[Report] = loop.create_future()
        serving.users += 1

    async def start(self, cells: int | None = None) -> None:
        """Return at the program's first statement; raise SandboxError if it fails.

        Args:
            cells: descriptor of a socket over which a session gets its cells.
        """
        job = self._job
        self.group = self._groups.lend(job.limits) if self._groups else None
        with Handed() as handed:
            out, err = self.streams.connect(handed)
            groups = tuple(map(handed.add, self.group.group.entries())) if self.group else ()
            payload = pack_job(job, groups=len(groups), session=cells is not None)
            descriptors = (
                handed.add(anonymous_file("payload", payload)),
                handed.add(anonymous_file("stdin", job.stdin, read_only=True)),
                *(out, err),
                *groups,
                *self.collected.connect(handed),
                *(() if cells is None else (cells,)),
            )
            self._number = self._serving.submit(self, descriptors)
        try:
            async with asyncio.timeout(_BEGIN_S):
                await asyncio.shield(self._began)
        except TimeoutError:
            self._serving.stale = True
            raise ServerLost("the fork server did not start a program in time") from None

    def processes(self) -> list[int]:
        """Return the numbers of its processes, process 1 of their namespace left out."""
        if self.group:
            return self.group.group.processes()
        if self._handles is None:
            return []
        init, program = map(number_of, (self._handles.init, self._handles.program))
        return [n for n in (program, *descendants(program), *descendants(init)) if n]

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program alone."""
        if self._handles:
            tell(self._handles.program, number)

    @property
    def over(self) -> bool:
        """Tell whether it has ended or was lost."""
        return self._ended.done()

    async def ended(self) -> Report:
        """Wait until nothing of it is left; raise SandboxError when it was lost."""
        return await asyncio.shield(self._ended)

    def interrupt(self) -> None:
        """Send SIGINT to the program."""
        self.send(signal.SIGINT)

    def kill(self) -> None:
        """Kill it and all it started."""
        if self._handles:
            tell(self._handles.init, signal.SIGKILL)

    async def close(self) -> None:
        """Kill it if it runs; return when nothing of it is left."""
        self.streams.close()
        self.collected.close()
        if self._number is not None:
            try:
                if not self._ended.done():
                    async with asyncio.timeout(_END_S):
                        await asyncio.wait((self._began,))
                        self.kill()
                        await asyncio.wait((self._ended,))
            except TimeoutError:
                self._serving.odd = self._serving.stale = True  # no sane server is so slow
                self._serving.changed.set()
            self._serving.forget(self._number)
        for future in (self._began, self._ended):
            if future.done():
                future.exception()  # seen, if nobody asked
            else:
                future.cancel()
        if self._handles:
            os.close(self._handles.init)
            os.close(self._handles.program)
            self._handles = None
        self._serving.users -= 1
        self._serving.changed.set()
        if self.group and self._groups:
            for _ in range(100):  # a dead process leaves its cgroup a moment later
                if self._groups.give_back(self.group):
                    break
                await asyncio.sleep(0.02)

    def told(self, kind: bytes, rest: bytes, descriptors: Sequence[int]) -> None:
        """Take a message about this program; raise ValueError when it makes no sense."""
        if kind == messages.STARTED and not self._began.done():
            init, program = descriptors
            self._handles = _Handles(init, program)
            self._began.set_result(None)
        elif kind == messages.ENDED and self._began.done() and not self._ended.done():
            status, note, wall_s, user_s, system_s, peak_kib = messages.RESULT.unpack(rest)
            self._ended.set_result(Report(status, note, wall_s, user_s + system_s, peak_kib / 1024))
        elif kind == messages.REFUSED and not self._began.done():
            reason = rest.decode("utf-8", "replace") or "it ended before it began"
            self._fail(SandboxError("the program could not be started", reason))
        else:
            raise ValueError(f"message {kind!r} out of turn")

    def lost(self, reason: str) -> None:
        """Take the news that the server is gone, and the program with it."""
        self._fail(ServerLost("the fork server was lost while its program ran", reason))

    def _fail(self, error: SandboxError) -> None:
        for future in (self._began, self._ended):
            if not future.done():
                future.set_exception(error)


def pack_job(job: Job, *, groups: int, session: bool) -> bytes:
    """Return what a waiting child reads to become the program."""
    return marshal.dumps(
        {
            "source": job.source,
            "files": () if session else (("main.py", job.source), *job.files),
            "scratch": scratch_options(job.limits.scratch_mib),
            "rlimits": program_rlimits(job.limits, groups=bool(groups), session=session),
            "groups": groups,
            "session": session,
            "echo": job.echo,
            "wanted": job.wanted,
        }
    )


def number_of(pidfd: int) -> int:
    """Return the number of the process a pidfd stands for, 0 when it has ended."""
    lines = Path("/proc/self/fdinfo", str(pidfd)).read_text(encoding="ascii").splitlines()
    found = next((line for line in lines if line.startswith("Pid:")), "Pid: 0")
    return max(0, int(found.removeprefix("Pid:")))


def descendants(process: int) -> list[int]:
    """Return the children of a process, theirs, and so on; 0 has none."""
    found: list[int] = []
    parents = [process] if process else []
    while parents:
        parent = parents.pop()
        with suppress(OSError):  # it has ended
            for task in Path("/proc", str(parent), "task").iterdir():
                children = (task / "children").read_text(encoding="ascii")
                parents += map(int, children.split())
        found.append(parent)
    return found[1:]


def tell(pidfd: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended."""
    with suppress(ProcessLookupError):  # it has ended, which we are about to hear
        signal.pidfd_send_signal(pidfd, number)
