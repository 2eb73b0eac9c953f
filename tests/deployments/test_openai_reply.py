import json

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from told import chunks, client, events

from votebox.deployments.openai_errors import server_error
from votebox.deployments.openai_json import write_json
from votebox.deployments.openai_narration import Narration, narrate
from votebox.deployments.openai_reply import Reply

ASK = {"model": "votebox/vote", "messages": [{"role": "user", "content": "?"}]}


@pytest.fixture(scope="module")
def solve():
    return events()


def verdict_of(solve):
    return solve[-1]["verdict"]


def stream_of(solve, **options):
    reply = Reply("votebox/vote", **options)
    return "".join(reply.feed(event) for event in solve)


def test_a_whole_reply_is_what_the_client_types_ask(solve):
    reply = Reply("votebox/vote")
    for event in solve:
        reply.hear(event)
    whole = reply.whole(verdict_of(solve))
    read = ChatCompletion.model_validate(whole, strict=True)
    assert read.choices[0].message.content == "400"
    assert read.choices[0].finish_reason == "stop"
    assert read.system_fingerprint == verdict_of(solve)["recipe_hash"]
    message = whole["choices"][0]["message"]
    assert "ran a program: 400\n" in message["reasoning"]
    assert message["reasoning"] == message["reasoning_content"]


def test_without_reasoning_nothing_of_it_is_sent(solve):
    reply = Reply("votebox/vote", include_reasoning=False)
    for event in solve:
        reply.hear(event)
    assert "reasoning" not in reply.whole(verdict_of(solve))["choices"][0]["message"]
    assert '"reasoning"' not in stream_of(solve, include_reasoning=False)


def test_the_votebox_object_shows_the_vote_and_what_it_took(solve):
    verdict = verdict_of(solve)
    ours = Reply("m", candidates=True).whole(verdict)["votebox"]
    assert (ours["answer"], ours["abstained"]) == ("400", False)
    assert ours["votes"] == verdict["votes"]
    assert {told["answer"] for told in ours["alternatives"]} == {
        vote["answer"] for vote in verdict["votes"] if vote["answer"] != "400"
    }
    assert 0 < sum(told["share"] for told in ours["alternatives"]) < 1
    assert ours["seeds"] == [chain["seed"] for chain in verdict["chains"]]
    assert ours["usage"]["sandbox_seconds"] == verdict["usage"]["sandbox_s"]
    assert ours["usage"]["tokens_saved"] == verdict["tokens_saved"]
    assert ours["trace_id"] is None  # no trace was kept
    assert {c["answer"] for c in ours["candidates"]} >= {"400", "200"}
    assert "candidates" not in Reply("m").whole(verdict)["votebox"]


def test_all_completion_tokens_are_reasoning(solve):
    usage = Reply("m").whole(verdict_of(solve))["usage"]
    spent = verdict_of(solve)["usage"]
    assert usage["completion_tokens"] == spent["completion_tokens"] > 0
    assert usage["completion_tokens_details"] == {"reasoning_tokens": spent["completion_tokens"]}
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize(
    ("stop_reason", "finish"),
    [
        ("consensus", "stop"),
        ("exhausted", "stop"),
        ("abstained", "stop"),
        ("deadline", "length"),
        ("budget", "length"),
        ("truncated", "length"),
    ],
)
def test_what_was_cut_short_finishes_by_length(solve, stop_reason, finish):
    verdict = {**verdict_of(solve), "stop_reason": stop_reason}
    assert Reply("m").whole(verdict)["choices"][0]["finish_reason"] == finish


def test_an_abstention_has_no_content(solve):
    verdict = {**verdict_of(solve), "answer": None, "abstained": True}
    whole = Reply("m").whole(verdict)
    assert whole["choices"][0]["message"]["content"] is None
    assert {told["answer"] for told in whole["votebox"]["alternatives"]} >= {"400"}
    said = [chunk["choices"][0]["delta"] for chunk in chunks(Reply("m").closing(verdict))]
    assert said == [{}]


def test_a_stream_opens_with_the_role_and_holds_only_the_answer_as_content(solve):
    stream = stream_of(solve, include_usage=True, fingerprint="f")
    assert stream.endswith("data: [DONE]\n\n")
    read = chunks(stream)
    for chunk in read:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    assert read[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    content = [c["choices"][0]["delta"].get("content") for c in read[1:] if c["choices"]]
    assert [text for text in content if text] == ["400"]
    assert read[-2]["choices"][0]["finish_reason"] == "stop"
    assert read[-2]["votebox"]["answer"] == "400"
    assert read[-1]["choices"] == []
    assert read[-1]["usage"]["total_tokens"] > 0
    assert all(chunk["usage"] is None for chunk in read[:-1])
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in read}) == 1


