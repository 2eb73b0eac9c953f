import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from votebox.deployments import EmbeddedEngine, check_model
from votebox.deployments.streams import QueueStream
from votebox.plugins import (
    Engine,
    EngineError,
    EngineUnavailable,
    Message,
    Prompt,
    PromptTooLong,
    Sampling,
)

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

GREEDY = Sampling(temperature=0.0, max_tokens=48)
ENDLESS = Sampling()  # to the end of the context, see `endless`


@pytest.fixture(scope="module")
def endless(tmp_path_factory) -> Path:
    """Copy votebox-mini and let it not end its turns, so that there is time to abort them."""
    folder = tmp_path_factory.mktemp("model") / "endless"
    shutil.copytree(check_model(None), folder)
    never = "<|endoftext|>"
    for name, key, value in (
        ("config.json", "eos_token_id", 0),
        ("generation_config.json", "eos_token_id", 0),
        ("tokenizer_config.json", "eos_token", never),
    ):
        settings = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(settings | {key: value}))
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(endless) -> AsyncIterator[EmbeddedEngine]:
    settings = {"dtype": "float32", "kv_cache_memory_bytes": 2**29, "max_num_seqs": 64}
    async with EmbeddedEngine(str(endless), name="endless", engine_kwargs=settings) as started:
        yield started


def ask(text: str, sampling: Sampling = GREEDY, seed: int = 0) -> Prompt:
    return Prompt((Message("user", text),), sampling, seed)


async def read(stream: QueueStream) -> dict[int, tuple[str, int, int, str | None]]:
    """Return text, tokens, prompt tokens and finish reason of each chain."""
    chains: dict[int, tuple[str, int, int, str | None]] = {}
    async for batch in stream:
        assert batch
        for d in batch:
            text, tokens, prompt_tokens, _ = chains.get(d.chain, ("", 0, 0, None))
            chains[d.chain] = (
                text + d.text,
                tokens + d.tokens,
                prompt_tokens + d.prompt_tokens,
                d.finish_reason,
            )
    return chains


async def until_idle(engine: EmbeddedEngine) -> None:
    async with asyncio.timeout(60):
        while engine.unfinished:
            await asyncio.sleep(0.02)


async def until_busy(engine: EmbeddedEngine, requests: int) -> None:
    async with asyncio.timeout(60):
        while engine.unfinished < requests:
            await asyncio.sleep(0.02)


async def test_greedy_text_equals_transformers(engine, endless):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(endless)
    model = AutoModelForCausalLM.from_pretrained(endless, dtype="float32")
    questions = ["What is 17 plus 25?", "Find the greatest common divisor of 84 and 36."]
    chains = await read(engine.sample([ask(q) for q in questions]))
    for number, question in enumerate(questions):
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], add_generation_prompt=True, tokenize=False
        )
        given = tokenizer(text, add_special_tokens=False, return_tensors="pt")
        written = model.generate(**given, do_sample=False, max_new_tokens=48)
        length = given["input_ids"].shape[1]
        expected = tokenizer.decode(written[0][length:], skip_special_tokens=True)
        assert chains[number][0] == expected
        assert chains[number][2] == length


async def test_engine_fulfils_the_port(engine):
    assert isinstance(engine, Engine)
    assert engine.model == "endless"
    assert EmbeddedEngine().model == "votebox-mini"


async def test_event_loop_keeps_running_while_chains_are_sampled(engine):
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)

    ticking = asyncio.create_task(tick())
    long = replace(ENDLESS, max_tokens=256)
    await read(engine.sample([ask("What is 2 plus 2?", long, n) for n in range(4)]))
    ticking.cancel()
    assert ticks > 10


async def test_concurrent_streams_keep_apart(engine):
    alone = await read(engine.sample([ask("What is 12 times 3?")]))
    questions = [f"What is {n} times 3?" for n in range(8, 16)]
    streams = [engine.sample([ask(q), ask(q)]) for q in questions]
    results = await asyncio.gather(*(read(stream) for stream in streams))
    assert results[4][0] == results[4][1] == alone[0]
    assert len({result[0][0] for result in results}) > 1


async def test_same_seed_gives_same_text_and_another_seed_another(engine):
    hot = Sampling(temperature=2.0, max_tokens=40)
    prompts = [ask("What is 3 plus 4?", hot, seed) for seed in (1, 1, 2)]
    chains = await read(engine.sample(prompts))
    assert chains[0] == chains[1]
    assert chains[0] != chains[2]


