import pytest

from votebox.deployments.openai_chat import read_chat_request
from votebox.deployments.solve_request import OPTIONS, parse_request
from votebox.plugins import Message, Problem, ProblemError, SolveOptions


def test_question_text_and_messages_ask_the_same():
    asked = [{"question": "1+1?"}, {"text": "1+1?"}]
    asked.append({"messages": [{"role": "user", "content": "1+1?"}]})
    assert {parse_request(given).problem().text for given in asked} == {"1+1?"}


@pytest.mark.parametrize("given", [{}, {"question": "1", "text": "1"}])
def test_a_request_asks_exactly_one_question(given):
    with pytest.raises(ProblemError, match="one of question, text and messages"):
        parse_request(given).problem()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"question": "1", "chain": 3}, "unknown key 'chain'"),
        ({"question": 1}, "question"),
        ({"question": "1", "chains": "3"}, "chains"),
        ({"question": "1", "chains": True}, "chains"),
        ({"question": "1", "deadline_s": float("nan")}, "deadline_s"),
        (["question"], "not list"),
    ],
)
def test_wrong_keys_and_types_are_named(given, message):
    with pytest.raises(ProblemError, match=message):
        parse_request(given)


def test_every_option_of_a_solve_can_be_asked():
    assert set(OPTIONS) == set(SolveOptions.__dataclass_fields__)
    texts = {"stop": "lead:2", "vote": "majority", "reasoning_effort": "low", "client_request": "a"}
    texts |= {"dispatch": "fixed:4", "pool": "a"}
    given = (
        dict.fromkeys(OPTIONS, 1)
        | texts
        | {"trace": False, "keep_failed": True, "stop_strings": ["END"]}
    )
    given["solve_id"] = "20260314-150926-535-0123456789"
    assert parse_request({"question": "1", **given}).options() == SolveOptions(**given)


def test_what_ray_data_adds_is_ignored():
    given = {"question": "1", "request_id": 3, "idx_in_batch": 1, "id": "row-7"}
    assert parse_request(given).problem().id == "row-7"


def test_messages_become_turns_instructions_and_the_last_question():
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Let x be 5."},
        {"role": "assistant", "content": "Yes."},
        {"role": "assistant", "content": None},
        {"role": "developer", "content": "No units."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "x?"}],
        },
    ]
    problem = parse_request({"messages": messages, "id": "7"}).problem()
    turns = (Message("user", "Let x be 5."), Message("assistant", "Yes."))
    assert problem == Problem("What is x?", "7", turns=turns, system="Be brief.\n\nNo units.")


def test_instructions_may_stand_behind_the_question():
    messages = [{"role": "user", "content": "1+1?"}, {"role": "system", "content": "Be brief."}]
    problem = parse_request({"messages": messages}).problem()
    assert (problem.text, problem.turns, problem.system) == ("1+1?", (), "Be brief.")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"role": "tool", "content": "4"}, "role 'tool'"),
        ({"role": "function", "content": "4"}, "role 'function'"),
        ({"content": "4"}, "role None"),
        ({"role": ["user"], "content": "4"}, "role .*user"),
        ({"role": "assistant", "content": "2"}, "last message has role 'assistant'"),
        ({"role": "assistant", "tool_calls": [{"id": "1"}]}, "calls tools"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "part of type 'image_url'"),
        ({"role": "user", "content": 4}, "content is int"),
        ({"role": "user", "content": [{"type": "text"}]}, "text part without text"),
    ],
)
def test_a_message_that_cannot_be_honoured_is_refused(message, said):
    asked = {"messages": [{"role": "user", "content": "1+1?"}, message]}
    with pytest.raises(ProblemError, match=said):
        parse_request(asked).problem()


def test_messages_without_a_user_are_refused():
    with pytest.raises(ProblemError, match="no user message"):
        parse_request({"messages": [{"role": "system", "content": "1"}]}).problem()


def test_a_chat_request_bounds_its_solve():
    budget = {"deadline_s": 2.5, "max_total_tokens": 900, "max_sandbox_s": 0.0}
    body = {"model": "votebox/vote", "messages": [{"role": "user", "content": "1 + 1?"}]}
    asked = read_chat_request({**body, "votebox": budget})
    options = parse_request(asked.solve).options()
    assert options == SolveOptions(**budget)
