"""The streams a sampler opens, to the last one."""

import asyncio

from votebox.plugins import Prompt
from votebox.plugins.sampler import GATHER_S, Sampler


class Stream:
    def __init__(self):
        self.closed = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        await asyncio.sleep(60)

    async def aclose(self):
        self.closed += 1


class Engine:
    model = "fake"

    def __init__(self):
        self.streams = []

    def sample(self, prompts):
        self.streams.append(Stream())
        return self.streams[-1]


async def test_a_stream_that_was_opened_but_never_read_is_closed_too():
    engine = Engine()
    sampler = Sampler(engine)
    sampler.start(Prompt(()))
    sampler._open()
    await sampler.aclose()
    assert [stream.closed for stream in engine.streams] == [1]


async def test_a_stream_in_the_middle_is_closed_once():
    engine = Engine()
    sampler = Sampler(engine)
    sampler.start(Prompt(()))
    await asyncio.sleep(GATHER_S * 20)
    await sampler.aclose()
    assert [stream.closed for stream in engine.streams] == [1]


async def test_a_closed_sampler_opens_nothing_for_a_chain_that_outlives_it():
    engine = Engine()
    sampler = Sampler(engine)
    await sampler.aclose()
    sampler.start(Prompt(()))
    await asyncio.sleep(GATHER_S * 20)
    assert engine.streams == []
