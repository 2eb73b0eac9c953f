"""Votes weighed by confidence: their formulas, and chains nobody measured."""

from math import exp
from typing import Any

import pytest

from votebox.plugins import Candidate, Confidence, PluginError, Tally
from votebox.plugins.builtin.confident import (
    BordaOptions,
    ConfidentOptions,
    DeepconfOptions,
    borda,
    confident,
    deepconf,
)
from votebox.plugins.builtin.policies import Rational

POLICY = Rational()


def sure(answer: str, chain: int, **statistics: float) -> Candidate:
    return Candidate(answer, "boxed", chain, confidence=Confidence(100, **statistics))


def result(tally: Tally) -> dict[str, float]:
    return {c.answer: c.weight for c in tally.classes}


def test_confident_weighs_by_the_exponential() -> None:
    said = [sure("1", 0, logprob=-0.1), sure("2", 1, logprob=-1.1), sure("2", 2, logprob=-2.1)]
    found = result(confident(said, POLICY, ConfidentOptions(temperature=0.5)))
    assert found == pytest.approx({"1": 1.0, "2": exp(-2) + exp(-4)})


def test_entropy_weighs_by_its_inverse() -> None:
    said = [sure("1", 0, entropy=0.5), sure("2", 1, entropy=0.25), sure("3", 2, entropy=0.0)]
    found = result(confident(said, POLICY, ConfidentOptions(by="entropy")))
    assert found == pytest.approx({"1": 2.0, "2": 4.0, "3": 1e9})


def test_borda_ranks_and_equals_share_the_better_rank() -> None:
    said = [
        sure("1", 0, mean=9.0),
        sure("2", 1, mean=7.0),
        sure("2", 2, mean=7.0),
        sure("3", 3, mean=1.0),
    ]
    found = result(borda(said, POLICY, BordaOptions(power=1)))
    assert found == {"1": 4.0, "2": 6.0, "3": 1.0}
    found = result(borda(said, POLICY, BordaOptions()))
    assert found == pytest.approx({"1": 2.0, "2": 2 * 3**0.5, "3": 1.0})


def test_deepconf_keeps_the_surest() -> None:
    said = [sure(str(i % 3), i, bottom=float(i + 1)) for i in range(10)]
    tally = deepconf(said, POLICY, DeepconfOptions(keep=30))
    assert result(tally) == {"0": 10.0, "2": 9.0, "1": 8.0}
    assert [c.chain for c in tally.rejected] == list(range(7))
    assert len(deepconf(said, POLICY, DeepconfOptions(keep=1)).classes) == 1
    assert not deepconf(said, POLICY, DeepconfOptions(keep=100)).rejected


VOTES: list[Any] = [
    (confident, ConfidentOptions(by="mean")),
    (borda, BordaOptions()),
    (deepconf, DeepconfOptions(by="mean", keep=100)),
]


@pytest.mark.parametrize(("vote", "options"), VOTES)
def test_a_chain_nobody_measured_does_not_vote(vote: Any, options: Any) -> None:
    said = [
        sure("1", 0, mean=5.0),
        sure("2", 1, tail=5.0),
        Candidate("2", "boxed", 2),
        sure("2", 3, mean=float("nan")),
    ]
    tally = vote(said, POLICY, options)
    assert list(result(tally)) == ["1"]
    assert [c.chain for c in tally.rejected] == [1, 2, 3]


@pytest.mark.parametrize(("vote", "options"), VOTES)
def test_nobody_measured_is_an_error_not_an_abstention(vote: Any, options: Any) -> None:
    with pytest.raises(PluginError, match="'mean'.*top logprobs"):
        vote([Candidate("2", "boxed", 2)], POLICY, options)
    assert vote([], POLICY, options) == Tally()


@pytest.mark.parametrize(("vote", "options"), VOTES)
def test_a_chain_votes_once_with_its_last_word(vote: Any, options: Any) -> None:
    said = [sure("1", 0, mean=5.0), sure("2", 0, mean=5.0)]
    assert list(result(vote(said, POLICY, options))) == ["2"]
