"""Hold the tiny edits of votebox-mini-editor to what its card says, and its measurement to itself."""

# ruff: noqa: S311 - edits are drawn, no secrets
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "benchmarks" / "mini"
sys.path.insert(0, str(SCRIPTS))  # the scripts are no package; they import each other like this

from edit_checks import test_of as write_test  # noqa: E402
from edit_evaluate import Asked, draw, measure  # noqa: E402
from edit_samples import edit_recipe, edit_sample, edit_setting  # noqa: E402
from edits import Edit, edit_families, is_held_out, make_edit  # noqa: E402

from votebox.plugins import ChainView, Problem, Prompt, ReplayEngine  # noqa: E402
from votebox.plugins.edits import apply, parse  # noqa: E402
from votebox.sandbox import Sandbox  # noqa: E402

CHECKED = r"self\.assertEqual\((\w+(?:\(.*?\)|\.__doc__)), (.+)\)\n"


@pytest.mark.parametrize("family", edit_families())
def test_the_reply_makes_exactly_the_edit(family: str) -> None:
    rng = random.Random(family)
    for _ in range(40):
        edit = make_edit(rng, family)
        script = parse(edit.reply, "whole")
        after, report = apply(script, {edit.path: edit.before})
        assert script.well_formed
        assert report.exact
        assert after == {edit.path: edit.after}
        assert edit.before != edit.after


@pytest.mark.parametrize("evaluation", [False, True])
def test_training_and_evaluation_share_no_name_and_no_constant(*, evaluation: bool) -> None:
    rng = random.Random(7)
    for _ in range(400):
        edit = make_edit(rng, evaluation=evaluation)
        names = re.findall(r"def (\w+)|^    (\w+) = ", edit.before + edit.after, re.MULTILINE)
        numbers = re.findall(r"\b\d+\b", edit.before + edit.after)
        words = {*filter(None, sum(names, ())), *(n for n in numbers if int(n) > 2)}
        assert {is_held_out(word) for word in words} == {evaluation}


def test_new_shapes_are_drawn_only_where_asked_for() -> None:
    rng = random.Random(9)
    shapes = [
        {make_edit(rng, "operator", new_shapes=new).shape for _ in range(60)}
        for new in (False, True)
    ]
    assert shapes[1] == {"three", "scaled"}
    assert not shapes[0] & shapes[1]


def test_the_same_seed_makes_the_same_edits() -> None:
    one, two = random.Random(3), random.Random(3)
    assert [make_edit(one) for _ in range(50)] == [make_edit(two) for _ in range(50)]


def _failures(test: str, source: str) -> int:
    """Return how many assertions of a test fail; run here, for both are our own."""
    scope: dict[str, object] = {}
    exec(source, scope)  # noqa: S102 - our own data
    failed = 0
    for call, value in re.findall(CHECKED, test):
        try:
            failed += eval(f"{call} != {value}", scope)  # noqa: S307 - our own data
        except (NameError, TypeError):
            failed += 1
    return failed


@pytest.mark.parametrize("family", edit_families())
def test_a_test_passes_after_the_edit_and_fails_before(family: str) -> None:
    rng = random.Random(f"test {family}")
    edits = [make_edit(rng, family, evaluation=True) for _ in range(10)]
    tests = {edit: write_test(edit, rng, 4) for edit in edits}
    assert list(tests.values()).count(None) <= 1  # a guard may never be seen
    for edit, test in tests.items():
        if test is None:
            continue
        assert _failures(test, edit.after) == 0
        assert 1 <= _failures(test, edit.before) <= test.count("assertEqual")


def test_a_sample_is_what_the_recipe_asks() -> None:
    rng = random.Random(5)
    edit = make_edit(rng)
    sample = edit_sample(edit)
    node = edit_recipe().nodes["ask"]
    assert node.plugin is not None
    problem = Problem(edit.request, files={edit.path: edit.before})
    prompt = node.plugin.thing(problem, ChainView(0), 0, node.options)
    assert isinstance(prompt, Prompt)
    assert [(m.role, m.content) for m in prompt.messages] == [
        ("system", edit_setting().system),
        ("user", sample.turns[0].text),
    ]
    assert sample.turns[1].text == edit.reply
    assert sample.turns[1].learned


def _knowing(asked: list[Asked], reply: Callable[[Edit], str]) -> ReplayEngine:
    """Answer each request by a function of its edit."""

    def answer(prompt: Prompt) -> str:
        (edit,) = (a.edit for a in asked if prompt.messages[-1].content.endswith(a.edit.request))
        return reply(edit)

    return ReplayEngine(answer)


def _wrong(edit: Edit) -> str:
    """Write the file with another change than was asked for."""
    return f"{edit.path}\n```\n{edit.before}\nSIZE = 1\n```"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (lambda edit: edit.reply, dict.fromkeys(("well-formed", "applied", "vote", "any"), 1.0)),
        (_wrong, {"well-formed": 1.0, "applied": 1.0, "vote": 0.0, "any": 0.0}),
        (
            lambda edit: edit.reply.replace(edit.path, "other.py"),
            {"well-formed": 1.0, "applied": 0.0, "vote": 0.0, "any": 0.0},
        ),
        (lambda edit: "No.", dict.fromkeys(("applied", "greedy", "one chain", "vote"), 0.0)),
    ],
    ids=["right", "wrong", "misnamed", "none"],
)
async def test_the_measurement_tells_right_from_wrong_replies(
    reply: Callable[[Edit], str], expected: dict[str, float]
) -> None:
    asked = draw(1, 1)[:3]
    async with Sandbox(workers=1, preload=()) as sandbox:
        scores = await measure(_knowing(asked, reply), sandbox, asked, chains=2, tests=False)
    found = scores["**overall**"]
    assert {name: found[name].share for name in expected} == expected
    assert found["greedy"].trials == 3
    assert found["one chain"].trials == 6
