"""What vLLM gives becomes deltas, and a cluster's replica gathers them; vLLM is played."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from votebox.deployments.llm_cluster import BATCH_INTERVAL_S, Requests
from votebox.deployments.vllm_request import ChainOutput
from votebox.plugins import EngineError, Message, Prompt, Sampling

pytestmark = pytest.mark.timeout(300)  # the parameters of a request are vLLM's: it is imported


def output(text="", tokens=1, reason=None, logprobs=None):
    piece = SimpleNamespace(
        text=text, token_ids=[7] * tokens, finish_reason=reason, logprobs=logprobs
    )
    return SimpleNamespace(outputs=[piece], finished=reason is not None)


def test_a_chain_gives_what_came_since_it_was_taken():
    chain = ChainOutput(3, "three", prompt_tokens=5)
    assert not chain.fresh
    chain.add(output("a"), None)
    chain.add(output("b", tokens=2), None)
    first = chain.take()
    assert (first.chain, first.text, first.tokens, first.prompt_tokens) == (3, "ab", 3, 5)
    assert not chain.fresh
    chain.add(output("c", reason="length"), None)
    last = chain.take()
    assert (last.text, last.tokens, last.prompt_tokens, last.finish_reason) == ("c", 1, 0, "length")


@pytest.mark.parametrize(("reason", "told"), [("stop", "stop"), ("error", "abort")])
def test_an_end_vllm_has_no_word_of_ours_for_is_an_abort(reason, told):
    chain = ChainOutput(0, "0", 1)
    chain.add(output(tokens=0, reason=reason), None)
    assert chain.fresh
    assert chain.take().finish_reason == told


class Client:
    """Play vLLM's client: `plays[chain]` is what a chain's request gives, or raises."""

    def __init__(self, *plays):
        self.plays, self.closed = plays, []
        self.model_config = SimpleNamespace(max_model_len=100)

    def get_tokenizer(self):
        return SimpleNamespace(
            apply_chat_template=lambda messages, **_: messages[-1]["content"],
            encode=lambda text, **_: [0] * len(text),
        )

    async def generate(self, inputs, params, request):
        try:
            for item in self.plays[int(request.removeprefix("name-"))]:
                if isinstance(item, Exception):
                    raise item
                if item is None:
                    await asyncio.Event().wait()
                yield item
        finally:
            self.closed.append(request)


def requests(client, *questions):
    prompts = [Prompt((Message("user", text),), Sampling(), 0) for text in questions]
    return Requests(client, "model", "name", prompts)


async def test_an_aborted_chain_ends_in_vllm_and_the_others_go_on():
    client = Client([output("a"), None], [output("b"), output("c", reason="stop")])
    asked = requests(client, "x", "y")
    deltas = []
    async for batch in asked.batches():
        deltas += batch
        asked.abort([0])
    ends = {d.chain: d.finish_reason for d in deltas if d.finish_reason}
    assert ends == {0: "abort", 1: "stop"}
    assert "".join(d.text for d in deltas if d.chain == 1) == "bc"
    assert sorted(client.closed) == ["name-0", "name-1"]
    assert not asked.running


async def test_a_failed_request_fails_the_stream_after_what_was_gathered():
    asked = requests(Client([output("a"), ValueError("broken")]), "x")
    batches = asked.batches()
    assert [d.text for d in await anext(batches)] == ["a"]
    with pytest.raises(EngineError, match="model.*broken"):
        await anext(batches)


async def test_a_request_that_just_ends_leaves_no_reader_waiting():
    asked = requests(Client([output("a")]), "x")
    async with asyncio.timeout(10):
        deltas = [d async for batch in asked.batches() for d in batch]
    assert deltas[-1].finish_reason == "abort"


async def test_a_chain_without_room_ends_beside_one_that_has_it():
    asked = requests(Client([], [output("b", reason="stop")]), "x" * 100, "y")
    deltas = [d async for batch in asked.batches() for d in batch]
    assert {d.chain: (d.prompt_tokens, d.finish_reason) for d in deltas} == {
        0: (100, "length"),
        1: (1, "stop"),
    }


async def test_tokens_come_in_batches_not_one_by_one():
    class Slow(Client):
        async def generate(self, inputs, params, request):
            async for item in super().generate(inputs, params, request):
                await asyncio.sleep(BATCH_INTERVAL_S / 20)
                yield item

    written = [*[output("a")] * 99, output("b", reason="stop")]
    began = time.monotonic()
    batches = [batch async for batch in requests(Slow(written), "x").batches()]
    assert "".join(d.text for batch in batches for d in batch) == "a" * 99 + "b"
    assert len(batches) <= (time.monotonic() - began) / BATCH_INTERVAL_S + 2
