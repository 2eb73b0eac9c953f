"""The backend that forks each program from a warm interpreter, itself inside nsjail.

One nsjail is the outer wall; server.py in it imports the big packages once and forks a
child for each program, behind walls of its own. This side hands it descriptors, kills
through pidfds, so that a busy server cannot delay a kill, and takes its word only for how
a program ended. It replaces the server after many runs and after anything odd.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from votebox.sandbox import cgroup, messages
from votebox.sandbox.backend import Endings, Outcome, watch
from votebox.sandbox.cgroup import Groups
from votebox.sandbox.errors import SandboxError, SandboxUnavailable
from votebox.sandbox.execution import Execution, Limits
from votebox.sandbox.job import Job
from votebox.sandbox.launch import Handed, Nsjail, anonymous_file
from votebox.sandbox.policy import (
    load_policy,
    pack,
    packages_directory,
    render_server,
    scratch_options,
)
from votebox.sandbox.program import Program, ServerLost, tell
from votebox.sandbox.sessions import Session, Sessions

__all__ = ["ForkBackend"]

_START_S = 60.0  # of a server, on a loaded machine whose packages have no bytecode yet
_RUNS = 5000  # of one server, before the next takes its place


class ForkBackend:
    """Fork programs from a warm server; replace the server when it is old or odd."""

    def __init__(
        self, nsjail: Path, *, preload: Sequence[str], spares: int, runs: int = _RUNS
    ) -> None:
        """Take the settings; nothing is started.

        Args:
            nsjail: the binary.
            preload: modules the server imports; programs get them for nothing.
            spares: children that wait for a program, usually as many as run at once.
            runs: programs of one server before the next takes its place.
        """
        self._nsjail = nsjail
        self._preload = tuple(preload)
        self._spares = spares
        self._runs = runs
        cgroups = cgroup.find()
        if cgroups:
            cgroups.sweep()
        self._groups = Groups(cgroups, 2 * spares) if cgroups else None
        self._server: ForkServer | None = None
        self._servers = 0
        self._starting = asyncio.Lock()
        self._closed = False
        self._endings = Endings()
        self._sessions = Sessions(self._open_session, self._endings)

    @property
    def isolation(self) -> str:
        """Name the walls, as Execution.isolation."""
        limits = self._groups.kind if self._groups else "rlimits"
        return f"nsjail+fork+userns+seccomp+{limits}"

    async def start(self) -> None:
        """Start the first server; raise SandboxError where that fails."""
        await self._current()

    async def run(self, job: Job) -> Execution:
        """Run one program; raise SandboxError for faults of ours.

        When the server is lost the program runs once more, on a fresh one.
        """
        try:
            return await self._run(job)
        except ServerLost:
            return await self._run(job)

    async def run_cell(self, session: str, job: Job) -> Execution:
        """Run one program where earlier ones of the session left their variables."""
        return await self._sessions.run(session, job, self.isolation)

    async def end_session(self, session: str) -> bool:
        """End a session; return whether there was one."""
        return await self._sessions.end(session)

    def suspect(self) -> None:
        """Replace the server at the next program."""
        if self._server is not None:
            self._server.stale = True

    def pool(self) -> dict[str, int]:
        """Count live sessions, servers started so far, and programs of the current server."""
        return {
            "sessions": len(self._sessions),
            "servers": self._servers,
            "server_runs": self._server.runs if self._server else 0,
        }

    async def aclose(self) -> None:
        """Wait until nothing of any program is left."""
        self._closed = True
        await self._sessions.aclose()
        async with self._starting:
            if self._server is not None:
                self._retire(self._server)
        await self._endings.all()
        if self._groups:
            self._groups.close()

    async def _run(self, job: Job) -> Execution:
        program = await self._program(job)
        try:
            await program.start()
            report, cause = await watch(program, job.limits, program.group)
            outcome = Outcome(job.limits, program.streams, program.group, report, cause)
            return outcome.execution(self.isolation, program.collected.read())
        finally:
            await self._endings.run(program.close())

    async def _open_session(self, job: Job) -> Session:
        program = await self._program(Job(b"", job.limits))
        end: Program | Session = program
        try:
            end = session = Session(program, job.limits)
            await session.start()
        except BaseException:
            await self._endings.run(end.close())
            raise
        return session

    async def _program(self, job: Job) -> Program:
        serving = await self._current()
        serving.runs += 1
        return Program(serving, job, self._groups)

    async def _current(self) -> ForkServer:
        """Return the server to use, starting or replacing it where needed."""
        async with self._starting:
            old = self._server
            if self._closed:
                raise SandboxError("the sandbox is closed; make a new one")
            if old is not None and not old.stale and old.runs < self._runs:
                return old
            fresh = ForkServer(self._nsjail, self._preload, self._spares)
            try:
                await fresh.start()
            except BaseException:
                await self._endings.run(fresh.close())
                raise
            if old is not None:
                self._retire(old)
            self._server = fresh
            self._servers += 1
            return fresh

    def _retire(self, serving: ForkServer) -> None:
        """Close a server once its programs have ended; at once when it is odd."""
        self._server = None
        self._endings.begin(_close_when_idle(serving))


async def _close_when_idle(serving: ForkServer) -> None:
    while serving.users and not serving.odd:
        serving.changed.clear()
        await serving.changed.wait()
    await serving.close()


class ForkServer:
    """Own one fork server in its nsjail, and hand its messages to whom they concern."""

    def __init__(self, nsjail: Path, preload: tuple[str, ...], spares: int) -> None:
        """Hold nothing yet; whoever starts it must close it, even if that fails."""
        self.runs = 0
        self.users = 0
        self.stale = False  # takes no new programs; those it has end in peace
        self.odd = False  # is lost, and all its programs with it
        self.changed = asyncio.Event()
        self._nsjail = Nsjail(nsjail)
        self._preload = preload
        self._spares = spares
        self._programs: dict[int, Program] = {}
        self._next = 0
        self._control: socket.socket | None = None

    async def start(self) -> None:
        """Start nsjail and the server in it; return when it is ready for programs."""
        policy = load_policy()
        shapes = {name.partition(".")[0] for name in self._preload}
        with Handed() as handed:
            log, control = self._nsjail.connect(handed)
            job = pack(
                "server",
                control=control,
                preload=self._preload,
                warm=tuple(text for name, text in policy.warm.items() if name in shapes),
                reseed=tuple(text for name, text in policy.reseed.items() if name in shapes),
                packages=packages_directory(),
                scratch=scratch_options(Limits().scratch_mib),
                shared_memory=policy.shared_memory_options,
                seccomp=policy.seccomp.bpf(),
                user=policy.user,
                spares=self._spares,
            )
            payload = handed.add(anonymous_file("server", job))
            stdin = handed.add(anonymous_file("stdin", b"", read_only=True))
            passed = (payload, control)
            text = render_server(payload=payload, log=log, passed=passed)
            await self._nsjail.start(text, log, stdin, passed)
        message = await self._nsjail.first_message("the fork server", _START_S)
        if message[:1] == messages.BROKEN:
            reason = message[1:].decode("utf-8", "replace")
            if reason.startswith(("OSError", "PermissionError")):
                raise SandboxUnavailable(
                    f"the host does not let the fork server work: {reason}",
                    "use backend='once', or allow what it names",
                    self._nsjail.read_log(),
                )
            raise SandboxError(f"the fork server cannot start: {reason}", "see `preload`")
        if message != messages.READY:
            raise await self._nsjail.failure()
        self._control = self._nsjail.control
        if self._control is not None:
            asyncio.get_running_loop().add_reader(self._control, self._hear)

    def submit(self, program: Program, descriptors: Sequence[int]) -> int:
        """Ask for a program to be started; return the number of its run."""
        number = self._next = self._next + 1
        self._programs[number] = program
        try:
            if self._control is None:
                raise BrokenPipeError("it has ended")
            socket.send_fds(
                self._control, [messages.NUMBER.pack(messages.RUN, number)], descriptors
            )
        except OSError as error:
            self._lose(f"the fork server takes no orders: {error}")
        return number

    def forget(self, number: int) -> None:
        """Drop a run of which nothing more can be heard."""
        self._programs.pop(number, None)

    async def close(self) -> None:
        """End the server and everything it started."""
        self._lose("the fork server was closed")
        await self._nsjail.close()

    def _hear(self) -> None:
        """Take one message."""
        descriptors: list[int] = []
        if self._control is None:
            return
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, 4096, 2)
            kind, number = message[:1], 0
            if kind not in (messages.BROKEN, b""):
                kind, number = messages.NUMBER.unpack(message[: messages.NUMBER.size])
            program = self._programs.get(number)
            if kind in (messages.BROKEN, b""):
                reason = message[1:].decode("utf-8", "replace") or self._nsjail.read_log()
                self._lose(f"the fork server has ended: {reason.strip() or 'no reason given'}")
            elif program is not None:
                program.told(kind, message[messages.NUMBER.size :], descriptors)
            elif descriptors:  # of a run that was given up
                tell(descriptors[0], signal.SIGKILL)
                for descriptor in descriptors:
                    os.close(descriptor)
        except BlockingIOError:
            return
        except (OSError, ValueError, IndexError) as error:  # no message of a sane server
            for descriptor in descriptors:
                with suppress(OSError):
                    os.close(descriptor)
            self._lose(f"the fork server talks nonsense: {error}")

    def _lose(self, reason: str) -> None:
        """Give this server up, and tell its programs."""
        self.odd = self.stale = True
        self.changed.set()
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control = None
        for program in [*self._programs.values()]:
            program.lost(reason)
        self._programs.clear()
