"""One exercise through a recipe: what models see, what a change scores, and for whom a try counts."""

import ast
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from benched import (
    BAD,
    MEND,
    STUB,
    TINY,
    WRONG,
    WRONG_TEXT,
    by_chain,
    exercise,
    recipe,
    reference,
    said,
    saying,
    solved,
)

from votebox.cluster.edit_numbers import number
from votebox.cluster.edit_run import jail
from votebox.cluster.edit_solve import SHARE, Procedure, Rules, check_editing, problem_of, sides
from votebox.cluster.errors import BadUsage
from votebox.plugins import (
    EngineUnavailable,
    Prompt,
    Recorded,
    Registry,
    ReplayEngine,
    Task,
    TestLimits,
    load_recipe,
)
from votebox.plugins.edits import FORMATS, render
from votebox.plugins.testfile import read_test_file
from votebox.sandbox import Sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")

GATE = exercise("turnstile")
SOLO = Rules(recipe("solo"), limits=TestLimits(60.0))
ONCE = replace(SOLO, tries=1)
SPLIT: Procedure = "split"
(PATH,) = TINY.files
LOST = f"{PATH}\n<<<<<<< SEARCH\nno such line\n=======\nx = 1\n>>>>>>> REPLACE\n"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def box() -> AsyncIterator[Sandbox]:
    async with jail(SOLO) as made:
        yield made


@pytest.mark.parametrize("format_name", FORMATS)
async def test_a_reference_passes_blind_in_each_format(box: Sandbox, format_name: str) -> None:
    rules = replace(ONCE, recipe=recipe("solo", format_name))
    case = await solved(box, GATE, saying(reference(GATE, format_name)), rules)
    (chain,) = case.chains
    assert [reply.outcome for reply in chain.replies] == ["exact"]
    assert [change.verdict for change in chain.changes] == ["passed"]
    assert case.share(1) == 1.0
    assert case.digest == chain.changes[0].digest == GATE.digest
    assert tuple(chain.changes[0].outcomes) == case.scoring


async def test_a_second_try_sees_the_output_and_goes_on_with_conversation_and_files(
    box: Sandbox,
) -> None:
    engine = saying(WRONG, MEND)
    case = await solved(box, TINY, engine, SOLO)
    assert (case.share(1), case.share(2)) == (0.0, 1.0)
    first, second = engine.sampled
    assert second.messages[: len(first.messages)] == first.messages
    assert second.messages[-2].content == WRONG.strip()
    assert "tests fail" in second.messages[-1].content
    assert "abs(" in second.messages[-1].content
    assert "tests fail" not in said([first])
    numbers = number([case], 2, "published", {})
    assert numbers.published.pass_rates == (0.0, 100.0)
    assert (numbers.blind.value, numbers.after_feedback and numbers.after_feedback.value) == (0, 1)


async def test_no_more_tries_are_told_of_tests_than_were_granted(box: Sandbox) -> None:
    still = render(WRONG_TEXT, {PATH: WRONG_TEXT[PATH] + "# mended\n"}, "diff")
    engine = saying(WRONG, still, MEND)
    case = await solved(box, TINY, engine, SOLO)
    assert len(engine.sampled) == 2
    assert (len(case.chains[0].changes), case.share(2)) == (2, 0.0)


async def test_an_engine_that_fails_in_the_second_try_leaves_the_first(box: Sandbox) -> None:
    def reply(prompt: Prompt) -> str:
        if "tests fail" in prompt.messages[-1].content:
            raise EngineUnavailable("fake", "is gone")
        return WRONG

    case = await solved(box, TINY, ReplayEngine(reply, piece_chars=4096), SOLO)
    (chain,) = case.chains
    assert (chain.ended, len(chain.changes)) == ("error", 1)
    assert "is gone" in str(chain.error)
    assert 0 < list(chain.changes[0].outcomes.values()).count("passed") < len(case.scoring)
    numbers = number([case], 2, "published", {})
    assert (numbers.errors, numbers.published.error_outputs) == ({}, 1)


async def test_an_engine_that_fails_at_once_is_the_cases_failure(box: Sandbox) -> None:
    def reply(prompt: Prompt) -> str:
        raise EngineUnavailable("fake", "is gone")

    with pytest.raises(EngineUnavailable):
        await solved(box, TINY, ReplayEngine(reply), SOLO)


