"""End a solve by its budget, at every point it may have reached: nothing runs on behind it.

All in virtual time, so each end comes at an exact second.
"""

import asyncio
import itertools
from dataclasses import replace
from typing import Any

import pytest
from contract import FakeBox, ok, plugin, registry, toml

from votebox.plugins import (
    Problem,
    Prompt,
    RecipeError,
    Recorded,
    RecordingSandbox,
    ReplayEngine,
    SolveOptions,
    Solver,
    Tally,
    Verdict,
    declare,
    draw_tree,
    load_recipe,
    run_virtual,
    verdict_to_wire,
)

PROGRAM = """
[nodes.code]
use = "code:tagged"
after = ["think"]
[nodes.run]
use = "sandbox:python"
after = ["code"]
"""
INLINE = PROGRAM.replace("tagged", "python-blocks") + 'turn = "inline"'
BLOCK = "```python\nprint(spin())\n```\n"
READ = '[nodes.read]\nuse = "extract:last-word"\nafter = ["think", "run"]'
SLOW = Recorded("still thinking " * 1000, pause_s=1.0)
LATE = "[nodes.late]\nuse = 'step:late'\nafter = ['elect']"


def replies(*texts: str | Recorded) -> ReplayEngine:
    """Answer prompts with `texts` in order, over and over."""
    turn = itertools.cycle(texts)
    return ReplayEngine(lambda prompt: next(turn))


def step(late: Any) -> Any:
    """Return a registry that knows `late` as the step behind the vote."""
    declared = declare(takes=("tally",), gives="tally")(late)
    return registry(plugin(register_steps=lambda register: register("step:late", declared)))


def solved(
    engine: Any, box: Any = None, known: Any = None, options: Any = None, **parts: str
) -> Verdict:
    """Solve in virtual time; afterwards nothing may be left on the loop."""
    known = known or registry()
    recipe = load_recipe(toml(**parts), known)

    async def main() -> Verdict:
        solver = Solver(engine, box, known)
        given = options or SolveOptions()
        verdict = await solver.solve(Problem("6 * 7?"), recipe, replace(given, seed=1))
        running = asyncio.all_tasks() - {asyncio.current_task()}
        assert not running
        return verdict

    return run_virtual(main())


def test_a_deadline_before_the_first_reply_abstains_and_aborts_all() -> None:
    engine = replies(SLOW)
    verdict = solved(engine, options=SolveOptions(deadline_s=0.5))
    assert (verdict.answer, verdict.stop_reason, verdict.wall_s) == (None, "deadline", 0.5)
    assert verdict.reason == "the deadline passed before a chain answered"
    assert len(engine.aborted) == len(engine.sampled) == 4


def test_a_deadline_keeps_the_votes_that_are_in() -> None:
    engine = replies("it is 42", SLOW)
    verdict = solved(engine, options=SolveOptions(deadline_s=30))
    assert (verdict.answer, verdict.stop_reason, verdict.wall_s) == ("42", "deadline", 30)
    assert (len(engine.aborted), verdict.finished) == (2, 2)
    assert verdict_to_wire(verdict)["stop_reason"] == "deadline"


def test_a_deadline_during_a_program_kills_it() -> None:
    box = FakeBox(pause_s=100)
    engine = replies("<py>spin()</py> and so 41", "it is 42")
    verdict = solved(engine, box, options=SolveOptions(deadline_s=20), tail=PROGRAM, read=READ)
    assert (verdict.answer, verdict.stop_reason, verdict.wall_s) == ("42", "deadline", 20)
    assert box.killed == box.ran == ["spin()", "spin()"]
    assert [chain.ended for chain in verdict.chains] == ["deadline", "answered"] * 2


def test_a_deadline_during_an_inline_program_kills_it_and_asks_nothing_more() -> None:
    box = FakeBox(pause_s=100)
    engine = replies(BLOCK, "it is 42")
    verdict = solved(engine, box, options=SolveOptions(deadline_s=20), tail=INLINE, read=READ)
    assert (verdict.answer, verdict.stop_reason, verdict.wall_s) == ("42", "deadline", 20)
    assert box.killed == box.ran == ["print(spin())"] * 2
    assert len(engine.sampled) == 4


