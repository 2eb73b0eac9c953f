"""Turn problems into training conversations: the three habits and the recipes' prompts.

Habit A writes a program, is shown its output and boxes it; habit B reasons briefly and
boxes; habit C does both. It knows nothing of tokens or models.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from problems import Problem, make_problem

from votebox.plugins.builtin.texts import (
    MODULO_SENTENCE,
    SEED_STANCES,
    SOLVE_SYSTEM,
    TOOL_SYSTEM,
)

__all__ = ["SETTINGS", "Sample", "Setting", "Turn", "make_sample", "output_turn"]

MODULUS: Final = 1000
BLOCK_OPENERS: Final = ("Let me compute this.", "I will use Python.", "A program helps.")
OPENER_WEIGHTS: Final = (8, 1, 1)
"""Uneven, so that the likeliest first word, which greedy decoding takes, opens a program."""
OUTPUT_CLOSERS: Final = ("The answer is \\boxed{{{value}}}.", "So it is \\boxed{{{value}}}.")
DIRECT_CLOSER: Final = "The answer is \\boxed{{{value}}}."
FIX_OPENER: Final = "I correct the program."


@dataclass(frozen=True, slots=True)
class Setting:
    """Describe one way a question reaches the model, and how often it is trained."""

    name: str
    system: str | None
    weight: float
    habits: dict[str, float]
    modulo: bool = False
    """The modulo sentence follows the question and program output arrives bare."""


MIXED: Final = {"A": 0.45, "B": 0.28, "C": 0.27}
SETTINGS: Final = (
    Setting("solve", SOLVE_SYSTEM, 0.50, MIXED),
    Setting("tool", TOOL_SYSTEM, 0.16, {"A": 1.0}),
    Setting("plain", None, 0.14, MIXED),
    *(
        Setting(f"seed-{number}", stance, 0.04, MIXED, modulo=True)
        for number, stance in enumerate(SEED_STANCES)
    ),
)


@dataclass(frozen=True, slots=True)
class Turn:
    """Hold one turn; only learned turns carry the full loss."""

    role: str
    text: str
    learned: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """Hold one conversation without its system turn, which a whole batch shares."""

    setting: Setting
    turns: tuple[Turn, ...]


def output_turn(stdout: str, *, modulo: bool) -> str:
    """Word program output as the recipes do: bare for the seed recipe, else fenced."""
    return stdout if modulo else f"```output\n{stdout}\n```"


def _value(problem: Problem, setting: Setting) -> int:
    return problem.answer % MODULUS if setting.modulo else problem.answer


def _printed(rng: random.Random, value: int) -> str:
    """Give what the program prints, sometimes with the last newline still on it."""
    return f"{value}\n" if rng.random() < 0.3 else str(value)


def _block(opener: str, program: str) -> str:
    return f"{opener}\n```python\n{program}\n```"


def _opener(rng: random.Random) -> str:
    return rng.choices(BLOCK_OPENERS, OPENER_WEIGHTS)[0]


def _boxed_output(rng: random.Random, value: int) -> Turn:
    return Turn("assistant", rng.choice(OUTPUT_CLOSERS).format(value=value), learned=True)


def _coded(rng: random.Random, problem: Problem, setting: Setting, opener: str) -> list[Turn]:
    """Write the turns of a program, its output and the boxed answer."""
    value = _value(problem, setting)
    program = problem.program(modulo=setting.modulo)
    return [
        Turn("assistant", _block(opener, program), learned=True),
        Turn("user", output_turn(_printed(rng, value), modulo=setting.modulo)),
        _boxed_output(rng, value),
    ]


def _direct(problem: Problem, setting: Setting) -> list[Turn]:
    """Write the turn of an answer without a program."""
    value = _value(problem, setting)
    words = [problem.think]
    if value != problem.answer:
        words.append(f"Modulo {MODULUS} it is {value}.")
    words.append(DIRECT_CLOSER.format(value=value))
    return [Turn("assistant", " ".join(words), learned=True)]


def _break_program(rng: random.Random, program: str) -> tuple[str, str]:
    """Break a program the way models do; give it with the error Python prints."""
    if program.startswith("import math\n") and rng.random() < 0.7:
        broken = program.removeprefix("import math\n")
        return broken, "NameError: name 'math' is not defined"
    return program.removesuffix(")"), "SyntaxError: '(' was never closed"


def _with_error(rng: random.Random, problem: Problem, setting: Setting) -> list[Turn]:
    """Write a conversation whose first program fails; the failure itself is not learned."""
    program = problem.program(modulo=setting.modulo)
    broken, error = _break_program(rng, program)
    if rng.random() < 0.5:
        error = "Traceback (most recent call last):\n" + error
    return [
        Turn("assistant", _block(_opener(rng), broken)),
        Turn("user", output_turn(error, modulo=setting.modulo)),
        *_coded(rng, problem, setting, FIX_OPENER),
    ]


def _with_nudge(rng: random.Random, problem: Problem, setting: Setting) -> list[Turn]:
    """Write a conversation in which a stance arrives as the next user turn."""
    nudge = Turn("user", rng.choice(SEED_STANCES))
    again = _coded(rng, problem, setting, _opener(rng))
    return [*_direct(problem, setting), nudge, *again]


def _answer_turns(rng: random.Random, problem: Problem, setting: Setting) -> list[Turn]:
    chance = rng.random()
    if chance < 0.03:
        return _with_error(rng, problem, setting)
    if setting.modulo and chance < 0.08:
        return _with_nudge(rng, problem, setting)
    habit = rng.choices(list(setting.habits), list(setting.habits.values()))[0]
    if habit == "B":
        return _direct(problem, setting)
    opener = problem.plan if habit == "C" else _opener(rng)
    return _coded(rng, problem, setting, opener)


def make_sample(
    rng: random.Random,
    setting: Setting,
    problem_of: Callable[[random.Random], Problem] = make_problem,
) -> Sample:
    """Make one training conversation in a setting."""
    problem = problem_of(rng)
    question = f"{problem.text}\n{MODULO_SENTENCE}" if setting.modulo else problem.text
    turns = [Turn("user", question), *_answer_turns(rng, problem, setting)]
    return Sample(setting, tuple(turns))