async def test_more_seeded_prompts_than_one_step_reads_are_all_answered(engine):
    # Reading a seeded prompt in parts kills vLLM's CPU engine.
    short = Sampling(max_tokens=2)
    long = [ask(f"{n} plus " * 100, short, seed=n) for n in range(40)]
    chains = await read(engine.sample(long))
    assert sum(chain[2] for chain in chains.values()) > 2 * 2048
    assert all(chain[3] == "length" for chain in chains.values())


async def test_tokens_end_at_max_tokens_with_reason_length(engine):
    chains = await read(engine.sample([ask("hi", replace(ENDLESS, max_tokens=7))]))
    assert chains[0][1] == 7
    assert chains[0][3] == "length"


async def test_max_tokens_are_cut_to_what_the_context_leaves(engine):
    asked = ask("hi " * 850, replace(ENDLESS, max_tokens=10**6))
    chains = await read(engine.sample([asked]))
    assert chains[0][1] > 0
    assert chains[0][2] > 1024
    assert chains[0][1] + chains[0][2] == 2048


async def test_stop_text_ends_a_chain_and_is_not_part_of_it(engine):
    whole = (await read(engine.sample([ask("What is 5 plus 6?")])))[0][0]
    stop = Sampling(temperature=0.0, max_tokens=48, stop=(whole[3:5],))
    text, _, _, reason = (await read(engine.sample([ask("What is 5 plus 6?", stop)])))[0]
    assert text == whole[: whole.index(whole[3:5])]
    assert reason == "stop"


async def test_logprobs_come_only_when_asked(engine):
    asked = Sampling(temperature=0.0, max_tokens=16, logprobs=True)
    deltas = [d async for batch in engine.sample([ask("What is 1 plus 1?", asked)]) for d in batch]
    stats = [d.logprobs for d in deltas if d.logprobs]
    assert sum(s.tokens for s in stats) == sum(d.tokens for d in deltas)
    assert all(s.lowest <= s.mean <= 0.0 for s in stats)
    plain = [d async for batch in engine.sample([ask("What is 1 plus 1?")]) for d in batch]
    assert all(d.logprobs is None for d in plain)


async def test_alternatives_are_measured_when_asked(engine):
    asked = Sampling(temperature=0.0, max_tokens=16, top_logprobs=5)
    deltas = [d async for batch in engine.sample([ask("What is 1 plus 1?", asked)]) for d in batch]
    stats = [d.logprobs for d in deltas if d.logprobs]
    confidences = [c for s in stats for c in s.confidences]
    assert len(confidences) == sum(d.tokens for d in deltas) == 16
    # Minus the mean of five logprobs, of which the sampled one, the best, is one.
    assert all(c > -s.total / s.tokens / 5 for s in stats for c in s.confidences if s.tokens == 1)
    assert all(s.entropy > 0 for s in stats)


async def test_vllm_neither_decodes_nor_keeps_logprobs_that_were_read(engine):
    asked = Sampling(temperature=0.0, top_logprobs=20)
    stream = engine.sample([ask("What is 1 plus 1?", asked)])
    tokens = 0
    while tokens < 200:
        tokens += sum(d.tokens for d in await anext(stream))
    states = engine._stepper._llm.output_processor.request_states.values()
    held = [state.logprobs_processor for state in states]
    assert len(held) == 1
    assert all(p.tokenizer is None and len(p.logprobs) <= 1 for p in held)
    await stream.aclose()
    await until_idle(engine)


async def test_asking_for_logprobs_changes_no_text(engine):
    asked = replace(GREEDY, top_logprobs=20)
    measured = await read(engine.sample([ask("What is 5 plus 6?", asked)]))
    assert measured == await read(engine.sample([ask("What is 5 plus 6?")]))


async def test_a_begun_reply_goes_on_as_if_it_had_never_stopped(engine):
    whole, tokens, _, _ = (await read(engine.sample([ask("What is 5 plus 6?")])))[0]
    head = whole[: whole.index(" ", 8)]
    begun = Prompt((Message("user", "What is 5 plus 6?"), Message("assistant", head)), GREEDY, 0)
    rest, fewer, prompt_tokens, _ = (await read(engine.sample([begun])))[0]
    assert (head + rest).startswith(whole)
    plain = (await read(engine.sample([ask("What is 5 plus 6?")])))[0][2]
    assert prompt_tokens > plain
    assert tokens == fewer == GREEDY.max_tokens


