"""The unmodified openai client against the real server, sync and async."""

import time

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from serving import KEY, RECIPE, open_door

MODEL = f"votebox/{RECIPE}"
ASK = [{"role": "user", "content": "What is six times seven?"}]
SEED = {"extra_body": {"votebox": {"chains": 4}}, "seed": 1}

pytestmark = pytest.mark.filterwarnings("error::UserWarning")


@pytest.fixture(scope="module")
def door():
    with open_door() as door:
        yield door


@pytest.fixture
def slow():
    """Room for one solve, of many seconds."""
    with open_door(pause_s=20, max_running=1, max_queued=0) as door:
        yield door


def client(door, **more):
    return OpenAI(base_url=f"{door.url}/v1", api_key=KEY, **more)


def idle(door, within_s=20):
    """Wait until nothing runs; tell whether that came."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        told = httpx.get(f"{door.url}/ready").json()
        if told["running"] == told["queued"] == door.counted.streams == 0:
            return True
        time.sleep(0.02)
    return False


def test_a_completion_is_typed_with_usage_reasoning_and_the_vote(door):
    raw = client(door).chat.completions.with_raw_response.create(
        model=MODEL, messages=ASK, **SEED, extra_headers={"x-request-id": "mine-1"}
    )
    reply = raw.parse()
    assert raw.request_id == reply._request_id == "mine-1"
    message = reply.choices[0].message
    assert (message.content, message.role) == ("42", "assistant")
    assert "program" in message.reasoning_content
    assert reply.choices[0].finish_reason == "stop"
    usage = reply.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0
    assert reply.votebox["votes"][0]["answer"] == "42"


def test_a_stream_carries_the_answer_once_and_usage_at_its_end(door):
    given = client(door).chat.completions.create(
        model=MODEL, messages=ASK, stream=True, stream_options={"include_usage": True}, **SEED
    )
    chunks = list(given)
    said = [c.choices[0].delta for c in chunks if c.choices]
    assert "".join(delta.content or "" for delta in said) == "42"
    assert any(getattr(delta, "reasoning_content", None) for delta in said)
    assert chunks[-1].usage.total_tokens > 0
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_streaming_helper_gathers_a_whole_completion(door):
    with client(door).chat.completions.stream(model=MODEL, messages=ASK, **SEED) as stream:
        for _ in stream:
            pass
        assert stream.get_final_completion().choices[0].message.content == "42"


def test_models_are_listed_and_fetched(door):
    ids = [model.id for model in client(door).models.list()]
    assert {MODEL, "replay"} <= set(ids)
    assert client(door).models.retrieve(MODEL).id == MODEL
    with pytest.raises(openai.NotFoundError) as caught:
        client(door).models.retrieve("votebox/nothing")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert caught.value.request_id


def test_a_raw_model_answers_with_its_own_words(door):
    reply = client(door).chat.completions.create(model="replay", messages=ASK, n=2)
    assert [choice.index for choice in reply.choices] == [0, 1]
    assert "print(6 * 7)" in reply.choices[0].message.content


def test_errors_are_of_the_right_class_and_name_the_field(door):
    asked = client(door, max_retries=0)
    with pytest.raises(openai.BadRequestError) as caught:
        asked.chat.completions.create(model=MODEL, messages=ASK, n=2)
    assert caught.value.param == "n"
    assert "votebox.chains" in caught.value.message
    with pytest.raises(openai.AuthenticationError) as caught:
        OpenAI(base_url=f"{door.url}/v1", api_key="wrong").models.list()
    assert caught.value.code == "invalid_api_key"


def test_a_response_is_typed_polled_continued_and_deleted(door):
    asked = client(door)
    told = asked.responses.create(model=MODEL, input="six times seven", background=True)
    end = time.monotonic() + 20
    while told.status in ("queued", "in_progress") and time.monotonic() < end:
        told = asked.responses.retrieve(told.id)
        time.sleep(0.02)
    assert (told.status, told.output_text) == ("completed", "42")
    assert told.usage.total_tokens > 0
    again = asked.responses.create(model=MODEL, input="And again?", previous_response_id=told.id)
    assert again.output_text == "42"
    items = list(asked.responses.input_items.list(again.id))
    assert [item.role for item in items] == ["user", "assistant", "user"]
    asked.responses.delete(told.id)
    with pytest.raises(openai.NotFoundError):
        asked.responses.retrieve(told.id)


def test_a_response_streams_reasoning_and_text_in_typed_events(door):
    with client(door).responses.stream(model=MODEL, input="six times seven") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert final.output_text == "42"
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert "response.reasoning_summary_text.delta" in kinds
    assert "response.output_text.delta" in kinds


def test_a_background_response_can_be_cancelled(slow):
    asked = client(slow)
    told = asked.responses.create(model=MODEL, input="six times seven", background=True)
    assert asked.responses.cancel(told.id).status == "cancelled"
    assert idle(slow)


def test_a_refused_request_is_asked_again_when_the_server_said_and_served():
    with open_door(pause_s=0.3, max_running=1, max_queued=0) as door:
        first = client(door).responses.create(model=MODEL, input="six", background=True)
        statuses = []
        asked = client(
            door,
            http_client=httpx.Client(
                event_hooks={
                    "response": [
                        lambda reply: statuses.append(
                            (reply.status_code, reply.headers.get("retry-after"))
                        )
                    ]
                }
            ),
            max_retries=5,
        )
        reply = asked.chat.completions.create(model=MODEL, messages=ASK, **SEED)
        assert reply.choices[0].message.content == "42"
        assert statuses[-1] == (200, None)
        assert statuses[0][0] == 429
        assert int(statuses[0][1]) >= 1
        assert asked.responses.retrieve(first.id).status == "completed"


def test_a_full_server_is_a_rate_limit_error_without_retries(slow):
    asked = client(slow, max_retries=0)
    told = asked.responses.create(model=MODEL, input="six times seven", background=True)
    with pytest.raises(openai.RateLimitError) as caught:
        asked.chat.completions.create(model=MODEL, messages=ASK)
    assert caught.value.code == "rate_limit_exceeded"
    asked.responses.cancel(told.id)


def test_a_client_that_times_out_or_closes_its_stream_ends_its_solve(slow):
    with pytest.raises(openai.APITimeoutError):
        client(slow, max_retries=0, timeout=0.5).chat.completions.create(model=MODEL, messages=ASK)
    assert idle(slow)
    with client(slow).chat.completions.create(model=MODEL, messages=ASK, stream=True) as stream:
        assert next(iter(stream)).choices[0].delta.role == "assistant"
    assert idle(slow)


async def test_the_async_client_asks_many_at_once(door):
    async with AsyncOpenAI(base_url=f"{door.url}/v1", api_key=KEY) as asked:
        stream = await asked.chat.completions.create(model=MODEL, messages=ASK, stream=True, **SEED)
        text = "".join([c.choices[0].delta.content or "" async for c in stream])
        reply = await asked.responses.create(model=MODEL, input="six times seven")
    assert (text, reply.output_text) == ("42", "42")
