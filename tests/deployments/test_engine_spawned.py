"""vLLM in a process of its own: the port, and what becomes of it when either side ends."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from votebox.deployments import SpawnedEngine
from votebox.plugins import Engine, EngineError, EngineUnavailable, Message, Prompt, Sampling

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

SHORT = Sampling(temperature=0.0, max_tokens=24)
LONG = Sampling(temperature=1.0, max_tokens=4096)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[SpawnedEngine]:
    async with SpawnedEngine() as started:
        yield started


def ask(sampling: Sampling = SHORT, seed: int = 0) -> Prompt:
    return Prompt((Message("user", "What is 17 plus 25?"),), sampling, seed)


async def ends(stream) -> list[tuple[int, str | None]]:
    """Return how each chain ended, in the order they did."""
    return [(d.chain, d.finish_reason) async for batch in stream for d in batch if d.finish_reason]


async def test_greedy_replies_are_the_same_in_each_stream_and_counted(engine):
    assert isinstance(engine, Engine)
    assert engine.model == "votebox-mini"

    async def text(stream) -> tuple[str, int, int]:
        deltas = [delta async for batch in stream for delta in batch]
        written = "".join(delta.text for delta in deltas)
        return written, sum(d.tokens for d in deltas), sum(d.prompt_tokens for d in deltas)

    first, *others = await asyncio.gather(*(text(engine.sample([ask()])) for _ in range(5)))
    assert others == [first] * 4
    assert first[0].startswith("Let")
    assert first[1] > 5
    assert first[2] > 5


async def test_an_aborted_chain_ends_alone_and_a_closed_stream_ends_all_of_its(engine):
    stream = engine.sample([ask(LONG, seed) for seed in range(8)])
    await anext(stream)
    await stream.abort(3)
    assert (3, "abort") in await ends(stream)
    left = engine.sample([ask(LONG, seed) for seed in range(64)])
    await anext(left)
    await left.aclose()
    assert [end async for end in left] == []
    assert len(await ends(engine.sample([ask()] * 2))) == 2
    async with asyncio.timeout(60):
        while engine._streams:
            await asyncio.sleep(0.02)


async def test_a_prompt_too_long_is_the_error_of_its_own_stream(engine):
    long = Prompt((Message("user", "17 plus " * 20_000),), SHORT, 0)
    with pytest.raises(EngineError, match="tokens"):
        await ends(engine.sample([long]))
    assert len(await ends(engine.sample([ask()]))) == 1


async def test_a_model_that_cannot_start_says_so():
    engine = SpawnedEngine(engine_kwargs={"max_model_len": -7})
    with pytest.raises(EngineError, match="cannot start it"):
        await engine.start()
    assert engine._process.returncode is not None


async def test_nothing_is_sampled_before_the_start():
    with pytest.raises(EngineUnavailable, match="start"):
        await ends(SpawnedEngine().sample([ask()]))


async def test_the_child_ends_with_a_parent_that_was_killed():
    program = (
        "import asyncio\nfrom votebox.deployments import SpawnedEngine\n"
        "async def main():\n    engine = SpawnedEngine()\n"
        "    starting = asyncio.create_task(engine.start())\n"
        "    while engine._process is None: await asyncio.sleep(0.01)\n"
        "    print(engine._process.pid, flush=True)\n    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    child = Path(f"/proc/{int(await parent.stdout.readline())}")
    assert child.exists()
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    async with asyncio.timeout(60):
        while child.exists() and b"engine_spawned" in (child / "cmdline").read_bytes():
            await asyncio.sleep(0.05)


async def test_a_child_that_is_killed_fails_its_streams_and_those_to_come(engine):
    """Comes last: it ends the engine that the tests above share."""
    stream = engine.sample([ask(LONG, seed) for seed in range(8)])
    engine._process.kill()
    with pytest.raises(EngineError, match="its process has ended"):
        await ends(stream)
    with pytest.raises(EngineUnavailable):
        await ends(engine.sample([ask()]))
    assert "its process has ended" in str(engine.failure)
