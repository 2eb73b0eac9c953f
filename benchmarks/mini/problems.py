"""Make seeded arithmetic problems with exact integer answers.

The families are data, in `families.toml`; this file draws numbers, words them and keeps
training and evaluation apart. It knows nothing of chats, tokens or models.
"""

import datetime as dt
import functools
import hashlib
import math
import random
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Family", "Problem", "families", "is_evaluation", "make_problem"]

FAMILIES_PATH: Final = Path(__file__).with_name("families.toml")
EVALUATION_SHARE: Final = 50
"""One tuple (family and numbers) in this many is kept for evaluation."""

NAMESPACE: Final = {"math": math, "datetime": dt, "date": dt.date}
MAX_DRAWS: Final = 100_000

type Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Family:
    """Describe one family; the fields are those of `families.toml`."""

    name: str
    draw: Mapping[str, tuple[int, int]]
    let: Mapping[str, str]
    where: str
    ask: tuple[str, ...]
    setup: str
    code: str
    plan: str
    think: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Hold one worded problem, its exact answer and the pieces of a solution."""

    family: str
    numbers: tuple[int, ...]
    text: str
    answer: int
    setup: str
    """Program lines before the expression, "" when none are needed."""
    expression: str
    """The Python expression whose value is the answer."""
    plan: str
    think: str

    def program(self, *, modulo: bool = False) -> str:
        """Give the program that prints the answer, or the answer modulo 1000."""
        value = f"({self.expression}) % 1000" if modulo else self.expression
        needs_math = "math." in self.setup + value
        lines = ["import math"] if needs_math else []
        return "\n".join([*lines, *filter(None, [self.setup]), f"print({value})"])


@functools.cache
def _tables() -> dict[str, dict[str, object]]:
    return tomllib.loads(FAMILIES_PATH.read_text(encoding="utf-8"))


@functools.cache
def families() -> dict[str, Family]:
    """Read the families, in the order of the file."""
    found = {}
    for name, table in _tables()["family"].items():
        draw = {key: tuple(bounds) for key, bounds in table["draw"].items()}
        found[name] = Family(
            name=name,
            draw=draw,
            let=table.get("let", {}),
            where=table.get("where", ""),
            ask=tuple(table["ask"]),
            setup=table.get("setup", ""),
            code=table["code"],
            plan=table["plan"],
            think=table["think"],
        )
    return found


def is_evaluation(family: str, numbers: tuple[int, ...]) -> bool:
    """Say whether a tuple is kept for evaluation; the same on every machine."""
    if list(numbers) in _tables()["held-out"].get(family, []):
        return True
    text = f"{family}:{','.join(map(str, numbers))}"
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % EVALUATION_SHARE == 0


@functools.cache
def _compiled(expression: str) -> object:
    return compile(expression, "families.toml", "eval")


def _evaluate(expression: str, values: Values) -> object:
    return eval(_compiled(expression), NAMESPACE, dict(values))  # noqa: S307 - our own data


def _fill(template: str, values: Values) -> str:
    """Replace each {expression} of a template by its value."""
    return re.sub(r"\{([^{}]+)\}", lambda found: str(_evaluate(found[1], values)), template)


def _draw_number(rng: random.Random, lowest: int, highest: int) -> int:
    """Draw from the whole range, or three times in ten from its small end."""
    if rng.random() < 0.3:
        highest = lowest + max(1, (highest - lowest) // 8)
    return rng.randint(lowest, highest)


def _draw_values(rng: random.Random, family: Family, *, evaluation: bool) -> dict[str, object]:
    """Draw numbers of the wanted side of the split that meet the family's condition."""
    for _ in range(MAX_DRAWS):
        values: dict[str, object] = {
            key: _draw_number(rng, *bounds) for key, bounds in family.draw.items()
        }
        if is_evaluation(family.name, tuple(values.values())) != evaluation:
            continue
        for key, expression in family.let.items():
            values[key] = _evaluate(expression, values)
        if not family.where or _evaluate(family.where, values):
            return values
    side = "evaluation" if evaluation else "training"
    raise ValueError(f"family {family.name!r} has no {side} tuple; widen its draw ranges")


def _casual(rng: random.Random, text: str) -> str:
    """Word a problem the way people type: sometimes please, sometimes no full stop."""
    if rng.random() < 0.1 and text.endswith(".") and not text[0].isdigit():
        text = "Please " + text[0].lower() + text[1:]
    if rng.random() < 0.15 and not text.endswith("!?"):
        text = text.rstrip("?.")
    if rng.random() < 0.08:
        text = text[0].lower() + text[1:]
    return text


def _answer(family: Family, values: Values) -> int:
    """Run the family's own program, so that answer and program cannot disagree."""
    scope = dict(NAMESPACE)
    exec(_fill(family.setup, values), scope)  # noqa: S102 - our own data
    return int(eval(_fill(family.code, values), scope))  # noqa: S307 - our own data


def make_problem(
    rng: random.Random, family: str | None = None, *, evaluation: bool = False
) -> Problem:
    """Make one problem, of a family drawn uniformly unless one is named.

    Training and evaluation never share a tuple of family and numbers.
    """
    chosen = families()[family] if family else rng.choice(list(families().values()))
    drawn = _draw_values(rng, chosen, evaluation=evaluation)
    answer = _answer(chosen, drawn)
    words = {key: rng.choice(options) for key, options in _tables()["words"].items()}
    values = {**drawn, **words, "ans": answer}
    return Problem(
        family=chosen.name,
        numbers=tuple(drawn[key] for key in chosen.draw),
        text=_casual(rng, _fill(rng.choice(chosen.ask), values)),
        answer=answer,
        setup=_fill(chosen.setup, values),
        expression=_fill(chosen.code, values),
        plan=_fill(chosen.plan, values),
        think=_fill(chosen.think, values),
    )
