from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from told import chunks, client

from votebox.deployments.openai_errors import server_error
from votebox.deployments.openai_raw import RawReply
from votebox.deployments.thinking_stream import ThinkingSplitter, split_thinking


def delta(text="", choice=0, *, tokens=1, reasoning="", prompt_tokens=0, finish_reason=None):
    return {
        "choice": choice,
        "text": text,
        "reasoning": reasoning,
        "tokens": tokens,
        "prompt_tokens": prompt_tokens,
        "finish_reason": finish_reason,
    }


BATCHES = [
    [delta("<thi", prompt_tokens=9), delta("4", 1, prompt_tokens=9)],
    [delta("nk>\nhm", tokens=2), delta("2", 1, finish_reason="length")],
    [delta(" so</th"), delta("ink>\n\n42")],
    [delta(".", finish_reason="stop")],
]


def whole(batches, n=1, **options):
    reply = RawReply("QwQ-32B", n, **options)
    for batch in batches:
        reply.hear(batch)
    return reply.whole()


def streamed(batches, n=1, **options):
    reply = RawReply("QwQ-32B", n, **options)
    return "".join(reply.feed(batch) for batch in batches) + reply.end()


def test_thinking_is_reasoning_and_no_part_of_the_content():
    read = whole(BATCHES, 2)
    ChatCompletion.model_validate(read, strict=True)
    first, second = read["choices"]
    assert first["message"]["content"] == "42."
    assert first["message"]["reasoning"] == first["message"]["reasoning_content"] == "hm so"
    assert second["message"]["content"] == "42"
    assert second["message"]["reasoning"] is None
    assert [first["finish_reason"], second["finish_reason"]] == ["stop", "length"]


def test_usage_counts_the_prompt_once_and_every_choice():
    usage = whole(BATCHES, 2)["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (9, 8)
    assert usage["total_tokens"] == 17
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 3


def test_a_stream_says_the_same_as_the_whole():
    stream = streamed(BATCHES, 2, include_usage=True)
    read = chunks(stream)
    for chunk in read:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    assert stream.endswith("data: [DONE]\n\n")
    deltas = [chunk["choices"][0] for chunk in read[:-1]]
    for index, choice in enumerate(whole(BATCHES, 2)["choices"]):
        mine = [d for d in deltas if d["index"] == index]
        assert mine[0]["delta"] == {"role": "assistant", "content": ""}
        said = "".join(d["delta"].get("content", "") for d in mine)
        assert said == choice["message"]["content"]
        thought = "".join(d["delta"].get("reasoning", "") for d in mine)
        assert thought == (choice["message"]["reasoning"] or "")
        ends = [d["finish_reason"] for d in mine if d["finish_reason"]]
        assert ends == [choice["finish_reason"]]
    assert read[-1]["choices"] == []
    assert read[-1]["usage"] == whole(BATCHES, 2)["usage"]


def test_the_client_accumulates_a_stream():
    ask = {"model": "QwQ-32B", "messages": [{"role": "user", "content": "?"}]}
    ended = [*BATCHES[:1], [delta("nk>hm</think>42."), delta("2", 1, finish_reason="stop")]]
    ended.append([delta(finish_reason="stop")])
    made = client(lambda _: streamed(ended, 2))
    with made as asking, asking.chat.completions.stream(**ask) as stream:
        final = stream.get_final_completion()
    assert [choice.message.content for choice in final.choices] == ["42.", "42"]


def test_without_reasoning_none_is_sent():
    assert "reasoning" not in whole(BATCHES, 2, include_reasoning=False)["choices"][0]["message"]
    assert '"reasoning"' not in streamed(BATCHES, 2, include_reasoning=False)


@pytest.mark.parametrize("thinks", [False, True])
def test_unfinished_thinking_is_no_content_and_was_cut_short(thinks):
    text = "still on it" if thinks else "<think>still on it"
    batches = [[delta(text, finish_reason="stop")]]
    choice = whole(batches, thinks=thinks)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "length")
    assert choice["message"]["reasoning"] == "still on it"
    deltas = [c["choices"][0] for c in chunks(streamed(batches, thinks=thinks))]
    assert not any(d["delta"].get("content") for d in deltas)
    assert deltas[-1]["finish_reason"] == "length"


def test_thinking_opened_in_the_prompt_is_told_from_the_start():
    batches = [[delta("hm"), delta("</think>42", finish_reason="stop")]]
    read = [c["choices"][0]["delta"] for c in chunks(streamed(batches, thinks=True))]
    assert read[1] == {"reasoning": "hm", "reasoning_content": "hm"}
    assert read[2] == {"content": "42"}
    message = whole(batches)["choices"][0]["message"]  # whole, it is seen without being told
    assert (message["reasoning"], message["content"]) == ("hm", "42")


def test_what_looked_like_the_begin_of_a_tag_is_said_at_the_end():
    batches = [[delta("2 <"), delta("/th", finish_reason="stop")]]
    read = [c["choices"][0]["delta"].get("content", "") for c in chunks(streamed(batches))]
    assert "".join(read) == "2 </th"


def test_thinking_the_engine_parted_stays_reasoning():
    batches = [[delta(reasoning="hm", tokens=3), delta("42", finish_reason="stop")]]
    read = whole(batches)
    assert read["choices"][0]["message"]["reasoning"] == "hm"
    assert read["usage"]["completion_tokens_details"]["reasoning_tokens"] == 3


def test_a_failure_ends_the_stream_without_done():
    reply = RawReply("m")
    sent = reply.feed([delta("4")]) + reply.fail(server_error("the engine died"))
    assert chunks(sent)[-1]["error"]["message"] == "the engine died"
    assert "[DONE]" not in sent


PIECES = st.sampled_from(
    ["<think>", "</think>", "[THINK]", "[/THINK]", "<|channel|>final<|message|>", "<", "a <b", "\n"]
)


@given(st.lists(PIECES, max_size=8).map("".join), st.lists(st.integers(0, 60), max_size=6))
def test_how_a_text_is_cut_into_pieces_changes_nothing(text, cuts):
    once, often = ThinkingSplitter(), ThinkingSplitter()
    expected = [a + b for a, b in zip(once.feed(text), once.end(), strict=True)]
    at = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    parts = [often.feed(text[a:b]) for a, b in pairwise(at)] + [often.end()]
    assert ["".join(part) for part in zip(*parts, strict=True)] == expected
    assert not any(tag in "".join(split_thinking(text)) for tag in ("<think>", "</think>"))
