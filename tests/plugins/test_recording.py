"""Record a solve and replay it: the same verdict, the same events, at the same times."""

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from contract import FakeBox, ok, plugin, registry, toml
from hypothesis import given
from hypothesis import strategies as st

from votebox.plugins import (
    Delta,
    Engine,
    EngineError,
    Execution,
    LogprobStats,
    Problem,
    Prompt,
    PromptTooLong,
    Recorded,
    RecordingEngine,
    RecordingSandbox,
    ReplayEngine,
    ReplaySandbox,
    Sampling,
    SandboxError,
    SandboxPort,
    SolveOptions,
    Solver,
    Timed,
    TraceStore,
    Verdict,
    load_recipe,
    run_virtual,
    to_wire,
)
from votebox.plugins.recordfile import read_replies, write_replies

QUESTION = Problem("What is 6 times 7?")
DRAWN = {"id", "started"}  # of every verdict anew

type Events = list[tuple[float, dict[str, Any]]]


async def watched(engine: Engine, box: SandboxPort | None, recipe: Any, options: Any) -> Events:
    """Solve; return each event with the time it came."""
    clock = asyncio.get_running_loop().time
    start = clock()
    events: Events = []
    async for event in Solver(engine, box, registry()).events(QUESTION, recipe, options):
        wire = to_wire(event)
        if "verdict" in wire:
            wire["verdict"] = {k: v for k, v in wire["verdict"].items() if k not in DRAWN}
        events.append((round(clock() - start, 6), wire))
    return events


def verdict_of(events: Events) -> dict[str, Any]:
    verdict: dict[str, Any] = events[-1][1]["verdict"]
    return verdict


def writer(*, programs: bool = True) -> ReplayEngine:
    """Make an engine whose replies differ in length, pace and answer."""
    number = itertools.count()

    def reply(prompt: Prompt) -> Recorded:
        n = next(number)
        code = f"```python\nprint({n % 3} + 40)\n```\n" if programs and n % 2 else ""
        answer = 42 if n % 3 else 41
        text = f"Let me see, step by step {n}. {code} So \\boxed{{{answer}}}."
        return Recorded(text, pause_s=0.1 + n * 0.037, prompt_tokens=11)

    return ReplayEngine(reply, model="writer")


def machine() -> FakeBox:
    """Make a sandbox whose programs take different times."""
    number = itertools.count(1)
    box = FakeBox(pause_s=0.25)
    box.answer = lambda code: replace(ok("42\n"), wall_s=0.2 * next(number))
    return box


@pytest.mark.parametrize("name", ["vote", "tool-loop", "tool-inline", "aimo-qwq"])
def test_a_shipped_recipe_replays_event_by_event_at_the_same_times(
    tmp_path: Path, name: str
) -> None:
    recipe, options = registry().recipe(name), SolveOptions(seed=3, chains=6)
    engine, box = RecordingEngine(writer()), RecordingSandbox(machine())
    first = run_virtual(watched(engine, box, recipe, options))
    engine.save(tmp_path / "engine.jsonl")
    box.save(tmp_path / "sandbox.jsonl")

    def replayed() -> Events:
        again = ReplayEngine.from_recording(tmp_path / "engine.jsonl")
        programs = ReplaySandbox.from_recording(tmp_path / "sandbox.jsonl")
        return run_virtual(watched(again, programs, recipe, options))

    second = replayed()
    assert second == replayed()
    assert second == first
    assert verdict_of(first)["answer"] == "42"
    assert len({at for at, _ in first}) > 10  # things came at many times
    assert any(wire["type"] == "program_started" for _, wire in first)


def test_what_a_guard_ended_ends_again_at_the_same_time(tmp_path: Path) -> None:
    guarded = plugin(
        register_stops=lambda register: register(
            "guard:short", lambda progress, options: "long" if progress.tokens > 9 else None
        )
    )
    recipe = load_recipe(toml(tail='[[guards]]\nuse = "guard:short"'), registry(guarded))
    number = itertools.count(1)
    engine = RecordingEngine(
        ReplayEngine(lambda prompt: Recorded(f"{'on and ' * 9 * next(number)}42", pause_s=1.0))
    )
    options = SolveOptions(seed=3)
    first = run_virtual(watched(engine, None, recipe, options))
    engine.save(tmp_path / "engine.jsonl")
    again = ReplayEngine.from_recording(tmp_path / "engine.jsonl")
    assert run_virtual(watched(again, None, recipe, options)) == first
    assert [c["ended"] for c in verdict_of(first)["chains"]] == [*["answered"] * 2, *["long"] * 2]
    assert len(again.aborted) == 2