async def test_a_first_try_is_given_no_test_at_all() -> None:
    problem = problem_of(TINY, ONCE)
    assert "tests" not in problem.metadata
    assert not any("test" in path for path in problem.files)


async def test_edits_that_do_not_apply_are_mended_and_counted(box: Sandbox) -> None:
    case = await solved(box, TINY, saying("Just words.", LOST, reference(TINY)), ONCE)
    found = [(reply.outcome, reply.fault, reply.raised) for reply in case.replies]
    assert found == [
        ("malformed", "no_edit", False),
        ("malformed", "no_match", True),
        ("exact", "", False),
    ]
    assert case.share(1) == 1.0
    numbers = number([case], 1, "published", {})
    assert numbers.published.num_malformed_responses == 1  # as published: silence is no fault
    assert numbers.published.percent_cases_well_formed == 0.0
    assert numbers.roles["architect"].faults == {"no_edit": 1, "no_match": 1}


async def test_silence_is_well_formed_as_published_and_not_by_ours(box: Sandbox) -> None:
    case = await solved(box, TINY, saying("Nothing to do."), ONCE)
    numbers = number([case], 1, "published", {})
    assert numbers.published.percent_cases_well_formed == 100.0
    assert numbers.roles["architect"].well_formed.value == 0.0
    assert numbers.blind.value == 0.0


async def test_thinking_that_never_ended_is_cut_whatever_it_holds(box: Sandbox) -> None:
    thought = Recorded(f"<think>{reference(TINY)}", finish_reason="length")
    case = await solved(box, TINY, saying(thought), ONCE)
    assert {reply.outcome for reply in case.replies} == {"cut"}
    assert case.chains[0].changes == ()
    assert number([case], 1, "published", {}).published.exhausted_context_windows == len(
        case.replies
    )


async def test_raw_replies_are_kept_with_their_thinking(box: Sandbox) -> None:
    raw = f"<think>hm {WRONG}</think>{reference(TINY)}"
    case = await solved(box, TINY, saying(raw), ONCE)
    (reply,) = case.replies
    assert (reply.text, reply.outcome) == (raw, "exact")
    assert reply.thinking == pytest.approx(1 - len(reference(TINY).strip()) / len(raw), abs=1e-3)


@pytest.mark.parametrize(
    "trick",
    [
        "import os\nos._exit(0)\n",
        "import unittest\nunittest.TestCase.assertEqual = lambda *given: None\n",
    ],
)
async def test_a_solution_that_attacks_its_tests_passes_none(box: Sandbox, trick: str) -> None:
    cheat = render(TINY.files, {PATH: f"{STUB}\n{trick}"}, "diff")
    case = await solved(box, TINY, saying(cheat), ONCE)
    (change,) = case.chains[0].changes
    assert change.verdict in ("failed", "forged")
    assert case.share(1) == 0.0


async def test_tests_cannot_be_written_by_a_reply(box: Sandbox) -> None:
    test = "New file: app_test.py\n```\n<<<<<<< SEARCH\n=======\nx = 1\n>>>>>>> REPLACE\n```\n"
    case = await solved(box, TINY, saying(test), ONCE)
    assert {reply.fault for reply in case.replies} == {"bad_path"}
    assert case.chains[0].changes == ()


async def test_helpers_are_shown_and_stay(box: Sandbox) -> None:
    ((helper, text),) = TINY.readonly.items()
    engine = saying(render({helper: text}, {helper: f"{text}# mine\n"}, "diff"))
    case = await solved(box, TINY, engine, ONCE)
    assert text in said(engine.sampled[:1])
    assert {reply.fault for reply in case.replies} == {"bad_path"}


async def test_an_editor_is_counted_apart_and_skipped_where_edits_apply(box: Sandbox) -> None:
    rules = replace(ONCE, recipe=recipe("architect-editor"))
    words = {"architect": saying("Count the coins."), "editor": saying(LOST, reference(TINY))}
    spoken = await solved(box, TINY, words, rules)
    direct = {"architect": saying(reference(TINY)), "editor": saying("never asked")}
    short = await solved(box, TINY, direct, rules)
    numbers = number([spoken, short], 1, "published", {})
    assert [reply.outcome for reply in spoken.replies] == ["proposal", "malformed", "exact"]
    assert numbers.roles["architect"].well_formed.value == 1.0
    assert numbers.roles["editor"].well_formed.value == 0.0
    assert (numbers.skipped, numbers.roles["architect"].direct) == (0.5, 1)
    assert numbers.blind.value == 1.0


