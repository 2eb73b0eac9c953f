"""Sort answers into classes: once, in a fixed order, and the same when a vote is retaken."""

import asyncio
import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from contract import registry, toml

from votebox.plugins import (
    Judge,
    Problem,
    ReplayEngine,
    SolveOptions,
    Solver,
    TraceStore,
    load_recipe,
    recount,
)
from votebox.plugins.answers import Key
from votebox.plugins.classes import Classes
from votebox.plugins.judge import shared_judge

QUESTION = Problem("What is the antiderivative?")
SAME = frozenset({"\\sin x", "\\cos(x-90)", "-\\cos(x+90)", "2\\sin x/2"})


class Referee:
    """Answer pairs with a set of equals; remember what was asked."""

    def __init__(self, equal: frozenset[str] = SAME, pause_s: float = 0.0) -> None:
        self.equal, self.pause_s = equal, pause_s
        self.asked: list[tuple[str, str]] = []

    async def same(self, a: str, b: str) -> bool | None:
        self.asked.append((a, b))
        await asyncio.sleep(self.pause_s)
        return True if {a, b} <= self.equal else None if "?" in a + b else False


def grouped(classes: Classes, keys: list[Key]) -> dict[Key, Key]:
    return {key: classes.of(key) for key in keys}


async def test_equal_answers_share_the_least_as_their_representative() -> None:
    classes = Classes(Referee())
    keys: list[Key] = ["\\cos(x-90)", "\\sin x", "\\tan x", Fraction(1)]
    await classes.settle(keys)
    assert grouped(classes, keys) == {
        "\\cos(x-90)": "\\sin x",
        "\\sin x": "\\sin x",
        "\\tan x": "\\tan x",
        Fraction(1): Fraction(1),
    }
    assert classes.of("never seen") == "never seen"


@pytest.mark.parametrize("order", [*itertools.permutations([*sorted(SAME)[:3], "\\tan x"])])
async def test_representatives_do_not_depend_on_the_order_of_arrival(order: Any) -> None:
    together, one_by_one = Classes(Referee()), Classes(Referee())
    await together.settle(order)
    for key in order:
        await one_by_one.settle([key])
    assert grouped(together, order) == grouped(one_by_one, order)
    assert len(set(grouped(together, order).values())) == 2


async def test_a_decision_is_made_once_and_against_representatives_only() -> None:
    referee = Referee()
    classes = Classes(referee)
    await classes.settle(["\\sin x", "\\cos(x-90)", "\\tan x"])
    asked = len(referee.asked)
    await classes.settle(["\\tan x", "\\cos(x-90)"])
    assert len(referee.asked) == asked
    await classes.settle(["\\cot x"])
    assert {b for _, b in referee.asked[asked:]} == {"\\sin x", "\\tan x"}


async def test_classes_never_merge_when_a_later_answer_equals_both() -> None:
    class Late(Referee):
        async def same(self, a: str, b: str) -> bool | None:
            return True if "z" in (a, b) else None

    classes = Classes(Late())
    await classes.settle(["x+y"])
    await classes.settle(["x-y"])
    await classes.settle(["z"])
    assert classes.of("x+y") == classes.of("z") == "z"
    assert classes.of("x-y") == "x-y"


async def test_exact_rules_decide_without_a_referee() -> None:
    referee = Referee()
    classes = Classes(referee)
    keys: list[Key] = ["\\frac{1}{\\sqrt{2}}", "\\frac{\\sqrt{2}}{2}", Fraction(1, 2), Fraction(2)]
    await classes.settle(keys)
    assert classes.of(keys[0]) == classes.of(keys[1])
    assert len({classes.of(key) for key in keys}) == 3
    assert (referee.asked, classes.undecided) == ([], [])


async def test_what_nobody_decides_is_different_and_on_record() -> None:
    for referee in (None, Referee()):
        classes = Classes(referee)
        await classes.settle(["\\sin ?", "\\cos ?"])
        assert classes.of("\\sin ?") != classes.of("\\cos ?")
        assert classes.undecided == [("\\sin ?", "\\cos ?")]


