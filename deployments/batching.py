"""Gather events into batches, so that a busy solve costs a few messages a second."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from votebox.plugins import ChainText, Event

__all__ = ["batched", "merged"]


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