async def test_a_vote_without_tests_follows_the_crowd_and_one_with_visible_tests_does_not(
    box: Sandbox,
) -> None:
    voting = recipe("architect-vote")
    alike = [[BAD], [BAD], [reference(TINY)]]
    blind = await solved(box, TINY, by_chain(*alike), replace(ONCE, recipe=voting), chains=3)
    assert blind.elected is not None
    assert not blind.elected.passes(blind.scoring)
    assert blind.share(1) == pytest.approx(1 / 3)
    numbers = number([blind], 1, "published", {})
    assert (numbers.voted.value, numbers.oracle.value) == (0.0, 1.0)
    rules = replace(ONCE, recipe=voting, procedure=SPLIT)
    shown = await solved(box, TINY, by_chain(*alike), rules, chains=3)
    assert shown.elected is not None
    assert shown.elected.passes(shown.scoring)


async def test_a_vote_after_published_feedback_is_taken_over_first_tries(box: Sandbox) -> None:
    voting = replace(SOLO, recipe=recipe("architect-vote"))
    case = await solved(box, TINY, by_chain([WRONG, MEND], [WRONG, MEND]), voting, chains=2)
    assert case.share(2) == 1.0
    assert case.voted == (0, 1)
    numbers = number([case], 2, "published", {})
    assert (numbers.voted.value, numbers.oracle.value) == (0.0, 0.0)


def poisoned(task: Task, hidden: tuple[str, ...]) -> Task:
    """Return a task of which the hidden tests alone are others, false and with a mark."""
    (path,) = task.tests
    lines = task.tests[path].split("\n")
    (file,) = task.test_files
    for cls in [node for node in file.tree.body if isinstance(node, ast.ClassDef)]:
        for node in cls.body:
            if isinstance(node, ast.FunctionDef) and f"{cls.name}.{node.name}" in hidden:
                at = node.body[0].lineno - 1
                lines[at] = f'        self.fail("POISON {node.name}")\n{lines[at]}'
    text = "\n".join(lines)
    made = read_test_file(f"{task.id}/{path}", text)
    return replace(task, tests={path: text}, test_files=(made,))


async def test_hidden_tests_reach_no_prompt_no_visible_run_and_no_vote(box: Sandbox) -> None:
    rules = replace(SOLO, recipe=recipe("architect-vote"), procedure=SPLIT)
    split = sides(TINY, SPLIT)
    assert not set(split.visible) & set(split.hidden)
    given = problem_of(TINY, rules).metadata["tests"]  # all that visible runs get
    assert [c.id for path in given for c in read_test_file(path, given[path]).cases] == list(
        split.visible
    )
    assert len(split.visible) == round(SHARE * (len(split.visible) + len(split.hidden)))
    alike = [[WRONG], [reference(TINY)], [BAD, WRONG]]
    told, elected = [], []
    for task in (TINY, poisoned(TINY, split.hidden)):
        engine = by_chain(*alike)
        case = await solved(box, task, engine, rules, chains=3)
        told.append(sorted(said([prompt]) for prompt in engine.sampled))
        elected.append(case.voted)
        if task is not TINY:
            assert case.share(2) == 0.0  # they decide
            assert "POISON" not in said(engine.sampled)
    assert told[0] == told[1]
    assert elected[0] == elected[1] is not None


async def test_recipes_that_cannot_be_measured_are_refused() -> None:
    registry = Registry.load(allowed=())
    with pytest.raises(BadUsage, match="vote edits no files"):
        check_editing(Rules(registry.recipe("vote")))
    text = recipe("solo").source.replace('use = "step:visible-tests"', 'use = "step:probes"')
    untested = load_recipe(text, registry)
    check_editing(Rules(untested, tries=1))
    with pytest.raises(BadUsage, match="runs no tests"):
        check_editing(Rules(untested))
