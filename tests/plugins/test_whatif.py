"""What-if: the simulation against a plain loop over the real rules, and its limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from votebox.plugins import Registry, VoteState
from votebox.plugins.uses import use_of
from votebox.plugins.whatif import Experiment, draw, full_vote
from votebox.plugins.whatif_race import simulate
from votebox.plugins.whatif_rules import Book

REGISTRY = Registry.load(allowed=())
RULES = ["never", "clinch", "fhpc:0.1", "asc:0.8", "esc:2", "lead:2", "eprocess:0.3", "rules"]


def experiment(votes: list[int], tokens: list[int]) -> Experiment:
    ranks = np.arange(max([*votes, 0]) + 1)
    return Experiment("", "p", np.array(votes), np.array(tokens), ranks, reference=0)


def state_of(said: list[int], planned: int) -> tuple[VoteState, list[int]]:
    """Return the state of a majority vote and its classes in order, ties to the larger rank."""
    voted = [vote for vote in said if vote >= 0]
    classes = sorted(set(voted), key=lambda c: (-voted.count(c), -c))
    order = tuple(None if vote < 0 else classes.index(vote) for vote in said)
    counts = tuple(float(voted.count(c)) for c in classes)
    return VoteState(planned, len(said), counts, order=order), classes


def one_by_one(rule: str, votes: list[int], tokens: list[int]) -> tuple[int, int, int]:
    """Return winner, samples and tokens of chains that run one after another."""
    use = use_of("stop", rule, REGISTRY)
    for ended in range(len(votes) + 1):
        state, classes = state_of(votes[:ended], len(votes))
        if state.left == 0 or use.plugin.thing(state, use.options).stop:
            break
    return (classes[0] if classes else -1), ended, sum(tokens[:ended])


@settings(max_examples=60)
@given(
    st.sampled_from(RULES),
    st.lists(st.tuples(st.integers(-1, 3), st.integers(1, 50)), min_size=1, max_size=12),
    st.integers(0, 5),
)
def test_one_chain_after_another_is_the_plain_loop(rule, chains, seed) -> None:
    votes, tokens = (list(column) for column in zip(*chains, strict=True))
    trials = draw([experiment(votes, tokens)], len(votes), 3, seed)
    found = simulate(trials, Book(use_of("stop", rule, REGISTRY)))
    for row in range(3):
        expected = one_by_one(rule, trials.votes[row].tolist(), trials.tokens[row].tolist())
        assert (found.winner[row], found.samples[row], found.tokens[row]) == expected
        assert found.makespan[row] == expected[2]


def test_all_at_once_is_as_long_as_the_longest_chain() -> None:
    trials = draw([experiment([0, 0, 1], [10, 30, 20])], 3, 4, 0)
    found = simulate(
        trials, Book(use_of("stop", "never", REGISTRY), use_of("dispatch", "all", REGISTRY))
    )
    assert set(found.makespan.tolist()) == {30}
    assert set(found.tokens.tolist()) == {60}
    assert (full_vote(trials).winner == found.winner).all()


def test_aborted_chains_cost_what_they_wrote() -> None:
    trials = draw([experiment([0, 0, 0, 1], [10, 10, 10, 100])], 4, 6, 0)
    book = Book(use_of("stop", "lead:3", REGISTRY), use_of("dispatch", "all", REGISTRY))
    found = simulate(trials, book)
    # Three agree at step 10; the fourth has written 10 tokens of its 100 by then.
    assert set(found.tokens.tolist()) == {40}
    assert set(found.makespan.tolist()) == {10}
    assert set(found.samples.tolist()) == {3}


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=16), st.sampled_from(["all", "fixed:3"]))
def test_clinch_never_changes_the_answer(votes: list[int], dispatch: str) -> None:
    trials = draw([experiment(votes, [7] * len(votes))], len(votes), 4, 1)
    book = Book(use_of("stop", "clinch", REGISTRY), use_of("dispatch", dispatch, REGISTRY))
    assert (simulate(trials, book).winner == full_vote(trials).winner).all()


def test_the_same_seed_draws_the_same_orders() -> None:
    chains = experiment(list(range(4)) * 4, list(range(1, 17)))
    first, again, other = (draw([chains], 8, 5, seed) for seed in (3, 3, 4))
    assert (first.votes == again.votes).all()
    assert (first.tokens != other.tokens).any()


@pytest.mark.parametrize("rule", ["asc", "clinch", "eprocess", "fhpc", "lead", "never"])
def test_rules_on_counts_are_asked_once_a_state(rule: str) -> None:
    assert Book(use_of("stop", rule, REGISTRY)).lead_only


@pytest.mark.parametrize("rule", ["esc", "rules"])
def test_rules_on_order_see_the_order(rule: str) -> None:
    assert not Book(use_of("stop", rule, REGISTRY)).lead_only
