"""The second try sees what failed and where, and nothing of the jail."""

from votebox.plugins import TestResult, TestVector, failure_feedback

SOURCE = "import unittest\n\nclass T:\n    def test_a(self):\n        self.assertEqual(f(), 1)\n"
TRACE = """Traceback (most recent call last):
  File "task/t_test.py", line 5, in test_a
  File "/box/work/mine.py", line 2, in f
    raise KeyError("no")
KeyError: 'no'"""


def vector(*results: TestResult, broken: str = "") -> TestVector:
    ids = tuple(result.id for result in results)
    return TestVector(ids, results, 1.0, "d", broken, {"t_test.py": SOURCE})


def test_the_line_of_the_test_is_shown_and_the_jail_is_not() -> None:
    said = failure_feedback(
        vector(TestResult("T.test_a", "error", TRACE), TestResult("T.test_b", "passed"))
    )
    assert said.startswith("1 of 2 tests fail.\n\nerror: T.test_a\n")
    assert 'File "t_test.py", line 5, in test_a\n    self.assertEqual(f(), 1)\n' in said
    assert 'File "mine.py", line 2' in said
    assert said.endswith("KeyError: 'no'")
    assert "/box" not in said


def test_equal_failures_are_told_once() -> None:
    results = [TestResult(f"T.test_{n}", "error", "ImportError: mine") for n in range(3)]
    said = failure_feedback(vector(*results))
    assert said.count("ImportError") == 1
    assert "error: T.test_0, T.test_1, T.test_2" in said


def test_the_end_of_a_long_message_is_kept_within_the_limit() -> None:
    results = [TestResult(f"T.test_{n}", "failed", f"{n}" * 9000 + f" END{n}") for n in range(4)]
    said = failure_feedback(vector(*results), 2000)
    assert len(said) <= 2000
    assert [f"END{n}" in said for n in range(4)] == [True] * 4
    many = [TestResult(f"T.test_{n}", "failed", f"{n} " * 500) for n in range(200)]
    assert len(failure_feedback(vector(*many), 2000)) <= 2000


def test_what_was_printed_is_added() -> None:
    said = failure_feedback(vector(TestResult("T.test_a", "failed", "AssertionError", "x = 3\n")))
    assert said.endswith("AssertionError\nprinted:\nx = 3")


def test_false_copies_are_not_mentioned() -> None:
    said = failure_feedback(vector(TestResult("T.test_a", "forged", "a copy of it that is false")))
    assert "copy" not in said
    assert "interferes with the tests" in said


def test_broken_runs_and_full_passes_are_said() -> None:
    assert "no results: killed" in failure_feedback(vector(broken="killed"))
    assert failure_feedback(vector(TestResult("T.test_a", "passed"))) == "All 1 tests pass."