async def test_a_slow_referee_is_waited_for_so_long_and_no_longer() -> None:
    referee = Referee(pause_s=3600)
    classes = Classes(referee, patience_s=0.05)
    async with asyncio.timeout(60):
        await classes.settle(["\\sin x", "\\cos(x-90)", "\\tan x"])
    assert classes.of("\\cos(x-90)") == "\\cos(x-90)"
    assert len(classes.undecided) == 3
    assert len(referee.asked) == 1


async def test_a_cancelled_settling_leaves_every_key_in_a_class() -> None:
    classes = Classes(Referee(pause_s=3600))
    keys: list[Key] = ["\\sin x", "\\cos(x-90)", "\\frac{1}{\\sqrt{2}}", "\\frac{\\sqrt{2}}{2}"]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await classes.settle(keys)
    assert len({classes.of(key) for key in keys}) == 3


REGISTRY = registry()
RECIPE = load_recipe(
    toml(
        head='name = "small"\nchains = 4\npolicy = "expr"',
        read='[nodes.read]\nuse = "extract:boxed"\nafter = ["think"]',
    ),
    REGISTRY,
)
CHAINS = (r"2\sin x\cos x", r"\sin 2x", r"\ln x", r"\cos(\frac{\pi}{2}-2x)")


async def solved(referee: Any, *answers: str, traces: Any = None, **options: Any) -> Any:
    turn = itertools.cycle(answers)
    engine = ReplayEngine(lambda prompt: f"So it is $\\boxed{{{next(turn)}}}$.")
    solver = Solver(engine, None, REGISTRY, traces, referee)
    return await solver.solve(QUESTION, RECIPE, SolveOptions(seed=1, **options))


def votes(verdict: Any) -> dict[str, tuple[int, ...]]:
    return {vote.answer: vote.chains for vote in verdict.votes}


async def test_chains_that_write_the_same_thing_differently_vote_together() -> None:
    judge = Judge()
    verdict = await solved(judge, *CHAINS)
    assert votes(verdict) == {r"\sin2x": (0, 1, 3), r"\ln x": (2,)}
    assert (verdict.answer, verdict.reason) == (r"\sin2x", "3 of 4 votes")
    assert [c.answer for c in verdict.votes[0].members] == [CHAINS[0], CHAINS[1], CHAINS[3]]
    await judge.aclose()


async def test_without_math_verify_the_undecided_are_counted_in_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "math_verify.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    judge = Judge()
    verdict = await solved(judge, *CHAINS)
    assert len(verdict.votes) == 4
    assert verdict.reason == "1 of 4 votes; 6 pairs of answers undecided"
    await judge.aclose()


async def test_a_policy_of_numbers_asks_nobody() -> None:
    numbers = load_recipe(
        toml(read='[nodes.read]\nuse = "extract:boxed"\nafter = ["think"]'), REGISTRY
    )
    referee: Any = Referee()
    engine = ReplayEngine(lambda prompt: "\\boxed{\\sin x}")
    verdict = await Solver(engine, None, REGISTRY, None, referee).solve(QUESTION, numbers)
    assert (verdict.answer, referee.asked) == (None, [])


async def test_a_retaken_vote_has_the_classes_it_had_and_asks_nobody(tmp_path: Path) -> None:
    store = TraceStore(str(tmp_path))
    same = frozenset({r"\sin x", r"\cos(x-90)", r"\tan x"})  # wrong, so nobody else says it
    referee: Any = Referee(same)
    answers = (r"\tan x", r"\cos(x-90)", "x+1", r"\sin x")
    verdict = await solved(referee, *answers, traces=store)
    assert votes(verdict)[r"\sin x"] == (0, 1, 3)
    trace = store.find(verdict.id)
    before = replace(shared_judge().stats)
    retaken = await recount(trace, REGISTRY, None)
    assert (retaken.same_votes, retaken.stands, retaken.changes) == (True, True, ())
    assert shared_judge().stats == before


async def test_the_deadline_ends_the_wait_for_the_referee() -> None:
    referee: Any = Referee(pause_s=3600)
    async with asyncio.timeout(60):
        verdict = await solved(referee, *CHAINS, deadline_s=1.0)
    assert verdict.answer is not None
    assert len(verdict.votes) == 4