def test_a_recording_of_real_time_replays_to_the_same_verdict_in_the_same_order(
    tmp_path: Path,
) -> None:
    number = itertools.count(1)
    slow = ReplayEngine(
        lambda prompt: Recorded(f"step {next(number)}, so it is 42", pause_s=0.02 * next(number))
    )
    engine = RecordingEngine(slow)
    recipe, options = load_recipe(toml(), registry()), SolveOptions(seed=1)
    first = asyncio.run(watched(engine, None, recipe, options))
    engine.save(tmp_path / "engine.jsonl")
    again = ReplayEngine.from_recording(tmp_path / "engine.jsonl")
    second = run_virtual(watched(again, None, recipe, options))
    timeless = [wire for _, wire in first[:-1]]
    assert [wire for _, wire in second[:-1]] == timeless
    for key in ("answer", "votes", "stop_reason", "confidence", "usage"):
        assert verdict_of(first)[key] == verdict_of(second)[key]
    assert verdict_of(second)["wall_s"] == pytest.approx(verdict_of(first)["wall_s"], abs=0.2)


@pytest.mark.parametrize("name", ["vote", "tool-loop", "aimo-qwq"])
def test_a_trace_replays_to_its_verdict(tmp_path: Path, name: str) -> None:
    recipe, options = registry().recipe(name), SolveOptions(seed=3, chains=6)
    solver = Solver(writer(), machine(), registry())
    verdict = run_virtual(solver.solve(QUESTION, recipe, options))
    store = TraceStore(str(tmp_path))
    assert store.append(verdict, QUESTION, recipe)
    trace = store.read(verdict.id)
    kept = trace.verdict
    again = Solver(
        ReplayEngine.from_verdict(kept, recipe), ReplaySandbox.from_verdict(kept), registry()
    )
    second = run_virtual(again.solve(QUESTION, recipe, options))
    assert (second.answer, second.seed, second.stop_reason) == ("42", 3, verdict.stop_reason)
    assert second.wall_s == pytest.approx(verdict.wall_s, rel=0.1)
    assert [c.ended for c in second.chains] == [c.ended for c in verdict.chains]
    for before, after in zip(verdict.chains, second.chains, strict=True):
        spent = (before.usage.completion_tokens, after.usage.completion_tokens)
        assert spent[0] == pytest.approx(spent[1], abs=2 if before.aborted else 0)


def test_a_trace_with_programs_inside_of_replies_is_refused() -> None:
    recipe = registry().recipe("tool-inline")
    solver = Solver(writer(), machine(), registry())
    verdict = run_virtual(solver.solve(QUESTION, recipe, SolveOptions(seed=3, chains=2)))
    with pytest.raises(EngineError, match="runs programs inside of replies"):
        ReplayEngine.from_verdict(verdict, recipe)


