"""Group the chains that become ready together into one stream of an engine.

One stream per group is what an engine serves fastest; a chain sees only its own deltas.
Knows nothing of recipes or votes.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Final

from votebox.plugins.errors import EngineError, VoteboxError
from votebox.plugins.nouns import Prompt
from votebox.plugins.ports import Delta, Engine, SampleStream

__all__ = ["Reply", "Sampler"]

_log = logging.getLogger(__name__)

GATHER_S: Final = 0.001
"""How long the first ready prompt waits for others to share its stream."""


class Reply:
    """Give the deltas of one prompt as they come; close it to abort the chain."""

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt
        self._deltas: asyncio.Queue[Delta | BaseException] = asyncio.Queue()
        self._stream: SampleStream | None = None
        self._position = 0
        self.ended = self.dropped = False

    def place(self, stream: SampleStream, position: int) -> None:
        """Tell the reply which chain of which stream it is."""
        self._stream, self._position = stream, position

    def put(self, item: Delta | BaseException) -> None:
        """Hand over the next delta, or the error that ended the stream."""
        self._deltas.put_nowait(item)

    async def deltas(self) -> AsyncIterator[Delta]:
        """Yield deltas up to and including the one with a finish_reason.

        Raises:
            EngineError: the engine failed.
        """
        while not self.ended:
            item = await self._deltas.get()
            if isinstance(item, BaseException):
                self.ended = True
                raise item
            self.ended = item.finish_reason is not None
            yield item

    async def abort(self) -> None:
        """End this chain in the engine; its last delta comes with reason abort.

        A chain that waits for its stream gets none.
        """
        if self._stream is None:
            self.dropped = True
            self.put(Delta(0, finish_reason="abort"))
        elif not self.ended:
            await self._stream.abort(self._position)


class Sampler:
    """Serve one engine to the chains of one solve; owns its streams until `aclose`."""

    def __init__(self, engine: Engine) -> None:
        self.model = engine.model
        self._engine = engine
        self._waiting: list[Reply] = []
        self._closed = False
        self._pumps: set[asyncio.Task[None]] = set()
        self._unread: list[SampleStream] = []  # a pump cancelled before its first step closes none

    def start(self, prompt: Prompt) -> Reply:
        """Queue a prompt for the next stream and return its reply."""
        reply = Reply(prompt)
        if self._closed:
            return reply  # of a solve that is over: no delta ever comes
        if not self._waiting:
            asyncio.get_running_loop().call_later(GATHER_S, self._open)
        self._waiting.append(reply)
        return reply

    async def aclose(self) -> None:
        """Abort every chain still running and wait until the engine was told; open no more."""
        self._closed = True
        self._waiting.clear()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        while self._unread:
            await self._close(self._unread.pop())

    def _open(self) -> None:
        replies = [reply for reply in self._waiting if not reply.dropped]
        self._waiting = []
        if not replies:
            return
        try:
            stream = self._engine.sample([reply.prompt for reply in replies])
        except Exception as e:
            # An engine that cannot even begin must not leave its chains waiting.
            self._fail(replies, e)
            return
        for position, reply in enumerate(replies):
            reply.place(stream, position)
        self._unread.append(stream)
        pump = asyncio.create_task(self._pump(stream, replies))
        self._pumps.add(pump)
        pump.add_done_callback(self._pumps.discard)

    async def _pump(self, stream: SampleStream, replies: Sequence[Reply]) -> None:
        self._unread.remove(stream)
        failure: BaseException = EngineError(self.model, "its stream ended before the reply did")
        try:
            async for batch in stream:
                for delta in batch:
                    replies[delta.chain].put(delta if delta.error is None else delta.error)
        except Exception as e:
            # Whatever an engine raises ends every chain of the stream, which report it.
            failure = e
        finally:
            self._fail(replies, failure)
            await self._close(stream)

    async def _close(self, stream: SampleStream) -> None:
        try:
            await stream.aclose()
        except Exception:
            # The chains have their end; what an engine leaves behind is its own affair.
            _log.exception("model %s failed to close a stream", self.model)

    def _fail(self, replies: Sequence[Reply], error: BaseException) -> None:
        """End every reply that has not ended; the others never read it."""
        failure = error
        if not isinstance(error, VoteboxError):
            failure = EngineError(self.model, f"failed: {type(error).__name__}: {error}")
            failure.__cause__ = error
        for reply in replies:
            reply.put(failure)
