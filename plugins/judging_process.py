"""Own the process in which math-verify compares answers (judging.py): start, ask, end.

Lives in one event loop, that of a Judge (judge.py). Messages are JSON behind their length;
nothing that comes back is more than a number, a bool and a word.
"""

import asyncio
import json
import logging
import os
import signal
import struct
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Final, cast

from votebox.plugins import judging

__all__ = ["JudgingProcess"]

_REPLY_S: Final = judging.WALL_S + 0.5
_START_S: Final = 60.0
_STARTS: Final = 2
_SOUND_S: Final = 60.0  # a server that lived so long was no bad start
_MISSED: Final = 10  # replies in a row, after which a server is taken for stuck
_MAX_REPLY: Final = 4096

_log = logging.getLogger(__name__)


class _Gone(Exception):
    """Say that the server ended before it answered."""


@dataclass(frozen=True, slots=True)
class _Running:
    """Hold a server that runs and the two ends of its pipes."""

    process: "subprocess.Popen[bytes]"
    replies: asyncio.StreamReader
    asking: asyncio.WriteTransport

    def kill(self) -> None:
        """Kill the server and its children, which are one process group, and wait for it."""
        if self.process.returncode is None:  # else its number may be another's by now
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.asking.close()


class JudgingProcess:
    """Ask the process that compares; `starts` counts how often it was started.

    One that dies is started again; when two in a row die young, every pair is undecided.
    """

    def __init__(self) -> None:
        self.starts = 0
        self._process: _Running | None = None
        self._starting: asyncio.Task[bool] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[bool | None]] = {}
        self._number = self._missed = self._tries = 0
        self._closed = False

    async def ask(self, a: str, b: str) -> bool | None:
        """Return the verdict on a pair; one whose server died is asked once more."""
        for _ in range(_STARTS):
            if self._starting is None:
                self._starting = asyncio.create_task(self._start())
            if not await asyncio.shield(self._starting):  # who asked first may be cancelled
                return None
            with suppress(_Gone, ConnectionError):
                return await self._exchange(a, b)
        return None

    async def aclose(self) -> None:
        """End the server; its children end with it."""
        self._closed = True
        if self._process is not None:
            self._process.kill()
        tasks = [task for task in (self._starting, self._reading) if task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _exchange(self, a: str, b: str) -> bool | None:
        process = self._process
        if process is None:
            raise _Gone
        self._number += 1
        number = self._number
        reply = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            process.asking.write(_frame({"pair": number, "a": a, "b": b}))
            said: bool | None = await asyncio.wait_for(reply, _REPLY_S)
        except TimeoutError:  # a busy machine, or a server that does not kill its children
            self._missed += 1
            if self._missed > _MISSED:
                process.kill()
            return None
        else:
            self._missed = 0
            return said
        finally:
            self._waiting.pop(number, None)
            if reply.cancelled() and self._process is process:
                process.asking.write(_frame({"drop": number}))

    async def _start(self) -> bool:
        """Start the server; return whether there is one to ask."""
        while self._tries < _STARTS and not self._closed:
            self._tries += 1
            self.starts += 1
            try:
                self._process = process = await _spawned()
            except OSError as e:
                _give_up(f"no process can be started ({e})")
                return False
            self._missed = 0
            ready = None if self._closed else await self._greeting(process)
            if ready:
                self._reading = asyncio.create_task(self._read(process))
                return True
            self._process = None
            process.kill()
            if ready is False:
                _give_up("math-verify is not installed (the extra votebox[verify])")
                return False
        if not self._closed:
            _give_up("the process that compares answers ended twice")
        return False

    async def _greeting(self, process: _Running) -> bool | None:
        """Return whether the server has math-verify, None when it does not start."""
        try:
            async with asyncio.timeout(_START_S):
                return bool((await _message(process))["ready"])
        except (TimeoutError, EOFError):
            return None

    async def _read(self, process: _Running) -> None:
        """Hand out replies until the server ends."""
        began = asyncio.get_running_loop().time()
        with suppress(EOFError, ConnectionError):
            while True:
                said = await _message(process)
                reply = self._waiting.get(said["pair"])
                if reply is not None and not reply.done():
                    reply.set_result(said["same"])
        process.kill()
        if asyncio.get_running_loop().time() - began >= _SOUND_S:
            self._tries = 0
        self._process = None
        self._starting = None
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(_Gone())


async def _spawned() -> _Running:
    """Start the process; by hand, since uvloop's policy has nothing for asyncio to wait with."""
    process = subprocess.Popen(  # noqa: ASYNC220, the loop is a judge's own
        # -P: not whatever lies in the working directory.
        [sys.executable, "-P", "-m", judging.__name__, str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C is ours to answer; and so one signal ends all
    )
    loop, replies = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(replies), cast("IO[bytes]", process.stdout)
    )
    asking, _ = await loop.connect_write_pipe(asyncio.Protocol, cast("IO[bytes]", process.stdin))
    return _Running(process, replies, asking)


def _give_up(why: str) -> None:
    _log.warning("%s: answers that exact rules do not decide count as different", why)


async def _message(process: _Running) -> dict[str, Any]:
    """Return the next message; raise EOFError at the end."""
    (size,) = struct.unpack(">I", await process.replies.readexactly(4))
    if size > _MAX_REPLY:
        raise EOFError
    message: dict[str, Any] = json.loads(await process.replies.readexactly(size))
    return message


def _frame(message: dict[str, Any]) -> bytes:
    body = json.dumps(message).encode()
    return struct.pack(">I", len(body)) + body