@pytest.fixture(scope="module")
def forty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record 40 chains that all ran to their end, the earlier ones longer."""
    path = tmp_path_factory.mktemp("recording") / "engine.jsonl"
    number = itertools.count()

    def reply(prompt: Prompt) -> Recorded:
        n = next(number)
        answer = 41 if n % 4 == 3 else 42
        return Recorded(f"{'thinking ' * (50 - n)}so it is {answer}", pause_s=0.5)

    engine = RecordingEngine(ReplayEngine(reply))
    recipe = load_recipe(toml(), registry())
    run_virtual(watched(engine, None, recipe, SolveOptions(seed=5, chains=40)))
    engine.save(path)
    return path


def planned(recording: Path, dispatch: str) -> Verdict:
    """Replay the recording with a stop rule and another dispatcher."""
    recipe = load_recipe(
        toml(stop='[stop]\nuse = "stop:fhpc"', dispatch=f"[dispatch]\n{dispatch}"), registry()
    )
    engine = ReplayEngine.from_recording(recording)
    options = SolveOptions(seed=5, chains=40)
    return run_virtual(Solver(engine, None, registry()).solve(QUESTION, recipe, options))


def test_one_recording_answers_which_dispatcher_takes_less_time_or_tokens(forty: Path) -> None:
    everything = planned(forty, 'use = "dispatch:all"')
    driven = planned(forty, 'use = "dispatch:need-driven"')
    single = planned(forty, 'use = "dispatch:fixed"\nchains = 1')
    verdicts = (everything, driven, single)
    assert {v.answer for v in verdicts} == {"42"}
    assert {v.stop_reason for v in verdicts} == {"consensus"}
    assert everything.wall_s < driven.wall_s < single.wall_s
    tokens = [v.usage.completion_tokens for v in verdicts]
    assert tokens[0] > tokens[1] > tokens[2]
    assert single.usage.aborted_tokens == 0 < everything.usage.aborted_tokens
    repeated = planned(forty, 'use = "dispatch:need-driven"')
    assert (repeated.wall_s, repeated.usage) == (driven.wall_s, driven.usage)


async def streamed(engine: Engine, *prompts: Prompt) -> list[tuple[float, list[Delta]]]:
    clock = asyncio.get_running_loop().time
    start = clock()
    return [(clock() - start, list(batch)) async for batch in engine.sample(prompts)]


ONE, TWO = (replace(Prompt.of(text), sampling=Sampling(), seed=7) for text in ("one", "two"))


def recorded(path: Path, reply: Callable[[Prompt], Any], *prompts: Prompt) -> Path:
    engine = RecordingEngine(ReplayEngine(reply, piece_chars=1))
    run_virtual(streamed(engine, *prompts))
    engine.save(path)
    return path


@pytest.mark.parametrize(("speed", "times"), [(1, [3, 6]), (2, [1.5, 3]), (0, [0, 0])])
def test_speed_divides_the_times_and_keeps_the_batches(
    tmp_path: Path, speed: float, times: list[float]
) -> None:
    path = recorded(tmp_path / "r.jsonl", lambda prompt: Recorded("ab", pause_s=3), ONE, TWO)
    batches = run_virtual(streamed(ReplayEngine.from_recording(path, speed=speed), ONE, TWO))
    assert [at for at, _ in batches] == pytest.approx(times)
    assert [[(d.chain, d.text) for d in batch] for _, batch in batches] == [
        [(0, "a"), (1, "a")],
        [(0, "b"), (1, "b")],
    ]


def test_at_once_keeps_the_recorded_order_of_chains(tmp_path: Path) -> None:
    pace = {"one": 5.0, "two": 1.0}
    path = recorded(
        tmp_path / "r.jsonl",
        lambda p: Recorded("ab", pause_s=pace[p.messages[-1].content]),
        ONE,
        TWO,
    )
    batches = run_virtual(streamed(ReplayEngine.from_recording(path, speed=0), ONE, TWO))
    assert [d.chain for _, batch in batches for d in batch] == [1, 1, 0, 0]


@pytest.mark.parametrize("speed", [-1, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(EngineError, match="speed"):
        ReplayEngine(lambda prompt: "", speed=speed)


def test_an_abort_ends_a_replayed_chain_at_once_and_leaves_the_others(tmp_path: Path) -> None:
    path = recorded(tmp_path / "r.jsonl", lambda prompt: Recorded("abc", pause_s=2), ONE, TWO)
    engine = ReplayEngine.from_recording(path)

    async def main() -> list[tuple[float, int, str | None]]:
        stream = engine.sample([ONE, TWO])
        asyncio.get_running_loop().call_later(3, lambda: aborts.append(tasks(stream.abort(0))))
        clock = asyncio.get_running_loop().time
        return [(clock(), d.chain, d.finish_reason) async for batch in stream for d in batch]

    aborts: list[Any] = []
    tasks = asyncio.ensure_future
    seen = run_virtual(main())
    assert seen == [
        (2, 0, None),
        (2, 1, None),
        (3, 0, "abort"),
        (4, 1, None),
        (6, 1, "stop"),
    ]
    assert engine.aborted == [ONE]


def test_a_prompt_or_a_seed_that_was_not_recorded_is_an_error(tmp_path: Path) -> None:
    path = recorded(tmp_path / "r.jsonl", lambda prompt: "ab", ONE)
    for other in (TWO, replace(ONE, seed=8)):
        ((_, [delta]),) = run_virtual(streamed(ReplayEngine.from_recording(path), other))
        assert "has no recording of seed" in str(delta.error)


def test_the_same_prompt_comes_in_the_recorded_order_then_the_last_again(tmp_path: Path) -> None:
    turn = itertools.count()
    path = recorded(tmp_path / "r.jsonl", lambda prompt: str(next(turn)), ONE, ONE)
    engine = ReplayEngine.from_recording(path)
    batches = run_virtual(streamed(engine, ONE, ONE, ONE))
    assert [d.text for _, batch in batches for d in batch] == ["0", "1", "1"]


def test_a_reply_that_was_cut_off_ends_with_an_error_when_it_may_go_on(tmp_path: Path) -> None:
    engine = RecordingEngine(ReplayEngine(lambda prompt: Recorded("abc", pause_s=2), piece_chars=1))

    async def main() -> None:
        stream = engine.sample([ONE])
        await anext(stream)
        await asyncio.sleep(1)
        await stream.aclose()

    run_virtual(main())
    engine.save(tmp_path / "r.jsonl")
    again = ReplayEngine.from_recording(tmp_path / "r.jsonl")
    (first, (at, [last])) = run_virtual(streamed(again, ONE))
    assert (first[1][0].text, at) == ("a", 3)
    assert "cut off after 1 tokens" in str(last.error)


def test_what_an_engine_raised_is_raised_again(tmp_path: Path) -> None:
    class Failing(ReplayEngine):
        def sample(self, prompts: Any) -> Any:
            return self

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> Any:
            raise PromptTooLong("m", "9,000 tokens", "shorten it")

        async def aclose(self) -> None:
            pass

    engine = RecordingEngine(Failing(lambda prompt: ""))
    with pytest.raises(PromptTooLong):
        run_virtual(streamed(engine, ONE))
    engine.save(tmp_path / "r.jsonl")
    ((_, [delta]),) = run_virtual(streamed(ReplayEngine.from_recording(tmp_path / "r.jsonl"), ONE))
    assert isinstance(delta.error, PromptTooLong)
    assert delta.error.problem == "9,000 tokens"


TEXTS = st.text(st.characters(), max_size=20)  # lone surrogates, too
STATS = st.builds(
    LogprobStats,
    tokens=st.integers(0, 9),
    total=st.floats(-99, 0),
    lowest=st.floats(-99, 0),
    confidences=st.lists(st.floats(0, 9), max_size=3).map(tuple),
    entropy=st.floats(0, 9),
)
DELTAS = st.builds(
    Delta,
    chain=st.just(0),
    text=TEXTS,
    tokens=st.integers(0, 99),
    prompt_tokens=st.integers(0, 99),
    reasoning=TEXTS,
    logprobs=st.none() | STATS,
    finish_reason=st.none() | st.just("stop"),
)
TIMES = st.integers(0, 10**10).map(lambda n: n / 1e6)


@given(
    deltas=st.lists(st.tuples(TIMES, DELTAS), max_size=4).map(tuple),
    text=TEXTS,
    seed=st.none() | st.integers(0, 2**63),
    end_s=st.none() | TIMES,
    sampling=st.none() | st.just(Sampling(stop=("a", "\n"), max_tokens=5)),
)
def test_any_reply_survives_the_file(
    tmp_path_factory: pytest.TempPathFactory,
    deltas: Any,
    text: str,
    seed: int | None,
    **rest: Any,
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    prompt = replace(Prompt.of(text), seed=seed, sampling=rest["sampling"])
    timed = Timed(deltas, rest["end_s"])
    write_replies(path, "m", [(prompt, timed)])
    assert read_replies(path) == ("m", [(prompt, timed)])


def test_programs_of_a_session_are_known_by_those_before_them(tmp_path: Path) -> None:
    turn = itertools.count(1)
    box = RecordingSandbox(FakeBox(answer=lambda code: str(next(turn)), pause_s=1))

    async def main() -> None:
        await box.run("x", session="a")
        await box.run("x", session="a")
        await box.run("x", files={"data": b"\x00"})

    run_virtual(main())
    box.save(tmp_path / "s.jsonl")

    async def again() -> list[str]:
        replay = ReplaySandbox.from_recording(tmp_path / "s.jsonl")
        first = await replay.run("x", session="other")
        alone = await replay.run("x", files={"data": b"\x00"})
        second = await replay.run("x", session="other")
        assert asyncio.get_running_loop().time() == 3
        await replay.end_session("other")
        anew = await replay.run("x", session="other")
        with pytest.raises(SandboxError, match="no recording of the program 'y' after 1 others"):
            await replay.run("y", session="other")
        return [e.stdout for e in (first, alone, second, anew)]

    assert run_virtual(again()) == ["1", "3", "2", "1"]


def test_a_program_that_was_killed_is_an_error_when_it_may_end(tmp_path: Path) -> None:
    box = RecordingSandbox(FakeBox(pause_s=100))

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(box.run("spin()"), 5)

    run_virtual(main())
    box.save(tmp_path / "s.jsonl")
    replay = ReplaySandbox.from_recording(tmp_path / "s.jsonl")
    with pytest.raises(SandboxError, match="was killed"):
        run_virtual(replay.run("spin()"))

    async def cancelled() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(replay.run("spin()"), 1)

    run_virtual(cancelled())
    assert replay.killed == ["spin()"]


def test_an_execution_survives_the_file_with_its_files(tmp_path: Path) -> None:
    made = Execution(
        "error",
        "\udcff",
        "no",
        1,
        None,
        0.5,
        0.4,
        9.5,
        True,
        "jail",
        {"a": b"\x00\xff"},
        "kept",
        True,
    )
    box = RecordingSandbox(FakeBox(answer=lambda code: made))
    run_virtual(box.run("x", stdin="\ud800"))
    box.save(tmp_path / "s.jsonl")
    replay = ReplaySandbox.from_recording(tmp_path / "s.jsonl")
    assert run_virtual(replay.run("x", stdin="\ud800")) == made


HEAD = {"format": "votebox-recording", "version": 1, "kind": "engine", "model": "m"}
ROW = {"messages": [], "seed": 1, "sampling": None, "start_s": 0, "deltas": [], "end_s": None}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "first line is not its header"),
        (["[]"], "first line is not its header"),
        (["{"], "line 1 is no recording"),
        ([{**HEAD, "version": 2}], "version 2 of a recording; read is 1"),
        ([{**HEAD, "kind": "sandbox"}], "records 'sandbox', not 'engine'"),
        ([HEAD, "nonsense"], "line 2 is no recording"),
        ([HEAD, "[" * 10_000], "line 2 is no recording: RecursionError"),
        ([HEAD, ROW, {}], "line 3 is no recording: KeyError: 'sampling'"),
        ([HEAD, {**ROW, "deltas": [[-1, {}]]}], "line 2.*-1 are no seconds"),
        ([HEAD, {**ROW, "deltas": [[1, {"text": 5}]]}], "line 2.*text = 5"),
        ([HEAD, {**ROW, "deltas": [[1, {"words": "x"}]]}], "line 2.*words"),
        ([HEAD, {**ROW, "deltas": [[1, {"error": {"class": "OSError"}}]]}], "line 2.*OSError"),
        ([HEAD, {**ROW, "end_s": "soon"}], "line 2.*'soon' are no seconds"),
        ([HEAD, {**ROW, "messages": [{"role": "user"}]}], "line 2.*content"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_line(
    tmp_path: Path, lines: list[Any], words: str
) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    with pytest.raises(EngineError, match=words):
        ReplayEngine.from_recording(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"nowhere\.jsonl"):
        ReplayEngine.from_recording(tmp_path / "nowhere.jsonl")
    with pytest.raises(SandboxError, match=r"nowhere\.jsonl"):
        ReplaySandbox.from_recording(tmp_path / "nowhere.jsonl")


def test_a_reply_its_engine_gave_up_is_one_that_was_cut_off(tmp_path: Path) -> None:
    given_up = Recorded("ab", finish_reason="abort", pause_s=1)
    path = recorded(tmp_path / "r.jsonl", lambda prompt: given_up, ONE)
    batches = run_virtual(streamed(ReplayEngine.from_recording(path), ONE))
    assert [(at, d.text, d.error is None) for at, (d,) in batches] == [
        (1, "a", True),
        (2, "", False),
    ]
