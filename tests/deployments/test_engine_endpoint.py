"""Against a stub of the network; test_app.py runs the engine against a real server."""

import asyncio
import json

import httpx
import pytest

from votebox.deployments import EndpointEngine
from votebox.plugins import (
    Engine,
    EngineError,
    EngineUnavailable,
    Message,
    Prompt,
    PromptTooLong,
    Sampling,
)

URL = "http://stub/v1"
FULL = Sampling(temperature=0.5, min_p=0.01, top_k=5, max_tokens=9, logprobs=True, stop=("x",))


def prompts(count=1, sampling=FULL):
    return [Prompt((Message("user", "hi"),), sampling, seed) for seed in range(count)]


def chunk(text="", finish=None, usage=None, **delta):
    choice = {"index": 0, "delta": {"content": text, **delta}, "finish_reason": finish}
    event = {"choices": [choice]} if usage is None else {"choices": [], "usage": usage}
    return f"data: {json.dumps(event)}\n\n"


def stream_of(*events):
    return httpx.Response(
        200, headers={"content-type": "text/event-stream"}, text="".join([*events, "data: [DONE]"])
    )


USAGE = {"prompt_tokens": 11, "completion_tokens": 7}
WHOLE = (chunk("4"), chunk("2"), chunk(finish="stop"), chunk(usage=USAGE))


def engine(answer, **settings):
    """Return an engine whose network is the function `answer(request)`."""

    def handle(request):
        if request.url.path.endswith("/models"):
            models = {"data": [{"id": "first"}, {"id": "second"}]}
            return answer(request) or httpx.Response(200, json=models)
        return answer(request)

    return EndpointEngine(URL, transport=httpx.MockTransport(handle), **settings)


def chat(answer):
    """Return `answer` for chats only; the models are the stub's."""
    return lambda request: None if request.url.path.endswith("/models") else answer(request)


async def read(stream):
    """Return all deltas; raise the first chain's error."""
    deltas = [delta async for batch in stream for delta in batch]
    for delta in deltas:
        if delta.error is not None:
            raise delta.error
    return deltas


async def test_one_refused_request_leaves_the_other_chains_alone():
    turn = iter(range(100))

    def answer(request):
        return httpx.Response(500, text="oops") if next(turn) == 2 else stream_of(*WHOLE)

    async with engine(chat(answer)) as made:
        deltas = [delta async for batch in made.sample(prompts(5)) for delta in batch]
    assert len([d for d in deltas if d.finish_reason == "stop"]) == 4
    (failed,) = [d for d in deltas if d.error is not None]
    assert isinstance(failed.error, EngineUnavailable)


async def test_a_busy_endpoint_is_asked_again():
    answers = iter([429, 503, 200])

    def answer(request):
        status = next(answers)
        busy = httpx.Response(status, headers={"retry-after": "0"}, text="busy")
        return stream_of(*WHOLE) if status == 200 else busy

    async with engine(chat(answer)) as made:
        deltas = await read(made.sample(prompts(1)))
    assert deltas[-1].finish_reason == "stop"


async def test_a_named_model_needs_no_list_of_models():
    def answer(request):
        if request.url.path.endswith("/models"):
            return httpx.Response(404, text="no such path")
        return stream_of(*WHOLE)

    async with engine(answer, model="mine") as made:
        assert (await read(made.sample(prompts(1))))[-1].finish_reason == "stop"


async def test_reply_is_streamed_with_the_servers_own_token_count():
    async with engine(chat(lambda _: stream_of(*WHOLE))) as made:
        deltas = await read(made.sample(prompts(2)))
    assert isinstance(made, Engine)
    for chain in range(2):
        own = [d for d in deltas if d.chain == chain]
        assert "".join(d.text for d in own) == "42"
        assert sum(d.tokens for d in own) == 7
        assert sum(d.prompt_tokens for d in own) == 11
        assert [d.finish_reason for d in own] == [None, None, "stop"]
    assert not made.counts_chunks


async def test_model_is_discovered_when_none_is_named():
    async with engine(chat(lambda _: stream_of(*WHOLE))) as made:
        assert made.model == "first"


