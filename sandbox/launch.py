"""Start nsjail and hold our ends of its descriptors.

Nothing of a program touches the host's disk: configurations, sources and stdin are
anonymous files in memory. nsjail's own messages have a pipe of their own.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from votebox.sandbox.capture import Capture
from votebox.sandbox.diagnosis import NO_NSJAIL_FIX, diagnose
from votebox.sandbox.errors import SandboxError, SandboxUnavailable
from votebox.sandbox.runner import MOST_COPIED

_LEAVE_S = 2.0


class Nsjail:
    """Own one nsjail process, our end of a control socket to it, and its log."""

    def __init__(self, binary: Path) -> None:
        """Hold nothing yet; whoever starts it must close it, even if that fails."""
        self.binary = binary
        self.control: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._log = -1
        self._ours = ExitStack()  # open until nsjail has gone

    def connect(self, handed: Handed) -> tuple[int, int]:
        """Make the log and the control socket; return nsjail's ends of both."""
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        inside = handed.add(theirs.detach())
        self.control.setblocking(False)
        self._log, log = os.pipe()
        self._ours.callback(os.close, self._log)
        return handed.add(log), inside

    async def start(self, text: str, log: int, stdin: int, passed: tuple[int, ...]) -> None:
        """Run nsjail with the configuration `text`; raise SandboxUnavailable if we cannot."""
        config = anonymous_file("config", text.encode())
        try:
            self._process = await asyncio.create_subprocess_exec(
                self.binary,
                "--config",
                f"/proc/self/fd/{config}",
                stdin=stdin,
                stdout=log,
                stderr=log,
                pass_fds=(config, log, *passed),
                env=_environment(),
                start_new_session=True,  # a Ctrl-C at our terminal is not for it
            )
        except OSError as error:
            raise SandboxUnavailable(
                f"cannot run {self.binary}: {error.strerror}", NO_NSJAIL_FIX
            ) from error
        finally:
            os.close(config)

    async def receive(self) -> bytes:
        """Return the next message from inside, empty when the jail is gone."""
        if self.control is None:
            return b""
        try:
            return await asyncio.get_running_loop().sock_recv(self.control, 4096)
        except ConnectionError:
            return b""

    async def first_message(self, who: str, within_s: float) -> bytes:
        """Return the first message from inside; raise SandboxError when `who` is too slow."""
        try:
            async with asyncio.timeout(within_s):
                return await self.receive()
        except TimeoutError:
            raise SandboxError(f"{who} did not start in time", self.read_log()) from None

    async def failure(self) -> SandboxError:
        """Return why nsjail ended before what it was to run began."""
        code = await self._process.wait() if self._process else -1
        return diagnose(self.binary, code, self.read_log())

    async def close(self) -> None:
        """End everything inside, and return when nothing of it is left."""
        if self.control is not None:
            close_socket(self.control)  # whoever is inside leaves; the kernel takes all down
        if self._process is not None:
            try:
                async with asyncio.timeout(_LEAVE_S):
                    await self._process.wait()
            except TimeoutError:
                with suppress(ProcessLookupError):
                    self._process.kill()  # its child is bound to die with it
                await self._process.wait()
        self._ours.close()

    def read_log(self) -> str:
        """Return what nsjail has said since the last time."""
        os.set_blocking(self._log, False)
        try:
            return os.read(self._log, 2**16).decode("utf-8", "replace")
        except BlockingIOError:
            return ""


class Handed:
    """Collect descriptors that are copied to somebody, and close ours after the block."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def add(self, descriptor: int) -> int:
        """Close `descriptor` at the end of the block; return it."""
        self._stack.callback(os.close, descriptor)
        return descriptor


class Streams:
    """Own our ends of a program's standard output and error."""

    def __init__(self, keep: int) -> None:
        """Keep `keep` bytes of each."""
        self.flooded = asyncio.Event()
        self.captures: list[Capture] = []
        self._keep = keep

    def connect(self, handed: Handed) -> tuple[int, int]:
        """Make both pipes; return the program's ends."""
        return self._pipe(handed), self._pipe(handed)

    def drain(self) -> None:
        """Take what the pipes still hold."""
        for capture in self.captures:
            capture.drain()

    def close(self) -> None:
        """Stop reading and give the descriptors back."""
        while self.captures:
            self.captures.pop().close()

    def _pipe(self, handed: Handed) -> int:
        reader, writer = os.pipe()
        self.captures.append(Capture(reader, self._keep, self.flooded.set))
        return handed.add(writer)


class Collected:
    """Own the files in memory that a program's files are copied into at its end."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """Collect the files called `names`."""
        self._names = names
        self._ours = ExitStack()
        self._copies: list[int] = []

    def connect(self, handed: Handed) -> tuple[int, ...]:
        """Make the files; return the program's ends."""
        for _ in self._names:
            self._copies.append(os.memfd_create("votebox-collected"))
            self._ours.callback(os.close, self._copies[-1])
        return tuple(handed.add(os.dup(copy)) for copy in self._copies)

    def read(self) -> dict[str, bytes]:
        """Return what was copied; a file that was not there is left out."""
        found: dict[str, bytes] = {}
        for name, copy in zip(self._names, self._copies, strict=True):
            size = os.fstat(copy).st_size
            if 0 < size <= MOST_COPIED + 1:  # else nothing of our making
                content = os.pread(copy, size, 0)
                found[name] = content[1:]
        return found

    def close(self) -> None:
        """Give the descriptors back."""
        self._ours.close()
        self._copies.clear()


def close_socket(ours: socket.socket) -> None:
    """Close a socket that the loop may still be reading.

    Otherwise the loop would take the next descriptor of that number for it, and not listen.
    """
    if ours.fileno() >= 0:
        asyncio.get_running_loop().remove_reader(ours.fileno())
        ours.close()


def anonymous_file(name: str, content: bytes, *, read_only: bool = False) -> int:
    """Return the descriptor of a file in memory, positioned at its beginning."""
    descriptor = os.memfd_create(f"votebox-{name}")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)
    if read_only:
        reader = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY)
        os.close(descriptor)
        return reader
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _environment() -> dict[str, str]:
    """Return nsjail's environment: where the host keeps libraries, if it says so."""
    path = os.environ.get("LD_LIBRARY_PATH")
    return {"LD_LIBRARY_PATH": path} if path else {}
