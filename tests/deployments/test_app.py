"""The whole path: openai client, HTTP, solver, vLLM with votebox-mini, nsjail."""

import asyncio
import json

import httpx
import openai
import pytest

from votebox.deployments import EndpointEngine, ServeEngine, ServeSandbox
from votebox.plugins import Limits, Message, Prompt, PromptTooLong, Sampling

pytestmark = pytest.mark.timeout(900)

QUESTION = "What is 12 plus 30?"
MESSAGES = [{"role": "user", "content": QUESTION}]
MANY = 1500  # chains that take minutes, so that nothing but an abort ends them soon


@pytest.fixture
def client(served):
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture
async def http(served):
    async with httpx.AsyncClient(base_url=served.url, timeout=120) as made:
        yield made


async def programs(served) -> int:
    """Return the most programs that a replica of the sandbox has.

    Asked many times at once: Serve prefers the replica with less to do, so one question alone
    never meets the busy one of two.
    """
    jails = served.handle("Jails")
    return max(await asyncio.gather(*(jails.running.remote() for _ in range(16))))


async def until_idle(served) -> None:
    """Wait until vLLM and the sandbox hold nothing, by their own counts."""
    llm = served.handle("LLM:default")
    async with asyncio.timeout(60):
        while await llm.unfinished.remote() or await programs(served):
            await asyncio.sleep(0.1)


async def until_busy(served, requests: int) -> None:
    llm = served.handle("LLM:default")
    async with asyncio.timeout(60):
        while await llm.unfinished.remote() < requests:
            await asyncio.sleep(0.05)


def prompts(count: int) -> list[Prompt]:
    sampling = Sampling(temperature=1.0)
    return [Prompt((Message("user", QUESTION),), sampling, seed) for seed in range(count)]


def test_chat_completion_carries_answer_votes_and_usage(client):
    reply = client.chat.completions.create(
        model="votebox/vote", messages=MESSAGES, seed=1, extra_body={"votebox": {"chains": 6}}
    )
    ours = reply.votebox
    assert reply.object == "chat.completion"
    assert reply.choices[0].message.content == ours["answer"]
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.usage.completion_tokens == ours["usage"]["completion_tokens"] > 0
    assert ours["votes"][0]["answer"] == ours["answer"]
    assert 0 < ours["confidence"] <= 1
    assert ours["usage"]["executions"] > 0
    assert ours["recipe"] == "vote"
    assert ours["seed"] == 1


def test_streamed_completion_narrates_and_ends_with_answer_and_usage(client):
    stream = client.chat.completions.create(
        model="votebox/vote",
        messages=MESSAGES,
        stream=True,
        stream_options={"include_usage": True},
        extra_body={"votebox": {"chains": 4}},
    )
    chunks = list(stream)
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert deltas[0].role == "assistant"
    told = "".join(getattr(delta, "reasoning", None) or "" for delta in deltas)
    assert "chain 0" in told
    assert told == "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    last = [chunk for chunk in chunks if chunk.choices][-1]
    assert last.choices[0].finish_reason == "stop"
    assert "".join(delta.content or "" for delta in deltas) == (last.votebox["answer"] or "")
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert len({chunk.id for chunk in chunks}) == 1


def test_each_recipe_is_a_model(client):
    names = [model.id for model in client.models.list()]
    assert {"votebox/vote", "votebox/aimo-qwq", "votebox/tool-loop"} <= set(names)
    found = client.models.retrieve("votebox/vote")
    assert (found.object, found.owned_by) == ("model", "votebox")
    assert found.created > 0
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("votebox/nothing")
    assert caught.value.code == "model_not_found"


def test_every_recipe_answers(client):
    for recipe in ("aimo-qwq", "tool-loop", "tool-inline"):
        reply = client.chat.completions.create(
            model=f"votebox/{recipe}", messages=MESSAGES, extra_body={"votebox": {"chains": 2}}
        )
        assert reply.votebox["recipe"] == recipe


async def test_programs_run_inside_a_reply_which_then_goes_on(http, served):
    body = {"question": "What is the product of 137 and 48?", "recipe": "tool-inline"}
    reply = (await http.post("/v1/solves", json={**body, "seed": 1, "chains": 4})).json()
    assert reply["answer"] == "6576"
    assert reply["usage"]["executions"] >= 1
    boxed = [c for chain in reply["chains"] for c in chain["candidates"] if c["source"] == "boxed"]
    assert boxed, "no chain went on behind its program"
    await until_idle(served)


