"""A false copy fails for every honest solution, and differs in one assertion alone."""
# ruff: noqa: S102, S311 - the copies are run here, and chosen by a seed

import ast
import random
import unittest

import pytest

from votebox.plugins.falsify import falsified
from votebox.plugins.testfile import TestFile, read_test_file

HEAD = "import unittest\nclass T(unittest.TestCase):\n"
HONEST = {"f": lambda *a: a[0] if a else None, "bad": lambda: int("x"), "value": 5}


def file_of(body: str) -> TestFile:
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    return read_test_file("t_test.py", f"{HEAD}    def test_it(self):\n{lines}")


def succeeds(tree: ast.Module) -> bool:
    names: dict[str, object] = dict(HONEST)
    exec(compile(tree, "t_test.py", "exec"), names)
    result = unittest.TestResult()
    names["T"]("test_it").run(result)  # type: ignore[operator]
    return result.wasSuccessful() and result.testsRun == 1


BODIES = [
    "self.assertEqual(f(3), 3)",
    "self.assertEqual(3, f(3))",
    "self.assertEqual(f(-2.5), -2.5)",
    "self.assertEqual(f('a b'), 'a b')",
    "self.assertEqual(f(''), '')",
    "self.assertEqual(f('::'), '::')",
    "self.assertEqual(f(True), True)",
    "self.assertEqual(f(b'ab'), b'ab')",
    "self.assertEqual(f([1, ('a', None)]), [1, ('a', None)])",
    "self.assertEqual(f([]), [])",
    "self.assertEqual(f({}), {})",
    "self.assertEqual(f({'a': {1, 2}}), {'a': {1, 2}})",
    "self.assertCountEqual(f([2, 1]), [1, 2])",
    "self.assertAlmostEqual(f(1.0), 1.0000000001)",
    "self.assertEqual(f(value), value)",
    "wanted = ['x', 'y']\nself.assertEqual(f(['x', 'y']), wanted)",
    "given = [1]\nself.assertEqual(f(given), given)",
    "self.assertTrue(f(1))",
    "self.assertFalse(f(0))",
    "self.assertIsNone(f())",
    "self.assertIs(f(True), True)",
    "self.assertIn(f(1), [1, 2])",
    "self.assertNotEqual(f(1), 2)",
    "self.assertGreater(f(2), 1)",
    "self.assertLessEqual(f(2), 2)",
    "self.assertIsInstance(f(2), int)",
    "self.assertRegex(f('abc'), 'b')",
    "self.assertListEqual(f([value]), [value])",
    "self.assertDictEqual(f({1: value}), {1: value})",
    "self.assertRaises(ValueError, bad)",
    "with self.assertRaises(ValueError):\n    bad()",
    "with self.assertRaisesRegex(ValueError, 'invalid'):\n    bad()",
    "for n in (1, 2):\n    with self.subTest(n=n):\n        self.assertEqual(f(n), n)",
    "if value == 6:\n    self.assertEqual(f(1), 2)",
    "assert f(4) == 4",
    "assert f(4)",
    "f(1)",
    "with self.assertRaises(ValueError) as e:\n    bad()\nself.assertIn('x', str(e.exception))",
]


@pytest.mark.parametrize("body", BODIES)
def test_honest_solutions_pass_the_original_and_fail_every_false_copy(body: str) -> None:
    file = file_of(body)
    (case,) = file.cases
    assert succeeds(file.alone(case))
    for seed in range(20):
        assert not succeeds(falsified(file, case, random.Random(seed)))


def test_one_thing_is_changed() -> None:
    file = file_of("self.assertEqual(f(1), 1)\nself.assertEqual(f('ab'), 'ab')")
    true = ast.dump(file.alone(file.cases[0]))
    for seed in range(20):
        false = ast.dump(falsified(file, file.cases[0], random.Random(seed)))
        assert len(false) == len(true)
        assert false != true


def test_the_same_seed_makes_the_same_copy_and_others_differ() -> None:
    file = file_of("self.assertEqual(f('abcdefgh'), 'abcdefgh')")
    made = [ast.dump(falsified(file, file.cases[0], random.Random(n))) for n in (1, 1, 2, 3, 4)]
    assert made[0] == made[1]
    assert len(set(made)) >= 3


def test_assertions_in_a_helper_of_the_class_are_found() -> None:
    source = (
        HEAD + "    def same(self, a, b):\n        self.assertEqual(a, b)\n"
        "    def test_it(self):\n        self.same(f(1), 1)\n"
    )
    file = read_test_file("t_test.py", source)
    assert succeeds(file.alone(file.cases[0]))
    false = falsified(file, file.cases[0], random.Random(1))
    assert "assertNotEqual" in ast.unparse(false)
    assert not succeeds(false)


def test_ids_come_from_the_text_with_inherited_and_hidden_tests() -> None:
    source = """
import unittest
class Mixin:
    def test_m(self): pass
class Base(unittest.IsolatedAsyncioTestCase):
    async def test_a(self): pass
    def test_b(self): pass
    def helper(self): pass
class Sub(Mixin, Base):
    test_b = None
    @unittest.skipIf(1, "why")
    def test_c(self): pass
class NoCase:
    def test_n(self): pass
"""
    cases = read_test_file("x/t_test.py", source).cases
    assert [(case.id, case.owner, case.skippable) for case in cases] == [
        ("Base.test_a", "Base", False),
        ("Base.test_b", "Base", False),
        ("Sub.test_c", "Sub", True),
        ("Sub.test_m", "Mixin", False),
        ("Sub.test_a", "Base", False),
    ]


def test_bases_that_turn_in_a_circle_end() -> None:
    source = "class A(B):\n    def test_a(self): pass\nclass B(A, TestCase): pass\n"
    assert [case.id for case in read_test_file("t.py", source).cases] == ["A.test_a", "B.test_a"]
