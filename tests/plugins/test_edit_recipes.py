"""Editing tasks as whole solves: two roles, edits, the real jail, rounds, and the answer's diff."""

from collections.abc import AsyncIterator, Callable, Sequence

import pytest
import pytest_asyncio

from votebox.plugins import Patch, Problem, Prompt, Registry, ReplayEngine, Solver, Verdict
from votebox.plugins.builtin.patch_steps import GateOptions
from votebox.plugins.edits import ApplyReport
from votebox.sandbox import Sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")

REGISTRY = Registry.load(allowed=())
FILES = {
    "app.py": "def one():\n    return 1\n",
    "app_test.py": (
        "import unittest\n\nfrom app import one\n\n\nclass AppTest(unittest.TestCase):\n"
        "    def test_one(self):\n        self.assertEqual(one(), 11)\n"
    ),
}
TASK = Problem("one() has to give eleven", files=FILES)


def block(old: str, new: str) -> str:
    return f"app.py\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


RIGHT = block("    return 1", "    return 11")
WRONG = block("    return 1", "    return 12")
LOST = block("    total = compute(first, second)", "    return 11")
WORDS = "In app.py let one() return 11 in the place of 1."


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def box() -> AsyncIterator[Sandbox]:
    async with Sandbox(workers=1, preload=()) as made:
        yield made


def told(replies: Sequence[str]) -> Callable[[Prompt], str]:
    left = iter(replies)
    return lambda prompt: next(left)


async def solved(
    box: Sandbox | None, recipe: str, architect: Sequence[str], editor: Sequence[str] = ()
) -> tuple[Verdict, dict[str, ReplayEngine]]:
    engines = {
        "architect": ReplayEngine(told(architect), model="big"),
        "editor": ReplayEngine(told(editor), model="small"),
    }
    return await Solver(engines, box, REGISTRY).solve(TASK, recipe), engines


def said(engine: ReplayEngine) -> list[str]:
    return [prompt.messages[-1].content for prompt in engine.sampled]


async def test_solo_answers_with_the_diff_and_the_files(box: Sandbox) -> None:
    verdict, _ = await solved(box, "solo", [f"<think>hm, {WRONG}</think>{RIGHT}"])
    assert verdict.answer == (
        "--- a/app.py\n+++ b/app.py\n@@ -1,2 +1,2 @@\n def one():\n-    return 1\n+    return 11\n"
    )
    patch = verdict.votes[0].members[0].evidence.patch
    assert patch is not None
    assert patch.changed == {"app.py": "def one():\n    return 11\n"}
    assert patch.tests is not None
    assert patch.tests.passed_ids == ("AppTest.test_one",)


async def test_edits_that_do_not_apply_come_back_to_who_wrote_them(box: Sandbox) -> None:
    verdict, engines = await solved(box, "solo", [LOST, RIGHT])
    assert verdict.answer is not None
    first, second = engines["architect"].sampled
    assert second.messages[: len(first.messages)] == first.messages
    assert second.messages[-2].content == LOST.strip()
    assert "no_match" in second.messages[-1].content


async def test_failing_tests_come_back_with_the_files_as_they_are_now(box: Sandbox) -> None:
    mend = block("    return 12", "    return 11")
    verdict, engines = await solved(box, "solo", [WRONG, mend])
    assert verdict.answer is not None
    assert "+    return 11" in verdict.answer
    assert "12" not in verdict.answer
    asked = said(engines["architect"])[1]
    assert "return 12" in asked
    assert "1 of 1 tests fail" in asked


async def test_without_a_passing_change_nothing_is_answered(box: Sandbox) -> None:
    verdict, engines = await solved(box, "solo", [WRONG, LOST, LOST, LOST])
    assert verdict.answer is None
    assert [c.answer.count("return 12") for c in verdict.rejected] == [1]
    assert len(engines["architect"].sampled) == 4


async def test_an_editor_writes_what_the_architect_says(box: Sandbox) -> None:
    verdict, engines = await solved(box, "architect-editor", [f"<think>?</think>{WORDS}"], [RIGHT])
    assert verdict.answer is not None
    (asked,) = said(engines["editor"])
    assert WORDS in asked
    assert "<think>" not in asked
    assert TASK.text not in asked
    assert FILES["app.py"] in asked


async def test_the_editor_is_not_asked_where_the_architects_edits_apply(box: Sandbox) -> None:
    verdict, engines = await solved(box, "architect-editor", [f"Do this.\n{RIGHT}"])
    assert verdict.answer is not None
    assert engines["editor"].sampled == []


async def test_the_editor_mends_its_edits_without_the_architect(box: Sandbox) -> None:
    verdict, engines = await solved(box, "architect-editor", [WORDS], [LOST, RIGHT])
    assert verdict.answer is not None
    assert len(engines["architect"].sampled) == 1
    first, second = engines["editor"].sampled
    assert second.messages[: len(first.messages)] == first.messages
    assert "no_match" in second.messages[-1].content


async def test_failing_tests_go_to_the_architect_and_the_editor_sees_the_new_files(
    box: Sandbox,
) -> None:
    mend = block("    return 12", "    return 11")
    verdict, engines = await solved(
        box, "architect-editor", ["Return 12.", "Return 11 for 12."], [WRONG, mend]
    )
    assert verdict.answer is not None
    assert "1 of 1 tests fail" in said(engines["architect"])[1]
    second = said(engines["editor"])[1]
    assert "return 12" in second
    assert "Return 11 for 12." in second
    assert "tests fail" not in second


@pytest.mark.parametrize(
    ("path", "fault"), [("shapes.py", []), ("shapes/__init__.py", ["no longer defines dumps"])]
)
async def test_only_a_package_is_asked_for_what_it_imports(path: str, fault: list[str]) -> None:
    before = {path: "from json import dumps\n\ndef area(a):\n    return a\n"}
    after = {path: "def area(a):\n    return a * a\n"}
    gate = REGISTRY.get("step:gate")
    patch = Patch(before, before, after, ApplyReport(ok=True))
    gated = await gate.thing({"apply": patch}, None, GateOptions())
    assert [told.partition(" ")[2] for told in gated.faults] == fault


async def test_a_defined_name_may_move_to_another_module_and_not_go() -> None:
    before = {"shapes.py": "def area(a):\n    return a\n"}
    for text, fine in (("from areas import area\n", True), ("def size(a):\n    return a\n", False)):
        patch = Patch(before, before, {"shapes.py": text}, ApplyReport(ok=True))
        gated = await REGISTRY.get("step:gate").thing({"apply": patch}, None, GateOptions())
        assert (gated.faults == ()) is fine


async def test_given_tests_run_unseen_for_as_many_tries_as_there_are(box: Sandbox) -> None:
    given = {"app_test.py": FILES["app_test.py"]}
    metadata = {"tests": given, "tries": 2, "readonly": ("kept.py",)}
    files = {"app.py": FILES["app.py"], "kept.py": "KEPT = 1\n"}
    task = Problem("one() has to give eleven", files=files, metadata=metadata)
    still = block("    return 12", "    return 13")
    touched = "kept.py\n<<<<<<< SEARCH\nKEPT = 1\n=======\nKEPT = 2\n>>>>>>> REPLACE\n"
    engine = ReplayEngine(told([touched, WRONG, still, RIGHT]))
    verdict = await Solver(engine, box, REGISTRY).solve(task, "solo")
    assert verdict.answer is None
    asked = said(engine)
    assert len(asked) == 3  # one mends what was refused, two are tries
    assert "bad_path" in asked[1]
    assert "1 of 1 tests fail" in asked[2]
    assert "class AppTest" not in "".join(asked)
