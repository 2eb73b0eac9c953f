"""The way models run on clusters: ray.serve.llm, here with its CPU accelerator, over two workers."""

import asyncio
import os
from dataclasses import replace

import pytest

from votebox.deployments import ModelArgs, ServeEngine
from votebox.plugins import EngineError, Message, Prompt, PromptTooLong, Sampling

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

MANY = 400


def prompts(count, **sampling):
    asked = Sampling(**{"temperature": 1.0, **sampling})
    return [Prompt((Message("user", "What is 12 plus 30?"),), asked, n) for n in range(count)]


def deployed():
    """Deploy votebox-mini over two workers on the CPU; return its handle and its engine."""
    from ray import serve

    from votebox.deployments.app import _cluster

    cores = sorted(os.sched_getaffinity(0))
    model = ModelArgs(
        kind="cluster",
        source="mini",
        accelerator="cpu",
        tensor_parallel_size=2,
        engine_kwargs={
            "dtype": "float32",
            "enforce_eager": True,
            "enable_chunked_prefill": False,
            "max_num_seqs": 64,
        },
        env={
            "VLLM_CPU_KVCACHE_SPACE": "1",
            # Unbound it is ten times slower.
            "VLLM_CPU_OMP_THREADS_BIND": f"{cores[0]}|{cores[-1]}",
            "OMP_NUM_THREADS": "1",
            "TORCH_COMPILE_DISABLE": "1",
        },
    )
    handle = serve.run(_cluster("default", model), name="cluster", route_prefix=None)
    return handle, ServeEngine(handle, model.shown_name)


async def greedy_texts(engine):
    """Return what the model finds most probable, for two questions."""
    sampling = Sampling(temperature=0.0, max_tokens=32)
    asked = [
        Prompt((Message("user", f"What is {n} plus {n * 7}?"),), sampling, 1) for n in (12, 404)
    ]
    texts = [""] * len(asked)
    async for batch in engine.sample(asked):
        for delta in batch:
            texts[delta.chain] += delta.text
    return texts


async def test_cluster_model_streams_aborts_and_refuses_through_the_same_port(
    served,
):
    from ray import serve

    handle, engine = deployed()

    deltas = [d async for batch in engine.sample(prompts(4)) for d in batch]
    for chain in range(4):
        own = [d for d in deltas if d.chain == chain]
        assert "".join(d.text for d in own)
        assert sum(d.tokens for d in own) > 0
        assert sum(d.prompt_tokens for d in own) > 0
        assert own[-1].finish_reason in {"stop", "length"}

    greedy = prompts(1, temperature=0.0, max_tokens=10**6)
    texts = []
    for _ in range(2):
        read = [d.text async for batch in engine.sample(greedy) for d in batch]
        texts.append("".join(read))
    assert texts[0] == texts[1]

    head = texts[0][: texts[0].rindex(" ")]  # where a token begins
    begun = replace(greedy[0], messages=(*greedy[0].messages, Message("assistant", head)))
    asked = replace(begun, sampling=Sampling(temperature=0.0, max_tokens=32, top_logprobs=5))
    rest = [d async for batch in engine.sample([asked]) for d in batch]
    assert (head + "".join(d.text for d in rest)).startswith(texts[0])
    stats = [d.logprobs for d in rest if d.logprobs]
    assert sum(len(s.confidences) for s in stats) == sum(d.tokens for d in rest)

    stream = engine.sample(prompts(MANY))
    await anext(stream)
    await stream.abort(MANY - 1)
    reasons = {}
    async with asyncio.timeout(120):
        while MANY - 1 not in reasons:
            reasons |= {d.chain: d.finish_reason for d in await anext(stream) if d.finish_reason}
    assert reasons[MANY - 1] == "abort"
    await stream.aclose()
    async with asyncio.timeout(60):
        while await handle.unfinished.remote():
            await asyncio.sleep(0.1)

    long = Prompt((Message("user", "1 2 3 " * 3000),), Sampling(), 1)
    with pytest.raises(PromptTooLong):
        await anext(engine.sample([long]))
    with pytest.raises(EngineError, match="top_p"):
        await anext(engine.sample(prompts(1, top_p=7.0)))

    single = ServeEngine(served.handle("LLM:default"), "votebox-mini")  # of one worker
    texts = await greedy_texts(engine)
    assert all(texts)
    assert texts == await greedy_texts(single)
    serve.delete("cluster")
