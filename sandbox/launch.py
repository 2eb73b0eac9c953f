"""Start one nsjail and hold its ends of the pipes.

Nothing of a program touches the host's disk: the configuration, the source and stdin are
anonymous files in memory. nsjail's own messages have a pipe of their own.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

from votebox.sandbox.capture import Capture
from votebox.sandbox.cgroup import Group
from votebox.sandbox.diagnosis import NO_NSJAIL_FIX, diagnose
from votebox.sandbox.errors import SandboxError, SandboxUnavailable
from votebox.sandbox.execution import Limits
from votebox.sandbox.job import Job
from votebox.sandbox.policy import pack, packages_directory, render

_START_S = 30.0  # generous: the machine may be loaded, and a hang here is our fault
_LEAVE_S = 2.0


class Jail:
    """Own one running nsjail: its process, control socket, output and log."""

    def __init__(self, nsjail: Path) -> None:
        """Hold nothing yet; whoever starts it must close it, even if that fails."""
        self.flooded = asyncio.Event()
        self.captures: list[Capture] = []
        self._nsjail = nsjail
        self._process: asyncio.subprocess.Process | None = None
        self._log = -1
        self._ours = ExitStack()  # open until nsjail has gone
        self._talk = ExitStack()  # closed to make it go
        self._theirs = ExitStack()  # closed once nsjail has its copies

    async def start(self, job: Job, group: Group | None) -> None:
        """Run nsjail until the program's first statement; raise SandboxError if it fails."""
        with self._theirs:
            self._log, log = self._pipe()
            self._ours.callback(os.close, self._log)
            control, out, err = self._control(), self._output(job.limits), self._output(job.limits)
            groups = tuple(map(self._give, group.entries())) if group else ()
            payload = pack(
                source=job.source,
                files=job.files,
                packages=packages_directory(),
                memory_bytes=job.limits.memory_mib * 2**20,
                control=control,
                out=out,
                err=err,
                groups=groups,
            )
            numbers = {"payload": self._file("payload", payload), "log": log}
            others = (control, out, err, *groups)
            text = render(job.limits, **numbers, others=others, groups=bool(groups))
            config = self._file("config", text.encode())
            stdin = self._file("stdin", job.stdin, read_only=True)
            passed = (config, *numbers.values(), *others)
            self._process = await self._spawn(config, stdin, log, passed)
        try:
            async with asyncio.timeout(_START_S):
                message = await self.receive()
        except TimeoutError:
            raise SandboxError("nsjail did not start in time", self._read_log()) from None
        if message == b"refused":
            raise SandboxError("the kernel did not let the program into its limits")
        if message != b"started":
            raise diagnose(self._nsjail, await self._process.wait(), self._read_log())

    async def _spawn(
        self, config: int, stdin: int, log: int, passed: tuple[int, ...]
    ) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                self._nsjail,
                "--config",
                f"/proc/self/fd/{config}",
                stdin=stdin,
                stdout=log,
                stderr=log,
                pass_fds=passed,
                env=_environment(),
                start_new_session=True,  # a Ctrl-C at our terminal is not for it
            )
        except OSError as error:
            raise SandboxUnavailable(
                f"cannot run {self._nsjail}: {error.strerror}", NO_NSJAIL_FIX
            ) from error

    async def receive(self) -> bytes:
        """Return the runner's next message, empty when the jail is gone."""
        try:
            return await asyncio.get_running_loop().sock_recv(self.control, 4096)
        except ConnectionError:
            return b""

    def order(self, order: bytes) -> None:
        """Send the runner an order; one that has left no longer needs it."""
        with suppress(OSError):
            self.control.send(order)

    async def close(self) -> None:
        """End everything inside, and return when nothing of it is left."""
        self._talk.close()  # the runner leaves, and the kernel takes all down with it
        if self._process is not None:
            try:
                async with asyncio.timeout(_LEAVE_S):
                    await self._process.wait()
            except TimeoutError:
                with suppress(ProcessLookupError):
                    self._process.kill()  # its child is bound to die with it
                await self._process.wait()
        self._ours.close()

    def _pipe(self) -> tuple[int, int]:
        reader, writer = os.pipe()
        return reader, self._give(writer)

    def _control(self) -> int:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.setblocking(False)
        self._talk.callback(self.control.close)
        return self._give(theirs.detach())

    def _output(self, limits: Limits) -> int:
        reader, writer = self._pipe()
        capture = Capture(reader, limits.output_kib * 1024, self.flooded.set)
        self._talk.callback(capture.close)
        self.captures.append(capture)
        return writer

    def _give(self, descriptor: int) -> int:
        """Close `descriptor` once nsjail has its copy."""
        self._theirs.callback(os.close, descriptor)
        return descriptor

    def _file(self, name: str, content: bytes, *, read_only: bool = False) -> int:
        """Return an anonymous file, positioned at its beginning."""
        descriptor = os.memfd_create(f"votebox-{name}")
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        if read_only:
            reader = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY)
            os.close(descriptor)
            return self._give(reader)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return self._give(descriptor)

    def _read_log(self) -> str:
        os.set_blocking(self._log, False)
        try:
            return os.read(self._log, 2**16).decode("utf-8", "replace")
        except BlockingIOError:
            return ""


def _environment() -> dict[str, str]:
    """Return nsjail's environment: where the host keeps libraries, if it says so."""
    path = os.environ.get("LD_LIBRARY_PATH")
    return {"LD_LIBRARY_PATH": path} if path else {}
