"""Gather events into batches, so that a busy solve costs a few messages a second.

And many solves a few more: what a message costs, two processes pay.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from votebox.plugins import ChainText, Event

__all__ = ["batched", "merged", "paced"]

_FEW: Final = 4
_LONGEST: Final = 10.0


def paced(interval_s: float, streams: int) -> float:
    """Return the least time between two batches of each of so many streams.

    Up to four have `interval_s`. More of them send no more messages together, until they wait
    for ten times as long: a batch of questions has nobody who reads along, and what decides a
    vote, the ends of chains, never waits.

    >>> [paced(0.05, streams) for streams in (1, 4, 8, 1000)]
    [0.05, 0.05, 0.1, 0.5]
    """
    return interval_s * min(max(1.0, streams / _FEW), _LONGEST)


async def batched[T](
    source: AsyncGenerator[T, None], interval_s: float
) -> AsyncGenerator[list[T], None]:
    """Yield what `source` gives in lists, each gathered for at most `interval_s`.

    The end is not waited for. Closing it closes `source`; errors come after what was
    gathered before them.
    """
    items: asyncio.Queue[T | None] = asyncio.Queue()

    async def pump() -> None:
        async with aclosing(source):
            async for item in source:
                items.put_nowait(item)

    task = asyncio.create_task(pump())
    task.add_done_callback(lambda _: items.put_nowait(None))
    try:
        ended = False
        while not ended:
            batch: list[T] = []
            item = await items.get()
            due_s = asyncio.get_running_loop().time() + interval_s
            while item is not None:
                batch.append(item)
                try:
                    async with asyncio.timeout_at(due_s):
                        item = await items.get()
                except TimeoutError:
                    break
            ended = item is None
            if batch:
                yield batch
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def merged(events: Sequence[Event]) -> list[Event]:
    """Return the events with the texts of each chain joined, where nothing came between."""
    result: list[Event] = []
    last: dict[tuple[int, str, int], tuple[int, ChainText]] = {}  # where each chain's text is
    for event in events:
        if not isinstance(event, ChainText):
            last.clear()
            result.append(event)
            continue
        key = (event.chain, event.node, event.round)
        place, joined = len(result), event
        if key in last:
            place, before = last[key]
            text, tokens = before.text + event.text, before.tokens + event.tokens
            joined = replace(before, text=text, tokens=tokens)
        last[key] = (place, joined)
        result[place : place + 1] = [joined]
    return result
