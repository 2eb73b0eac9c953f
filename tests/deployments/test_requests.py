import pytest

from votebox.deployments.openai_models import read_chat_request
from votebox.deployments.solve_request import OPTIONS, parse_request
from votebox.plugins import ProblemError, SolveOptions


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
    given = dict.fromkeys(OPTIONS, 1) | {"trace": False}
    assert parse_request({"question": "1", **given}).options() == SolveOptions(**given)


def test_what_ray_data_adds_is_ignored():
    given = {"question": "1", "request_id": 3, "idx_in_batch": 1, "id": "row-7"}
    assert parse_request(given).problem().id == "row-7"


def test_earlier_turns_stand_before_the_last_question_and_system_messages_do_not():
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Let x be 5."},
        {"role": "assistant", "content": "Yes."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "x?"}],
        },
    ]
    problem = parse_request({"messages": messages}).problem()
    assert problem.text == (
        "Earlier in this conversation:\nuser: Let x be 5.\nassistant: Yes.\n\n"
        "Now answer:\nWhat is x?"
    )
    assert problem.metadata["messages"][0] == {"role": "system", "content": "Be brief."}


def test_a_chat_request_bounds_its_solve():
    budget = {"deadline_s": 2.5, "max_total_tokens": 900, "max_sandbox_s": 0.0}
    body = {"model": "votebox/vote", "messages": [{"role": "user", "content": "1 + 1?"}]}
    options = read_chat_request({**body, "votebox": budget}).solve_request().options()
    assert options == SolveOptions(**budget)
