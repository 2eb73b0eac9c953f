import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from votebox.deployments.openai_chat import read_chat_request, read_raw_request
from votebox.deployments.openai_errors import ApiError
from votebox.deployments.openai_models import read_json, read_model
from votebox.deployments.openai_responses import read_responses_request
from votebox.deployments.openai_schema import ChatRequest, ResponsesRequest, VoteboxOptions
from votebox.plugins import SolveOptions

USER = {"role": "user", "content": "1 + 1?"}
ASK = {"model": "votebox/vote", "messages": [USER]}
SOLVE = {"recipe": "vote", "messages": [USER]}


def refused(given, headers=None, read=read_chat_request):
    with pytest.raises(ApiError) as caught:
        read(given, headers) if headers else read(given)
    assert caught.value.status == 400
    json.dumps(caught.value.body)
    return caught.value


def test_every_option_reaches_the_solve():
    sampling = {
        "temperature": 0,
        "top_p": 0.9,
        "min_p": 0.01,
        "repetition_penalty": 1.1,
        "presence_penalty": -2,
        "frequency_penalty": 2.0,
    }
    ours = {
        "chains": 8,
        "rounds": 2,
        "deadline_s": 60,
        "max_total_tokens": 9000,
        "max_sandbox_s": 3.5,
        "stop": "fhpc:0.02",
        "vote": "majority",
        "min_confidence": 0.5,
        "trace": False,
    }
    more = {"top_k": 20, "seed": 7, "reasoning_effort": "high"}
    form = {"events": True, "return_candidates": True, "recipe": "vote"}
    asked = read_chat_request(
        {**ASK, **sampling, **more, "stop": ["a", "b"], "max_tokens": 5, "votebox": ours | form}
    )
    assert asked.solve == {
        **SOLVE,
        **sampling,
        **ours,
        **more,
        "stop_strings": ["a", "b"],
        "max_tokens": 5,
    }
    assert (asked.events, asked.return_candidates) == (True, True)


def test_the_newer_name_of_the_limit_wins():
    asked = read_chat_request({**ASK, "max_tokens": 5, "max_completion_tokens": 6})
    assert asked.solve["max_tokens"] == 6


def test_content_is_text_parts_or_null():
    parts = [{"type": "text", "text": "1 "}, {"type": "text", "text": "+ 1?"}]
    messages = [
        {"role": "developer", "content": parts},
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": None, "refusal": "no"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "never"}]},
        {"role": "assistant", "content": "2", "reasoning": "hm", "tool_calls": []},
        {"role": "user", "content": parts, "name": "bob"},
    ]
    told = read_chat_request({**ASK, "messages": messages}).solve["messages"]
    assert [(m["role"], m["content"]) for m in told] == [
        ("developer", "1 + 1?"),
        ("assistant", ""),
        ("assistant", "no"),
        ("assistant", "never"),
        ("assistant", "2"),
        ("user", "1 + 1?"),
    ]


NEUTRAL = [
    {"n": 1, "logprobs": False, "top_logprobs": 0, "logit_bias": {}},
    {"tools": [], "tool_choice": "auto", "functions": [], "function_call": "none"},
    {"response_format": {"type": "text"}, "modalities": ["text"], "audio": None},
    {"stop": "", "stream_options": {"include_usage": False}, "parallel_tool_calls": True},
    {"store": True, "service_tier": "auto", "prediction": {"type": "content", "content": "2"}},
    {"prompt_cache_key": "k", "safety_identifier": "s", "verbosity": "low"},
    {"chat_template_kwargs": {}, "priority": 3, "session_id": "s", "include_reasoning": True},
    {"anything": {"else": [1, {"deep": None}]}, "votebox": {}},
    dict.fromkeys([name for name in ChatRequest.model_fields if name not in ASK]),
]


@pytest.mark.parametrize("more", NEUTRAL)
def test_what_clients_send_by_default_changes_nothing(more):
    assert read_chat_request({**ASK, **more}).solve == SOLVE


