"""Make the test of a tiny edit: assertions that the file after it passes, and before it fails.

The functions are our own data, so this runs them here; what a model wrote runs in the jail.
"""

import inspect
import random
import re
from collections.abc import Iterator
from typing import Any, Final

from edits import Edit

__all__ = ["test_of", "test_path"]

ROWS: Final = ((7, 4, 2), (5, 5, 5), (2, 5, 9), (40, 12, 3), (0, 1, 6), (-3, 8, 1), (60, 990, 500))
LISTS: Final = ([3, 1, 2], [500, 40, 999, 7], [-5, 5])
MAX_SHOWN: Final = 80
"""Longest value a test spells out, in characters."""
TEST: Final = """\
import unittest

from {module} import {name}


class EditTest(unittest.TestCase):
    def test_{name}(self):
{lines}"""


def test_path(edit: Edit) -> str:
    """Give the path of the test, beside the file."""
    return f"test_{edit.path}"


def test_of(edit: Edit, rng: random.Random, most: int) -> str | None:
    """Write a test of at most `most` assertions, at least one of which `before` fails.

    None where no call tells the file after the edit from that before.
    """
    before, after = _scope(edit.before), _scope(edit.after)
    telling, rest = [], []
    for call in dict.fromkeys(_calls(edit, after)):
        value = _value(after, call)
        if value is not None and len(value) <= MAX_SHOWN:
            (rest if _value(before, call) == value else telling).append((call, value))
    if not telling:
        return None
    shown = [*telling[: -(-most // 2)], *rng.sample(rest, min(len(rest), most // 2))][:most]
    lines = (f"        self.assertEqual({call}, {value})\n" for call, value in shown)
    return TEST.format(module=edit.path.removesuffix(".py"), name=edit.name, lines="".join(lines))


def _scope(source: str) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(source, scope)  # noqa: S102 - our own data
    return scope


def _value(scope: dict[str, Any], call: str) -> str | None:
    """Give what a call returns, as Python writes it; None where it cannot be made."""
    try:
        return repr(eval(call, scope))  # noqa: S307 - our own data
    except (TypeError, NameError):
        return None


def _calls(edit: Edit, scope: dict[str, Any]) -> Iterator[str]:
    """Yield calls: around the constants of the file, by position, by name, with defaults."""
    parameters = list(inspect.signature(scope[edit.name]).parameters)
    numbers = [int(text) for text in re.findall(r"\b\d+\b", edit.after)]
    near = [(number + step, 3, 2) for number in numbers for step in (-1, 0, 1)]
    lists = (*LISTS, [number + step for number in numbers[:4] for step in (-1, 0, 1)])
    for row in (*near, *ROWS, *((one, 8, 1) for one in lists), (None, 4, 2)):
        given = [repr(value) for value in row[: len(parameters)]]
        yield f"{edit.name}({', '.join(given)})"
        yield f"{edit.name}({', '.join(given[:-1])})"
        named = ", ".join(f"{p}={v}" for p, v in zip(parameters, given, strict=False))
        yield f"{edit.name}({named})"
    yield f"{edit.name}.__doc__"