async def test_health_and_request_ids(http):
    reply = await http.get("/health", headers={"x-request-id": "mine"})
    assert reply.json() == {"status": "ok"}
    assert reply.headers["x-request-id"] == "mine"
    assert (await http.get("/nothing")).headers["x-request-id"]


@pytest.mark.parametrize(
    ("change", "param", "message"),
    [
        ({"model": None}, "model", "model"),
        ({"messages": "hi"}, "messages", "messages"),
        ({"messages": []}, "messages", "at least 1 item"),
        ({"messages": [{"role": "user", "content": "  "}]}, None, "question is empty"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages.0.content.0.type",
            "image_url",
        ),
        ({"messages": [{"role": "user", "content": "1" * 200_000}]}, None, "characters"),
        ({"n": 4}, "n", "votebox.chains"),
        ({"tools": [{"type": "function"}]}, "tools", "cannot be called"),
        ({"temperature": 11}, "temperature", "temperature"),
        ({"votebox": {"chain": 3}}, "votebox.chain", "unknown key"),
        ({"votebox": {"chains": 0}}, "votebox.chains", "chains"),
        ({"votebox": {"chains": "many"}}, "votebox.chains", "chains"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_wrong_request_is_a_400_that_says_why(http, change, param, message, stream):
    body = {"model": "votebox/vote", "messages": MESSAGES, "stream": stream} | change
    reply = await http.post("/v1/chat/completions", json=body)
    assert reply.status_code == 400
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert message in error["message"]


async def test_other_errors_have_the_same_shape(http):
    cases = [
        (await http.post("/v1/chat/completions", content=b"{"), 400),
        (await http.post("/v1/chat/completions", content=b"[]"), 400),
        (await http.post("/v1/chat/completions", content=b"x" * (2**21 + 1)), 413),
        (await http.get("/v1/nothing"), 404),
        (await http.get("/v1/chat/completions"), 405),
        (await http.post("/v1/solves", json={"question": "1", "recipe": "nope"}), 400),
        (await http.post("/v1/solves", json={"question": "1", "question2": "1"}), 400),
        (await http.post("/v1/solves", json={"question": "1", "stream": "yes"}), 400),
        (await http.post("/v1/solves", json={}), 400),
    ]
    for reply, status in cases:
        assert reply.status_code == status
        assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
    unknown = {"model": "gpt-4", "messages": MESSAGES}
    reply = await http.post("/v1/chat/completions", json=unknown)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")


async def test_unknown_fields_of_openai_are_ignored(http):
    body = {"model": "votebox/vote", "messages": MESSAGES, "user": "me", "foo": 1, "top_p": 1.0}
    reply = await http.post("/v1/chat/completions", json=body | {"votebox": {"chains": 1}})
    assert reply.status_code == 200


async def test_native_solve_gives_the_whole_verdict(http):
    body = {"question": QUESTION, "chains": 3, "seed": 5, "id": "mine"}
    verdict = (await http.post("/v1/solves", json=body)).json()
    assert verdict["problem_id"] == "mine"
    assert len(verdict["chains"]) == 3
    again = (await http.post("/v1/solves", json=body)).json()
    texts = [[c["text"] for c in chain["completions"]] for chain in verdict["chains"]]
    assert texts == [[c["text"] for c in chain["completions"]] for chain in again["chains"]]


async def test_native_stream_gives_events_and_done(http):
    body = {"question": QUESTION, "chains": 3, "stream": True}
    async with http.stream("POST", "/v1/solves", json=body) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        lines = [line async for line in reply.aiter_lines() if line.startswith("data:")]
    assert lines[-1] == "data: [DONE]"
    events = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert [event["type"] for event in events[:2]] == ["solve_accepted", "solve_started"]
    assert events[-1]["type"] == "verdict_reached"
    assert {"chain_started", "chain_text", "chain_finished"} <= {e["type"] for e in events}


async def test_deadline_gives_what_there_is_with_reason_length(http):
    body = {"model": "votebox/vote", "messages": MESSAGES, "votebox": {"deadline_s": 0}}
    reply = (await http.post("/v1/chat/completions", json=body)).json()
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["choices"][0]["message"]["content"] is None
    assert reply["votebox"]["stop_reason"] == "deadline"
    assert reply["votebox"]["abstained"] is True


@pytest.mark.parametrize("stream", [False, True])
async def test_client_that_goes_away_ends_its_chains_and_programs(served, http, stream):
    # A recipe that starts all chains at once.
    body = {"question": QUESTION, "recipe": "aimo-qwq", "chains": MANY, "stream": stream}
    asked = asyncio.create_task(http.post("/v1/solves", json=body))
    await until_busy(served, 200)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await until_idle(served)


async def test_solver_gives_exactly_one_item_to_ray_data(served):
    solver = served.handle("Solver").options(stream=True)
    # What Ray Data's bridge adds is ignored.
    request = {"question": QUESTION, "chains": 1, "request_id": 0, "idx_in_batch": 3}
    items = [item async for item in solver.solve.remote(request)]
    assert len(items) == 1
    assert items[0]["recipe"] == "vote"


async def test_row_errors_are_value_errors_across_processes(served):
    solver = served.handle("Solver").options(stream=True)
    for request in ({"question": ""}, {"question": "1", "recipe": "nope"}, {"chain": 1}):
        with pytest.raises(ValueError, match="question|recipe|key"):
            await anext(solver.solve.remote(request))


async def test_handle_engine_streams_and_aborts_one_chain_on_its_replica(served):
    engine = ServeEngine(served.handle("LLM:default"), "mini")
    stream = engine.sample(prompts(MANY))
    await anext(stream)
    await stream.abort(MANY - 1)
    reasons: dict[int, str] = {}
    async with asyncio.timeout(60):
        while MANY - 1 not in reasons:
            batch = await anext(stream)
            reasons |= {d.chain: d.finish_reason for d in batch if d.finish_reason}
    assert reasons[MANY - 1] == "abort"
    assert len(reasons) < MANY
    await stream.aclose()
    await until_idle(served)


async def test_chain_aborted_before_the_replica_is_known_still_ends(served):
    stream = ServeEngine(served.handle("LLM:default"), "mini").sample(prompts(200))
    await stream.abort(199)
    reasons: dict[int, str] = {}
    async for batch in stream:
        reasons |= {d.chain: d.finish_reason for d in batch if d.finish_reason}
    assert reasons[199] == "abort"
    assert len(reasons) == 200


async def test_closed_handle_stream_leaves_nothing_in_the_engine(served):
    stream = ServeEngine(served.handle("LLM:default"), "mini").sample(prompts(MANY))
    await until_busy(served, 200)
    await stream.aclose()
    await until_idle(served)


async def test_engine_errors_cross_the_process_wall_whole(served):
    long = Prompt((Message("user", "1 2 3 " * 3000),), Sampling(), 1)
    with pytest.raises(PromptTooLong, match="context holds 2048") as caught:
        await anext(ServeEngine(served.handle("LLM:default"), "mini").sample([long]))
    assert type(caught.value) is PromptTooLong


async def test_handle_sandbox_runs_and_cancelling_kills_the_program(served):
    box = ServeSandbox(served.handle("Jails"))
    assert (await box.run("print(6 * 7)")).stdout == "42\n"
    looping = asyncio.create_task(box.run("while True: pass", Limits(wall_s=100, cpu_s=100)))
    async with asyncio.timeout(60):
        while not await programs(served):
            assert not looping.done(), looping
            await asyncio.sleep(0.05)
    looping.cancel()
    await asyncio.gather(looping, return_exceptions=True)
    await until_idle(served)


async def test_endpoint_engine_reads_our_own_server(served):
    async with EndpointEngine(f"{served.url}/v1", model="votebox/vote") as engine:
        stream = engine.sample(prompts(1))
        deltas = [delta async for batch in stream for delta in batch]
    assert deltas[-1].finish_reason == "stop"
    assert sum(d.tokens for d in deltas) > 0
    assert deltas[-1].prompt_tokens > 0
    assert any(d.reasoning for d in deltas)
    assert not engine.counts_chunks


async def test_closing_the_endpoint_engine_ends_the_solves_behind_it(served):
    async with EndpointEngine(f"{served.url}/v1", model="votebox/aimo-qwq") as engine:
        stream = engine.sample(prompts(40))
        await until_busy(served, 100)
        await stream.aclose()
        await until_idle(served)
