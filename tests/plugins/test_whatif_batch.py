"""A budget shared among questions: who is served next, when it ends, and who wins."""

import numpy as np
import pytest
from contract import registry
from hypothesis import given
from hypothesis import strategies as st
from mpmath import betainc

from votebox.plugins.builtin.dispatch import BatchGreedyOptions
from votebox.plugins.chances import urgency
from votebox.plugins.errors import ProblemError
from votebox.plugins.uses import use_of
from votebox.plugins.whatif import Experiment, Outcome, Trials, draw
from votebox.plugins.whatif_batch import share_budget
from votebox.plugins.whatif_plans import Plan, Simulator, Study
from votebox.plugins.whatif_rules import Book

REGISTRY = registry()
VOTES = st.lists(st.integers(-1, 2), min_size=4, max_size=9)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 200))
def test_urgency_is_the_incomplete_beta_function(one: int, other: int, n: int) -> None:
    v1, v2 = max(one, other), min(one, other)
    below = float(betainc(v1 + 0.5, v2 + 0.5, 0, 0.5, regularized=True))
    assert urgency(v1, v2, n) == pytest.approx(below / max(n, 1) ** 0.5, rel=1e-9)


def trials_of(*questions: list[int], orders: int = 3) -> Trials:
    made = [
        Experiment("", f"q{n}", np.array(votes), np.full(len(votes), 10), np.arange(3))
        for n, votes in enumerate(questions)
    ]
    return draw(made, max(map(len, questions)), orders, 0)


def shared(trials: Trials, average: float, stop: str = "never", first: int = 3) -> Outcome:
    budget = BatchGreedyOptions(average, first)
    return share_budget(trials, budget, Book(use_of("stop", stop, REGISTRY)))


def by_hand(trials: Trials, order: int, budget: int, first: int) -> list[int]:
    """Return the chains each question of one trial is given, by a plain loop."""
    orders = len(trials) // len(trials.experiments)
    rows = [question * orders + order for question in range(len(trials.experiments))]
    given = [min(first, int(trials.planned[row])) for row in rows]
    while sum(given) < budget:
        worth = []
        for row, n in zip(rows, given, strict=True):
            votes = [v for v in trials.votes[row, :n].tolist() if v >= 0]
            counts = sorted((votes.count(v) for v in range(3)), reverse=True)
            done = n == trials.planned[row]
            worth.append(-1.0 if done else urgency(counts[0], counts[1], n))
        given[worth.index(max(worth))] += 1
    return given


@given(VOTES, VOTES, VOTES, st.integers(9, 12))
def test_the_next_chain_goes_to_the_most_urgent(a, b, c, budget) -> None:
    trials = trials_of(a, b, c)
    outcome = shared(trials, budget / 3)
    for order in range(3):
        assert outcome.samples[order::3].tolist() == by_hand(trials, order, budget, 3)
    assert outcome.tokens.tolist() == (10 * outcome.samples).tolist()


def test_a_question_whose_rule_fires_takes_no_more_part() -> None:
    trials = trials_of([0] * 9, [-1] * 10)
    outcome = shared(trials, 6, "lead:3")
    assert outcome.samples[:3].tolist() == [3, 3, 3]
    assert outcome.samples[3:].tolist() == [9, 9, 9]


def test_a_budget_ends_when_every_question_is_done() -> None:
    assert shared(trials_of([0] * 9, [1] * 9), 9, "lead:2").samples.tolist() == [2] * 6


@pytest.mark.parametrize(
    ("dispatch", "words"),
    [
        ("batch-greedy:99", "cannot average 99 chains a question; there are 4 recorded"),
        ("batch-greedy:2", "cannot average less than its first chains; give 3 or more"),
        ("batch-greedy:lots", "average"),
        ("batch-greedy:0", "average"),
        ("batch-greedy:nan", "average"),
        ("batch-greedy:5,third=3", "options of batch-greedy: average, first"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(dispatch: str, words: str) -> None:
    simulator = Simulator(Study(4, 2), REGISTRY)
    with pytest.raises(ProblemError) as told:
        simulator.run([Plan("never", dispatch)], trials_of([0] * 4).experiments)
    assert words in str(told.value)
