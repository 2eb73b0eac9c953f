"""Recipe aimo-qwq does what the Kaggle pipeline did, faults included: each rule, one test."""

import ast
import time
from fractions import Fraction
from typing import Any

import pytest
from contract import FakeBox
from hypothesis import given
from hypothesis import strategies as st

from votebox.plugins import (
    Candidate,
    ChainView,
    Evidence,
    Execution,
    Problem,
    Prompt,
    Recorded,
    Registry,
    ReplayEngine,
    SolveOptions,
    Solver,
    Turn,
    Verdict,
)
from votebox.plugins.builtin.seed import (
    SeedPolicy,
    SeedPythonOptions,
    boxed,
    printed,
    python,
    stances,
    vote,
)
from votebox.plugins.builtin.texts import MODULO_SENTENCE, SEED_STANCES

REGISTRY = Registry.load(allowed=())
RECIPE = REGISTRY.recipe("aimo-qwq")
QUESTION = Problem("How many?")


def values(readings: list[Any]) -> list[str]:
    return [reading.value for reading in readings]


def elected(*answers: str) -> str:
    """Return what the pipeline selects among collected answers."""
    policy = SeedPolicy()
    candidates = [Candidate(a, "boxed", i % 2, 1.0, Evidence()) for i, a in enumerate(answers)]
    leader = vote(candidates, policy).leader
    return leader.answer if leader else str(policy.fallback)


def program_answers(answers: dict[str, str]) -> FakeBox:
    return FakeBox(lambda code: answers.get(code, ""))


def printer() -> FakeBox:
    """Run programs that print one text."""
    return FakeBox(lambda code: str(ast.literal_eval(code[len("print(") : -1])))


async def solved(
    *replies: str, box: FakeBox | None = None, rounds: int | None = None, **options: Any
) -> tuple[Verdict, ReplayEngine]:
    """Solve with chain i answering replies[i] in every round."""

    def reply(prompt: Prompt) -> str | Recorded:
        return replies[SEED_STANCES.index(prompt.messages[0].content) % len(replies)]

    engine = ReplayEngine(reply)
    solver = Solver(engine, box or FakeBox(), REGISTRY)
    chosen = SolveOptions(seed=1, rounds=rounds, **options)
    return await solver.solve(QUESTION, RECIPE, chosen), engine


# Prompts


def test_chain_i_gets_stance_i_modulo_five() -> None:
    for index in range(11):
        prompt = stances(QUESTION, ChainView(index), 0)
        assert isinstance(prompt, Prompt)
        assert prompt.messages[0].content == SEED_STANCES[index % 5]
        assert prompt.label == f"stance-{index % 5 + 1}"


def test_the_modulo_sentence_follows_the_question_on_a_line_of_its_own() -> None:
    prompt = stances(QUESTION, ChainView(0), 0)
    assert isinstance(prompt, Prompt)
    assert [m.role for m in prompt.messages] == ["system", "user"]
    assert prompt.messages[1].content == "How many?\n" + MODULO_SENTENCE


def test_every_stance_asks_for_a_box_and_holds_no_digit() -> None:
    for stance in SEED_STANCES:
        assert "\\boxed{}" in stance
        assert not any(c.isdigit() for c in stance)


@pytest.mark.parametrize("round_number", range(1, 12))
def test_a_reply_of_round_r_without_python_is_nudged_by_stance_r_plus_one(
    round_number: int,
) -> None:
    view = ChainView(3, turns=(Turn(round_number - 1, {}),))
    assert stances(QUESTION, view, round_number) == SEED_STANCES[round_number % 5]


def test_a_reply_with_python_is_not_nudged() -> None:
    done = Execution("ok", "7", "", 0, None, 0.1, 0.1, 1.0, False, "fake")
    view = ChainView(0, turns=(Turn(0, {"run": (done,)}),))
    assert stances(QUESTION, view, 1) is None


# Code


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("```python\nprint(1)\n```", "print(1)"),
        ("```python\na\n```x```python\nb\n```", "a\n\nb"),
        ("```python3\nprint(1)\n```", "3\nprint(1)"),
        ("````python\nprint(1)\n````", "print(1)"),
        ("```python print(1)```", "print(1)"),
        ("```python\nprint('```')\n```", "print('"),
    ],
)
def test_code_is_read_by_the_pipeline_s_pattern(text: str, program: str) -> None:
    assert values(python(text, "stop", SeedPythonOptions())) == [program]


