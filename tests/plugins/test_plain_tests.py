"""Tests that are plain functions run as methods of unittest classes do, and cannot be forged either."""
# ruff: noqa: S102, S311 - the copies are run here, and chosen by a seed

import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from forgers import FORGERS

from votebox.plugins.errors import ProblemError
from votebox.plugins.exercises import Task
from votebox.plugins.falsify import falsified
from votebox.plugins.testfile import read_test_file
from votebox.plugins.testsplit import split_tests
from votebox.plugins.testvector import TestVector, run_tests
from votebox.sandbox import Sandbox

TESTS = """import unittest

from turnstile import double, half

WORDS = ["a", "b"]


def same(found, wanted):
    assert found == wanted


def test_number():
    assert double(2) == 4


def test_text():
    same(double("ab"), "abab")


def test_words():
    for word in WORDS:
        assert double(word).startswith(word)


def test_error():
    try:
        half("x")
    except TypeError:
        return
    assert False, "no TypeError"


@unittest.skip("later")
def test_later():
    assert False
"""
GOOD = "def double(x):\n    return 2 * x\n\n\ndef half(x):\n    return x / 2\n"
TASK = Task(
    "plain",
    "Double and halve.",
    {"turnstile.py": "def double(x):\n    return None\n\n\ndef half(x):\n    return None\n"},
    {},
    {"turnstile_test.py": TESTS},
    {"turnstile.py": GOOD},
    (read_test_file("plain/turnstile_test.py", TESTS),),
)
NAMES = ("test_number", "test_text", "test_words", "test_error", "test_later")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box() -> AsyncIterator[Sandbox]:
    async with Sandbox(workers=1, preload=()) as sandbox:
        yield sandbox


async def outcomes(box: Sandbox, source: str) -> TestVector:
    return await run_tests(box, TASK, {"turnstile.py": source})


@pytest.mark.asyncio(loop_scope="module")
async def test_a_solution_passes_and_a_stub_does_not(box: Sandbox) -> None:
    good = await outcomes(box, GOOD)
    assert good.verdict == "passed", good.results
    assert good.outcome_by_id == dict.fromkeys(NAMES[:4], "passed") | {"test_later": "skipped"}
    stub = await outcomes(box, TASK.files["turnstile.py"])
    assert (stub.verdict, stub.passed_ids) == ("failed", ())


@pytest.mark.asyncio(loop_scope="module")
async def test_each_test_runs_alone_and_is_told_apart(box: Sandbox) -> None:
    wrong = await outcomes(box, GOOD.replace("2 * x", "x + x if isinstance(x, int) else x"))
    assert wrong.outcome_by_id["test_number"] == "passed"
    assert wrong.outcome_by_id["test_text"] == "failed"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("source", ["import os; os._exit(0)", FORGERS[next(iter(FORGERS))]])
async def test_a_forger_passes_nothing(box: Sandbox, source: str) -> None:
    assert (await outcomes(box, source)).passed_ids == ()


@pytest.mark.asyncio(loop_scope="module")
async def test_objects_that_equal_everything_are_forged(box: Sandbox) -> None:
    every = "class E:\n    def __eq__(self, o):\n        return True\n    def startswith(self, w):\n        return True\n"
    vector = await outcomes(box, f"{every}\n\ndef double(x):\n    return E()\n\n\nhalf = double\n")
    assert vector.outcome_by_id["test_number"] == "forged"


@pytest.mark.parametrize("name", NAMES[:4])
def test_a_false_copy_fails_for_an_honest_solution(name: str) -> None:
    (file,) = TASK.test_files
    case = next(case for case in file.cases if case.method == name)
    for seed in range(8):
        scope: dict[str, object] = {"__name__": "t"}
        source = compile(falsified(file, case, random.Random(seed)), "t.py", "exec")
        exec(GOOD, scope)
        code = [line for line in TESTS.splitlines() if "from turnstile" in line]
        assert len(code) == 1
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(__import__("sys").modules, "turnstile", type("M", (), scope))
            exec(source, scope)
        with pytest.raises(AssertionError):
            scope[name]()  # type: ignore[operator]


@pytest.mark.parametrize(
    "body",
    [
        "assert found() == 1e20",  # and 1e20 + 1 is the same number
        "assert found() == 1e999",
        "if found() == 0: same(found(), 3)\n    assert found()",
        "if found(): return\n    assert found() == 3",
        "for _ in (1,): break\n    else: assert found() == 3\n    assert found()",
    ],
)
def test_an_honest_solution_is_not_accused(body: str) -> None:
    found = 1e999 if "1e999" in body else 1e20
    text = f"def same(a, b):\n    assert a == b\n\ndef test_a():\n    {body}\n"
    file = read_test_file("t_test.py", text)
    for seed in range(8):
        scope: dict[str, object] = {"found": lambda: found}
        exec(compile(falsified(file, file.cases[0], random.Random(seed)), "t.py", "exec"), scope)
        with pytest.raises(AssertionError):
            scope["test_a"]()  # type: ignore[operator]


def test_a_wide_delta_is_turned_round_not_bent() -> None:
    text = (
        "import unittest\nclass T(unittest.TestCase):\n"
        "    def test_a(self):\n        self.assertAlmostEqual(5.0, found(), delta=10)\n"
    )
    file = read_test_file("t_test.py", text)
    for seed in range(8):
        scope: dict[str, object] = {"found": lambda: 6.0}
        exec(compile(falsified(file, file.cases[0], random.Random(seed)), "t.py", "exec"), scope)
        with pytest.raises(AssertionError):
            scope["T"]("test_a").test_a()  # type: ignore[operator]


def test_hidden_functions_are_cut_out_of_what_is_shown() -> None:
    split = split_tests(TASK, 0.4)
    (text,) = split.files.values()
    assert set(split.visible) | set(split.hidden) == set(NAMES)
    assert all(f"def {name}(" in text for name in split.visible)
    assert not any(name in text for name in split.hidden)
    assert "def same(" in text
    assert [case.id for case in read_test_file("t_test.py", text).cases] == list(split.visible)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import pytest\ndef test_a(): pass", "it imports pytest"),
        ("def test_a():\n    from pytest import raises", "it imports pytest"),
        ("def test_a(tmp_path): pass", "test_a() takes 'tmp_path', a fixture or a parameter"),
        ("async def test_a(): pass", "test_a() is async"),
        ("def test_a():\n    yield 1", "test_a() yields"),
        ("def setup_module(): pass\ndef test_a(): pass", "setup_module() is to run around tests"),
        (
            "class TestA:\n    def test_a(self): pass",
            "the class TestA has tests and is no unittest",
        ),
    ],
)
def test_what_only_pytest_could_run_is_refused_by_name(source: str, why: str) -> None:
    with pytest.raises(ProblemError, match="the jail has no pytest") as caught:
        read_test_file("t_test.py", source)
    assert why in str(caught.value)


def test_functions_beside_unittest_classes_are_no_tests() -> None:
    text = "import unittest\nclass T(unittest.TestCase):\n    def test_a(self): pass\n\ndef test_b(): pass\n"
    assert [case.id for case in read_test_file("t_test.py", text).cases] == ["T.test_a"]
