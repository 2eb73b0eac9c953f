"""Votes over changes of files: each rule decides where those before it leave a tie."""

from typing import Any

import pytest

from votebox.plugins import Candidate, Evidence, Patch, Registry, TestResult, TestVector
from votebox.plugins.edits import ApplyReport

REGISTRY = Registry.load(allowed=())
ORIGIN = {"app.py": "x = 0\n"}


def change(chain: int, text: str, passed: str = "", probes: tuple[str, ...] = ()) -> Candidate:
    """Make a candidate; `passed` has + for each test passed and - for each failed."""
    tests = None
    if passed:
        results = tuple(
            TestResult(f"T.t{n}", "passed" if sign == "+" else "failed")
            for n, sign in enumerate(passed)
        )
        tests = TestVector(tuple(r.id for r in results), results, 0.1, "")
    patch = Patch(
        ORIGIN, ORIGIN, {"app.py": text}, ApplyReport(ok=True), tests=tests, probes=probes
    )
    return Candidate(patch.diff, "submit", chain, evidence=Evidence(patch=patch))


def elected(candidates: list[Candidate], vote: str = "patches", **options: Any) -> list[list[int]]:
    plugin = REGISTRY.get(f"vote:{vote}")
    assert plugin.options is not None
    tally = plugin.thing(candidates, None, plugin.options(**options))
    return [list(vote.chains) for vote in tally.classes]


def test_a_change_that_fails_a_visible_test_has_no_vote() -> None:
    assert elected([change(0, "x = 1\n", "+-"), change(1, "x = 2\n", "++")]) == [[1]]
    assert elected([change(0, "x = 1\n", "+-")]) == []


def test_one_that_may_fail_comes_behind_those_that_pass_more() -> None:
    changes = [change(0, "x = 1\n", "+--"), change(1, "x = 2\n", "++-")]
    assert elected(changes, failing=True) == [[1], [0]]


def test_the_larger_cluster_of_behaviour_wins_over_the_larger_group_of_code() -> None:
    changes = [
        change(0, "x = 1\n", probes=("ok\n1",)),
        change(1, "x = 1\n", probes=("ok\n1",)),
        change(2, "x = 2\n", probes=("ok\n2",)),
        change(3, "x = 1 + 1\n", probes=("ok\n2",)),
        change(4, "x = 3 - 1\n", probes=("ok\n2",)),
    ]
    assert elected(changes)[0] == [2]
    assert elected(changes, "patch-same-code")[0] == [0, 1]


def test_layout_comments_and_docstrings_make_no_other_change() -> None:
    changes = [
        change(0, "x = 2\ny = 3\n"),
        change(1, "x = 1  # one\n"),
        change(2, '"""One."""\n\nx = (1)\n'),
    ]
    assert elected(changes) == [[1, 2], [0]]


def test_the_smaller_diff_wins_and_then_the_lower_chain() -> None:
    changes = [change(0, "x = 1\ny = 2\n"), change(1, "x = 2\n"), change(2, "x = 3\n")]
    assert elected(changes) == [[1], [2], [0]]
    assert elected(changes, "patch-tests") == [[0], [1], [2]]


def test_a_chain_votes_with_its_last_change() -> None:
    first = change(0, "x = 1\n")
    patch = change(0, "x = 2\n").evidence.patch
    last = Candidate("later", "submit", 0, evidence=Evidence(round=1, patch=patch))
    plugin = REGISTRY.get("vote:patches")
    assert plugin.options is not None
    tally = plugin.thing([first, last], None, plugin.options())
    assert [vote.answer for vote in tally.classes] == ["later"]


@pytest.mark.parametrize("answer", ["42", ""])
def test_an_answer_that_is_no_change_of_files_is_rejected(answer: str) -> None:
    plugin = REGISTRY.get("vote:patches")
    assert plugin.options is not None
    tally = plugin.thing([Candidate(answer, "boxed", 0)], None, plugin.options())
    assert (len(tally.classes), len(tally.rejected)) == (0, 1)
