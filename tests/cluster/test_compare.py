"""Compare runs made by hand, whose differences are known."""

import io
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from evaluated import FACTS, made, row

from votebox.cluster.compare import compare_runs
from votebox.cluster.compare_report import write_comparison
from votebox.cluster.errors import BadUsage
from votebox.cluster.runs import Run
from votebox.cluster.statistics import mcnemar_exact


def run(name: str, right: str, **more: object) -> Run:
    """Make a run whose n-th problem is right where the n-th letter is r."""
    rows = (
        row(f"p{n:02}", right=letter == "r", prompt_tokens=10) for n, letter in enumerate(right)
    )
    return made(*rows, name=name, **more)


def test_a_comparison_by_hand() -> None:
    found = compare_runs(run("one", "rrrwww"), run("two", "rrwrrw"))
    assert (found.pairs, found.problems, found.left_out) == (6, 6, 0)
    assert (found.both_right, found.both_wrong) == (2, 1)
    assert (found.only_first, found.only_second) == (1, 2)
    assert found.difference == pytest.approx(1 / 6)
    assert found.p == mcnemar_exact(1, 2) == 1.0
    assert found.tied
    assert found.verdict == "two is tied with one"
    assert [(d.id, d.first_right) for d in found.differences] == [
        ("p02", True),
        ("p03", False),
        ("p04", False),
    ]
    assert found.first.accuracy == 0.5
    assert found.first.tokens == 60
    told = found.to_json()
    assert told["tied"] is True
    json.dumps(told, allow_nan=False)


def test_a_run_that_is_better_is_said_to_be_in_either_order() -> None:
    worse, better = run("worse", "rw" * 20), run("better", "rr" * 19 + "rw")
    found, turned = compare_runs(worse, better), compare_runs(better, worse)
    assert found.verdict == turned.verdict == "better is better than worse"
    assert found.interval.low > 0
    assert turned.interval.high < 0
    assert found.p == turned.p == pytest.approx(2 / 2**19)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_few_problems_that_all_went_one_way_are_no_proof(count: int) -> None:
    worse, better = run("worse", "w" * count + "r" * 20), run("better", "r" * (count + 20))
    found = compare_runs(worse, better)
    assert found.p == found.p_problems == mcnemar_exact(0, count) >= 0.05
    assert found.tied
    six = compare_runs(run("worse", "w" * 6), run("better", "r" * 6))
    assert six.verdict == "better is better than worse"


def test_repeats_of_one_problem_are_no_proof_either() -> None:
    rows = [row("a", right=False, repeat=k) for k in range(9)]
    right = [replace(r, correct=True) for r in rows]
    found = compare_runs(made(*rows, name="one"), made(*right, name="two"))
    assert found.p < 0.05
    assert found.p_problems == 1.0
    assert found.verdict == "two is tied with one"


def test_pairs_go_by_id_and_repeat_and_the_rest_is_left_out() -> None:
    one = made(
        row("a", right=True), row("a", right=False, repeat=1), row("only", right=True), name="one"
    )
    two = made(
        row("a", right=True, repeat=1), row("a", right=True), row("x", right=None), name="two"
    )
    found = compare_runs(one, two)
    assert (found.pairs, found.problems, found.left_out) == (2, 1, 2)
    assert [(d.id, d.repeat) for d in found.differences] == [("a", 1)]


def test_repeats_of_a_problem_are_redrawn_together() -> None:
    pattern = "rw" * 10
    once = compare_runs(run("one", pattern), run("two", "rr" * 10))
    rows = [
        row(f"p{n:02}", right=letter == "r", repeat=k)
        for n, letter in enumerate(pattern)
        for k in range(9)
    ]
    all_right = [replace(r, correct=True) for r in rows]
    many = compare_runs(made(*rows, name="one"), made(*all_right, name="two"))
    width = once.interval.high - once.interval.low
    assert many.interval.high - many.interval.low == pytest.approx(width, abs=0.02)


def test_other_data_sets_columns_or_problems_are_refused() -> None:
    other = replace(FACTS, sha256="cd" * 32, name="other.jsonl")
    with pytest.raises(BadUsage, match=r"one asked demo\.jsonl .* and two other\.jsonl"):
        compare_runs(run("one", "r"), run("two", "r", dataset=other))
    columns = replace(FACTS, columns={"id": "other"})
    with pytest.raises(BadUsage, match="different columns"):
        compare_runs(run("one", "r"), run("two", "r", dataset=columns))
    with pytest.raises(BadUsage, match="share no row with a reference"):
        compare_runs(run("one", "r"), made(row("z", right=True)))


def test_runs_of_one_name_are_told_apart() -> None:
    found = compare_runs(run("run", "r"), run("run", "w"))
    assert (found.first.name, found.second.name) == ("run (A)", "run (B)")


def test_the_report_is_safe_and_says_what_it_leaves_out() -> None:
    one = made(*(row(f"\x1b[31mp{n}", right=True) for n in range(30)), name="one")
    two = made(*(row(f"\x1b[31mp{n}", right=False) for n in range(30)), name="two")
    out = io.StringIO()
    write_comparison(compare_runs(one, two), out, most=5)
    text = out.getvalue()
    assert "\x1b" not in text
    assert "one is better than two" in text
    assert "difference -100.0 points" in text
    assert "and 25 more" in text


def test_tests_that_name_different_winners_make_a_tie() -> None:
    """One run is a little better in 30 problems, the other far better in 10."""

    def repeated(name: str, right: Callable[[int, int], bool]) -> Run:
        rows = [
            row(f"p{n:02}", repeat=repeat, right=right(n, repeat))
            for n in range(40)
            for repeat in range(10)
        ]
        return made(*rows, name=name)

    often = repeated("often", lambda n, repeat: n < 30)
    seldom = repeated("seldom", lambda n, repeat: n >= 30 or repeat > 0)
    found = compare_runs(often, seldom)
    assert found.p_problems < 0.05
    assert 0.0 not in found.interval
    assert (found.more_first, found.more_second) == (30, 10)
    assert found.verdict == "seldom is tied with often"


def test_no_difference_has_no_sign() -> None:
    told = io.StringIO()
    write_comparison(compare_runs(run("one", "rwrw"), run("two", "wrrw")), told)
    assert "difference 0.0 points" in told.getvalue()
