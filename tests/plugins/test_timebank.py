"""Deal time to questions: the bank's promises, for any numbers."""

import asyncio
import doctest
import heapq
import math
from dataclasses import dataclass
from types import ModuleType

import pytest
from contract import registry, toml
from hypothesis import given
from hypothesis import strategies as st

from votebox.plugins import (
    Problem,
    ProblemError,
    Prompt,
    Recipe,
    Recorded,
    ReplayEngine,
    SolveOptions,
    Solver,
    TimeBank,
    TimeShare,
    Verdict,
    load_recipe,
    run_virtual,
    timebank,
    virtualtime,
)

SECONDS = st.floats(0.01, 1e4)
PARTS = st.floats(0, 1)


@dataclass
class Clock:
    """Stand for the time."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def dealt(bank: TimeBank, clock: Clock, uses: list[float], at_once: int) -> list[TimeShare]:
    """Ask `uses` questions, `at_once` side by side; each takes that part of its share."""
    shares: list[TimeShare] = []
    running: list[tuple[float, int]] = []
    for use in uses:
        if len(running) == at_once:
            clock.now, done = heapq.heappop(running)
            bank.settle(shares[done])
        shares.append(bank.draw())
        heapq.heappush(running, (clock.now + use * shares[-1].deadline_s, len(shares) - 1))
    return shares


@given(
    total=SECONDS,
    least=st.floats(0.01, 100),
    reserve=st.floats(0, 0.99),
    uses=st.lists(PARTS, min_size=1, max_size=40),
    lanes=st.tuples(st.integers(1, 8), st.booleans()),
)
def test_no_share_ends_after_the_bank_and_none_is_negative(
    total: float, least: float, reserve: float, uses: list[float], lanes: tuple[int, bool]
) -> None:
    clock = Clock()
    at_once, known = lanes
    questions, most = (len(uses), math.inf) if known else (None, least * 3)
    bank = TimeBank(
        total, questions, reserve=reserve, least_s=least, most_s=most, at_once=at_once, clock=clock
    )
    for share in dealt(bank, clock, uses, at_once):
        assert 0 <= share.deadline_s <= most
        assert share.until <= total * (1 + 1e-12)
    assert bank.left_s >= 0


@given(
    least=st.floats(0.01, 100),
    spare=st.floats(1, 20),
    reserve=st.floats(0, 0.99),
    uses=st.lists(PARTS, min_size=1, max_size=40),
    at_once=st.integers(1, 8),
)
def test_every_question_gets_the_least_when_the_total_holds_that(
    least: float, spare: float, reserve: float, uses: list[float], at_once: int
) -> None:
    clock = Clock()
    total = math.ceil(len(uses) / at_once) * least * spare
    bank = TimeBank(total, len(uses), reserve=reserve, least_s=least, at_once=at_once, clock=clock)
    shares = dealt(bank, clock, uses, at_once)
    assert all(share.deadline_s >= least * (1 - 1e-6) for share in shares)


def test_a_share_leaves_room_for_the_least_of_later_questions() -> None:
    clock = Clock()
    bank = TimeBank(2.9, 3, reserve=0, least_s=1, at_once=2, clock=clock)
    shares = dealt(bank, clock, [1.0] * 3, 2)
    # An equal part is 2 * 2.9 / 3 = 1.93 s; a second one of that would leave the third 0.97 s.
    assert [round(share.deadline_s, 6) for share in shares] == [1.933333, 1.9, 1.0]


@given(total=SECONDS, questions=st.integers(2, 40), reserve=st.floats(0, 0.9), use=PARTS)
def test_unused_time_comes_back_to_the_next_question(
    total: float, questions: int, reserve: float, use: float
) -> None:
    def second(part: float) -> float:
        clock = Clock()
        bank = TimeBank(total, questions, reserve=reserve, least_s=1e-6, clock=clock)
        return dealt(bank, clock, [part, 1.0], 1)[1].deadline_s

    unused = (1 - use) * (1 - reserve) * total / questions
    dealt_on = (1 - reserve) / (questions - 1) if questions > 2 else 1
    assert second(use) - second(1.0) == pytest.approx(unused * dealt_on, abs=1e-6 * total)


def test_questions_that_use_all_of_their_time_leave_the_reserve_to_the_last() -> None:
    clock = Clock()
    bank = TimeBank(100, 10, reserve=0.2, clock=clock)
    shares = [share.deadline_s for share in dealt(bank, clock, [1.0] * 10, 1)]
    assert shares[0] == pytest.approx(8)
    assert shares == sorted(shares)
    assert sum(shares) == pytest.approx(100)


def test_questions_side_by_side_have_the_time_of_all_lanes() -> None:
    clock = Clock()
    bank = TimeBank(100, 8, reserve=0, at_once=4, clock=clock)
    shares = dealt(bank, clock, [1.0] * 8, 4)
    assert [share.deadline_s for share in shares] == pytest.approx([50] * 8)


def test_an_open_share_is_not_dealt_twice() -> None:
    clock = Clock()
    bank = TimeBank(10, 2, reserve=0, at_once=2, clock=clock)
    first = bank.draw()
    assert first.deadline_s == 10
    crowded = TimeBank(10, 3, reserve=0, least_s=4, at_once=1, clock=clock)
    crowded.draw()
    assert crowded.draw().deadline_s == (10 + 10 - 4) / 2  # a lane of its own, beyond at_once
    assert crowded.left_s == 10


def test_an_overrun_leaves_less_and_never_below_nothing() -> None:
    clock = Clock()
    bank = TimeBank(10, 3, clock=clock)
    first = bank.draw()
    clock.now = 11.0
    bank.settle(first)
    bank.settle(first)
    assert (bank.draw().deadline_s, bank.left_s) == (0.0, 0.0)


def test_an_unknown_number_of_questions_gets_fixed_shares_then_the_reserve() -> None:
    clock = Clock()
    bank = TimeBank(10, reserve=0.2, least_s=1, most_s=4, clock=clock)
    shares = [share.deadline_s for share in dealt(bank, clock, [1.0] * 6, 1)]
    assert shares == [4, 4, 1, 1, 0, 0]


def test_more_questions_than_announced_get_what_is_left() -> None:
    clock = Clock()
    bank = TimeBank(10, 1, clock=clock)
    shares = dealt(bank, clock, [0.5, 1.0, 1.0], 1)
    assert [share.deadline_s for share in shares] == [10, 5, 0]


async def test_questions_wait_for_a_lane_and_settle_when_they_fail() -> None:
    bank = TimeBank(60, 3, at_once=2)
    running, peak = 0, 0

    async def one(*, fails: bool) -> None:
        nonlocal running, peak
        async with bank.question():
            running += 1
            peak = max(peak, running)
            await asyncio.sleep(0.01)
            running -= 1
            if fails:
                raise ValueError("wrong")

    done = await asyncio.gather(
        one(fails=True), one(fails=False), one(fails=False), return_exceptions=True
    )
    assert [type(result) for result in done] == [ValueError, type(None), type(None)]
    assert (peak, bank.drawn) == (2, 3)
    assert bank.draw().deadline_s == pytest.approx(60, abs=5)  # nothing is left open


@pytest.mark.parametrize(
    "wrong",
    [
        {"total_s": 0},
        {"total_s": math.nan},
        {"questions": 0},
        {"reserve": 1},
        {"reserve": -0.1},
        {"least_s": 0},
        {"most_s": 0.5},
        {"at_once": 0},
        {"questions": None},
    ],
)
def test_wrong_numbers_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(
        ProblemError, match=next(iter(wrong)) if wrong != {"questions": None} else "most_s"
    ):
        TimeBank(**{"total_s": 10, "questions": 2, **wrong})


async def _asked(number: int, bank: TimeBank, solver: Solver, recipe: Recipe) -> Verdict:
    async with bank.question() as share:
        options = SolveOptions(deadline_s=share.deadline_s, seed=number)
        return await solver.solve(Problem(f"question {number}"), recipe, options)


def test_a_bank_bounds_a_batch_of_solves_and_hard_questions_take_what_easy_ones_leave() -> None:
    hard = {"question 3", "question 8"}

    def reply(prompt: Prompt) -> Recorded:
        # Hard ones need more than the first share, 0.9 * 60 / 12 = 4.5 s.
        pause_s = 5.5 if prompt.messages[-1].content in hard else 0.5
        return Recorded("so it is 42", pause_s=pause_s)

    ladder = "[[ladder]]\nbelow_s = 4.0\nchains = 1"
    recipe = load_recipe(toml(tail=ladder), registry())

    async def batch(at_once: int) -> tuple[list[Verdict], float]:
        clock = asyncio.get_running_loop().time
        bank = TimeBank(60, 12, at_once=at_once, least_s=1, clock=clock)
        solver = Solver(ReplayEngine(reply, piece_chars=100), None, registry())
        asked = (_asked(number, bank, solver, recipe) for number in range(12))
        return await asyncio.gather(*asked), clock()

    for at_once in (1, 2, 12):
        verdicts, took_s = run_virtual(batch(at_once))
        assert took_s <= 60
        assert [v.answer for v in verdicts] == ["42"] * 12
        assert {v.stop_reason for v in verdicts} == {"exhausted"}
    tight = run_virtual(batch(1))[0]
    assert {v.ladder_s for v in tight} == {None}


def test_a_tight_bank_takes_the_ladder_and_every_question_still_ends_in_time() -> None:
    slow = ReplayEngine(lambda prompt: Recorded("so it is 42", pause_s=3.0), piece_chars=100)
    recipe = load_recipe(toml(tail="[[ladder]]\nbelow_s = 4.0\nchains = 1"), registry())

    async def batch() -> tuple[list[Verdict], float]:
        clock = asyncio.get_running_loop().time
        bank = TimeBank(20, 8, least_s=1, clock=clock)
        solver = Solver(slow, None, registry())
        asked = (_asked(number, bank, solver, recipe) for number in range(8))
        return await asyncio.gather(*asked), clock()

    verdicts, took_s = run_virtual(batch())
    assert took_s <= 20
    assert {v.stop_reason for v in verdicts} == {"exhausted", "deadline"}
    cut = [v for v in verdicts if v.stop_reason == "deadline"]
    assert all((v.answer, v.planned, v.ladder_s) == (None, 1, 4.0) for v in cut)
    assert len(slow.aborted) == len(cut)


@pytest.mark.parametrize("module", [timebank, virtualtime])
def test_the_examples_in_the_docstrings_run(module: ModuleType) -> None:
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0


def test_virtual_time_jumps_from_timer_to_timer_in_their_order() -> None:
    async def main() -> list[tuple[float, str]]:
        loop, seen = asyncio.get_running_loop(), []
        for at, name in ((86_400.0 * 3, "third"), (0.25, "first"), (7.5, "second")):
            loop.call_at(at, lambda name=name: seen.append((loop.time(), name)))
        await asyncio.sleep(86_400 * 4)
        return seen

    assert run_virtual(main()) == [(0.25, "first"), (7.5, "second"), (86_400 * 3, "third")]


def test_in_virtual_time_a_wait_without_an_end_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="no timer is set"):
        run_virtual(asyncio.Event().wait())


def test_the_least_share_there_is_fits_any_number_of_times() -> None:
    bank = TimeBank(100, 3, least_s=5e-324, at_once=2, clock=lambda: 0.0)
    bank.draw()
    assert 0 < bank.draw().deadline_s <= 100
