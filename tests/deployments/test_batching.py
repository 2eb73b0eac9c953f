import asyncio

import pytest

from votebox.deployments.batching import batched, merged
from votebox.deployments.web import kept_alive
from votebox.plugins import ChainFinished, ChainText


async def numbers(*pauses_s):
    for number, pause_s in enumerate(pauses_s):
        await asyncio.sleep(pause_s)
        yield number


async def test_what_comes_together_is_one_batch():
    assert [batch async for batch in batched(numbers(0, 0, 0), 5.0)] == [[0, 1, 2]]


async def test_what_comes_apart_is_not_held_back():
    batches = [batch async for batch in batched(numbers(0, 0.3, 0), 0.01)]
    assert batches == [[0], [1, 2]]


async def test_error_comes_after_what_was_gathered():
    async def failing():
        yield 1
        raise ValueError("broken")

    batches = batched(failing(), 0.01)
    assert await anext(batches) == [1]
    with pytest.raises(ValueError, match="broken"):
        await anext(batches)


async def test_closing_closes_the_source():
    closed = asyncio.Event()

    async def endless():
        try:
            while True:
                yield 0
                await asyncio.sleep(0.01)
        finally:
            closed.set()

    batches = batched(endless(), 0.01)
    await anext(batches)
    await batches.aclose()
    assert closed.is_set()


def test_texts_of_a_chain_are_joined_until_something_else_happens():
    def text(chain, said):
        return ChainText(chain, "think", 0, said, 1)

    events = [
        text(0, "a"),
        text(1, "x"),
        text(0, "b"),
        ChainFinished(1, "answered", 1),
        text(0, "c"),
    ]
    assert merged(events) == [
        ChainText(0, "think", 0, "ab", 2),
        text(1, "x"),
        ChainFinished(1, "answered", 1),
        text(0, "c"),
    ]


async def test_silence_is_filled_and_items_are_not_lost():
    seen = [item async for item in kept_alive(numbers(0, 0.2, 0), 0.05)]
    assert [item for item in seen if item is not None] == [0, 1, 2]
    assert seen.count(None) >= 1
