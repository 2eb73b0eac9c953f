"""Run cases of the editing benchmark over replies of our own and the real jail."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from votebox.cluster.edit_bench_commands import EXERCISES
from votebox.cluster.edit_cases import Case
from votebox.cluster.edit_solve import Rules, solve_case
from votebox.plugins import (
    Prompt,
    Recipe,
    Recorded,
    Registry,
    ReplayEngine,
    SandboxPort,
    SolveOptions,
    Solver,
    Task,
    load_recipe,
    load_task,
)
from votebox.plugins.edits import render
from votebox.plugins.testfile import read_test_file

REGISTRY = Registry.load(allowed=())
RECIPES = Path(__file__).parents[2] / "plugins/builtin/recipes"


STUB = "def total(numbers):\n    return 0\n\n\ndef label(name):\n    return ''\n"
EXAMPLE = (
    "def total(numbers):\n    return sum(numbers)\n\n\ndef label(name):\n    return name.title()\n"
)
TESTS = """import unittest

from app import label, total


class AppTest(unittest.TestCase):
    def test_some(self):
        self.assertEqual(total([1, 2]), 3)

    def test_negative(self):
        self.assertEqual(total([-1, -2]), -3)

    def test_word(self):
        self.assertEqual(label("ann"), "Ann")

    def test_words(self):
        self.assertEqual(label("ann lee"), "Ann Lee")

    def test_shout(self):
        self.assertEqual(label("ANN"), "Ann")
"""
TINY = Task(
    "tiny",
    "Let total() add numbers and label() write a name.",
    {"app.py": STUB},
    {"notes.py": "RATE = 1\n"},
    {"app_test.py": TESTS},
    {"app.py": EXAMPLE},
    (read_test_file("tiny/app_test.py", TESTS),),
)
"""An exercise of five tests, which take little time."""


def exercise(name: str) -> Task:
    return load_task(EXERCISES / name)


def reference(task: Task, format_name: str = "diff") -> str:
    """Return the reference as a reply in one format."""
    return render(task.files, {**task.files, **task.example}, format_name)


def changed(task: Task, old: str, new: str) -> str:
    """Return the reference with one text of it replaced, as a reply."""
    (path,) = task.example
    assert old in task.example[path]
    return render(task.files, {path: task.example[path].replace(old, new)}, "diff")


WRONG = changed(TINY, "sum(numbers)", "abs(sum(numbers))")
"""A reply that passes the visible tests of TINY and fails a hidden one."""

WRONG_TEXT = {"app.py": EXAMPLE.replace("sum(numbers)", "abs(sum(numbers))")}
MEND = render(WRONG_TEXT, dict(TINY.example), "diff")
"""The reply that mends it."""

BAD = changed(TINY, "name.title()", "name")
"""A reply that fails tests on both sides."""


def recipe(name: str, format_name: str = "diff") -> Recipe:
    """Return a shipped recipe with another edit format."""
    text = (RECIPES / f"{name}.toml").read_text()
    for part in ("edit-", "editor-", "edit:"):
        text = text.replace(f"{part}diff", f"{part}{format_name}")
    return load_recipe(text, REGISTRY)


def saying(*replies: str | Recorded) -> ReplayEngine:
    """Return an engine that says these in turn, the last again and again."""
    left = iter(replies)
    last: list[str | Recorded] = list(replies[-1:])
    return ReplayEngine(lambda prompt: next(left, last[0]), piece_chars=4096)


def by_chain(*replies: Sequence[str]) -> ReplayEngine:
    """Return an engine that gives each new conversation a list of replies, in turn.

    One that goes on is known by what it said last.
    """
    left = iter(replies)

    def reply(prompt: Prompt) -> str:
        said = [m.content for m in prompt.messages if m.role == "assistant"][-1:]
        for mine in replies:
            for at, text in enumerate(mine):
                if [text.strip()] == said:
                    return mine[min(at + 1, len(mine) - 1)]
        return next(left)[0]

    return ReplayEngine(reply, piece_chars=4096)


async def solved(
    box: SandboxPort,
    task: Task,
    engines: ReplayEngine | Mapping[str, ReplayEngine],
    rules: Rules | None = None,
    **options: Any,
) -> Case:
    """Return the case of one exercise."""
    rules = rules or Rules(recipe("solo"))
    given = SolveOptions(seed=7, stop="never", **options)
    made = Rules(rules.recipe, rules.tries, rules.procedure, given, rules.limits)
    return await solve_case(task, 0, made, Solver(engines, box, REGISTRY), box)


def said(prompts: Iterable[Prompt]) -> str:
    """Return all that models were told."""
    return "\n".join(message.content for prompt in prompts for message in prompt.messages)
