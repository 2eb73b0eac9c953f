import json

import pytest
from jsonschema import Draft202012Validator
from told import chunks, events

from votebox.deployments import openai_reply_schema as replies
from votebox.deployments.openai_chat import read_chat_request
from votebox.deployments.openai_errors import ApiError, bad_field
from votebox.deployments.openai_models import model_card
from votebox.deployments.openai_raw import RawReply
from votebox.deployments.openai_reply import Reply
from votebox.deployments.openai_response import ResponseReply
from votebox.deployments.openai_responses import read_responses_request
from votebox.deployments.openai_schema import ChatRequest, ResponsesRequest

SOLVE = events(chains=4)
VERDICT = SOLVE[-1]["verdict"]
ABSTAINED = {**VERDICT, "answer": None, "abstained": True, "stop_reason": "abstained"}
CUT = {**VERDICT, "stop_reason": "deadline"}
RAW = [{"choice": 0, "text": "4", "reasoning": "", "tokens": 1, "prompt_tokens": 3}]


def lost(schema, written):
    """Return what is written and not in the schema, and nothing else."""
    read = schema.model_validate(written, strict=True).model_dump(exclude_unset=True)
    plain = json.loads(json.dumps(written))
    return {key: plain[key] for key in plain if read.get(key, ...) != plain[key]}


def response(verdict=None, *fed):
    asked = read_responses_request({"model": "votebox/vote", "input": "?"})
    made = ResponseReply(asked.model, "resp_1", asked.echo, candidates=True)
    for event in fed:
        made.feed(event)
    return made, made.whole(verdict)


@pytest.mark.parametrize("verdict", [VERDICT, ABSTAINED, CUT])
def test_whole_replies_are_described_to_the_last_field(verdict):
    reply = Reply("m", candidates=True)
    for event in SOLVE:
        reply.hear(event)
    assert not lost(replies.ChatCompletion, reply.whole(verdict))
    assert not lost(replies.ResponseObject, response(verdict, *SOLVE[:-1])[1])


def test_responses_on_their_way_or_failed_are_described():
    made, queued = response()
    assert not lost(replies.ResponseObject, queued)
    made.fail(bad_field("input", "too long"))
    assert not lost(replies.ResponseObject, made.whole())


def test_replies_of_raw_models_are_described():
    raw = RawReply("m")
    raw.hear([{**RAW[0], "finish_reason": "stop"}])
    assert not lost(replies.ChatCompletion, raw.whole())


@pytest.mark.parametrize("options", [{}, {"events": True, "include_usage": True}])
def test_chunks_are_described_to_the_last_field(options):
    reply = Reply("m", **options)
    for chunk in chunks("".join(reply.feed(event) for event in SOLVE)):
        assert not lost(replies.ChatCompletionChunk, chunk)


def test_models_and_errors_are_described():
    cards = {"object": "list", "data": [model_card("m", 1, "of one")]}
    assert not lost(replies.ModelList, cards)
    assert not lost(replies.ErrorReply, bad_field("n", "n = 2").body)


@pytest.mark.parametrize("schema", [ChatRequest, ResponsesRequest])
def test_the_request_schemas_say_what_is_refused(schema):
    fields = schema.model_json_schema()["properties"]
    assert {"maxItems": 0, "type": "array", "items": {}} in fields["tools"]["anyOf"]
    assert fields["cache_salt"]["type"] == "null"
    assert fields["top_logprobs"]["anyOf"][0]["maximum"] == 0


def test_the_schema_of_logprobs_holds_only_false():
    shape = ChatRequest.model_json_schema()["properties"]["logprobs"]["anyOf"][0]
    assert shape == {"type": "boolean", "const": False}


USER = {"role": "user", "content": "?"}
TEXT, INPUT = ({"type": kind, "text": "?"} for kind in ("text", "input_text"))
VALUES = [
    *(None, True, False, 0, 1, -1, 2, 0.5, 1.5, -3, 10**20, "", "x", "auto", "none", "low"),
    *([], ["text"], ["a", "b"], ["a"] * 5, [""], [3], {}, {"type": "text"}, {"a": "b"}, {"a": 1}),
    *({"format": TEXT}, {"effort": "low"}, {"chains": 3}, {"chains": 0}, {"chain": 3}, "x" * 600),
    *({"include_usage": True}, {"include_usage": 1}, [USER], [USER, {"role": "assistant"}]),
    *([{"role": "tool", "content": "x"}, USER], [{"type": "message", **USER}, {"type": "other"}]),
    *([{"type": "reasoning"}, USER], [{"role": "user", "content": [TEXT]}]),
    *([{"role": "user", "content": [INPUT]}], [{"role": "assistant", "tool_calls": [{}]}, USER]),
]


@pytest.mark.parametrize(
    ("schema", "read", "asked"),
    [
        (ChatRequest, read_chat_request, {"model": "votebox/vote", "messages": [USER]}),
        (ResponsesRequest, read_responses_request, {"model": "votebox/vote", "input": "?"}),
    ],
)
def test_document_and_reader_agree_on_every_field(schema, read, asked):
    document = Draft202012Validator(schema.model_json_schema())
    verdicts = set()
    for name in schema.model_fields:
        for value in VALUES:
            given = {**asked, name: value}
            verdicts.add(valid := document.is_valid(given))
            if (name, value) != ("n", 2):  # legal for raw models only
                assert valid == readable(read, given), (name, value)
    assert verdicts == {True, False}


def readable(read, given):
    try:
        read(given)
    except ApiError:
        return False
    return True