def test_a_deadline_behind_an_inline_program_aborts_the_rest_of_the_reply() -> None:
    box = FakeBox(pause_s=5, answer=lambda code: "7")
    engine = replies(BLOCK, "it is 42", "it is 42", "it is 42", SLOW)
    verdict = solved(engine, box, options=SolveOptions(deadline_s=20), tail=INLINE, read=READ)
    assert (verdict.answer, verdict.stop_reason, verdict.wall_s) == ("42", "deadline", 20)
    assert (len(engine.sampled), len(engine.aborted)) == (5, 1)
    assert (box.ran, box.killed) == (["print(spin())"], [])


def test_a_deadline_behind_the_vote_leaves_the_vote_and_ends_the_step() -> None:
    box = FakeBox(pause_s=100)

    async def late(inputs: Any, ports: Any, options: None = None) -> Tally:
        stream = ports.engines["reasoner"].sample([Prompt.of("which?")])
        await asyncio.gather(ports.sandbox.run("check()"), anext(stream))
        return Tally()  # the stream is left open: the solve has to close it

    engine = ReplayEngine(lambda prompt: SLOW if "which" in str(prompt) else "it is 42")
    verdict = solved(
        engine, box, step(late), SolveOptions(deadline_s=10), tail=PROGRAM + LATE, read=READ
    )
    assert (verdict.answer, verdict.stop_reason, verdict.wall_s) == ("42", "deadline", 10)
    assert verdict.votes[0].weight == 4
    assert box.killed == ["check()"]
    assert [prompt.messages[-1].content for prompt in engine.aborted] == ["which?"]


def test_tokens_that_run_out_behind_the_vote_leave_the_vote() -> None:
    async def late(inputs: Any, ports: Any, options: None = None) -> Tally:
        stream = ports.engines["reasoner"].sample([Prompt.of("which?")])
        async for _ in stream:
            pass
        return Tally()

    engine = ReplayEngine(lambda prompt: SLOW if "which" in str(prompt) else "it is 42")
    verdict = solved(engine, None, step(late), SolveOptions(max_total_tokens=50), tail=LATE)
    assert (verdict.answer, verdict.stop_reason) == ("42", "budget")
    assert verdict.usage.total_tokens == 50
    assert len(engine.aborted) == 1


@pytest.mark.parametrize("options", [SolveOptions(deadline_s=5), SolveOptions(max_total_tokens=10)])
def test_a_solve_that_is_over_asks_nothing_for_the_step_behind_the_vote(options: Any) -> None:
    async def late(inputs: Any, ports: Any, options: None = None) -> Tally:
        stream = ports.engines["reasoner"].sample([Prompt.of("which?")])
        await asyncio.gather(ports.sandbox.run("check()"), anext(stream))
        return Tally()

    engine, box = replies("it is 42", SLOW), FakeBox()
    verdict = solved(engine, box, step(late), options, tail=PROGRAM + LATE, read=READ)
    assert verdict.answer == "42"
    assert verdict.stop_reason == ("deadline" if options.deadline_s else "budget")
    assert (box.ran, len(engine.sampled)) == ([], 4)


def test_a_step_that_asks_nothing_is_heard_past_the_deadline() -> None:
    async def late(inputs: Any, ports: Any, options: None = None) -> Tally:
        tally = inputs["elect"]
        return replace(tally, classes=tally.classes[::-1])

    engine = replies("it is 42", "it is 41", "it is 42", SLOW)
    verdict = solved(engine, None, step(late), SolveOptions(deadline_s=5), tail=LATE)
    assert (verdict.answer, verdict.stop_reason) == ("41", "deadline")


