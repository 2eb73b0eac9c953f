"""Carry batches of deltas from whoever makes them to whoever awaits them.

Every engine of this room gives its callers a QueueStream; where the batches come from
(a thread, HTTP requests, a replica) is the maker's affair.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Self

from votebox.plugins import Delta, EngineError

__all__ = ["QueueStream"]


class QueueStream:
    """Give the batches put into it until each of `chains` chains has ended.

    `abort` is called with the numbers of chains to end in the engine; it must not block,
    and the engine answers with a last delta of finish_reason abort for each. `close` is
    called when the stream is given up; without it the chains left are aborted. All
    methods belong to the event loop of the caller.
    """

    def __init__(
        self,
        chains: int,
        abort: Callable[[Sequence[int]], None],
        close: Callable[[], object] | None = None,
    ) -> None:
        self._batches: asyncio.Queue[Sequence[Delta] | EngineError | None] = asyncio.Queue()
        self._open = set(range(chains))
        self._abort, self._close = abort, close
        self._error: EngineError | None = None
        self._closed = False

    @property
    def running(self) -> int:
        """Return how many chains have not ended."""
        return len(self._open)

    def put(self, batch: Sequence[Delta]) -> None:
        """Hand over the next batch; called by the maker."""
        self._batches.put_nowait(batch)

    def fail(self, error: EngineError) -> None:
        """End the stream with an error, after the batches put so far."""
        self._batches.put_nowait(error)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[Delta]:
        if self._error is not None:
            raise self._error
        if self._closed or not self._open:
            raise StopAsyncIteration
        item = await self._batches.get()
        if item is None:
            raise StopAsyncIteration
        if isinstance(item, EngineError):
            self._error = item
            raise item
        self._open.difference_update(d.chain for d in item if d.finish_reason or d.error)
        return item

    async def abort(self, chain: int) -> None:
        """End one chain in the engine; unknown and ended chains are ignored."""
        if chain in self._open:
            self._abort([chain])

    async def aclose(self) -> None:
        """Abort every chain still running; whoever waits for a batch gets the end."""
        if not self._closed:
            self._closed = True
            if self._close is not None:
                self._close()
            elif self._open:
                self._abort(sorted(self._open))
            self._open.clear()
            self._batches.put_nowait(None)
