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
import sys
from contextlib import suppress
from typing import Any, Final

from votebox.plugins import judging

__all__ = ["JudgingProcess"]

_REPLY_S: Final = judging.LIMIT_S + 0.5
_START_S: Final = 60.0
_STARTS: Final = 2
_MAX_REPLY: Final = 4096

_log = logging.getLogger(__name__)


class _Gone(Exception):
    """Say that the server ended before it answered."""


class JudgingProcess:
    """Ask the process that compares; `starts` counts how often it was started."""

    def __init__(self) -> None:
        self.starts = 0
        self._starting = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[bool | None]] = {}
        self._number = 0
        self._useless = False

    async def ask(self, pair: tuple[str, str]) -> bool | None:
        """Return the verdict on a pair; a pair whose server died is asked once more."""
        for _ in range(_STARTS):
            async with self._starting:
                running = await self._started()
            if not running:
                return None
            with suppress(_Gone):
                return await self._exchange(pair)
        return None

    async def _exchange(self, pair: tuple[str, str]) -> bool | None:
        process = self._process
        if process is None or process.stdin is None:
            raise _Gone
        self._number += 1
        number = self._number
        reply = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            process.stdin.write(_frame({"pair": number, "a": pair[0], "b": pair[1]}))
            return await asyncio.wait_for(reply, _REPLY_S)
        except TimeoutError:  # it kills its children in time, so it is stuck itself
            _kill(process)
            return None
        finally:
            self._waiting.pop(number, None)
            if reply.cancelled() and self._process is process:
                process.stdin.write(_frame({"drop": number}))

    async def _started(self) -> bool:
        """Start the server unless it runs, at most once more than once."""
        if self._process is not None:
            return True
        if self._useless:
            return False
        if self.starts >= _STARTS:
            self._give_up("the process that compares answers died twice")
            return False
        self.starts += 1
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # not whatever lies in the working directory
            "-m",
            judging.__name__,
            str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C is ours to answer; and so one signal ends all
        )
        ready = await self._greeting(process)
        if ready is None:
            _kill(process)
            await process.wait()
            return await self._started()
        if not ready:
            await process.wait()
            self._give_up("math-verify is not installed (the extra votebox[verify])")
            return False
        self._process = process
        self._reader = asyncio.create_task(self._read(process))
        return True

    async def _greeting(self, process: asyncio.subprocess.Process) -> bool | None:
        """Return whether the server has math-verify, None when it does not start."""
        try:
            async with asyncio.timeout(_START_S):
                return bool((await _message(process))["ready"])
        except (TimeoutError, EOFError):
            return None

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Hand out replies until the server ends."""
        with suppress(EOFError, ConnectionError):
            while True:
                said = await _message(process)
                reply = self._waiting.get(said["pair"])
                if reply is not None and not reply.done():
                    reply.set_result(said["same"])
        _kill(process)
        await process.wait()
        self._process = None
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(_Gone())

    def _give_up(self, why: str) -> None:
        self._useless = True
        _log.warning("%s: answers that exact rules do not decide count as different", why)

    async def aclose(self) -> None:
        """End the server; its children end with it."""
        self._useless = True
        process, reader = self._process, self._reader
        if process is None or reader is None:
            return
        _kill(process)
        await reader


async def _message(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """Return the next message; raise EOFError at the end."""
    if process.stdout is None:
        raise EOFError
    (size,) = struct.unpack(">I", await process.stdout.readexactly(4))
    if size > _MAX_REPLY:
        raise EOFError
    message: dict[str, Any] = json.loads(await process.stdout.readexactly(size))
    return message


def _frame(message: dict[str, Any]) -> bytes:
    body = json.dumps(message).encode()
    return struct.pack(">I", len(body)) + body


def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill the server and its children, which are one process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
