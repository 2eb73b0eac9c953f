import pytest

from votebox.deployments.openai_errors import ApiError
from votebox.deployments.openai_responses import read_responses_request

ASK = {"model": "votebox/vote", "input": "1 + 1?"}


def test_a_text_is_a_question():
    asked = read_responses_request(ASK)
    assert asked.solve == {"recipe": "vote", "messages": [{"role": "user", "content": "1 + 1?"}]}
    assert (asked.stream, asked.background, asked.store) == (False, False, True)


def test_items_are_turns_and_earlier_reasoning_is_not_shown_again():
    items = [
        {"role": "developer", "content": "Be brief."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Let x"}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {
            "type": "message",
            "id": "msg_1",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Yes.", "annotations": []}],
        },
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "user", "content": "x?"},
    ]
    asked = read_responses_request({**ASK, "input": items, "instructions": "In German."})
    assert [(m["role"], m["content"]) for m in asked.solve["messages"]] == [
        ("system", "In German."),
        ("developer", "Be brief."),
        ("user", "Let x"),
        ("assistant", "Yes."),
        ("assistant", "No."),
        ("user", "x?"),
    ]
    assert asked.turns == asked.solve["messages"][1:]


def test_earlier_turns_stand_behind_the_instructions():
    asked = read_responses_request({**ASK, "instructions": "Be brief."})
    earlier = [{"role": "user", "content": "x = 1"}, {"role": "assistant", "content": "ok"}]
    later = asked.after(earlier)
    assert [m["role"] for m in later.solve["messages"]] == ["system", "user", "assistant", "user"]
    assert later.turns == [*earlier, {"role": "user", "content": "1 + 1?"}]
    assert later.solve["recipe"] == "vote"


def test_options_reach_the_solve():
    given = {
        "max_output_tokens": 9,
        "reasoning": {"effort": "low", "summary": "auto"},
        "temperature": 0,
        "votebox": {"chains": 3, "events": True},
    }
    asked = read_responses_request({**ASK, **given}, {"x-votebox-vote": "majority"})
    told = {"max_tokens": 9, "reasoning_effort": "low", "temperature": 0}
    more = {"chains": 3, "vote": "majority", "recipe": "vote"}
    assert {k: v for k, v in asked.solve.items() if k != "messages"} == told | more
    assert asked.events


@pytest.mark.parametrize(
    "given",
    [
        {"tools": []},
        {"tool_choice": "auto", "parallel_tool_calls": True},
        {"text": {"format": {"type": "text"}, "verbosity": "low"}},
        {"include": ["reasoning.encrypted_content"], "store": False},
        {"truncation": "auto"},
        {"service_tier": "auto", "prompt_cache_key": "k", "safety_identifier": "s"},
        {"stream_options": {"include_obfuscation": False}, "top_logprobs": 0},
        {"conversation": None, "prompt": None, "nothing": {"of": "ours"}},
    ],
)
def test_what_clients_send_by_default_passes(given):
    assert read_responses_request({**ASK, **given}).solve == read_responses_request(ASK).solve


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 3}, "input"),
        ({"input": [{"role": "assistant", "content": "hi"}]}, "input"),
        ({"input": [{"role": "user"}]}, "input.0.content"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input.0.role"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input.0.content.0"),
        ({"input": [{"type": "function_call_output", "output": "1"}]}, "input.0.type"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input.0.type"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.type"),
        ({"include": ["message.output_text.logprobs"]}, "include.0"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"background": "yes"}, "background"),
        ({"background": True, "store": False}, "store"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"instructions": ["x"]}, "instructions"),
        ({"votebox": {"chain": 1}}, "votebox.chain"),
        ({"top_logprobs": 3}, "top_logprobs"),
    ],
)
def test_what_cannot_be_honoured_is_named(given, param):
    with pytest.raises(ApiError) as caught:
        read_responses_request({**ASK, **given})
    assert caught.value.status == 400
    assert caught.value.param.startswith(param)