REFUSED = [
    ({"n": 2}, "n"),
    ({"n": "1"}, "n"),
    ({"n": True}, "n"),
    ({"temperature": "0.5"}, "temperature"),
    ({"temperature": 2.1}, "temperature"),
    ({"temperature": math.inf}, "temperature"),
    ({"temperature": 10**400}, "temperature"),
    ({"top_p": 0}, "top_p"),
    ({"top_k": -2}, "top_k"),
    ({"seed": 1.0}, "seed"),
    ({"seed": 2**63}, "seed"),
    ({"seed": -(2**63) - 1}, "seed"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"stop": ["a"] * 5}, "stop"),
    ({"stop": ["a", ""]}, "stop.1"),
    ({"stop": [1]}, "stop.0"),
    ({"stop": "\ud800"}, "stop"),
    ({"stream": "true"}, "stream"),
    ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    ({"logprobs": True}, "logprobs"),
    ({"logprobs": 0}, "logprobs"),
    ({"top_logprobs": False}, "top_logprobs"),
    ({"tools": [{"type": "function"}]}, "tools"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
    ({"response_format": {"type": "json_object"}}, "response_format.type"),
    ({"modalities": ["audio"]}, "modalities.0"),
    ({"logit_bias": {"5": 1}}, "logit_bias"),
    ({"chat_template_kwargs": {"enable_thinking": False}}, "chat_template_kwargs"),
    ({"thinking_token_budget": 5}, "thinking_token_budget"),
    ({"cache_salt": "s"}, "cache_salt"),
    ({"web_search_options": {}}, "web_search_options"),
    ({"reasoning_effort": "huge"}, "reasoning_effort"),
    ({"metadata": {"a": 1}}, "metadata.a"),
    ({"metadata": {"\ud800": "a"}}, "metadata"),
    ({"user": "\ud800"}, "user"),
    ({"model": None}, "model"),
    ({"model": ""}, "model"),
    ({"messages": []}, "messages"),
    ({"messages": "hi"}, "messages"),
    ({"messages": [3]}, "messages.0"),
    ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
    ({"messages": [{"content": "x"}]}, "messages.0.role"),
    ({"messages": [USER, {"role": "tool", "content": "x"}]}, "messages.1.role"),
    ({"messages": [USER, {"role": 5, "content": "x"}]}, "messages.1.role"),
    ({"messages": [{"role": "user"}]}, "messages.0.content"),
    ({"messages": [{"role": "user", "content": None}]}, "messages.0.content"),
    ({"messages": [{"role": "user", "content": "\udfff"}]}, "messages.0.content"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0.text"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        "messages.0.content.0.type",
    ),
    ({"messages": [{"role": "assistant", "tool_calls": [{}]}, USER]}, "messages.0.tool_calls"),
    ({"votebox": 3}, "votebox"),
    ({"votebox": {"chain": 3}}, "votebox.chain"),
    ({"votebox": {"chains": True}}, "votebox.chains"),
    ({"votebox": {"chains": 0}}, "votebox.chains"),
    ({"votebox": {"min_confidence": 1.5}}, "votebox.min_confidence"),
    ({"votebox": {"recipe": "aimo-qwq"}}, "votebox.recipe"),
]


@pytest.mark.parametrize(("more", "param"), REFUSED)
def test_what_cannot_be_honoured_is_an_error_that_names_it(more, param):
    error = refused({**ASK, **more})
    assert error.param == param
    assert error.kind == "invalid_request_error"
    assert param in error.message
    assert len(error.message) < 400


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"tools": [{}]}, "recipes run their Python themselves"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "recipes run their Python"),
        ({"n": 3}, "votebox.chains"),
        ({"votebox": {"chain": 3}}, "known: recipe, chains"),
        ({"temperature": "0.5"}, "'0.5'"),
        ({"stop": ["a"] * 5}, "at most 4"),
        ({"messages": [{"role": "tool"}]}, "'system', 'developer', 'user', 'assistant'"),
    ],
)
def test_an_error_says_what_to_do(more, told):
    assert told in refused({**ASK, **more}).message


def test_seeds_of_every_sign_are_seeds():
    seeds = [0, 5, 2**63 - 1, -1, -5, -(2**63)]
    read = [read_chat_request({**ASK, "seed": seed}).solve["seed"] for seed in seeds]
    assert read == [0, 5, 2**63 - 1, 2**63 - 1, 2**63 - 5, 0]
    for seed in read:
        SolveOptions(seed=seed)


def test_bounds_of_the_schema_are_those_of_a_solve():
    for name, field in VoteboxOptions.model_json_schema()["properties"].items():
        if name not in SolveOptions.__dataclass_fields__:
            continue
        for limit in (field["anyOf"][0].get(k) for k in ("minimum", "maximum")):
            if limit is not None:
                SolveOptions(**{name: limit})


def test_headers_mirror_the_scalars_and_the_body_wins():
    headers = {
        "X-Votebox-Chains": "5",
        "x-votebox-deadline-s": "2.5",
        "x-votebox-trace": "False",
        "x-votebox-stop": "lead:2",
        "authorization": "Bearer x",
    }
    asked = read_chat_request({**ASK, "votebox": {"chains": 3, "stop": None}}, headers)
    ours = {"chains": 3, "deadline_s": 2.5, "trace": False, "stop": "lead:2"}
    assert asked.solve == {**SOLVE, **ours}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-votebox-chains", "0"),
        ("x-votebox-chains", "3.5"),
        ("x-votebox-chains", "many"),
        ("x-votebox-chains", "9" * 5000),
        ("x-votebox-deadline-s", "nan"),
        ("x-votebox-events", "perhaps"),
        ("x-votebox-chian", "1"),
        ("x-votebox-", "1"),
    ],
)
def test_a_wrong_header_is_named(header, value):
    error = refused(ASK, {header: value})
    assert error.param == header
    assert len(error.message) < 500


def test_a_header_may_not_name_another_recipe():
    assert refused(ASK, {"x-votebox-recipe": "aimo-qwq"}).param == "votebox.recipe"


