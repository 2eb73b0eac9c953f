"""langchain-openai and pydantic-ai, unmodified, against the real server."""

import pytest
from langchain_openai import ChatOpenAI
from pydantic_ai import Agent, ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from serving import KEY, RECIPE, open_door

MODEL = f"votebox/{RECIPE}"
QUESTION = "What is six times seven?"


@pytest.fixture(scope="module")
def door():
    with open_door() as door:
        yield door


@pytest.fixture
def chat(door):
    return ChatOpenAI(model=MODEL, base_url=f"{door.url}/v1", api_key=KEY, stream_usage=True)


def agent(door, model=MODEL):
    provider = OpenAIProvider(base_url=f"{door.url}/v1", api_key=KEY)
    return Agent(OpenAIChatModel(model, provider=provider))


def test_langchain_invokes_with_usage(chat):
    message = chat.invoke(QUESTION)
    assert message.content == "42"
    assert message.usage_metadata["total_tokens"] > 0
    assert message.response_metadata["finish_reason"] == "stop"


def test_langchain_streams_the_answer_once_with_usage(chat):
    chunks = list(chat.stream(QUESTION))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.content == "42"
    assert whole.usage_metadata["total_tokens"] > 0


def test_langchain_asks_a_batch(chat):
    assert [message.content for message in chat.batch([QUESTION] * 3)] == ["42"] * 3


async def test_langchain_asks_asynchronously(chat):
    assert (await chat.ainvoke(QUESTION)).content == "42"


async def test_pydantic_ai_takes_text_as_text_and_reasoning_as_reasoning(door):
    done = await agent(door).run(QUESTION)
    assert done.output == "42"
    assert done.usage.output_tokens > 0
    parts = {part.part_kind: part.content for part in done.all_messages()[-1].parts}
    assert parts.keys() == {"thinking", "text"}
    assert "program" in parts["thinking"]


async def test_pydantic_ai_streams(door):
    async with agent(door).run_stream(QUESTION) as stream:
        said = [text async for text in stream.stream_text()]
    assert said[-1] == "42"


async def test_pydantic_ai_reports_an_unknown_model(door):
    with pytest.raises(ModelHTTPError, match="model_not_found"):
        await agent(door, "votebox/nothing").run(QUESTION)
