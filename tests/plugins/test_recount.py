"""Take verdicts again whose chains did not all end by themselves: clock, budget, guard, rule."""

import re
from dataclasses import replace
from typing import Any

import pytest
from contract import FakeBox, ok
from solved import COUNT, forty, known, ran, solved

from votebox.plugins import (
    Problem,
    Prompt,
    Recorded,
    ReplayEngine,
    Solver,
    Trace,
    TraceStore,
    load_recipe,
    recount,
)

ALL_AT_ONCE = {"stop:fhpc": "stop:never", "dispatch:need-driven": "dispatch:all"}


async def trace_of(tmp_path: Any, **options: Any) -> Trace:
    store = TraceStore(str(tmp_path))
    verdict = await solved(store, **options)
    return store.read(verdict.id)


ENDS = {
    "stop rule": ({}, "consensus", {"aborted"}),
    "deadline": (
        {"changes": ALL_AT_ONCE, "pause_s": 0.04, "deadline_s": 1.0},
        "deadline",
        {"deadline"},
    ),
    "budget": ({"changes": ALL_AT_ONCE, "max_total_tokens": 4000}, "budget", {"budget"}),
    "nothing": ({"changes": ALL_AT_ONCE, "pause_s": 0.0}, "exhausted", {"repetition", "finished"}),
}


@pytest.mark.parametrize("run", [False, True], ids=["stored", "run"])
@pytest.mark.parametrize("why", ENDS)
async def test_a_verdict_stands_whatever_ended_its_chains(
    tmp_path: Any, why: str, *, run: bool
) -> None:
    options, reason, ended = ENDS[why]
    trace = await trace_of(tmp_path, **options)
    verdict = trace.verdict
    assert verdict.stop_reason == reason
    assert ended <= {chain.ended for chain in verdict.chains}
    assert verdict.votes
    found = await recount(trace, known(), FakeBox(ran) if run else None)
    assert (found.answer, found.stands, found.same_votes) == (verdict.answer, True, True)
    assert found.changes == ()


async def test_what_a_cut_off_chain_had_read_stays_without_a_vote(tmp_path: Any) -> None:
    """One chain's program prints 7, then three chains decide on 42 while it still writes."""
    replies = iter([COUNT, *["\\boxed{42}"] * 3])

    def reply(prompt: Prompt) -> Recorded:
        if len(prompt.messages) > 2:
            return Recorded("on and on", pause_s=60.0)
        text = next(replies)
        return Recorded(text, pause_s=0.0 if text == COUNT else 0.1)

    recipe = forty(known(), **ALL_AT_ONCE, **{"chains = 40": "chains = 4", "never": "clinch"})
    store, box = TraceStore(str(tmp_path)), FakeBox(lambda code: "7")
    solver = Solver(ReplayEngine(reply, piece_chars=99), box, known(), store)
    verdict = await solver.solve(Problem("6 * 7?"), recipe)
    first = verdict.chains[0]
    assert (first.ended, len(first.candidates)) == ("aborted", 1)
    found = await recount(store.read(verdict.id), known(), box)
    assert [(vote.answer, vote.chains) for vote in found.votes] == [("42", (1, 2, 3))]
    assert (found.stands, found.changes) == (True, ())


async def test_a_reply_whose_reading_the_deadline_came_before_stays_unread(tmp_path: Any) -> None:
    trace = await trace_of(tmp_path, changes=ALL_AT_ONCE, pause_s=0.0)
    verdict = trace.verdict
    first, *others = verdict.chains
    assert [c.answer for c in first.candidates] == ["400", "400"]
    cut = replace(first, ended="deadline", rounds=1, place=None, candidates=first.candidates[:1])
    kept = [m for m in verdict.votes[0].members if m.chain != first.index]
    printed = replace(verdict.votes[0], members=(first.candidates[0], *kept))
    votes = (printed, *verdict.votes[1:])
    told = replace(verdict, chains=(cut, *others), votes=votes, stop_reason="deadline")
    found = await recount(replace(trace, verdict=told), known(), None)
    assert (found.stands, found.same_votes, found.changes) == (True, True, ())
    (heard,) = [m for m in found.votes[0].members if m.chain == first.index]
    assert heard.source == "printed"


async def test_programs_that_now_fail_are_named_even_where_the_verdict_stands(
    tmp_path: Any,
) -> None:
    trace = await trace_of(tmp_path, changes=ALL_AT_ONCE, pause_s=0.0)
    broken = replace(ok(""), status="error", stderr="no numpy", exit_code=1)
    found = await recount(trace, known(), FakeBox(lambda code: broken))
    assert (found.stands, found.answer) == (True, "400")
    lines = {line for change in found.changes for line in change.lines}
    assert "a program ended ok and now ends error" in lines
    assert "no longer reads 400 (printed, round 0)" in lines


async def test_a_trace_of_no_chain_stands(tmp_path: Any) -> None:
    trace = await trace_of(tmp_path, deadline_s=0)
    assert trace.verdict.chains == ()
    found = await recount(trace, known(), None)
    assert (found.stands, found.answer) == (True, None)


GENSELECT = """
[nodes.again]
use = "step:genselect"
after = ["elect"]
"""


async def test_what_a_model_chose_behind_the_vote_is_told_as_unheard(tmp_path: Any) -> None:
    replies = iter(["\\boxed{41}", "\\boxed{42}", "\\boxed{42}"])

    def reply(prompt: Prompt) -> str:
        if prompt.label != "genselect":
            return next(replies)
        order = re.findall(r"boxed\{4([12])\}", prompt.messages[-1].content)
        return f"\\boxed{{{order.index('1') + 1}}}"  # it always chooses 41

    recipe = forty(known(), **ALL_AT_ONCE, **{"chains = 40": "chains = 3"})
    recipe = load_recipe(recipe.source + GENSELECT, known())
    store = TraceStore(str(tmp_path))
    solver = Solver(ReplayEngine(reply), FakeBox(), known(), store)
    verdict = await solver.solve(Problem("6 * 7?"), recipe)
    assert verdict.answer == "41"
    trace = store.read(verdict.id)
    found = await recount(trace, known(), None)
    assert (found.unheard, found.stands, found.same_votes, found.answer) == (True, None, True, "42")
    unread = replace(trace.verdict.chains[0], candidates=())
    told = replace(trace.verdict, chains=(unread, *trace.verdict.chains[1:]))
    assert not (await recount(replace(trace, verdict=told), known(), None)).same_votes


async def test_a_step_behind_a_vote_of_one_mind_asks_nobody_and_stands(tmp_path: Any) -> None:
    recipe = forty(known(), **ALL_AT_ONCE, **{"chains = 40": "chains = 3"})
    recipe = load_recipe(recipe.source + GENSELECT, known())
    store = TraceStore(str(tmp_path))
    solver = Solver(ReplayEngine(lambda prompt: "\\boxed{42}"), FakeBox(), known(), store)
    verdict = await solver.solve(Problem("6 * 7?"), recipe)
    found = await recount(store.read(verdict.id), known(), None)
    assert (found.unheard, found.stands) == (False, True)
