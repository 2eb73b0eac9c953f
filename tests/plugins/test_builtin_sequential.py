"""Published stop rules: their tables, their need, and where they do not hold."""

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from votebox.plugins import VoteState
from votebox.plugins.builtin.sequential import (
    AscOptions,
    EprocessOptions,
    EscOptions,
    LeadOptions,
    RulesOptions,
    asc,
    eprocess,
    esc,
    lead,
    rules,
)
from votebox.plugins.builtin.stops import clinch
from votebox.plugins.chances import evidence, preferred, urgency

# The least v1 that stops for v2 = 0, 1, 2..., whatever N is.
ASC = [4, 6, 8, 9, 11, 12, 14, 15, 17]
EPROCESS = [7, 10, 12, 14, 16, 18, 20, 22, 24]


def spoken(said: str, planned: int = 40, elapsed: float = 0.0) -> VoteState:
    """Return the state after chains said these letters, "-" for no answer."""
    classes = sorted(set(said) - {"-"}, key=lambda a: (-said.count(a), a))
    return VoteState(
        planned,
        len(said),
        tuple(float(said.count(a)) for a in classes),
        order=tuple(None if a == "-" else classes.index(a) for a in said),
        elapsed=elapsed,
    )


@pytest.mark.parametrize(
    ("rule", "options", "table"),
    [
        (asc, AscOptions(), ASC),
        (eprocess, EprocessOptions(), EPROCESS),
        (lead, LeadOptions(), range(3, 12)),
    ],
)
def test_rules_on_counts_stop_at_their_tables(rule, options, table) -> None:
    for v2, v1 in enumerate(table):
        assert rule(VoteState(64, v1 + v2, (v1, v2)), options).stop
        assert not rule(VoteState(64, v1 + v2 - 1, (v1 - 1, v2)), options).stop
        assert rule(VoteState(64, 2 * v2, (v2, v2)), options).need == v1 - v2


@pytest.mark.parametrize(
    ("said", "stop", "need"),
    [
        ("", False, 5),
        ("aaaa", False, 1),
        ("aaaaa", True, 0),
        ("aa-aa-a", True, 0),  # chains without an answer are passed over
        ("abaaa", False, 5),  # the next window must be unanimous
        ("abaaaaaaa", False, 1),
        ("abaaaaaaaa", True, 0),
        ("baaaaa", False, 4),  # five in a row across two windows are no window
    ],
)
def test_esc_wants_a_unanimous_window(said: str, *, stop: bool, need: int) -> None:
    advice = esc(spoken(said), EscOptions())
    assert (advice.stop, advice.need) == (stop, need)


@pytest.mark.parametrize(
    ("said", "stop"),
    [
        ("aaa", False),
        ("aaaa", True),
        ("abaaa", True),  # 4 of the last 5
        ("ababaa", False),
        ("ababaaa", True),  # 5 of at most 7
        ("abababaa", False),
        ("ababacaba", False),
        ("abcabcaaa", False),  # 5 of 9
        ("abababaaa", True),  # 6 of 9
        ("-a-a-a-a", True),
    ],
)
def test_rules_are_the_table_of_the_second_place(said: str, *, stop: bool) -> None:
    assert rules(spoken(said), RulesOptions()).stop == stop


def test_rules_hurry_when_the_deadline_is_near() -> None:
    hurried = RulesOptions(hurry_after=0.5, hurried_answers=3)
    assert not rules(spoken("abc", elapsed=0.4), hurried).stop
    assert rules(spoken("abc", elapsed=0.6), hurried).stop
    assert not rules(spoken("ab--", elapsed=0.6), hurried).stop
    assert rules(spoken("ab", elapsed=0.6), hurried).need == 1


ALL = [
    lambda s: asc(s, AscOptions()),
    lambda s: lead(s, LeadOptions()),
    lambda s: eprocess(s, EprocessOptions()),
    lambda s: esc(s, EscOptions(3)),
    lambda s: rules(s, RulesOptions()),
]


@given(st.text("aaabc-", max_size=24), st.sampled_from(ALL))
def test_need_is_the_least_number_of_votes_that_fires(said: str, rule) -> None:
    where = spoken(said, 24)
    leader = min(set(said) - {"-"}, key=lambda a: (-said.count(a), a), default="a")
    advice = rule(where)
    fires = [k for k in range(where.left + 1) if rule(spoken(said + leader * k, 24)).stop]
    assert advice.need == fires[0]
    assert advice.stop == (advice.need == 0)


@pytest.mark.parametrize("rule", ALL)
def test_other_weights_wait_for_the_clinch(rule) -> None:
    where = VoteState(16, 8, (8.0,), chain_weight=2.0, order=(0,) * 8)
    assert rule(where) == clinch(where)
    assert not rule(where).stop
    endless = VoteState(16, 15, (90.0,), chain_weight=float("inf"), order=(0,) * 15)
    assert (rule(endless).stop, rule(endless).need) == (False, 1)


@pytest.mark.parametrize("rule", ALL)
def test_nothing_is_decided_without_votes_before_the_end(rule) -> None:
    assert not rule(spoken("-" * 15, 16)).stop
    assert rule(spoken("-" * 16, 16)) == rule(spoken("-" * 16, 16))
    assert rule(spoken("-" * 16, 16)).stop


@given(st.integers(0, 60), st.integers(0, 60))
def test_formulas_are_their_definitions(v1: int, v2: int) -> None:
    n = v1 + v2
    tail = Fraction(sum(comb(n + 1, k) for k in range(v1 + 1)), 2 ** (n + 1))
    assert preferred(v1, v2) == pytest.approx(float(tail))
    beta = Fraction(1, (n + 1) * comb(n, v1))
    assert evidence(v1, v2) == pytest.approx(float(2 ** (n + 1) * beta * tail))


@given(st.integers(1, 40))
def test_evidence_of_an_even_game_is_one_on_average(n: int) -> None:
    mean = sum(comb(n, v1) * evidence(v1, n - v1) for v1 in range(n + 1)) / 2**n
    assert mean == pytest.approx(1.0)


def test_urgency_prefers_the_close_and_the_young() -> None:
    assert urgency(2, 2, 4) == pytest.approx(0.25)
    assert urgency(2, 2, 4) > urgency(3, 1, 4) > urgency(4, 0, 4)
    assert urgency(2, 2, 4) > urgency(2, 2, 9)


def test_large_votes_are_advised_in_time() -> None:
    for rule in ALL:
        assert rule(VoteState(4096, 3000, (1500.0, 1500.0), order=(0, 1) * 1500)).need > 0
