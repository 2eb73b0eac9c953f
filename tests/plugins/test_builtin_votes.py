"""Who is elected, under which policy."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from votebox.plugins import Candidate, Evidence, Tally
from votebox.plugins.builtin import policies
from votebox.plugins.builtin.votes import VoteOptions, majority, weighted

RATIONAL = policies.Rational()


def said(
    answer: str, chain: int, source: str = "boxed", round: int = 0, weight: float = 1
) -> Candidate:
    return Candidate(answer, source, chain, weight, Evidence(round=round))


def result(tally: Tally) -> list[tuple[str, float]]:
    return [(c.answer, c.weight) for c in tally.classes]


@pytest.mark.parametrize(
    ("answers", "classes"),
    [
        ([], []),
        (["x", ""], []),
        (["5"], [("5", 1)]),
        (["5", "7", "5"], [("5", 2), ("7", 1)]),
        (["1/2", "0.5", "\\frac{1}{2}", "2"], [("1/2", 3), ("2", 1)]),
        (["5", "7"], [("7", 1), ("5", 1)]),
        (["-3", "-4", "1/3"], [("1/3", 1), ("-3", 1), ("-4", 1)]),
        (["3", "x", "3"], [("3", 2)]),
    ],
)
def test_most_chains_win_and_ties_go_to_the_larger(answers: list[str], classes: Any) -> None:
    tally = majority([said(a, i) for i, a in enumerate(answers)], RATIONAL, VoteOptions())
    assert result(tally) == classes


def test_what_the_policy_does_not_admit_is_rejected() -> None:
    candidates = [said("5", 0), said("1/2", 1), said("x", 2)]
    tally = majority(candidates, policies.AnyInt(), VoteOptions())
    assert result(tally) == [("5", 1)]
    assert tally.rejected == tuple(candidates[1:])


@pytest.mark.parametrize(
    ("words", "elected"),
    [
        ([("1", "printed", 0), ("2", "boxed", 0)], "2"),
        ([("2", "boxed", 0), ("1", "printed", 0)], "2"),
        ([("2", "boxed", 0), ("1", "printed", 1)], "1"),
        ([("1", "printed", 0), ("3", "other", 0)], "3"),
        ([("1", "boxed", 0), ("2", "boxed", 0)], "2"),
        ([("1", "printed", 0), ("x", "boxed", 0)], None),
    ],
)
def test_a_chain_votes_once_with_its_last_word(words: list[Any], elected: str | None) -> None:
    candidates = [said(answer, 0, source, number) for answer, source, number in words]
    tally = majority(candidates, RATIONAL, VoteOptions(prefer=("boxed",)))
    assert sum(c.weight for c in tally.classes) == (elected is not None)
    assert (tally.leader.answer if tally.leader else None) == elected


def test_weights_are_summed_by_the_weighted_vote_only() -> None:
    candidates = [said("5", 0, weight=0.2), said("5", 1, weight=0.3), said("7", 2, weight=0.9)]
    assert result(weighted(candidates, RATIONAL, VoteOptions())) == [("7", 0.9), ("5", 0.5)]
    assert result(majority(candidates, RATIONAL, VoteOptions())) == [("5", 2), ("7", 1)]


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_rejected(weight: float) -> None:
    tally = weighted([said("5", 0, weight=weight), said("7", 1)], RATIONAL, VoteOptions())
    assert result(tally) == [("7", 1)]
    assert len(tally.rejected) == 1


@given(st.lists(st.sampled_from(["1", "2", "0.5", "1/2", "x", "3"]), max_size=20), st.randoms())
def test_the_result_does_not_depend_on_the_order_of_arrival(answers: list[str], rng: Any) -> None:
    candidates = [said(a, i) for i, a in enumerate(answers)]
    shuffled = rng.sample(candidates, len(candidates))
    first = majority(candidates, RATIONAL, VoteOptions())
    assert result(first) == result(majority(shuffled, RATIONAL, VoteOptions()))
    assert first == majority(candidates, RATIONAL, VoteOptions())
    assert sum(len(c.members) for c in first.classes) + len(first.rejected) == len(candidates)


@pytest.mark.parametrize(
    ("policy", "admitted"),
    [
        (policies.Rational, {"5": "5", "-7": "-7", "6/4": "3/2", "123456": "123456"}),
        (policies.AnyInt, {"5": "5", "-7": "-7", "3/2": None, "123456": "123456"}),
        (policies.Aimo2, {"5": "5", "-7": "993", "3/2": None, "123456": "456", "1000": "0"}),
        (
            policies.Aimo3,
            {"5": "5", "-7": None, "3/2": None, "99999": "99999", "100000": None, "0": "0"},
        ),
    ],
)
def test_a_policy_admits_its_range(policy: type, admitted: dict[str, str | None]) -> None:
    made = policy(None)
    for value, voted in admitted.items():
        got = made.admit(Fraction(value))
        assert got == (None if voted is None else Fraction(voted))
    assert made.fallback is None
    assert made.late is None
    assert made.order(Fraction(2)) > made.order(Fraction(1))