async def test_a_stop_text_may_stay(engine):
    whole = (await read(engine.sample([ask("What is 5 plus 6?")])))[0][0]
    stop = replace(GREEDY, stop=(whole[3:5],), include_stop_str_in_output=True)
    text = (await read(engine.sample([ask("What is 5 plus 6?", stop)])))[0][0]
    assert text == whole[: whole.index(whole[3:5]) + 2]


async def test_aborted_chain_stops_in_the_engine_and_the_others_go_on(engine):
    stream = engine.sample([ask("hi", ENDLESS, seed) for seed in range(3)])
    await anext(stream)
    await until_busy(engine, 3)
    await stream.abort(1)
    async with asyncio.timeout(60):
        async for batch in stream:
            if any(d.chain == 1 and d.finish_reason == "abort" for d in batch):
                break
    assert engine.unfinished <= 2
    await stream.abort(1)
    await stream.abort(99)
    await stream.aclose()
    await until_idle(engine)


async def test_closed_stream_leaves_nothing_in_the_engine(engine):
    stream = engine.sample([ask("hi", ENDLESS, seed) for seed in range(16)])
    await anext(stream)
    await until_busy(engine, 16)
    await stream.aclose()
    await until_idle(engine)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_stream_closed_before_its_first_batch_leaves_nothing(engine):
    stream = engine.sample([ask("hi", ENDLESS, seed) for seed in range(4)])
    await stream.aclose()
    await read(engine.sample([ask("What is 1 plus 1?")]))
    await until_idle(engine)


async def test_no_prompts_give_an_empty_stream(engine):
    assert await read(engine.sample([])) == {}


async def test_prompt_longer_than_the_context_is_told(engine):
    with pytest.raises(PromptTooLong, match="context holds 2048") as caught:
        await read(engine.sample([ask("1 2 3 " * 3000)]))
    assert isinstance(caught.value, ValueError)


async def test_prompt_too_long_beside_others_ends_alone(engine):
    chains = await read(engine.sample([ask("1 2 3 " * 3000), ask("What is 1 plus 1?")]))
    assert chains[0][:2] == ("", 0)
    assert chains[0][3] == "length"
    assert chains[1][1] > 0


async def test_refused_sampling_fails_its_stream_and_not_the_engine(engine):
    with pytest.raises(EngineError, match="top_p"):
        await read(engine.sample([ask("hi", Sampling(top_p=7.0))]))
    assert (await read(engine.sample([ask("What is 1 plus 1?")])))[0][1] > 0


async def test_engine_not_started_says_so():
    with pytest.raises(EngineUnavailable, match="not started"):
        await read(EmbeddedEngine().sample([ask("hi")]))


async def test_stream_opened_while_the_engine_starts_waits_for_it_and_close_ends_the_rest(engine):
    second = EmbeddedEngine()
    starting = asyncio.create_task(second.start())
    await asyncio.sleep(0)
    early = second.sample([ask("What is 1 plus 1?")])
    assert (await read(early))[0][1] > 0
    await starting
    left = second.sample([ask("What is 1 plus 1?", seed=n) for n in range(512)])
    await anext(left)
    await second.close()
    with pytest.raises(EngineUnavailable, match="closed"):
        await read(left)
    with pytest.raises(EngineUnavailable, match="closed"):
        await read(second.sample([ask("hi")]))
    # The first engine of this process lives on.
    assert (await read(engine.sample([ask("What is 1 plus 1?")])))[0][1] > 0


async def test_dead_thread_fails_open_and_later_streams(engine):
    second = EmbeddedEngine()
    await second.start()
    stream = second.sample([ask("What is 1 plus 1?", seed=n) for n in range(512)])
    await anext(stream)

    def die() -> None:
        raise MemoryError("out of memory")

    second._stepper._inbox.put(die)
    async with asyncio.timeout(60):
        with pytest.raises(EngineError, match="died: MemoryError"):
            await read(stream)
        with pytest.raises(EngineError, match="died: MemoryError"):
            await read(second.sample([ask("hi")]))
    assert isinstance(second.failure, EngineError)
    assert second.unfinished == 0
    await second.close()
