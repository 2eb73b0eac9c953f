"""The recipes that come with votebox load, and answer."""

from typing import Any

import pytest
from contract import FakeBox

from votebox.plugins import (
    ChainView,
    Problem,
    Prompt,
    RecipeError,
    Registry,
    ReplayEngine,
    SolveOptions,
    Solver,
    load_recipe,
)
from votebox.plugins.builtin.texts import SOLVE_SYSTEM, TOOL_SYSTEM

REGISTRY = Registry.load(allowed=())
QUESTION = Problem("What is 6 times 7?")
PRINTS = "Let me compute.\n```python\n6 * 7\n```\n"


async def solved(recipe: str, reply: Any, box: FakeBox | None = None, **options: Any) -> Any:
    engine = ReplayEngine(reply if callable(reply) else lambda prompt: reply)
    solver = Solver(engine, box or FakeBox(lambda code: "42\n"), REGISTRY)
    return await solver.solve(QUESTION, REGISTRY.recipe(recipe), SolveOptions(seed=1, **options))


def test_eight_recipes_are_shipped() -> None:
    editing = ["architect-editor", "architect-vote", "solo"]
    assert sorted({*REGISTRY.recipes} - {*editing}) == [
        "aimo-qwq",
        "tool-inline",
        "tool-loop",
        "vote",
        "vote-repair",
    ]
    assert {*editing} <= {*REGISTRY.recipes}
    assert all(recipe.description for recipe in REGISTRY.recipes.values())


def test_every_builtin_explains_itself() -> None:
    assert all(plugin.doc for plugin in REGISTRY.plugins.values())
    assert all(plugin.origin.startswith("builtin.") for plugin in REGISTRY.plugins.values())


@pytest.mark.parametrize(
    ("name", "use", "system"), [("vote", "solve", SOLVE_SYSTEM), ("tool-loop", "tool", TOOL_SYSTEM)]
)
def test_a_prompt_asks_once_and_lets_the_output_speak(name: str, use: str, system: str) -> None:
    node = REGISTRY.recipe(name).nodes["ask"]
    assert node.use == f"prompt:{use}"
    assert node.plugin is not None
    prompt = node.plugin.thing(QUESTION, ChainView(0), 0, node.options)
    assert isinstance(prompt, Prompt)
    assert [(m.role, m.content) for m in prompt.messages] == [
        ("system", system),
        ("user", QUESTION.text),
    ]
    assert node.plugin.thing(QUESTION, ChainView(0), 1, node.options) is None


async def test_vote_stops_once_the_vote_is_decided() -> None:
    verdict = await solved("vote", r"\boxed{42}")
    assert verdict.answer == "42"
    assert verdict.stop_reason == "consensus"
    assert sum(not c.aborted for c in verdict.chains) < 16


async def test_vote_prefers_what_a_chain_boxes_to_what_it_printed() -> None:
    def reply(prompt: Prompt) -> str:
        return r"So \boxed{43}." if "42" in prompt.messages[-1].content else PRINTS

    verdict = await solved("vote", reply)
    assert verdict.answer == "43"
    assert verdict.contributions[0].sources.keys() == {"boxed"}


async def test_vote_counts_what_was_printed_when_nothing_is_boxed() -> None:
    def reply(prompt: Prompt) -> str:
        return "hm" if "42" in prompt.messages[-1].content else PRINTS

    verdict = await solved("vote", reply)
    assert verdict.answer == "42"
    assert verdict.contributions[0].sources.keys() == {"printed"}


@pytest.mark.parametrize("recipe", ["vote", "tool-loop"])
async def test_nothing_readable_abstains(recipe: str) -> None:
    verdict = await solved(recipe, "I do not know.")
    assert verdict.answer is None
    assert verdict.stop_reason == "abstained"


async def test_tool_loop_shows_each_output_until_the_model_boxes() -> None:
    def reply(prompt: Prompt) -> str:
        return r"\boxed{42}" if len(prompt.messages) == 10 else PRINTS

    verdict = await solved("tool-loop", reply, chains=1)
    assert verdict.answer == "42"
    assert verdict.chains[0].rounds == 5


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('use = "stop:fhpc"', 'use = "stop:fhpc"\ndelta = 1.5', "delta"),
        ('use = "stop:fhpc"', 'use = "stop:fhpc"\na = "half"', "a"),
        ('use = "dispatch:need-driven"', 'use = "dispatch:need-driven"\nslack = 0.5', "slack"),
        ('prefer = ["boxed"]', 'prefer = "boxed"', "prefer"),
        ('prefer = ["boxed"]', 'prefers = ["boxed"]', "prefer"),
    ],
)
def test_an_option_of_a_builtin_that_does_not_fit_is_named(old: str, new: str, said: str) -> None:
    source = REGISTRY.recipe("vote").source
    assert old in source
    with pytest.raises(RecipeError, match=said):
        load_recipe(source.replace(old, new), REGISTRY)


def test_options_of_builtins_can_be_set() -> None:
    source = REGISTRY.recipe("vote").source.replace(
        'use = "stop:fhpc"', 'use = "stop:fhpc"\ndelta = 0\na = 1'
    )
    recipe = load_recipe(source, REGISTRY)
    assert (recipe.stop.options.delta, recipe.stop.options.a) == (0, 1)
    assert recipe.nodes["elect"].options.prefer == ("boxed",)
