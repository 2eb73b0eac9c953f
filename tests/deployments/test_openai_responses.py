import json
from datetime import datetime

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from told import chunks, client, events

from votebox.deployments.openai_errors import ApiError, server_error
from votebox.deployments.openai_response import ResponseReply
from votebox.deployments.openai_responses import read_responses_request

ASK = {"model": "votebox/vote", "input": "How many?"}
EVENT = TypeAdapter(ResponseStreamEvent)
SOLVE = events()


def reply(**options):
    asked = read_responses_request(ASK)
    return ResponseReply(asked.model, "resp_1", asked.echo, created=1_800_000_000, **options)


def stream_of(solve, **options):
    made = reply(**options)
    return "".join(made.feed(event) for event in solve)


def verdict(**changes):
    return {**SOLVE[-1]["verdict"], **changes}


def test_a_response_is_what_the_client_types_ask():
    made = reply()
    for event in SOLVE:
        made.feed(event)
    whole = made.whole()
    read = Response.model_validate(json.loads(json.dumps(whole)), strict=True)
    began = datetime.fromisoformat(verdict()["started"]).timestamp()
    assert (read.status, read.output_text) == ("completed", "400")
    assert began + verdict()["wall_s"] - 1 < read.completed_at <= began + verdict()["wall_s"]
    assert [item.type for item in read.output] == ["reasoning", "message"]
    assert "ran a program: 400\n" in read.output[0].summary[0].text
    assert read.usage.output_tokens == SOLVE[-1]["verdict"]["usage"]["completion_tokens"]
    assert read.usage.output_tokens_details.reasoning_tokens == read.usage.output_tokens
    assert whole["votebox"]["answer"] == "400"


def test_every_event_of_a_stream_is_one_the_client_knows():
    text = stream_of([{"type": "solve_accepted", "id": "1", "position": 2}, *SOLVE])
    read = chunks(text)
    for chunk in read:
        EVENT.validate_python(chunk, strict=True)
    names = [line[7:] for line in text.splitlines() if line.startswith("event: ")]
    assert names == [chunk["type"] for chunk in read]
    assert [chunk["sequence_number"] for chunk in read] == list(range(len(read)))


def test_events_come_in_the_order_of_openai():
    kinds = [chunk["type"] for chunk in chunks(stream_of(SOLVE))]
    deltas = "response.reasoning_summary_text.delta"
    assert list(dict.fromkeys(kinds)) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        deltas,
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.completed",
    ]
    assert kinds.count("response.output_item.added") == 2
    assert kinds.count(deltas) > 20


def test_the_same_events_give_the_same_stream_again():
    assert stream_of(SOLVE) == stream_of(SOLVE)


def test_a_stream_goes_on_behind_the_number_last_seen():
    numbers = [chunk["sequence_number"] for chunk in chunks(stream_of(SOLVE))]
    later = chunks(stream_of(SOLVE, starting_after=10))
    assert [chunk["sequence_number"] for chunk in later] == numbers[11:]
    assert later[-1]["response"]["output"][-1]["content"][0]["text"] == "400"


def test_a_response_that_waits_says_so_and_one_that_does_not_does_not():
    waiting, at_once = ({"type": "solve_accepted", "id": "1", "position": n} for n in (2, 0))
    kinds = [chunk["type"] for chunk in chunks(stream_of([waiting, *SOLVE]))]
    assert kinds[:3] == ["response.created", "response.queued", "response.in_progress"]
    assert chunks(stream_of([at_once, *SOLVE])) == chunks(stream_of(SOLVE))


def test_the_client_reads_a_whole_response():
    made = reply()
    with client(lambda _: json.dumps(made.whole(verdict()))) as asking:
        got = asking.responses.create(**ASK)
    assert (got.output_text, got.status) == ("400", "completed")


def test_the_client_reads_a_stream_of_events():
    with client(lambda _: stream_of(SOLVE)) as asking:
        read = list(asking.responses.create(**ASK, stream=True))
    assert read[0].type == "response.created"
    assert read[-1].response.output_text == "400"


@pytest.mark.parametrize("options", [{}, {"events": True}, {"include_reasoning": False}])
def test_the_client_accumulates_a_stream(options):
    made = client(lambda _: stream_of(SOLVE, **options))
    with made as asking, asking.responses.stream(**ASK) as stream:
        final = stream.get_final_response()
    assert final.output_text == "400"


@pytest.mark.parametrize("stop_reason", ["deadline", "budget", "truncated"])
def test_what_was_cut_short_is_incomplete(stop_reason):
    cut = verdict(stop_reason=stop_reason)
    text = stream_of([*SOLVE[:-1], {"type": "verdict_reached", "verdict": cut}])
    last = EVENT.validate_python(chunks(text)[-1], strict=True)
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details.reason == "max_output_tokens"
    assert last.response.output_text == "400"


def test_an_abstention_is_completed_without_a_message():
    whole = reply().whole(verdict(answer=None, abstained=True, stop_reason="abstained"))
    assert whole["status"] == "completed"
    assert Response.model_validate(whole).output_text == ""
    assert all(item["type"] != "message" for item in whole["output"])


def test_a_failure_ends_the_reasoning_and_the_stream():
    made = reply()
    text = "".join(made.feed(event) for event in SOLVE[:30])
    text += made.fail(server_error("the engine died"))
    read = [EVENT.validate_python(chunk, strict=True) for chunk in chunks(text)]
    assert read[-1].type == "response.failed"
    assert read[-1].response.status == "failed"
    assert read[-1].response.error.code == "server_error"
    assert read[-1].response.error.message == "the engine died"
    assert read[-1].response.output[0].status == "incomplete"
    assert made.status == "failed"


def test_a_failure_before_the_first_event_opens_the_stream_too():
    read = chunks(reply().fail(ApiError(429, "full")))
    assert [chunk["type"] for chunk in read] == ["response.created", "response.failed"]
    assert read[-1]["response"]["error"]["code"] == "rate_limit_exceeded"


def test_a_cancelled_response_says_so():
    made = reply()
    made.feed(SOLVE[0])
    made.cancel()
    read = Response.model_validate(made.whole(), strict=True)
    assert (read.status, read.error) == ("cancelled", None)


def test_a_verdict_of_a_cancelled_solve_cancels_the_response():
    whole = reply().whole(verdict(answer=None, stop_reason="cancelled"))
    assert (whole["status"], whole["completed_at"]) == ("cancelled", None)


def test_a_response_can_be_looked_at_on_its_way():
    made = reply()
    assert made.whole()["status"] == "queued"
    made.feed(SOLVE[0])
    read = Response.model_validate(made.whole(), strict=True)
    assert (read.status, read.output_text, read.usage) == ("in_progress", "", None)


def test_what_was_asked_is_repeated():
    given = {
        **ASK,
        "instructions": "Be brief.",
        "max_output_tokens": 50,
        "metadata": {"a": "b"},
        "reasoning": {"effort": "high"},
        "temperature": 0.5,
        "background": True,
        "previous_response_id": "resp_0",
    }
    asked = read_responses_request(given)
    whole = ResponseReply(asked.model, "resp_1", asked.echo).whole()
    Response.model_validate(whole, strict=True)
    assert whole["reasoning"]["effort"] == "high"
    names = set(given) - {"input", "reasoning"}
    assert {name: whole[name] for name in names} == {name: given[name] for name in names}
