"""What passes is a solution: every trick of a solution that is none fails in the real jail."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from forgers import FORGERS, GUESSES, SLOW

from votebox.plugins.exercises import Task, load_task
from votebox.plugins.testvector import TestLimits, TestVector, run_tests
from votebox.sandbox import Sandbox

ROOT = Path(__file__).parents[2] / "cluster/exercises"
NAMES = [path.name for path in sorted(ROOT.iterdir())]
PATIENT = TestLimits(total_s=100.0, test_s=30.0)
SHORT = TestLimits(total_s=2.0, test_s=0.5)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box() -> AsyncIterator[Sandbox]:
    async with Sandbox(workers=2, preload=()) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def gate() -> Task:
    return load_task(ROOT / "turnstile")


async def passed_by(box: Sandbox, task: Task, source: str, **changes: object) -> TestVector:
    return await run_tests(box, task, {"turnstile.py": source}, **changes)


@pytest.mark.parametrize("name", NAMES)
async def test_reference_passes_every_test_and_the_stub_none(box: Sandbox, name: str) -> None:
    task = load_task(ROOT / name)
    reference, stub = await asyncio.gather(
        run_tests(box, task, task.example, PATIENT), run_tests(box, task, {}, PATIENT)
    )
    assert (reference.verdict, reference.ran) == ("passed", reference.expected), [
        (result.id, result.outcome, result.message) for result in reference.results
    ]
    assert len(reference.expected) >= 10
    assert (stub.verdict, stub.passed_ids) == ("failed", ())
    assert stub.digest == reference.digest


@pytest.mark.parametrize("trick", FORGERS)
async def test_forger_passes_no_case(box: Sandbox, gate: Task, trick: str) -> None:
    limits = SHORT if trick in SLOW else TestLimits()
    vector = await passed_by(box, gate, FORGERS[trick], limits=limits)
    assert vector.verdict in ("failed", "forged", "timeout", "broken")
    assert len(vector.expected) == 15
    assert vector.passed_ids == () or trick in GUESSES


async def test_a_lie_about_every_test_is_called_one(box: Sandbox, gate: Task) -> None:
    vector = await passed_by(box, gate, FORGERS["writes to every descriptor"])
    assert (vector.verdict, set(vector.outcome_by_id.values())) == ("forged", {"forged"})


async def test_a_dead_parent_is_a_broken_channel(box: Sandbox, gate: Task) -> None:
    vector = await passed_by(box, gate, FORGERS["kills the parent"])
    assert (vector.verdict, vector.ran) == ("broken", ())
    assert "no results" in vector.broken


async def test_files_named_as_tests_or_unknown_are_not_taken(box: Sandbox, gate: Task) -> None:
    files = {
        "turnstile_test.py": "",
        "json.py": "raise SystemExit",
        "unittest.py": "",
        "sitecustomize.py": "import os; os._exit(0)",
        "../order": "x",
    }
    vector = await run_tests(box, gate, {**gate.example, **files})
    assert (vector.verdict, len(vector.ran)) == ("passed", 15)


async def test_modules_of_python_win_over_files_of_their_name(box: Sandbox, tmp_path: Path) -> None:
    task = load_task(made(tmp_path, {"difflib.py": "raise SystemExit", "helper.py": "WORD = 'a'"}))
    assert sorted(task.readonly) == ["difflib.py", "helper.py"]
    source = "import difflib, helper\ndef f(): return helper.WORD + difflib.__name__"
    vector = await run_tests(box, task, {"mine.py": source})
    assert vector.outcome_by_id == {
        "Base.test_own": "passed",
        "Sub.test_more": "passed",
        "Sub.test_own": "passed",
        "Sub.test_later": "skipped",
    }
    assert vector.verdict == "passed"


async def test_a_jail_for_each_program_says_the_same(gate: Task) -> None:
    async with Sandbox(workers=1, backend="once") as once:
        good = await run_tests(once, gate, gate.example)
        bad = await passed_by(once, gate, FORGERS["writes to every descriptor"])
    assert (good.verdict, bad.verdict) == ("passed", "forged")


async def test_solution_may_print_and_the_end_is_kept(box: Sandbox, gate: Task) -> None:
    source = gate.example["turnstile.py"] + "\nprint('x' * 10_000 + 'END')"
    vector = await passed_by(box, gate, source)
    assert vector.verdict == "passed"
    assert {result.printed[-4:] for result in vector.results} == {"END\n"}
    assert max(len(result.printed) for result in vector.results) <= 2048


async def test_one_wrong_answer_fails_its_tests_alone(box: Sandbox, gate: Task) -> None:
    source = gate.example["turnstile.py"].replace("nothing to reset", "nothing")
    vector = await passed_by(box, gate, source)
    assert [r.id for r in vector.results if r.outcome != "passed"] == [
        "TurnstileTest.test_reset_without_alarm"
    ]
    assert vector.verdict == "failed"


@pytest.mark.filterwarnings("ignore:unsafe=True:RuntimeWarning")
async def test_outside_of_a_jail_the_runner_refuses(gate: Task) -> None:
    async with Sandbox(workers=1, unsafe=True) as sandbox:
        vector = await run_tests(sandbox, gate, gate.example)
    assert (vector.verdict, "not in a jail" in vector.broken) == ("broken", True)


def made(folder: Path, files: dict[str, str]) -> Path:
    """Make an exercise with inherited tests, a mixin, a skip and a helper nobody lists."""
    test = """
import unittest
from mine import f

class Mixin:
    def test_more(self):
        self.assertIn("a", f())

class Base(unittest.TestCase):
    def test_own(self):
        self.assertEqual(f(), "adifflib")

class Sub(Mixin, Base):
    @unittest.skip("one day")
    def test_later(self):
        self.fail()
"""
    config = {"files": {"solution": ["mine.py"], "test": ["t_test.py"], "example": [".meta/e.py"]}}
    whole = {
        ".meta/config.json": json.dumps(config),
        ".meta/e.py": "",
        ".docs/instructions.md": "Do it.",
        "mine.py": "",
        "t_test.py": test,
        **files,
    }
    for name, text in whole.items():
        path = folder / "task" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "task"