def test_tokens_that_run_out_in_a_reply_end_it_and_keep_the_votes() -> None:
    engine = replies("it is 42", SLOW)
    verdict = solved(engine, options=SolveOptions(max_total_tokens=20))
    assert (verdict.answer, verdict.stop_reason) == ("42", "budget")
    assert 20 <= verdict.usage.total_tokens <= 21  # one batch holds a token of each chain
    assert [chain.ended for chain in verdict.chains] == ["answered", "budget"] * 2
    assert len(engine.aborted) == 2


def test_seconds_of_programs_that_run_out_reject_the_next_and_the_solve_goes_on() -> None:
    class Box(FakeBox):
        async def run(self, code: str, limits: Any = None, *rest: Any, **more: Any) -> Any:
            walls.append(limits.wall_s)
            await super().run(code)
            return replace(ok("42"), wall_s=3.0)

    walls: list[float] = []
    pauses = itertools.count(1)
    engine = ReplayEngine(
        lambda prompt: Recorded("<py>six()</py> it is 42", pause_s=5.0 * next(pauses))
    )
    box = Box(pause_s=3.0)
    verdict = solved(engine, box, options=SolveOptions(max_sandbox_s=7.0), tail=PROGRAM, read=READ)
    assert walls == [7.0, 4.0, 1.0]
    assert (verdict.answer, verdict.stop_reason) == ("42", "exhausted")
    statuses = [execution.status for chain in verdict.chains for execution in chain.executions]
    assert sorted(statuses) == ["ok", "ok", "ok", "rejected"]
    assert verdict.usage.sandbox_s == 9.0


def test_no_seconds_for_programs_run_none() -> None:
    box = FakeBox()
    verdict = solved(
        replies("<py>six()</py> it is 42"),
        box,
        options=SolveOptions(max_sandbox_s=0),
        tail=PROGRAM,
        read=READ,
    )
    assert (box.ran, verdict.answer) == ([], "42")


def test_steps_behind_the_vote_share_the_seconds_of_programs() -> None:
    seen = []

    async def late(inputs: Any, ports: Any, options: None = None) -> Any:
        seen.append((await ports.sandbox.run("check()")).status)
        return inputs["elect"]

    box = FakeBox(answer=lambda code: replace(ok("7"), wall_s=1.0))
    solved(
        replies("<py>six()</py> it is 42"),
        box,
        step(late),
        SolveOptions(max_sandbox_s=2.0, chains=2),
        tail=PROGRAM + LATE,
        read=READ,
    )
    assert (seen, box.ran) == (["rejected"], ["six()"] * 2)


def test_an_engine_that_never_closes_delays_the_verdict_by_seconds_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Deaf(ReplayEngine):
        def sample(self, prompts: Any) -> Any:
            stream = super().sample(prompts)
            stream.aclose = never.wait  # type: ignore[method-assign,assignment]
            return stream

    never = asyncio.Event()
    engine = Deaf(lambda prompt: SLOW)
    recipe = load_recipe(toml(), registry())
    solver = Solver(engine, None, registry())
    verdict = run_virtual(solver.solve(Problem("?"), recipe, SolveOptions(deadline_s=1)))
    assert (verdict.stop_reason, verdict.wall_s) == ("deadline", 6)
    assert "still run after 5 s" in caplog.text


LADDER = """
[[ladder]]
below_s = 10.0
chains = 2
max_tokens = 100
stop = {use = "lead", votes = 1}

[[ladder]]
below_s = 60.0
chains = 3
"""


@pytest.mark.parametrize(
    ("deadline_s", "chains", "max_tokens", "stop", "below_s"),
    [
        (None, 4, None, "never", None),
        (60, 4, None, "never", None),
        (59.9, 3, None, "never", 60.0),
        (10, 3, None, "never", 60.0),
        (9.9, 2, 100, "lead:1", 10.0),
    ],
)
def test_the_time_a_question_has_chooses_the_step_of_the_ladder(
    deadline_s: float | None, chains: int, max_tokens: int | None, stop: str, below_s: float | None
) -> None:
    pauses = itertools.count(1)
    engine = ReplayEngine(lambda prompt: Recorded("42", pause_s=next(pauses) * 1.0))
    verdict = solved(engine, options=SolveOptions(deadline_s=deadline_s), tail=LADDER)
    assert (verdict.planned, verdict.ladder_s) == (chains, below_s)
    assert verdict_to_wire(verdict)["ladder_s"] == below_s
    assert {p.sampling.max_tokens for p in engine.sampled if p.sampling} == {max_tokens}
    assert verdict.stopped_by == (stop if stop != "never" else None)
    assert verdict.finished == (1 if stop != "never" else chains)


