"""Start and stop chains at the right time."""

import pytest

from votebox.plugins import Advice, ChainProgress, VoteState
from votebox_selfcheck.pacing import (
    DoubtOptions,
    StreakOptions,
    WaveOptions,
    doubt,
    streak,
    waves,
)


@pytest.mark.parametrize(
    ("order", "stop", "need"),
    [
        ((), False, 3),
        ((0, 0), False, 1),
        ((1, 0, 0, 0), True, 0),
        ((0, 0, 1), False, 2),
        ((0, 0, None), False, 3),
        ((0, 1) * 4, True, 0),
    ],
)
def test_a_streak_of_one_answer_stops_the_solve(order, stop, need) -> None:
    advice = streak(VoteState(8, len(order), order=order), StreakOptions(length=3))
    assert (advice.stop, advice.need) == (stop, need)


@pytest.mark.parametrize(("finished", "wanted"), [(0, 4), (1, 3), (4, 4), (8, 2), (10, 0)])
def test_a_wave_ends_before_the_next_begins(finished: int, wanted: int) -> None:
    state = VoteState(10, finished)
    assert waves(state, Advice(stop=False, need=3), 0, WaveOptions(size=4)) == wanted


@pytest.mark.parametrize(("times", "ended"), [(12, None), (13, "doubt")])
def test_a_chain_that_doubts_too_often_is_ended(times: int, ended: str | None) -> None:
    text = "Wait, no. " * times
    assert doubt(ChainProgress(0, text, 10, 1.0), DoubtOptions()) == ended
    assert doubt(ChainProgress(0, text + "x" * 4000, 10, 1.0), DoubtOptions()) is None