async def test_unknown_model_is_told_with_those_served():
    with pytest.raises(EngineError, match="it serves first, second"):
        await engine(chat(lambda _: None), model="third").start()


async def test_everything_asked_is_sent():
    sent = []

    def answer(request):
        sent.append(json.loads(request.content))
        return stream_of(*WHOLE)

    async with engine(chat(answer)) as made:
        await read(made.sample(prompts()))
    assert sent[0]["stream_options"] == {"include_usage": True}
    for name in ("temperature", "min_p", "top_k", "max_tokens", "logprobs", "seed", "stop"):
        assert name in sent[0]


async def test_a_begun_reply_is_sent_as_one_to_go_on_with():
    sent = []

    def answer(request):
        sent.append(json.loads(request.content))
        return stream_of(*WHOLE)

    stop = Sampling(stop=("x",), include_stop_str_in_output=True, top_logprobs=20)
    begun = Prompt((Message("user", "hi"), Message("assistant", "I")), stop, 0)
    async with engine(chat(answer)) as made:
        await read(made.sample([begun, *prompts()]))
    first, second = sorted(sent, key=lambda body: len(body["messages"]), reverse=True)
    assert (first["continue_final_message"], first["add_generation_prompt"]) == (True, False)
    assert first["messages"][-1] == {"role": "assistant", "content": "I"}
    assert (first["include_stop_str_in_output"], first["top_logprobs"]) == (True, 20)
    extra = {"continue_final_message", "include_stop_str_in_output", "top_logprobs"}
    assert not extra & second.keys()


async def test_an_endpoint_that_cannot_go_on_is_told_with_the_way_out():
    message = "Unknown parameter: 'continue_final_message'"
    refuse = chat(lambda _: httpx.Response(400, json={"error": {"message": message}}))
    begun = Prompt((Message("user", "hi"), Message("assistant", "I")), FULL, 0)
    async with engine(refuse) as made:
        with pytest.raises(EngineError, match='turn = "fenced"'):
            await read(made.sample([begun]))


