"""Choose which plugins load: blocks add up, allow-lists meet, and names are compared as PyPA does."""

import pytest
from contract import TEST_PLUGIN

from votebox.plugins import PluginBlocked, PluginError, Registry
from votebox.plugins.choice import ALLOW, BLOCK, Choice


def test_blocks_of_caller_and_environment_add_up_and_tell_whose_they_are() -> None:
    choice = Choice.of(["mine"], None, {BLOCK: " Other_One ,vote:majority,"})
    assert choice.refusal("mine") == "blocked by the settings of this process"
    assert choice.refusal("x", "other-one") == f"blocked by -p no:NAME or {BLOCK}"
    assert choice.thing("vote:majority").startswith("blocked by")
    assert choice.refusal("third") == ""


def test_a_plugin_must_stand_in_every_allow_list_and_built_ins_in_none() -> None:
    choice = Choice.of((), ["a", "b"], {ALLOW: "b,c"})
    refused = {name: choice.refusal(name) for name in "abc"}
    assert refused["b"] == ""
    assert refused["a"] == f"not in the allow-list {ALLOW}"
    assert refused["c"] == "not in the allow-list of this process"
    assert Choice.of((), [], {}).refusal("builtin.votes", built_in=True) == ""


def test_an_entry_point_named_like_another_distribution_is_not_allowed_by_that_name() -> None:
    choice = Choice.of((), ["pluggy", "lines"], {})
    assert "where pluggy means the distribution" in choice.refusal("pluggy", "stranger")
    assert choice.refusal("pluggy", "pluggy") == ""
    assert choice.refusal("lines", "stranger") == ""


@pytest.mark.parametrize("name", ["", "../x", "a b", "-a", "a\n", "vote:", ":x", "a" * 9 + "\x00"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(PluginError, match="not the name of a plugin"):
        Choice.of([name], None, {})


def test_one_thing_is_blocked_and_asking_for_it_says_so() -> None:
    registry = Registry.load(extra=(TEST_PLUGIN,), blocked=["prompt:ask"], allowed=())
    with pytest.raises(PluginBlocked, match="is blocked by the settings of this process"):
        registry.get("prompt:ask")
    assert [b.name for b in registry.blocked if ":" in b.name] == ["prompt:ask"]


def test_recipes_that_need_what_is_blocked_are_lost_one_by_one() -> None:
    registry = Registry.load(blocked=["builtin.seed"], allowed=())
    assert "aimo-qwq" not in registry.recipes
    assert "vote" in registry.recipes
    with pytest.raises(ValueError, match=r"left out: builtin.seed \(blocked by the settings"):
        registry.recipe("aimo-qwq")


def test_a_survey_goes_on_where_a_load_raises() -> None:
    class Broken:
        def register_votes(self, register: object) -> None:
            raise AssertionError

    with pytest.raises(PluginError):
        Registry.load(extra=(Broken(), TEST_PLUGIN), allowed=())
    registry = Registry.survey(extra=(Broken(), TEST_PLUGIN), allowed=())
    (trouble,) = registry.troubles
    assert (trouble.plugin.name, trouble.fix) == ("extra-0", "decorate it")
    assert "prompt:ask" in registry.plugins
