"""Second looks behind a vote, in whole solves: programs run again, a model that chooses."""

from collections.abc import Callable

import pytest

from votebox.plugins import PluginError, Problem, Prompt, Registry, ReplayEngine, Solver, Verdict
from votebox.plugins.loader import load_recipe
from votebox.sandbox import Execution, Sandbox

RECIPE = """
name = "demo"
chains = {chains}
[nodes.ask]
use = "prompt:solve"
[nodes.think]
use = "model:reasoner"
after = ["ask"]
[nodes.code]
use = "code:python-blocks"
after = ["think"]
[nodes.run]
use = "sandbox:python"
after = ["code"]
[nodes.printed]
use = "extract:last-integer"
after = ["run"]
[nodes.boxed]
use = "extract:boxed"
after = ["think"]
[nodes.elect]
use = "vote:majority"
after = ["printed", "boxed"]
[nodes.again]
use = "step:{step}"
after = ["elect"]
{options}
"""


class Box:
    """Print what the program holds, and count programs: a fake at the port."""

    def __init__(self, shown: Callable[[str, int], str] = lambda code, _: code) -> None:
        self.ran: list[str] = []
        self._shown = shown

    async def run(self, code: str, limits=None, session=None, files=None, stdin="") -> Execution:
        self.ran.append(code)
        out = self._shown(code.removeprefix("print(").removesuffix(")"), self.ran.count(code))
        return Execution("ok", out, "", 0, None, 0.1, 0.1, 9.0, truncated=False, isolation="test")


async def solve(
    replies: list[str], step: str, *, options: str = "", box=None, choose=None
) -> Verdict:
    recipe = RECIPE.format(chains=len(replies), step=step, options=options)
    registry = Registry.load()
    left = iter(replies)

    def reply(prompt: Prompt) -> str:
        if prompt.label == "genselect":
            return choose(prompt)
        return next(left)

    solver = Solver(ReplayEngine(reply), box or Box(), registry)
    return await solver.solve(Problem("6 * 7?"), load_recipe(recipe, registry))


def program(answer: int) -> str:
    return f"```python\nprint({answer})\n```"


async def test_a_confirmed_answer_outweighs_more_votes() -> None:
    boxes = ["\\boxed{41}", "\\boxed{41}"]
    verdict = await solve([*boxes, program(42)], "verified")
    assert [(v.answer, v.weight) for v in verdict.votes] == [("42", 3.0), ("41", 2.0)]
    assert verdict.answer == "42"


async def test_a_program_that_says_something_else_confirms_nothing() -> None:
    box = Box(lambda code, times: code if times == 1 else "7")
    verdict = await solve(["\\boxed{41}", "\\boxed{41}", program(42)], "verified", box=box)
    assert verdict.answer == "41"
    assert box.ran == ["print(42)"] * 2


async def test_programs_run_again_in_the_real_sandbox() -> None:
    async with Sandbox(workers=1) as box:
        flaky = "```python\nimport os\nprint(42)\n```"
        verdict = await solve(["\\boxed{41}", "\\boxed{41}", flaky], "verified", box=box)
    assert verdict.answer == "42"


@pytest.mark.parametrize("step", ["verified", "genselect"])
async def test_nothing_is_looked_at_again_when_all_agree(step: str) -> None:
    box = Box()
    verdict = await solve([program(42), "\\boxed{42}"], step, box=box)
    assert (verdict.answer, verdict.confidence) == ("42", 1.0)
    assert len(box.ran) == 1


async def test_the_model_chooses_among_solutions() -> None:
    shown: list[str] = []

    def choose(prompt: Prompt) -> str:
        text = prompt.messages[-1].content
        shown.append(text)
        solutions = text.split("Solution ")[1:]
        right = next(n for n, s in enumerate(solutions, start=1) if "because 42" in s)
        return f"<think>maybe \\boxed{{9}}</think> So \\boxed{{{right}}}"

    replies = ["it is \\boxed{41}", "it is \\boxed{41}", "<think>x</think>because 42 \\boxed{42}"]
    verdict = await solve(replies, "genselect", options="choices = 3", choose=choose)
    assert [(v.answer, v.weight) for v in verdict.votes] == [("42", 3.0), ("41", 0.0)]
    assert verdict.confidence == 1.0
    assert len(shown) == 3
    assert len(set(shown)) > 1  # every choice sees another order
    assert "<think>" not in shown[0]
    assert "6 * 7?" in shown[0]


async def test_what_the_choices_cost_is_counted() -> None:
    replies = ["\\boxed{41}", "\\boxed{42}"]
    plain = await solve(replies, "verified")
    asked = await solve(replies, "genselect", choose=lambda _: "\\boxed{1}")
    assert asked.usage.completion_tokens > plain.usage.completion_tokens


@pytest.mark.parametrize("reply", ["no idea", "\\boxed{3}", "\\boxed{0}", "\\boxed{1.5}", ""])
async def test_a_choice_that_names_no_solution_leaves_the_vote(reply: str) -> None:
    replies = ["\\boxed{41}", "\\boxed{42}"]
    verdict = await solve(replies, "genselect", choose=lambda _: reply)
    assert [v.weight for v in verdict.votes] == [1.0, 1.0]
    assert verdict.answer == "42"


async def test_a_role_that_is_not_served_is_named() -> None:
    with pytest.raises(PluginError, match="'judge'.*reasoner"):
        await solve(["\\boxed{1}", "\\boxed{2}"], "genselect", options='role = "judge"')


async def test_only_so_many_solutions_and_characters_are_shown() -> None:
    seen: list[str] = []

    def choose(prompt: Prompt) -> str:
        seen.append(prompt.messages[-1].content)
        return "\\boxed{1}"

    replies = [f"{'long ' * 100}\\boxed{{{n % 3}}}" for n in range(9)]
    options = "solutions = 4\nchars = 100\nchoices = 2"
    await solve(replies, "genselect", options=options, choose=choose)
    assert all(text.count("Solution ") == 4 for text in seen)
    assert all(text.count("long ") <= 4 * 20 for text in seen)
