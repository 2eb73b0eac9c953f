"""Serve the Engine port with vLLM in a process of its own, started and ended here.

    async with SpawnedEngine() as engine:         # the model in the package
        stream = engine.sample(prompts)

An EmbeddedEngine runs in the child; the two talk over a socket pair in pickled frames. Many
solves at once then have two interpreters instead of one: what a solver computes takes no
step from vLLM (benchmarks/batch/README.md). For one solve it brings nothing.
"""

import asyncio
import contextlib
import itertools
import os
import pickle
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from votebox.deployments.engine_embedded import EmbeddedEngine
from votebox.deployments.model_source import MINI, check_model, is_mini
from votebox.deployments.streams import QueueStream
from votebox.plugins import Delta, EngineError, EngineUnavailable, Prompt

__all__ = ["SpawnedEngine"]

_SIZE: Final = struct.Struct(">I")
_END_S: Final = 5.0


class SpawnedEngine:
    """Sample from a model that vLLM runs in a child process.

    `source`, `name` and `engine_kwargs` are those of EmbeddedEngine. The child ends with
    this process, however that ends; what it prints goes where this process prints.
    """

    def __init__(
        self,
        source: str | None = None,
        *,
        name: str = "",
        engine_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = name or (MINI if is_mini(source) else str(source))
        self._settings = {
            "source": source,
            "name": name,
            "engine_kwargs": dict(engine_kwargs or {}),
        }
        self._source = source
        self._streams: dict[int, QueueStream] = {}
        self._numbers = itertools.count()
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._hearing: asyncio.Task[None] | None = None
        self.failure: EngineError | None = None

    async def start(self) -> None:
        """Start the child and wait until its engine is ready.

        Raises:
            EngineError: the model or vLLM cannot be started; says why and what to do.
        """
        if self._process is not None:
            return
        check_model(self._source)
        ours, theirs = socket.socketpair()
        with theirs:
            command = (sys.executable, "-m", __name__, str(theirs.fileno()))
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, pass_fds=(theirs.fileno(),)
            )
        try:
            reader, self._writer = await asyncio.open_connection(sock=ours)
            _send(self._writer, self._settings)
            await self._ready(reader)
        except BaseException:
            await self.close()
            raise
        self._hearing = asyncio.create_task(self._hear(reader))

    async def close(self) -> None:
        """End the child and wait for it; open streams raise EngineUnavailable."""
        if self._process is None:
            return
        if self._writer is not None:
            self._writer.close()
        if self._hearing is not None:
            self._hearing.cancel()
        self._fail(EngineUnavailable(self.model, "was closed", "start another one"))
        try:
            async with asyncio.timeout(_END_S):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def sample(self, prompts: Sequence[Prompt]) -> QueueStream:
        """Start one chain per prompt and return their stream."""
        number, writer = next(self._numbers), self._writer
        stream = QueueStream(len(prompts), lambda chains: self._tell("abort", number, chains))
        if self.failure is not None:
            stream.fail(EngineUnavailable(self.model, "has ended", "start another one"))
        elif writer is None or self._hearing is None:
            stream.fail(EngineUnavailable(self.model, "is not started", "await start() first"))
        elif prompts:
            self._streams[number] = stream
            self._tell("sample", number, tuple(prompts))
        return stream

    async def _ready(self, reader: asyncio.StreamReader) -> None:
        said = await _receive(reader)
        if said is not True:
            raise said if isinstance(said, EngineError) else self._gone()

    def _tell(self, what: str, number: int, value: Sequence[Any]) -> None:
        if self._writer is not None and number in self._streams:
            _send(self._writer, (what, number, tuple(value)))

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        """Hand batches to their streams until the child ends."""
        while (said := await _receive(reader)) is not None:
            number, value = said
            if value is None:
                self._streams.pop(number, None)
            elif (stream := self._streams.get(number)) is None:
                continue
            elif isinstance(value, EngineError):
                stream.fail(value)
            else:
                stream.put(value)
        self._fail(self._gone())

    def _fail(self, error: EngineError) -> None:
        self.failure = self.failure or error
        for stream in self._streams.values():
            stream.fail(error)
        self._streams.clear()

    def _gone(self) -> EngineError:
        return EngineError(self.model, "its process has ended", "see the last lines of the log")


def _send(writer: asyncio.StreamWriter, message: object) -> None:
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    writer.write(_SIZE.pack(len(body)) + body)


async def _receive(reader: asyncio.StreamReader) -> Any:
    """Return the next message, None when the other side has ended.

    Both sides are of this module, so what is unpickled is our own.
    """
    try:
        (size,) = _SIZE.unpack(await reader.readexactly(_SIZE.size))
        return pickle.loads(await reader.readexactly(size))  # noqa: S301 - our own child or parent
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


class _Child:
    """Carry streams of an EmbeddedEngine to the parent."""

    def __init__(self, engine: EmbeddedEngine, writer: asyncio.StreamWriter) -> None:
        self._engine, self._writer = engine, writer
        self._streams: dict[int, QueueStream] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def sample(self, number: int, prompts: Sequence[Prompt]) -> None:
        """Start a group of chains."""
        stream = self._streams[number] = self._engine.sample(prompts)
        task = asyncio.create_task(self._carry(number, stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def abort(self, number: int, chains: Sequence[int]) -> None:
        """End chains of a group, if they run."""
        if (stream := self._streams.get(number)) is not None:
            for chain in chains:
                await stream.abort(chain)

    async def _carry(self, number: int, stream: QueueStream) -> None:
        said: Sequence[Delta] | EngineError
        try:
            async for said in stream:
                _send(self._writer, (number, said))
        except EngineError as error:
            _send(self._writer, (number, error))
        finally:
            del self._streams[number]
            _send(self._writer, (number, None))


async def _serve(descriptor: int) -> None:
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor))
    settings = await _receive(reader)
    engine = EmbeddedEngine(**settings)
    starting = asyncio.create_task(engine.start())
    hearing = asyncio.create_task(_receive(reader))
    await asyncio.wait((starting, hearing), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():  # the parent left meanwhile: it sends nothing before we are ready
        return
    if (error := starting.exception()) is not None:
        _send(writer, error)
        await writer.drain()
        return
    _send(writer, True)
    child = _Child(engine, writer)
    while (said := await hearing) is not None:
        hearing = asyncio.create_task(_receive(reader))
        what, number, value = said
        if what == "sample":
            child.sample(number, value)
        else:
            await child.abort(number, value)


def main() -> None:
    """Serve the parent behind the descriptor given, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal; the parent decides
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)
    code = 0
    try:
        asyncio.run(_serve(descriptor))
    except BaseException:  # whatever it is, it is said, and the process ends
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # vLLM takes seconds to unwind, and nobody reads what it says


if __name__ == "__main__":
    main()