async def test_alternatives_become_token_confidences():
    top = [{"token": "a", "logprob": -1.0}, {"token": "b", "logprob": -3.0}]
    entry = {"token": "a", "logprob": -1.0, "top_logprobs": top}
    event = {"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [entry]}}]}
    told = (f"data: {json.dumps(event)}\n\n", *WHOLE)
    async with engine(chat(lambda _: stream_of(*told))) as made:
        deltas = await read(made.sample(prompts()))
    stats = [d.logprobs for d in deltas if d.logprobs]
    assert [s.confidences for s in stats] == [(2.0,)]


async def test_refused_fields_are_left_out_from_then_on():
    sent = []

    def answer(request):
        body = json.loads(request.content)
        sent.append(body)
        if "min_p" in body or "top_k" in body:
            message = "Unrecognized request arguments supplied: min_p, top_k"
            return httpx.Response(400, json={"error": {"message": message}})
        return stream_of(*WHOLE)

    async with engine(chat(answer)) as made:
        await read(made.sample(prompts()))
        await read(made.sample(prompts()))
        assert made.refused == {"min_p", "top_k"}
    assert len(sent) == 3
    assert sent[1]["temperature"] == 0.5


async def test_max_tokens_beyond_the_context_are_left_to_the_server():
    def answer(request):
        if "max_tokens" in json.loads(request.content):
            message = "This model's maximum context length is 8 tokens; max_tokens is too large"
            return httpx.Response(400, json={"error": {"message": message}})
        return stream_of(*WHOLE)

    async with engine(chat(answer)) as made:
        assert (await read(made.sample(prompts())))[-1].finish_reason == "stop"


async def test_prompt_too_long_is_told_as_such():
    def answer(request):
        message = "This model's maximum context length is 8 tokens. However, ..."
        return httpx.Response(400, json={"error": {"message": message}})

    async with engine(chat(answer)) as made:
        with pytest.raises(PromptTooLong, match="maximum context length"):
            await read(made.sample(prompts()))


async def test_without_usage_chunks_are_counted_and_that_is_said():
    def answer(request):
        body = json.loads(request.content)
        if "stream_options" in body:
            return httpx.Response(400, json={"detail": "stream_options: extra field"})
        return stream_of(chunk("4"), chunk("2"), chunk(finish="length"))

    async with engine(chat(answer)) as made:
        deltas = await read(made.sample(prompts()))
        assert made.counts_chunks
    assert sum(d.tokens for d in deltas) == 2
    assert deltas[-1].finish_reason == "length"


async def test_reasoning_is_read_under_both_names():
    events = (chunk(reasoning="a"), chunk(reasoning_content="b"), *WHOLE)
    async with engine(chat(lambda _: stream_of(*events))) as made:
        deltas = await read(made.sample(prompts()))
    assert "".join(d.reasoning for d in deltas) == "ab"
    assert "".join(d.text for d in deltas) == "42"


@pytest.mark.parametrize(
    ("reply", "error", "message"),
    [
        (httpx.Response(401, json={"error": {"message": "bad key"}}), EngineError, "MY_KEY"),
        (httpx.Response(404, text="not found"), EngineError, "check the model's name"),
        (httpx.Response(429, json={"error": "slow down"}), EngineUnavailable, "slow down"),
        (httpx.Response(503, text=""), EngineUnavailable, "503"),
        (httpx.Response(400, json={"message": "no"}), EngineError, "400: no"),
        (stream_of(chunk("4")), EngineError, "broke off"),
        (stream_of('data: {"error": {"message": "out of memory"}}\n\n'), EngineError, "out of"),
        (stream_of("data: nonsense\n\n"), EngineError, "no whole chat completion"),
        (stream_of("data: 7\n\n"), EngineError, "not an object"),
    ],
)
async def test_failures_are_told_in_one_clear_line(reply, error, message):
    async with engine(chat(lambda _: reply), key_env="MY_KEY") as made:
        with pytest.raises(error, match=message) as caught:
            await read(made.sample(prompts()))
    assert "\n" not in str(caught.value)


async def test_unreachable_address_is_told():
    with pytest.raises(EngineUnavailable, match="cannot be reached"):
        await EndpointEngine("http://127.0.0.1:9/v1").start()


async def test_address_that_is_no_api_is_told():
    stub = engine(lambda _: httpx.Response(200, text="<html>"))
    with pytest.raises(EngineError, match="lists no models"):
        await stub.start()


async def test_key_comes_from_the_named_variable_and_is_never_shown(monkeypatch):
    monkeypatch.setenv("MY_KEY", "s3cret")
    seen = []

    def answer(request):
        seen.append(request.headers.get("authorization"))
        return httpx.Response(401, json={"error": {"message": "no"}})

    with pytest.raises(EngineError) as caught:
        await engine(answer, key_env="MY_KEY").start()
    assert seen == ["Bearer s3cret"]
    assert "s3cret" not in str(caught.value) + repr(caught.value)


async def test_aborted_chain_ends_alone_even_before_it_was_sent():
    hold = asyncio.Event()

    async def answer(request):
        if request.url.path.endswith("/models"):
            return httpx.Response(200, json={"data": [{"id": "m"}]})
        if json.loads(request.content)["seed"] == 1:
            await hold.wait()
        return stream_of(*WHOLE)

    made = EndpointEngine(URL, transport=httpx.MockTransport(answer))
    stream = made.sample(prompts(3))
    await stream.abort(0)
    await asyncio.sleep(0.05)
    await stream.abort(1)
    async with asyncio.timeout(10):
        deltas = await read(stream)
    assert {d.chain: d.finish_reason for d in deltas if d.finish_reason} == {
        0: "abort",
        1: "abort",
        2: "stop",
    }
    await made.close()


async def test_no_more_requests_run_at_once_than_allowed():
    running, most = 0, 0

    async def answer(request):
        nonlocal running, most
        if request.url.path.endswith("/models"):
            return httpx.Response(200, json={"data": [{"id": "m"}]})
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return stream_of(*WHOLE)

    async with EndpointEngine(URL, concurrency=3, transport=httpx.MockTransport(answer)) as made:
        await read(made.sample(prompts(12)))
    assert most == 3
