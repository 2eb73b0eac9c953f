"""Sessions: an interpreter that keeps its variables from one program to the next.

A session is one walled child of the fork server that gets its programs, here called cells,
over a socket of its own. It keeps namespace, imports and scratch files; each cell has its
own deadline, processor seconds and byte budgets. Memory, processes and scratch space are
bounded for the session as a whole, by its first cell.

A session is lost when a cell must be killed, when it ends its interpreter, when it was idle
for too long, or when its server dies. Nothing is ever run again in its place: the next cell
starts anew and its Execution says so.
"""

from __future__ import annotations

import asyncio
import fcntl
import marshal
import math
import os
import signal
import socket
import struct
import termios
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from votebox.sandbox import messages
from votebox.sandbox.backend import Endings, Outcome, watch
from votebox.sandbox.errors import LimitError, SandboxError
from votebox.sandbox.execution import Execution, Limits, SessionState
from votebox.sandbox.job import Job
from votebox.sandbox.launch import Collected, Handed, Streams, anonymous_file, close_socket
from votebox.sandbox.verdict import Report

if TYPE_CHECKING:
    from votebox.sandbox.program import Program

__all__ = ["Session", "Sessions"]

_IDLE_S = 300.0  # then a session ends
_MOST = 64  # sessions at once; the one idle for longest makes room
_REMEMBERED = 10_000  # names of lost sessions
_LOOK_S = 0.02  # after a cell, how soon we look again whether all its processes have stopped
_LOOKS = 50  # then a session that forks faster than we can stop it is killed
_STILL = b"TtZX"  # stopped, traced, ended
_FOR_ALL_CELLS = ("memory_mib", "processes", "scratch_mib")


class Sessions:
    """Hold the sessions of one backend, by name."""

    def __init__(self, open_session: Callable[[Job], Awaitable[Session]], endings: Endings) -> None:
        """Open sessions with `open_session`; see their ends through with `endings`."""
        self._open = open_session
        self._endings = endings
        self._live: OrderedDict[str, Session] = OrderedDict()  # longest idle first
        self._opening: dict[str, asyncio.Event] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._waiting: dict[str, int] = {}
        self._lost: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._live)

    async def run(self, name: str, job: Job, isolation: str) -> Execution:
        """Run one cell; cells of one session run one after the other."""
        lock = self._locks.setdefault(name, asyncio.Lock())
        self._waiting[name] = self._waiting.get(name, 0) + 1
        try:
            async with lock:
                return await self._run(name, job, isolation)
        finally:
            self._waiting[name] -= 1
            if not self._waiting[name]:
                del self._waiting[name], self._locks[name]

    async def end(self, name: str) -> bool:
        """End a session and forget it; return whether there was one."""
        opening = self._opening.get(name)
        if opening is not None:
            await opening.wait()
        self._lost.pop(name, None)
        session = self._live.pop(name, None)
        if session is not None:
            await self._endings.run(session.close())
        return session is not None

    async def aclose(self) -> None:
        """End all sessions."""
        for name in [*self._live]:
            await self.end(name)

    async def _run(self, name: str, job: Job, isolation: str) -> Execution:
        session, state = await self._find(name, job)
        self._live.move_to_end(name)
        try:
            execution = await session.run(job, isolation)
        finally:
            if session.over:
                self._lose(name)
            else:
                session.expire(_IDLE_S, lambda: self._lose(name))
        return replace(execution, session=state, session_lost=session.over)

    async def _find(self, name: str, job: Job) -> tuple[Session, SessionState]:
        session = self._live.get(name)
        if session is not None and session.over:  # it died while idle
            self._lose(name)
            session = None
        if session is not None:
            session.check(job.limits)
            return session, "kept"
        state: SessionState = "restarted" if name in self._lost else "new"
        self._make_room()
        self._opening[name] = asyncio.Event()
        try:
            session = self._live[name] = await self._open(job)
        finally:
            self._opening.pop(name).set()
        self._lost.pop(name, None)
        return session, state

    def _make_room(self) -> None:
        if len(self._live) < _MOST:
            return
        idle = next((name for name, session in self._live.items() if not session.busy), None)
        if idle is None:
            raise SandboxError(f"all {_MOST} sessions are busy", "end some, or wait for one")
        self._lose(idle)

    def _lose(self, name: str) -> None:
        session = self._live.pop(name, None)
        if session is not None:
            self._endings.begin(session.close())
            self._lost[name] = None
            if len(self._lost) > _REMEMBERED:
                self._lost.popitem(last=False)