def test_a_raw_model_gets_messages_sampling_and_choices():
    given = {
        "model": "QwQ-32B",
        "messages": [{"role": "developer", "content": "Be brief."}, USER],
        "n": 3,
        "stop": "END",
        "max_completion_tokens": 9,
        "temperature": 0.5,
        "top_k": -1,
        "seed": 7,
        "stream": True,
        "stream_options": {"include_usage": True},
        "include_reasoning": False,
    }
    asked = read_raw_request(given)
    assert asked.sample == {
        "model": "QwQ-32B",
        "messages": [{"role": "system", "content": "Be brief."}, USER],
        "n": 3,
        "sampling": {"temperature": 0.5, "top_k": 0, "max_tokens": 9, "stop": ["END"]},
        "seed": 7,
    }
    assert (asked.stream, asked.include_usage, asked.include_reasoning) == (True, True, False)
    assert read_raw_request({**ASK, "model": "m"}).sample["n"] == 1


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"votebox": {"chains": 3}}, "votebox"),
        ({"logprobs": True}, "logprobs"),
        ({"tools": [{}]}, "tools"),
        ({"reasoning_effort": "low"}, "reasoning_effort"),
    ],
)
def test_what_a_raw_model_cannot_do_is_named(more, param):
    assert refused({**ASK, "model": "m", **more}, read=read_raw_request).param == param


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "not JSON"),
        (b"[1]", "array"),
        (b'"x"', "string"),
        (b"null", "null"),
        (b"3", "number"),
        (b"\xff\xfe\xfa", "not JSON"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_body_that_is_no_object_is_refused(body, told):
    with pytest.raises(ApiError, match="body") as caught:
        read_json(body)
    assert (caught.value.status, told in caught.value.message) == (400, True)


def test_of_a_key_given_twice_the_last_counts():
    assert read_json(b'{"n": 1, "n": 2}') == {"n": 2}


@pytest.mark.parametrize("model", [None, 3, "", ["m"]])
def test_a_request_names_its_model(model):
    with pytest.raises(ApiError) as caught:
        read_model({"model": model})
    assert caught.value.param == "model"


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=())),
    st.sampled_from(["user", "assistant", "text", "message", "input_text", 10**400, "votebox/x"]),
)
KEYS = st.sampled_from(
    sorted(
        {*ChatRequest.model_fields, *ResponsesRequest.model_fields, *VoteboxOptions.model_fields}
    )
    + ["role", "content", "type", "text", "refusal", "tool_calls", "effort", "\ud800"]
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)


def outcome(read, whole):
    try:
        read(whole)
    except ApiError as e:
        return e
    return None


@settings(max_examples=120, deadline=None)
@given(st.dictionaries(KEYS, JSON, max_size=12), st.sampled_from(["", "model", "messages"]))
def test_any_json_is_read_or_refused_by_name(given, good):
    whole = {**given, **(ASK | {"input": "?"} if good else {})}
    if good == "model":
        whole |= {"messages": given.get("messages"), "input": given.get("input")}
    for read in (read_chat_request, read_raw_request, read_responses_request):
        error = outcome(read, whole)
        assert error is None or (error.status, bool(error.param)) == (400, True)
        assert error is None or len(error.message) < 1000


def test_depth_and_length_of_a_value_do_not_reach_its_message():
    deep: object = 0
    for _ in range(900):
        deep = [deep]
    for value in (deep, {"k" * 10**6: 1}, [1] * 10**6, "x" * 10**6, 10**4000):
        assert len(refused({**ASK, "temperature": value}).message) < 600
        assert len(refused({**ASK, "votebox": {"stop": value}}).message) < 600
        assert len(refused({**ASK, "votebox": value}).message) < 600


WRONG = {"role": "nobody", "content": [{"type": "nothing"}]}


@pytest.mark.parametrize(
    ("schema", "more"),
    [
        (ChatRequest, {"messages": [WRONG] * 1000}),
        (ChatRequest, {"messages": [{"role": "user", "content": [WRONG] * 1000}]}),
        (ChatRequest, {"messages": [USER], "stop": [3] * 1000}),
        (ChatRequest, {"messages": [USER], "modalities": [3] * 1000}),
        (ChatRequest, {"messages": [USER], "metadata": dict.fromkeys(map(str, range(1000)), 3)}),
        (ChatRequest, {"messages": [USER], "votebox": dict.fromkeys(map(str, range(1000)), 3)}),
        (ResponsesRequest, {"input": [WRONG] * 1000}),
        (ResponsesRequest, {"input": [{"role": "user", "content": [WRONG] * 1000}]}),
        (ResponsesRequest, {"input": "?", "include": ["x"] * 20}),
    ],
)
def test_a_thousand_mistakes_are_not_told_one_by_one(schema, more):
    with pytest.raises(ValidationError) as caught:
        schema.model_validate({"model": "m", **more})
    assert caught.value.error_count() < 10
