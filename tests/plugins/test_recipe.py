"""Load recipes: every fault is a RecipeError that names the node and the fix."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from contract import plugin, registry, toml

from votebox.plugins import (
    RecipeError,
    Registry,
    declare,
    draw_mermaid,
    draw_svg,
    draw_tree,
    load_recipe,
)

REGISTRY = registry()


def test_a_whole_recipe_loads_in_topological_order() -> None:
    recipe = load_recipe(toml(), REGISTRY)
    assert list(recipe.nodes) == ["ask", "think", "read", "elect"]
    assert recipe.per_chain == ("ask", "think", "read")
    assert recipe.after_vote == ("elect",)
    assert recipe.answered_by == ("read",)
    assert recipe.roles == ("reasoner",)
    assert not recipe.needs_sandbox


def test_text_path_and_mapping_give_the_same_recipe(tmp_path: Path) -> None:
    import tomllib

    file = tmp_path / "small.toml"
    file.write_text(toml())
    hashes = {
        load_recipe(source, REGISTRY).hash
        for source in (toml(), file, str(file), tomllib.loads(toml()))
    }
    assert len(hashes) == 1


def test_the_hash_changes_with_what_decides_a_solve_and_not_with_comments() -> None:
    plain = load_recipe(toml(), REGISTRY).hash
    assert load_recipe("# remark\n" + toml(), REGISTRY).hash == plain
    hotter = toml(
        think='[nodes.think]\nuse="model:reasoner"\nafter="ask"\nsampling.temperature=0.5'
    )
    assert load_recipe(hotter, REGISTRY).hash != plain


FAULTS = {
    "not TOML": (toml(head="name = "), "not valid TOML.*mend the line"),
    "missing name": (toml(head=""), "name: Field required"),
    "bad name": (toml(head='name = "Bad Name"'), "name"),
    "unknown field": (
        toml(head='name = "small"\nchain = 3'),
        "no field 'chain'; did you mean chains",
    ),
    "zero chains": (toml(head='name = "small"\nchains = 0'), r"chains.*given: 0"),
    "chains as text": (toml(head='name = "small"\nchains = "4"'), r"chains.*given: '4'"),
    "unknown plugin": (
        toml(ask='[nodes.ask]\nuse = "prompt:asc"'),
        "node 'ask'.*no plugin prompt:asc; did you mean prompt:ask",
    ),
    "unknown kind": (toml(ask='[nodes.ask]\nuse = "prompter:ask"'), "node 'ask'.*prompter:ask"),
    "no use": (toml(ask='[nodes.ask]\nuses = "prompt:ask"'), "node 'ask'.*names no plugin"),
    "no colon": (toml(ask='[nodes.ask]\nuse = "ask"'), "node 'ask'.*names no plugin.*kind:name"),
    "unknown parent": (
        toml(read='[nodes.read]\nuse = "extract:last-word"\nafter = ["thinks"]'),
        "node 'read'.*follows 'thinks', which is not a node; did you mean think",
    ),
    "after is a number": (
        toml(read='[nodes.read]\nuse = "extract:last-word"\nafter = 3'),
        "node 'read'.*after = 3 is not a list",
    ),
    "parent twice": (
        toml(read='[nodes.read]\nuse = "extract:last-word"\nafter = ["think", "think"]'),
        "node 'read'.*twice",
    ),
    "cycle": (
        toml(ask='[nodes.ask]\nuse = "prompt:ask"\nafter = ["read"]'),
        "form a cycle: .* -> .*remove one name",
    ),
    "kind that does not fit": (
        toml(read='[nodes.read]\nuse = "extract:last-word"\nafter = ["ask"]'),
        "node 'read'.*cannot follow 'ask', which gives prompt; it takes completion or executions",
    ),
    "no parent": (
        toml(read='[nodes.read]\nuse = "extract:last-word"'),
        "node 'read'.*follows 0 nodes and needs at least 1",
    ),
    "two sinks": (
        toml(tail='[nodes.lonely]\nuse = "extract:last-word"\nafter = ["think"]'),
        "node 'lonely'.*more than one node ends the recipe: elect, lonely",
    ),
    "no vote": (
        toml(elect=""),
        "node 'read'.*ends the recipe and gives candidates; end with a vote",
    ),
    "unknown option": (
        toml(stop='[stop]\nuse = "stop:fhpc"\ndelat = 0.1'),
        "stop: has no option 'delat'; did you mean delta",
    ),
    "ill-typed option": (
        toml(stop='[stop]\nuse = "stop:fhpc"\ndelta = "small"'),
        "stop: delta.*given: 'small'",
    ),
    "option of a plugin without": (
        toml(ask='[nodes.ask]\nuse = "prompt:ask"\nloud = true'),
        "node 'ask'.*no option 'loud'; it takes none",
    ),
    "unknown sampling": (
        toml(think='[nodes.think]\nuse = "model:reasoner"\nafter = ["ask"]\nsampling.temp = 1'),
        "node 'think', sampling.*no field 'temp'; did you mean temperature",
    ),
    "sampling out of range": (
        toml(think='[nodes.think]\nuse = "model:reasoner"\nafter = ["ask"]\nsampling.min_p = 2'),
        "node 'think', sampling.*min_p",
    ),
    "wrong table": (toml(stop='[stop]\nuse = "vote:majority"'), "stop.*is a vote; name a stop:"),
    "rule as a node": (
        toml(tail='[nodes.rule]\nuse = "stop:never"'),
        r"node 'rule'.*stop:never is no node; move it to a \[stop\] table",
    ),
    "unknown policy": (toml(head='name = "small"\npolicy = "rationel"'), "policy.*did you mean"),
    "negative deadline": (toml(tail="[budget]\ndeadline_s = -1.0"), r"deadline_s.*given: -1.0"),
    "bad limit": (
        toml(
            tail='[nodes.code]\nuse="code:tagged"\nafter="think"\n'
            '[nodes.run]\nuse="sandbox:python"\nafter="code"\nlimits.wall_s = -1.0'
        ),
        "node 'run', limits",
    ),
    "unknown limit": (
        toml(
            tail='[nodes.code]\nuse="code:tagged"\nafter="think"\n'
            '[nodes.run]\nuse="sandbox:python"\nafter="code"\nlimits.wall = 3'
        ),
        "node 'run', limits.*no option 'wall'; did you mean wall_s",
    ),
    "unknown runtime": (
        toml(
            tail='[nodes.code]\nuse="code:tagged"\nafter="think"\n'
            '[nodes.run]\nuse="sandbox:ruby"\nafter="code"'
        ),
        "node 'run'.*no sandbox:ruby; use sandbox:python",
    ),
    "node name with markup": (
        toml(tail='[nodes."<b>"]\nuse = "prompt:ask"'),
        r"nodes.<b>: String should match",
    ),
    "role with an escape": (
        toml(think='[nodes.think]\nuse = "model:a\\u001b[31m"\nafter = ["ask"]'),
        r"node 'think'.*role 'a\\x1b\[31m' is not a name",
    ),
    "date as text": (
        toml(stop='[stop]\nuse = "stop:fhpc"\ndelta = 2020-01-01'),
        "stop: has options that do not fit",
    ),
    "date in sampling": (
        toml(
            think='[nodes.think]\nuse = "model:reasoner"\nafter = ["ask"]\n'
            "sampling.stop = [2020-01-01]"
        ),
        "node 'think', sampling.*does not fit",
    ),
    "nested too deep": ("name = " + "[" * 5000, "not valid TOML"),
    "a number of 5,000 digits": (f"chains = {'9' * 5000}", "not valid TOML"),
    "answered_by names no extract node": (
        toml(head='name = "small"\nanswered_by = ["think"]'),
        "answered_by: 'think' is not an extract node; extract nodes: read",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_names_where_it_is_and_the_fix(fault: str) -> None:
    text, match = FAULTS[fault]
    with pytest.raises(RecipeError, match=match) as caught:
        load_recipe(text, REGISTRY)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["/nowhere/at/all.toml", "a/folder.toml"])
def test_a_file_that_cannot_be_read_is_named(path: str) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(path, REGISTRY)


def step_registry(**marks: Any) -> Registry:
    async def step(inputs: Any, ports: Any, options: Any) -> Any:
        return ()

    marked = declare(**marks)(step) if marks else step
    return registry(plugin(register_steps=lambda register: register("step:mine", marked)))


STEP = '[nodes.mine]\nuse = "step:mine"\nafter = ["think"]'
ELECT = '[nodes.elect]\nuse = "vote:majority"\nafter = ["read", "mine"]'


def test_a_step_fits_by_what_it_declares() -> None:
    ready = step_registry(takes=["completion"], gives="candidates")
    recipe = load_recipe(toml(tail=STEP, elect=ELECT), ready)
    assert "mine" in recipe.per_chain


@pytest.mark.parametrize(
    ("marks", "match"),
    [
        ({}, "does not say what it takes and gives; mark it with @declare"),
        ({"takes": ["completion"], "gives": "wishes"}, "unknown kind 'wishes'"),
        ({"takes": ["tally"], "gives": "candidates"}, "cannot follow 'think'"),
    ],
)
def test_a_step_that_does_not_fit_raises(marks: Any, match: str) -> None:
    with pytest.raises(RecipeError, match=f"node 'mine'.*{match}"):
        load_recipe(toml(tail=STEP, elect=ELECT), step_registry(**marks))


def test_a_model_behind_the_vote_is_refused() -> None:
    behind = '[nodes.elect]\nuse="vote:majority"\nafter="read"\n'
    behind += '[nodes.again]\nuse="prompt:ask"\nafter="elect"'
    with pytest.raises(RecipeError, match="again"):
        load_recipe(toml(elect=behind), REGISTRY)


def test_options_arrive_as_the_declared_type() -> None:
    @dataclass(frozen=True)
    class Loud:
        volume: int = 3

    def shout(problem: Any, chain: Any, round: int, options: Any) -> Any:
        return None

    loud = registry(
        plugin(register_prompts=lambda register: register("shout", shout, options=Loud))
    )
    made = load_recipe(toml(ask='[nodes.ask]\nuse = "prompt:shout"\nvolume = 11'), loud)
    assert made.nodes["ask"].options == Loud(11)


def test_drawings_name_every_node() -> None:
    recipe = load_recipe(toml(), REGISTRY)
    for drawing in (draw_tree(recipe), draw_mermaid(recipe), draw_svg(recipe)):
        assert all(name in drawing for name in recipe.nodes)


def test_the_tree_shows_parents_below_the_vote() -> None:
    assert draw_tree(load_recipe(toml(), REGISTRY)).splitlines()[:5] == [
        "small: 4 chains, up to 1 round",
        "elect  vote:majority",
        "└─ read  extract:last-word",
        "   └─ think  model:reasoner  (temperature 1, min_p 0)",
        "      └─ ask  prompt:ask",
    ]