class Session:
    """Own one session: its program, and our end of the socket its cells go over."""

    def __init__(self, program: Program, limits: Limits) -> None:
        """Hold nothing yet; whoever starts it must close it, even if that fails."""
        self.busy = False
        self._program = program
        self._limits = limits
        self._socket, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setblocking(False)
        self._cpu_s = 0.0
        self._ending = False
        self._expiry: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Start the interpreter."""
        with self._theirs:
            await self._program.start(self._theirs.fileno())
        self._program.streams.close()  # each cell brings its own

    @property
    def over(self) -> bool:
        """Tell whether no cell can run here any more."""
        return self._ending or self._program.over

    def check(self, limits: Limits) -> None:
        """Refuse limits that differ where the whole session has one."""
        for name in _FOR_ALL_CELLS:
            asked, kept = getattr(limits, name), getattr(self._limits, name)
            if asked != kept:
                raise LimitError(name, asked, f"the session keeps {kept} of its first program")

    def expire(self, after_s: float, then: Callable[[], None]) -> None:
        """Call `then` after `after_s` seconds without a cell."""
        self._expiry = asyncio.get_running_loop().call_later(after_s, then)

    async def run(self, job: Job, isolation: str) -> Execution:
        """Run one cell."""
        self._cancel_timers()
        if not self._quiet():  # it talks out of turn, or has not read its last cell
            self._ending = True
            raise SandboxError("the session no longer answers as it must; it was ended")
        self._wake()
        group = self._program.group
        counters = group.again() if group else None
        cell = _Cell(self._program, self._socket, job, self._cpu_s)
        self.busy = True
        finished = False
        try:
            cell.start()
            report, cause = await watch(cell, job.limits, counters, cell.spent_s)
            outcome = Outcome(job.limits, cell.streams, counters, report, cause)
            finished = not self._program.over
            self._cpu_s += report.cpu_s
            return outcome.execution(isolation, cell.collected.read())
        finally:
            self.busy = False
            self._ending = self._ending or not finished  # cancelled, or killed, or gone
            cell.close()
            if not self._ending:
                self._sleep()

    def _quiet(self) -> bool:
        """Tell whether every cell was read, and nothing was said that nobody asked for."""
        unread = struct.unpack("i", fcntl.ioctl(self._socket, termios.TIOCOUTQ, bytes(4)))[0]
        try:
            return not unread and self._socket.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return not unread
        except OSError:
            return False

    def _sleep(self) -> None:
        """Stop all its processes: between cells a session takes no processor time."""
        self._program.send(signal.SIGSTOP)
        self._stop_all(_LOOKS)

    def _stop_all(self, looks: int) -> None:
        """Stop what still runs, and look again: a process may fork before the signal comes."""
        if self.over:
            return
        processes = self._program.processes()
        _tell(processes, signal.SIGSTOP)
        still = _STILL if looks else _STILL + b"D"  # one that waits for its vfork may, for ever
        stopped = all(_in_states(process, still) for process in processes)
        if stopped and {*self._program.processes()} == {*processes}:
            return
        if not looks:
            self._program.kill()
            return
        loop = asyncio.get_running_loop()
        self._look = loop.call_later(_LOOK_S, self._stop_all, looks - 1)

    def _cancel_timers(self) -> None:
        for timer in (self._expiry, self._look):
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        _tell(self._program.processes(), signal.SIGCONT)
        self._program.send(signal.SIGCONT)

    async def close(self) -> None:
        """End the session, and return when nothing of it is left."""
        self._ending = True
        self._cancel_timers()
        close_socket(self._socket)
        self._theirs.close()
        await self._program.close()


def _tell(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def _in_states(process: int, states: bytes) -> bool:
    """Tell whether every thread of a process is in one of the kernel's `states`."""
    try:
        return all(
            (task / "stat").read_bytes().rpartition(b")")[2].split()[0] in states
            for task in Path("/proc", str(process), "task").iterdir()
        )
    except OSError:  # it, or one of its threads, has just ended
        return False