@pytest.mark.parametrize(
    "text", ["", "no code", "```\nprint(1)\n```", "```python\nprint(1)", "```python\n```"]
)
def test_no_block_is_no_program(text: str) -> None:
    assert python(text, "stop", SeedPythonOptions()) == []


def test_blocks_are_given_alone_when_asked() -> None:
    text = "```python\na\n```\n```python\nb\n```"
    assert values(python(text, "stop", SeedPythonOptions(join=False))) == ["a", "b"]


# Boxed and printed answers


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        (r"\boxed{42}", ["42"]),
        (r"\boxed{\frac{84}{2}}", ["84"]),
        (r"\boxed{-7}", ["7"]),
        (r"\boxed{1,234}", ["234"]),
        (r"\boxed{1234}", ["234"]),
        (r"\boxed{3.14}", ["14"]),
        (r"\boxed{x = 12 cm}", ["12"]),
        (r"\boxed{x}", []),
        (r"\boxed{}", []),
        ("\\boxed{4\n2}", []),
        ("\\boxed{4\n\\boxed{5}", ["5"]),
        (r"\boxed{1} and \boxed{2}", ["1", "2"]),
        (r"\boxed{\boxed{5}}", ["5"]),
        (r"\boxed {5} \fbox{6}", []),
        (r"\boxed{000}", ["0"]),
        (r"\boxed{" + "9" * 5000 + "}", ["999"]),
        (r"\boxed{5", []),
    ],
)
def test_every_box_up_to_its_first_closing_brace_is_read_modulo_1000(
    text: str, answers: list[str]
) -> None:
    assert values(boxed(text, "stop")) == answers
    assert values(boxed(text, "length")) == answers


@pytest.mark.parametrize(
    ("output", "answers"),
    [
        ("42", ["42"]),
        ("1\n2\n3", ["3"]),
        ("12345", ["345"]),
        ("the sum is 12, done", ["12"]),
        ("42.0", ["42"]),
        ("3.14", []),
        ("7 then 3.14", ["7"]),
        ("", []),
        ("none", []),
        ("9" * 5000, ["999"]),
    ],
)
def test_the_last_integer_printed_is_read_modulo_1000(output: str, answers: list[str]) -> None:
    assert values(printed(output, "stop")) == answers


@pytest.mark.parametrize(
    ("output", "answer"), [("-7", "993"), ("x = -1001", "999"), ("-1000", "0"), ("9-7", "7")]
)
def test_a_printed_negative_is_taken_modulo_1000_as_mathematics_does(
    output: str, answer: str
) -> None:
    assert values(printed(output, "stop")) == [answer]


@pytest.mark.parametrize("finish_reason", ["length", "abort", None])
def test_a_failed_program_gives_no_answer(finish_reason: str | None) -> None:
    assert printed("42", finish_reason) == []


@given(
    st.lists(st.sampled_from(["\\boxed{", "}", "\n", "7", "x", "```python", "```", "-", "."])).map(
        "".join
    )
)
def test_no_text_raises_and_reading_twice_agrees(text: str) -> None:
    for read in (boxed, printed):
        assert read(text, "stop") == read(text, "stop")
    python(text, "stop", SeedPythonOptions())


@pytest.mark.parametrize(
    "unit", ["\\boxed{", "\\boxed{1}", "\n", "}", "```python", "1", "-", "1.", "`"]
)
def test_a_megabyte_of_anything_is_read_in_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    started = time.perf_counter()
    boxed(text, "stop")
    printed(text, "stop")
    python(text, "stop", SeedPythonOptions())
    assert time.perf_counter() - started < 60


# Selection


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("2", True),
        ("1", False),
        ("0", False),
        ("998", True),
        ("999", False),
        ("100", False),
        ("101", True),
        ("900", False),
        ("-5", False),
        ("5/2", False),
        ("1005", False),
    ],
)
def test_votes_are_kept_between_1_and_999_but_multiples_of_100(value: str, kept: bool) -> None:  # noqa: FBT001 - a table
    assert (SeedPolicy().admit(Fraction(value)) is not None) == kept


