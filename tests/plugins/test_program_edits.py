"""Programs that fail are mended by an editor model and run again, in the real jail."""

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from votebox.plugins import (
    ChainView,
    Execution,
    Problem,
    Prompt,
    Reading,
    Registry,
    ReplayEngine,
    SolveOptions,
    Solver,
    Verdict,
)
from votebox.plugins.builtin.program_edits import RepairOptions, repair
from votebox.plugins.edits import parse
from votebox.sandbox import Sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")

REGISTRY = Registry.load(allowed=())
QUESTION = Problem("What is 6 times 7?")
BROKEN = "import maths\nprint(6 * 7)"
ASKED = f"```python\n{BROKEN}\n```\n"


def edit(old: str, new: str) -> str:
    return f"main.py\n```python\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n```\n"


RIGHT = edit("import maths", "import math")
LOST = edit("import numpie", "import math")
WORSE = edit("import maths", "import mathss")
WORSE_MENDED = edit("import mathss", "import math")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def box() -> AsyncIterator[Sandbox]:
    async with Sandbox(workers=1, preload=()) as made:
        yield made


async def solved(
    box: Sandbox, editor: Sequence[str], program: str = ASKED
) -> tuple[Verdict, list[Prompt], list[Prompt]]:
    """Return the verdict of one chain, and what reasoner and editor were asked."""

    def reasoner(prompt: Prompt) -> str:
        last = prompt.messages[-1].content
        return "So it is \\boxed{42}." if "```output\n42" in last else program

    left = iter(editor)
    engines = {
        "reasoner": ReplayEngine(reasoner, model="big"),
        "editor": ReplayEngine(lambda prompt: next(left), model="small"),
    }
    solver = Solver(engines, box, REGISTRY)
    options = SolveOptions(seed=1, chains=1, rounds=2)
    verdict = await solver.solve(QUESTION, "vote-repair", options)
    return verdict, list(engines["reasoner"].sampled), list(engines["editor"].sampled)


def runs(verdict: Verdict) -> list[tuple[str, str]]:
    chain = verdict.chains[0]
    return [(r.node, e.status) for r, e in zip(chain.runs, chain.executions, strict=True)]


async def test_a_failing_program_is_mended_and_its_output_goes_on(box: Sandbox) -> None:
    verdict, thought, mended = await solved(box, [f"<think>hm</think>{RIGHT}"])
    assert verdict.answer == "42"
    assert runs(verdict) == [("run", "error"), ("rerun", "ok")]
    assert verdict.chains[0].programs[1] == "import math\nprint(6 * 7)"
    (asked,) = mended
    told = asked.messages[-1].content
    assert "No module named 'maths'" in told
    assert BROKEN in told
    assert QUESTION.text in told
    # The reasoner goes on with what the mended program printed, not with the failure.
    assert thought[1].messages[-1].content == "```output\n42\n```"
    assert {c.source for c in verdict.chains[0].candidates} == {"printed", "boxed"}


async def test_a_program_that_runs_well_is_shown_to_no_editor(box: Sandbox) -> None:
    verdict, _, mended = await solved(box, [], "```python\nprint(6 * 7)\n```\n")
    assert (verdict.answer, mended) == ("42", [])
    assert runs(verdict) == [("run", "ok")]


async def test_an_edit_that_finds_no_place_is_told_to_the_editor(box: Sandbox) -> None:
    verdict, _, mended = await solved(box, [LOST, RIGHT])
    assert verdict.answer == "42"
    assert runs(verdict) == [("run", "error"), ("rerun-again", "ok")]
    told = mended[1].messages[-1].content
    assert "refused" in told
    assert "no_match" in told


async def test_a_mended_program_that_fails_is_mended_from_where_it_is(box: Sandbox) -> None:
    verdict, _, mended = await solved(box, [WORSE, WORSE_MENDED])
    assert verdict.answer == "42"
    assert runs(verdict) == [("run", "error"), ("rerun", "error"), ("rerun-again", "ok")]
    told = mended[1].messages[-1].content
    assert "No module named 'mathss'" in told
    assert "refused" not in told
    assert "import maths\n" not in told


async def test_after_two_attempts_the_failure_goes_to_the_reasoner(box: Sandbox) -> None:
    verdict, thought, mended = await solved(box, [LOST, LOST, LOST, LOST])
    assert verdict.answer is None
    assert len(mended) == 4  # two a round
    assert "No module named 'maths'" in thought[1].messages[-1].content


def asked(execution: Execution, **inputs: object) -> Prompt | None:
    view = ChainView(0, inputs={"code": (Reading(BROKEN),), "run": (execution,), **inputs})
    return repair(QUESTION, view, 0, RepairOptions())


def failed() -> Execution:
    return Execution("error", "", "NameError", 1, None, 0.1, 0.1, 10.0, False, "")


async def test_a_program_that_was_never_started_is_not_asked_about() -> None:
    assert asked(Execution.rejected("no seconds are left")) is None
    assert asked(failed()) is not None


async def test_an_edit_that_changes_nothing_is_told() -> None:
    same = parse(edit("import maths", "import maths"))
    prompt = asked(failed(), edits=same)
    assert prompt is not None
    assert "left the program as it was" in prompt.messages[-1].content