def test_the_end_of_a_stream_tells_the_recipe_where_the_beginning_could_not(solve):
    prints = [chunk["system_fingerprint"] for chunk in chunks(stream_of(solve))]
    assert prints[0] is None
    assert prints[-1] == verdict_of(solve)["recipe_hash"]
    given = {c["system_fingerprint"] for c in chunks(stream_of(solve[:-1], fingerprint="f"))}
    assert given == {"f"}


def test_usage_comes_only_when_asked_for(solve):
    assert all("usage" not in chunk for chunk in chunks(stream_of(solve)))


def test_with_events_each_one_is_carried_by_a_chunk(solve):
    read = chunks(stream_of(solve, events=True))
    carried = [c["votebox"]["event"] for c in read if "event" in c.get("votebox", {})]
    assert carried == json.loads(json.dumps(solve[:-1]))
    assert not any("event" in c.get("votebox", {}) for c in chunks(stream_of(solve)))


def test_the_client_accumulates_a_stream(solve):
    with client(lambda _: stream_of(solve)) as made, made.chat.completions.stream(**ASK) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "400"
    assert "leader 400 with" in final.choices[0].message.reasoning


def test_a_failure_in_a_stream_is_raised_by_the_client(solve):
    reply = Reply("votebox/vote")
    sent = reply.feed(solve[0]) + reply.fail(server_error("the engine died"))
    assert "[DONE]" not in sent
    with client(lambda _: sent) as made, pytest.raises(openai.APIError, match="engine died"):
        list(made.chat.completions.create(**ASK, stream=True))


def test_narration_is_one_readable_line_per_event():
    told = {
        "solve_started": {"recipe": "vote", "chains": 2, "seed": 1, "models": ["m"]},
        "program_finished": {"chain": 3, "execution": {"status": "ok", "stdout": "1\n197\n"}},
        "candidate_read": {"chain": 3, "source": "boxed", "answer": "197"},
        "chain_finished": {"chain": 3, "ended": "answered", "tokens": 1},
        "vote_changed": {"votes": [["197", 4], ["5", 2]], "finished": 6, "planned": 16, "need": 0},
        "chain_text": {"chain": 3, "text": "x"},
    }
    lines = [narrate({"type": kind, **fields}) for kind, fields in told.items()]
    assert lines == [
        "vote: 2 chains of m\n",
        "chain 3 ran a program: 197\n",
        "chain 3 answers 197\n",
        "chain 3 ended (answered) after 1 token\n",
        "leader 197 with 4 of 6 votes, 6 of 16 chains ended\n",
        "",
    ]


@pytest.mark.parametrize("stdout", ["a\rb\x1b[2J\u2028c\x85d", "\ud800", "x" * 10**6, "\n\n", ""])
def test_what_a_program_printed_stays_on_its_line(stdout):
    event = {
        "type": "program_finished",
        "chain": 0,
        "execution": {"status": "timeout", "stdout": stdout},
    }
    line = narrate(event)
    assert line.startswith("chain 0 ran a program: timeout")
    assert line.splitlines() == [line[:-1]]
    assert all(c.isprintable() for c in line[:-1])
    assert len(line) < 130


def test_an_answer_read_twice_in_a_chain_is_told_once():
    narration = Narration()
    for chain, answer in [(1, "5"), (1, "5"), (2, "5"), (1, "6"), (1, "5")]:
        narration.tell({"type": "candidate_read", "chain": chain, "answer": answer})
    told = ["chain 1 answers 5", "chain 2 answers 5", "chain 1 answers 6", "chain 1 answers 5"]
    assert narration.text.splitlines() == told


def test_waiting_is_told_where_there_is_a_queue():
    assert narrate({"type": "solve_accepted", "position": 0}) == ""
    waiting = narrate({"type": "solve_accepted", "position": 3})
    assert waiting == "waiting in the queue, position 3\n"


def test_a_narration_is_bounded():
    narration = Narration()
    for n in range(5000):
        narration.tell({"type": "candidate_read", "chain": 1, "answer": f"{n:060}"})
    assert len(narration.text) < 100_200
    assert narration.text.endswith("the rest is not told\n")


def test_halves_of_surrogate_pairs_become_the_replacement_character():
    text = "\ud800 \\ud800 \\\\ud800 \U0001f600 \udc00\ud83d \ud83d\ud83d\ude00"
    read = json.loads(write_json({"t": text}))["t"]
    assert read == "\ufffd \\ud800 \\\\ud800 \U0001f600 \ufffd\ufffd \ufffd\U0001f600"


def test_control_characters_break_no_event(solve):
    verdict = {**verdict_of(solve), "answer": "a\r\n\ndata: x\u2028\x00\ud800"}
    read = chunks(Reply("m").closing(verdict))
    assert read[0]["choices"][0]["delta"]["content"] == "a\r\n\ndata: x\u2028\x00\ufffd"
    assert len(read) == 2