@pytest.mark.parametrize(
    ("answers", "answer"),
    [
        ([], "49"),
        (["0", "1", "100", "999", "x"], "49"),
        (["7", "7", "8"], "7"),
        (["7", "8"], "8"),
        (["7", "8", "9", "7", "9"], "9"),
        (["100", "100", "7"], "7"),
    ],
)
def test_the_majority_is_selected_and_ties_go_to_the_larger(
    answers: list[str], answer: str
) -> None:
    assert elected(*answers) == answer


# The whole pipeline


async def test_all_boxes_and_printed_answers_of_a_chain_vote() -> None:
    reply = "```python\nprint(7)\n```\n\\boxed{7} or \\boxed{8}"
    verdict, _ = await solved(reply, r"\boxed{8}", box=program_answers({"print(7)": "7"}), chains=2)
    assert {v.answer: v.weight for v in verdict.votes} == {"8": 2, "7": 2}
    assert verdict.answer == "8"


async def test_five_chains_ask_five_stances_once_each() -> None:
    verdict, engine = await solved(r"\boxed{5}")
    assert sorted(p.messages[0].content for p in engine.sampled) == sorted(SEED_STANCES)
    assert verdict.answer == "5"
    assert verdict.contributions[0].prompts == {f"stance-{i}": 1 for i in range(1, 6)}


async def test_a_chain_that_boxed_leaves_and_the_others_get_the_next_round() -> None:
    _, engine = await solved(r"\boxed{5}", "hm", "hm", "hm", "hm", box=printer(), rounds=3)
    assert len(engine.sampled) == 1 + 4 * 3


async def test_a_reply_without_code_runs_the_program_that_prints_the_next_stance() -> None:
    _, engine = await solved("hm", box=printer(), rounds=3)
    first = [p for p in engine.sampled if p.messages[0].content == SEED_STANCES[0]]
    assert first[-1].messages[3].content == SEED_STANCES[1]
    assert first[-1].messages[5].content == SEED_STANCES[2]


async def test_the_output_of_a_program_is_the_next_turn() -> None:
    box = program_answers({"print(2 + 3)": "5"})
    _, engine = await solved("```python\nprint(2 + 3)\n```", box=box, rounds=2)
    assert engine.sampled[-1].messages[-1].content == "5"


async def test_a_timed_out_program_is_reported_in_the_pipeline_s_words() -> None:
    late = Execution("timeout", "41\n", "", None, 9, 8.0, 8.0, 1.0, False, "fake")
    box = FakeBox(lambda code: late)
    verdict, engine = await solved("```python\nwhile 1: pass\n```", box=box, rounds=2)
    assert engine.sampled[-1].messages[-1].content == "Execution timed out after 8 seconds."
    assert verdict.answer == "49"


async def test_a_traceback_follows_the_output_and_hides_the_path() -> None:
    error = 'File "main.py", line 1\nNameError: x\n'
    failed = Execution("error", "3\n", error, 1, None, 0.1, 0.1, 1.0, False, "fake")
    _, engine = await solved("```python\nx\n```", box=FakeBox(lambda code: failed), rounds=2)
    shown = '3\nFile "<temporary_file>", line 1\nNameError: x'
    assert engine.sampled[-1].messages[-1].content == shown


async def test_nothing_collected_answers_49() -> None:
    verdict, _ = await solved("no idea")
    assert verdict.answer == "49"


async def test_past_the_deadline_210_is_answered_at_once() -> None:
    verdict, engine = await solved(r"\boxed{5}", deadline_s=0)
    assert verdict.answer == "210"
    assert engine.sampled == []


def test_the_recipe_samples_as_the_pipeline_does() -> None:
    sampling = RECIPE.nodes["think"].sampling
    assert (sampling.temperature, sampling.min_p, sampling.max_tokens) == (1.0, 0.01, 32768)
    assert sampling.skip_special_tokens
    assert RECIPE.nodes["run"].limits.wall_s == 8
    assert (RECIPE.chains, RECIPE.rounds) == (5, 1)
