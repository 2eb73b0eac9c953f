"""Hold votebox-mini's problem generator, samples and tokenizer to what the card says."""

# ruff: noqa: S311 - problems are drawn, no secrets
import random
import sys
from collections import Counter
from pathlib import Path

import pytest
from transformers import Qwen2Tokenizer

SCRIPTS = Path(__file__).parents[2] / "benchmarks" / "mini"
sys.path.insert(0, str(SCRIPTS))  # the scripts are no package; they import each other like this

from chains import run_program  # noqa: E402
from problems import families, is_evaluation, make_problem  # noqa: E402
from samples import SETTINGS, make_sample  # noqa: E402
from tokenizer import train_tokenizer  # noqa: E402

FAMILIES = sorted(families())


@pytest.fixture(scope="module")
def tokenizer() -> Qwen2Tokenizer:
    return train_tokenizer(0)


def test_there_are_thirty_families_with_five_phrasings_each() -> None:
    assert len(FAMILIES) >= 30
    assert all(len(family.ask) >= 5 for family in families().values())


@pytest.mark.parametrize("evaluation", [False, True])
def test_training_and_evaluation_tuples_never_meet(*, evaluation: bool) -> None:
    rng = random.Random(7)
    made = [make_problem(rng, evaluation=evaluation) for _ in range(3000)]
    assert all(is_evaluation(p.family, p.numbers) == evaluation for p in made)


def test_every_family_has_evaluation_tuples() -> None:
    rng = random.Random(8)
    for name in FAMILIES:
        problem = make_problem(rng, name, evaluation=True)
        assert problem.family == name
        assert is_evaluation(name, problem.numbers)


def test_the_readme_example_is_held_out_both_ways_round() -> None:
    assert is_evaluation("product", (137, 48))
    assert is_evaluation("product", (48, 137))


def test_the_same_seed_makes_the_same_problems() -> None:
    one, two = random.Random(3), random.Random(3)
    assert [make_problem(one) for _ in range(50)] == [make_problem(two) for _ in range(50)]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_program_prints_the_answer(name: str) -> None:
    problem = make_problem(random.Random(name), name)
    assert run_program(problem.program()) == str(problem.answer)


def test_the_modulo_program_prints_the_answer_modulo_1000() -> None:
    for name in ("to-binary", "fibonacci", "trailing-zeros", "days-between"):
        problem = make_problem(random.Random(4), name)
        assert run_program(problem.program(modulo=True)) == str(problem.answer % 1000)


def test_samples_hold_all_three_habits_and_end_in_a_box() -> None:
    rng = random.Random(5)
    made = [make_sample(rng, SETTINGS[0]) for _ in range(300)]
    assert all("\\boxed{" in sample.turns[-1].text for sample in made)
    assert {len(sample.turns) for sample in made} >= {2, 4}
    openings = Counter(s.turns[1].text.split("\n")[0] for s in made if "```" in s.turns[1].text)
    assert len(openings) > 5


def test_the_tool_setting_always_writes_a_program() -> None:
    tool = next(setting for setting in SETTINGS if setting.name == "tool")
    rng = random.Random(6)
    assert all("```python\n" in make_sample(rng, tool).turns[1].text for _ in range(200))


def test_digits_are_single_tokens(tokenizer: Qwen2Tokenizer) -> None:
    for token in tokenizer.get_vocab():
        if token not in tokenizer.all_special_tokens:
            digits = sum(character in "0123456789" for character in token)
            assert digits == 0 or len(token) == 1, token


@pytest.mark.parametrize(
    "text",
    [
        "What is the product of 137 and 48?",
        "  tabs\tand\n\n\nlines ```python\nprint(1)\n```  ",
        "Ünïcode ☃ 漢字 \U0001f600",
        "",
    ],
)
def test_any_text_survives_the_round_trip(tokenizer: Qwen2Tokenizer, text: str) -> None:
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text


def test_the_tokenizer_is_reproducible(tokenizer: Qwen2Tokenizer) -> None:
    again = train_tokenizer(0)
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()
