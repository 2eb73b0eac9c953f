"""Attack the solver with hostile models, plugins, sandboxes and referees; each must be held."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from contract import FakeBox, plugin, registry, toml

from votebox.plugins import (
    ChainProgress,
    Delta,
    EngineError,
    Problem,
    ProblemError,
    Prompt,
    Reading,
    Recorded,
    ReplayEngine,
    SolveOptions,
    Solver,
    Verdict,
    declare,
    load_recipe,
    run_virtual,
)
from votebox.plugins.builtin.guards import FirstBoxOptions, first_box
from votebox.plugins.calibration import read_calibration
from votebox.plugins.metered import MeteredSandbox
from votebox.sandbox import SandboxError

LONG = Recorded("still thinking " * 1000, pause_s=1.0)
PROGRAM = """
[nodes.code]
use = "code:tagged"
after = ["think"]
[nodes.run]
use = "sandbox:python"
after = ["code"]
"""
INLINE = PROGRAM.replace("tagged", "python-blocks") + 'turn = "inline"\n'
READ = '[nodes.read]\nuse = "extract:last-word"\nafter = ["think", "run"]'


def head(chains: int, policy: str = "any-int") -> str:
    return f'name = "small"\nchains = {chains}\npolicy = "{policy}"'


def solved(
    engine: Any, box: Any = None, known: Any = None, judge: Any = None, **parts: str
) -> Verdict:
    """Solve in virtual time; afterwards nothing may be left on the loop."""
    known = known or registry()
    recipe = load_recipe(toml(**parts), known)

    async def main() -> Verdict:
        solver = Solver(engine, box, known, judge=judge)
        verdict = await solver.solve(Problem("6 * 7?"), recipe, SolveOptions(seed=1))
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return verdict

    return run_virtual(main())


def test_boxes_in_boxes_cost_a_guard_no_more_than_plain_text() -> None:
    progress = ChainProgress(0, r"\boxed{" * 600, 0, 0.0)
    started = time.process_time()
    for _ in range(20):
        assert first_box(progress, FirstBoxOptions()) is None
    assert time.process_time() - started < 0.5  # each took 0.1 s when boxes were closed one by one


def test_a_chain_that_fails_while_it_writes_ends_in_the_engine_at_once() -> None:
    def broken(progress: Any, options: Any) -> str | None:
        if progress.chain == 0:
            raise ValueError("cannot look")
        return None

    known = registry(plugin(register_stops=lambda register: register("guard:broken", broken)))
    recipe = load_recipe(toml(head=head(2), tail='[[guards]]\nuse = "guard:broken"'), known)
    engine = ReplayEngine(lambda prompt: LONG)

    async def aborted_after_ten_s() -> int:
        task = asyncio.create_task(Solver(engine, None, known).solve(Problem("6 * 7?"), recipe))
        await asyncio.sleep(10)
        aborted = len(engine.aborted)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return aborted

    assert run_virtual(aborted_after_ten_s()) == 1
    assert len(engine.aborted) == 2


class Scripted:
    """Be an engine whose every stream gives `batches`."""

    model = "scripted"

    def __init__(self, *batches: list[Delta]) -> None:
        self.batches = batches

    def sample(self, prompts: Any) -> Any:
        return _Script(list(self.batches))


class _Script:
    def __init__(self, batches: list[list[Delta]]) -> None:
        self.batches = batches

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> list[Delta]:
        if not self.batches:
            raise StopAsyncIteration
        return self.batches.pop(0)

    async def abort(self, chain: int) -> None:
        self.batches.clear()

    async def aclose(self) -> None:
        self.batches.clear()


def test_a_prompt_counts_against_the_budget_before_anything_is_written() -> None:
    engine = Scripted(
        [Delta(0, prompt_tokens=1000)], [Delta(0, "it is 42", 3, finish_reason="stop")]
    )
    one = '[dispatch]\nuse = "dispatch:fixed"\nchains = 1'
    verdict = solved(engine, dispatch=one, tail="[budget]\nmax_total_tokens = 900")
    assert verdict.stop_reason == "budget"
    assert len(verdict.chains) == 1


async def test_a_killed_program_counts_against_the_sandbox_seconds() -> None:
    box = MeteredSandbox(FakeBox(pause_s=60), 0.2)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(box.run("while True: pass"), 0.25)
    assert (await box.run("print(1)")).status == "rejected"


def test_programs_that_close_together_start_in_the_order_of_the_reply() -> None:
    programs = [f"print({n})" for n in range(8)]
    said = "".join(f"<py>{program}</py>" for program in programs)
    box = FakeBox(lambda code: code[6:-1])
    engine = ReplayEngine(lambda prompt: said + "." * 400, piece_chars=len(said))
    solved(engine, box, head=head(1), read=PROGRAM + READ)
    assert box.ran == programs  # a set's order would change from process to process


class LosesSessions(FakeBox):
    async def end_session(self, session: str) -> bool:
        raise ConnectionError("the replica is gone")


def test_a_session_that_cannot_be_ended_does_not_take_the_answer_with_it() -> None:
    engine = ReplayEngine(
        lambda prompt: "so 42" if len(prompt.messages) > 1 else "```python\nprint(42)\n```\n"
    )
    verdict = solved(engine, LosesSessions(lambda code: "42"), head=head(2), read=INLINE + READ)
    assert [c.ended for c in verdict.chains] == ["answered"] * 2
    assert verdict.answer == "42"


def test_a_sandbox_that_cancels_itself_fails_its_chain_alone() -> None:
    ran: list[str] = []

    def answer(code: str) -> str:
        ran.append(code)
        if len(ran) == 1:
            raise asyncio.CancelledError
        return "42"

    engine = ReplayEngine(lambda prompt: "<py>print(42)</py>")
    one = '[dispatch]\nuse = "dispatch:fixed"\nchains = 1'
    verdict = solved(engine, FakeBox(answer), head=head(3), read=PROGRAM + READ, dispatch=one)
    assert [c.ended for c in verdict.chains] == ["error", "answered", "answered"]
    assert verdict.answer == "42"


class SlowReferee:
    async def same(self, a: str, b: str) -> bool | None:
        await asyncio.sleep(1000)
        return None


def test_a_slow_referee_does_not_hold_the_end_of_the_token_budget() -> None:
    told = iter(["it is x+y", "it is x*y", LONG])
    verdict = solved(
        ReplayEngine(lambda prompt: next(told)),
        judge=SlowReferee(),
        known=registry(plugin(register_extractors=_read_it)),
        head=head(3, "expr"),
        read='[nodes.read]\nuse = "extract:it"\nafter = ["think"]',
        tail="[budget]\nmax_total_tokens = 10",
    )
    assert verdict.stop_reason == "budget"
    assert verdict.usage.completion_tokens <= 11  # a token a second


def _read_it(register: Any) -> None:
    def it(text: str, finish_reason: str | None, options: Any) -> list[Reading]:
        start = len("it is ")
        return [Reading(text[start:], (start, len(text)))] if text.startswith("it") else []

    register("extract:it", it)


def test_a_cancelled_solve_closes_the_streams_its_steps_left_open() -> None:
    left: list[Any] = []

    async def careless(inputs: Any, ports: Any, options: Any) -> Any:
        left.append(ports.engines["reasoner"].sample([Prompt.of("more", label="step")]))
        async for _ in left[0]:
            pass

    declared = declare(takes=("completion",), gives="completion")(careless)
    known = registry(plugin(register_steps=lambda register: register("step:careless", declared)))
    step = "[nodes.more]\nuse = 'step:careless'\nafter = ['think']\n"
    read = step + READ.replace('"run"', '"more"')
    recipe = load_recipe(toml(head=head(1), read=read), known)
    engine = ReplayEngine(lambda prompt: LONG if prompt.label == "step" else "it is 42")

    async def main() -> None:
        task = asyncio.create_task(Solver(engine, None, known).solve(Problem("6 * 7?"), recipe))
        await asyncio.sleep(10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtual(main())
    assert [prompt.label for prompt in engine.aborted] == ["step"]


@pytest.mark.parametrize("name", ["deadline_s", "max_sandbox_s", "max_total_tokens"])
def test_a_bound_no_clock_can_hold_is_refused(name: str) -> None:
    with pytest.raises(ProblemError, match=name):
        SolveOptions(**{name: 10**400})


def test_numbers_beyond_all_floats_in_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    huge = "1" + "0" * 400
    path.write_text(
        f'{{"format": 1, "method": "isotonic", "points": [[{huge}, 1]], "about": {{}}}}'
    )
    with pytest.raises(ProblemError, match="holds no calibration"):
        read_calibration(path)
    head = '{"format": "votebox-recording", "version": 1, "kind": "engine", "model": "m"}\n'
    row = '{"messages": [], "seed": 1, "sampling": null, "deltas": [], "end_s": null, "start_s": '
    path.write_text(f"{head}{row}{huge}}}\n")
    with pytest.raises(EngineError, match="line 2 is no recording"):
        ReplayEngine.from_recording(path)


async def test_a_recorded_text_may_hold_separators_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    row = {"messages": [{"role": "user", "content": "6 * 7?"}], "text": "so\u2028it is 42"}
    path.write_text(json.dumps(row, ensure_ascii=False) + "\n", "utf-8")
    stream = ReplayEngine.from_file(path).sample([Prompt.of("6 * 7?")])
    assert "".join([delta.text async for batch in stream for delta in batch]) == row["text"]


def test_programs_beside_one_that_fails_are_gone_before_the_solve_ends() -> None:
    class Box(FakeBox):
        async def run(self, code: str, **given: Any) -> Any:
            if code == "1/0":
                raise SandboxError("no room for the program")
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(1)  # a jail takes its time to die
                self.killed.append(code)

    box = Box()
    engine = ReplayEngine(lambda prompt: "<py>while True: pass</py><py>1/0</py>")
    with pytest.raises(SandboxError, match="no room"):
        solved(engine, box, head=head(1), read=PROGRAM + READ)
    assert box.killed == ["while True: pass"]