def _processor_s(processes: list[int]) -> float:
    """Return the processor seconds of processes and their children that ended."""
    ticks = 0
    for process in processes:
        with suppress(OSError):
            stat = Path("/proc", str(process), "stat").read_bytes().rpartition(b")")[2].split()
            ticks += sum(map(int, stat[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


class _Cell:
    """Be one program of a session."""

    def __init__(self, program: Program, cells: socket.socket, job: Job, spent_s: float) -> None:
        self.streams = Streams(job.limits.output_kib * 1024)
        self.collected = Collected(job.wanted)
        self._program = program
        self._cells = cells
        self._job = job
        self._spent_s = spent_s
        self._began = 0.0
        self._before_s = 0.0

    def start(self) -> None:
        """Hand the cell to the interpreter."""
        job = self._job
        payload = marshal.dumps(
            {
                "source": job.source,
                "files": job.files,
                "cpu_s": math.ceil(job.limits.cpu_s),
                "echo": job.echo,
                "wanted": job.wanted,
            }
        )
        with Handed() as handed:
            out, err = self.streams.connect(handed)
            descriptors = (
                handed.add(anonymous_file("cell", payload)),
                handed.add(anonymous_file("stdin", job.stdin, read_only=True)),
                *(out, err),
                *self.collected.connect(handed),
            )
            self._began = time.monotonic()
            self._before_s = _processor_s(self._program.processes())
            with suppress(BrokenPipeError, ConnectionResetError):  # `ended` finds it so
                socket.send_fds(self._cells, [messages.RUN], descriptors)

    async def ended(self) -> Report:
        """Wait for the end of the cell, or of the whole session."""
        loop = asyncio.get_running_loop()
        told = asyncio.ensure_future(loop.sock_recv(self._cells, 64))
        gone = asyncio.ensure_future(self._program.ended())
        try:
            await asyncio.wait((told, gone), return_when=asyncio.FIRST_COMPLETED)
            message = b"" if gone.done() else told.result()
            if len(message) == messages.CELL.size:
                return self._report(message)
            if message:  # forged: no cell of ours says this
                self._program.kill()
            return self._last(await gone)
        except OSError:  # it is gone, or was ended before its first answer was awaited
            return self._last(await gone)
        finally:
            told.cancel()
            gone.cancel()

    def _last(self, report: Report) -> Report:
        """Return the cell's part of the report of the whole session."""
        wall_s = time.monotonic() - self._began
        return replace(report, wall_s=wall_s, cpu_s=max(0.0, report.cpu_s - self._spent_s))

    def _report(self, message: bytes) -> Report:
        code, note, cpu_s = messages.CELL.unpack(message)
        spent = max(0.0, cpu_s - self._spent_s) if math.isfinite(cpu_s) else 0.0
        wall_s = time.monotonic() - self._began
        return Report((code & 0xFF) << 8, note, wall_s, spent, 0.0)

    def interrupt(self) -> None:
        """Send SIGINT to the interpreter."""
        self._program.interrupt()

    def spent_s(self) -> float:
        """Return the processor seconds of all its processes; it could lift its own limit."""
        return _processor_s(self._program.processes()) - self._before_s

    def kill(self) -> None:
        """Kill the session."""
        self._program.kill()

    def close(self) -> None:
        """Give the descriptors back."""
        self.streams.close()
        self.collected.close()
