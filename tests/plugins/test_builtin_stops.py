"""When a vote is decided, and how many chains run until then."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from votebox.plugins import VoteState
from votebox.plugins.builtin.dispatch import (
    BatchGreedyOptions,
    FixedOptions,
    NeedDrivenOptions,
    batch_greedy,
    fixed,
    launch_all,
    need_driven,
)
from votebox.plugins.builtin.stops import FhpcOptions, clinch, fhpc, never
from votebox.plugins.chances import overtaken

# N, delta -> the least v1 that stops for v2 = 0, 1, 2... with n = v1 + v2.
LEAST = {
    (40, 0.02): [4, 6, 8, 10, 11, 12, 13, 14, 15],
    (40, 0.05): [3, 5, 7, 8, 10, 11, 12, 13, 14],
    (64, 0.02): [4, 7, 8, 10, 12, 13, 14, 16, 17],
    (16, 0.02): [4, 6, 7, 8, 9, 9, 9, 9],
    (8, 0.02): [4, 5, 5, 5],
    (5, 0.02): [3, 3, 3],
}


def state(planned: int, v1: int, v2: int, blanks: int = 0) -> VoteState:
    return VoteState(planned, v1 + v2 + blanks, (float(v1), float(v2)))


@pytest.mark.parametrize(("case", "least"), LEAST.items())
def test_fhpc_stops_at_the_counts_of_its_table(case: tuple[int, float], least: list[int]) -> None:
    planned, delta = case
    for v2, v1 in enumerate(least):
        assert fhpc(state(planned, v1, v2), FhpcOptions(delta)).stop
        assert v1 - 1 <= v2 or not fhpc(state(planned, v1 - 1, v2), FhpcOptions(delta)).stop


def test_fhpc_tells_how_many_votes_it_needs_and_its_risk() -> None:
    advice = fhpc(state(40, 0, 0), FhpcOptions())
    assert (advice.stop, advice.need) == (False, 4)
    advice = fhpc(state(40, 3, 1), FhpcOptions())
    assert (advice.stop, advice.need) == (False, 3)
    assert advice.risk is not None
    assert 0.02 < advice.risk < 1
    assert fhpc(state(40, 4, 0), FhpcOptions()).risk == pytest.approx(0.0115, abs=0.01)


STATES = st.tuples(
    st.integers(0, 64), st.integers(0, 30), st.integers(0, 30), st.integers(0, 10)
).filter(lambda s: s[1] >= s[2] and s[1] + s[2] + s[3] <= s[0])


@given(STATES)
def test_fhpc_without_risk_is_clinch(given_state: tuple[int, int, int, int]) -> None:
    where = state(*given_state)
    exact, lossless = fhpc(where, FhpcOptions(delta=0)), clinch(where)
    assert (exact.stop, exact.need) == (lossless.stop, lossless.need)


@settings(max_examples=200)
@given(STATES, st.sampled_from([0.0, 0.01, 0.02, 0.05, 0.3]))
def test_need_is_the_least_number_of_votes_that_fires(
    given_state: tuple[int, int, int, int], delta: float
) -> None:
    planned, v1, v2, blanks = given_state
    where = state(*given_state)
    options = FhpcOptions(delta)
    for rule in (clinch, lambda s: fhpc(s, options)):
        advice = rule(where)
        fires = [
            more
            for more in range(where.left + 1)
            if rule(state(planned, v1 + more, v2, blanks)).stop
        ]
        assert advice.need == fires[0]
        assert advice.stop == (advice.need == 0)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 60))
def test_a_further_vote_never_hurts_the_leader(v1: int, v2: int, m: int) -> None:
    risks = [overtaken(v1 + k, v2, m - k, 0.5) for k in range(m + 1)]
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(risks))
    assert all(0 <= risk <= 1 for risk in risks)


@given(st.lists(st.sampled_from("aaabbc-"), min_size=1, max_size=24))
def test_clinch_never_changes_the_answer(votes: list[str]) -> None:
    def leader(seen: list[str]) -> str:
        return max(sorted(set(votes)), key=lambda a: seen.count(a) if a != "-" else -1)

    for n in range(len(votes) + 1):
        seen = votes[:n]
        counts = sorted((float(seen.count(a)) for a in set(seen) - {"-"}), reverse=True)
        if clinch(VoteState(len(votes), n, tuple(counts))).stop:
            assert leader(seen) == leader(votes)


def test_weighted_votes_stop_only_when_clinched() -> None:
    where = VoteState(16, 8, (8.0, 0.0), chain_weight=2.0)
    assert fhpc(where, FhpcOptions()) == clinch(where)
    assert not clinch(where).stop
    assert clinch(VoteState(16, 8, (16.5, 0.0), chain_weight=2.0)).stop
    assert fhpc(VoteState(16, 5, (4.5, 0.0)), FhpcOptions()) == clinch(VoteState(16, 5, (4.5, 0.0)))


def test_nobody_voted_is_not_decided_before_the_end() -> None:
    for rule in (never, clinch, lambda s: fhpc(s, FhpcOptions())):
        assert not rule(VoteState(16, 15)).stop
        assert rule(VoteState(16, 15)).need == 1
        assert rule(VoteState(16, 16)).stop
        assert rule(VoteState(16, 16)).need == 0


def test_never_waits_for_all() -> None:
    advice = never(state(16, 9, 0))
    assert (advice.stop, advice.need) == (False, 7)


def test_large_votes_are_advised_in_time() -> None:
    assert fhpc(state(4096, 0, 0), FhpcOptions()).need > 0
    assert fhpc(state(4096, 1500, 1490), FhpcOptions()).need > 0
    assert fhpc(state(4096, 2000, 10), FhpcOptions()).stop


def test_dispatchers_keep_their_number_in_flight() -> None:
    start = state(40, 0, 0)
    advice = fhpc(start, FhpcOptions())
    assert launch_all(start, advice, 0) == 40
    assert fixed(start, advice, 0, FixedOptions(8)) == 8
    assert fixed(state(40, 35, 0), advice, 0, FixedOptions(8)) == 5
    assert need_driven(start, advice, 0, NeedDrivenOptions(1)) == 4
    assert need_driven(start, advice, 0, NeedDrivenOptions(3)) == 12
    assert need_driven(start, advice, 0, NeedDrivenOptions(1.1)) == 5
    greedy = [batch_greedy(state(40, n, 0), advice, 0, BatchGreedyOptions()) for n in range(5)]
    assert greedy == [3, 2, 1, 1, 1]


@given(STATES, st.integers(0, 64), st.floats(1, 10))
def test_no_dispatcher_asks_for_more_than_is_left(
    given_state: tuple[int, int, int, int], in_flight: int, slack: float
) -> None:
    where = state(*given_state)
    advice = fhpc(where, FhpcOptions())
    for wanted in (
        launch_all(where, advice, in_flight),
        fixed(where, advice, in_flight, FixedOptions()),
        need_driven(where, advice, in_flight, NeedDrivenOptions(slack)),
        batch_greedy(where, advice, in_flight, BatchGreedyOptions(7)),
    ):
        assert min(1, where.left) <= wanted <= where.left