def test_what_the_caller_gives_wins_over_the_ladder() -> None:
    engine = replies("42")
    options = SolveOptions(deadline_s=5, chains=1, max_tokens=7)
    verdict = solved(engine, options=options, tail=LADDER)
    assert (verdict.planned, verdict.ladder_s) == (1, 10.0)
    assert [p.sampling.max_tokens for p in engine.sampled if p.sampling] == [7]


def test_the_recipes_own_deadline_chooses_a_step_too() -> None:
    verdict = solved(replies("42"), tail=LADDER + "[budget]\ndeadline_s = 30.0")
    assert (verdict.planned, verdict.ladder_s) == (3, 60.0)


def test_a_ladder_is_part_of_the_hash_and_of_the_drawing() -> None:
    plain, with_ladder = (load_recipe(toml(tail=tail), registry()) for tail in ("", LADDER))
    steeper = load_recipe(toml(tail=LADDER.replace("votes = 1", "votes = 2")), registry())
    assert len({plain.hash, with_ladder.hash, steeper.hash}) == 3
    assert draw_tree(with_ladder).splitlines()[-2:] == [
        "ladder    below 60 s: 3 chains",
        "ladder    below 10 s: 2 chains, 100 tokens a reply, stop lead:1",
    ]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("below_s = 0.0\nchains = 1", r"ladder.0.below_s.*given: 0.0"),
        ("chains = 1", r"ladder.0.below_s"),
        ("below_s = 5.0", r"below_s = 5: changes nothing; give chains"),
        ("below_s = 5.0\nchains = 5000", r"ladder.0.chains.*given: 5000"),
        ("below_s = 5.0\nchain = 1", r"has no field 'ladder.0.chain'"),
        ('below_s = 5.0\nstop = {use = "nver"}', r"ladder, below_s = 5.*no plugin stop:nver"),
        ("below_s = 5.0\nchains = 1\n[[ladder]]\nbelow_s = 5.0\nchains = 2", "stands there twice"),
    ],
)
def test_a_wrong_ladder_is_refused_when_loaded(table: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        load_recipe(toml(tail=f"[[ladder]]\n{table}"), registry())


def test_a_step_reaches_what_a_sandbox_takes_beyond_the_port() -> None:
    class Box:
        async def run(self, code: str, **given: Any) -> Any:
            told.append(given)
            return ok("")

    async def late(inputs: Any, ports: Any, options: None = None) -> Any:
        await ports.sandbox.run("check()", collect=("made.txt",))
        await RecordingSandbox(ports.sandbox).run("check()", stdin=b"\xff", collect=("made.txt",))
        return inputs["elect"]

    told: list[Any] = []
    solved(replies("it is 42"), Box(), step(late), tail=PROGRAM + LATE, read=READ)
    assert told == [{"collect": ("made.txt",)}, {"stdin": b"\xff", "collect": ("made.txt",)}]


def test_a_chain_cut_off_in_its_program_is_heard_with_what_it_has_said() -> None:
    printed = '[nodes.printed]\nuse = "extract:last-word"\nafter = ["run"]\n'
    both = '[nodes.elect]\nuse = "vote:majority"\nafter = ["read", "printed"]'
    verdict = solved(
        replies("<py>spin()</py> and so 42"),
        FakeBox(pause_s=100),
        options=SolveOptions(deadline_s=20),
        tail=PROGRAM + printed,
        elect=both,
    )
    assert (verdict.answer, verdict.stop_reason, verdict.finished) == ("42", "deadline", 0)
    assert verdict.votes[0].weight == 4
