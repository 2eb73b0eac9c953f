"""Load plugins: what is registered is found, what is doubtful raises and is named."""

import inspect
import pickle
from types import ModuleType
from typing import Any

import pytest
from contract import TEST_PLUGIN, ask, plugin, registry

from votebox.plugins import PluginError, RecipeError, Registry, errors, hookspecs


def test_a_registered_plugin_is_found_with_its_origin_and_doc() -> None:
    found = registry().get("prompt:ask")
    assert found.thing is ask
    assert found.doc == "Ask the question once."
    assert found.origin == "plugin" or found.origin.startswith("extra")


def test_an_unknown_name_raises_with_near_matches() -> None:
    with pytest.raises(PluginError, match="did you mean vote:majority"):
        registry().get("vote:majorty")


def test_a_name_registered_twice_raises_and_names_both_plugins() -> None:
    again = plugin(register_prompts=lambda register: register("ask", ask))
    again.__name__ = "copycat"
    with pytest.raises(PluginError, match=r"copycat: registers prompt:ask, which .* already"):
        registry(again)


def test_a_plugin_that_raises_is_named_with_its_error() -> None:
    def broken(register: Any) -> None:
        raise ZeroDivisionError("oops")

    bad = plugin(register_votes=broken)
    bad.__name__ = "bad-plugin"
    with pytest.raises(
        PluginError, match="bad-plugin: register_votes raised ZeroDivisionError: oops"
    ):
        registry(bad)


def test_an_unknown_hook_raises_and_lists_the_hooks() -> None:
    wrong = plugin(register_extractorz=lambda register: None)
    with pytest.raises(PluginError, match="unknown hook.*hooks: .*register_extractors"):
        registry(wrong)


def test_an_unknown_hook_argument_raises() -> None:
    wrong = plugin(register_prompts=lambda registrar: None)
    with pytest.raises(PluginError, match="cannot be registered"):
        registry(wrong)


def test_a_hook_without_its_marker_raises() -> None:
    module = ModuleType("forgot")
    module.register_prompts = lambda register: None  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match="forgot: defines register_prompts without @hookimpl"):
        registry(module)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("vote:mine", "kind this hook does not take.*prompt:"),
        ("Not_A_Name", "not a plugin name"),
        ("", "not a plugin name"),
        ("a--b", "not a plugin name"),
        ("../../etc", "not a plugin name"),
    ],
)
def test_an_ill_formed_name_raises(name: str, match: str) -> None:
    with pytest.raises(PluginError, match=match):
        registry(plugin(register_prompts=lambda register: register(name, ask)))


def test_a_bare_name_needs_its_kind_where_a_hook_takes_several() -> None:
    with pytest.raises(PluginError, match="start the name with stop: or dispatch: or guard:"):
        registry(plugin(register_stops=lambda register: register("soon", ask)))


def test_a_recipe_that_does_not_check_fails_the_load() -> None:
    bad = plugin(register_recipes=lambda register: register('name = "x"\nchains = 0\nnodes = {}\n'))
    with pytest.raises(RecipeError, match="chains"):
        registry(bad)


class FakePoint:
    def __init__(self, name: str, load: Any) -> None:
        self.name, self.load, self.value, self.dist = name, load, f"{name}:plugin", None


def points(monkeypatch: pytest.MonkeyPatch, *found: FakePoint) -> None:
    monkeypatch.setattr("votebox.plugins.registry.entry_points", lambda group: found)


def test_an_entry_point_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> Any:
        raise ImportError("no module named gone")

    points(monkeypatch, FakePoint("gone", load))
    with pytest.raises(PluginError, match=r"gone: cannot be imported from gone:plugin.*block it"):
        Registry.load()


def test_entry_points_are_loaded_blocked_and_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    points(monkeypatch, FakePoint("mine", lambda: TEST_PLUGIN))
    assert "prompt:ask" in Registry.load().plugins
    assert "prompt:ask" not in Registry.load(blocked=["mine"]).plugins
    assert "prompt:ask" not in Registry.load(allowed=[]).plugins
    assert "prompt:ask" in Registry.load(allowed=["mine"]).plugins


def test_a_failing_observer_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    seen = []

    def bad(problem: Any, verdict: Any) -> None:
        raise ValueError("observer bug")

    loaded = registry(
        plugin(verdict_reached=bad),
        plugin(verdict_reached=lambda verdict: seen.append(verdict)),
    )
    loaded.observe("verdict_reached", problem=None, verdict="v")
    assert seen == ["v"]
    assert "observer bug" in caplog.text


def test_every_hook_is_documented() -> None:
    hooks = [v for v in vars(hookspecs).values() if hasattr(v, "votebox_spec")]
    assert len(hooks) == 9
    assert all(len(inspect.getdoc(hook) or "") > 60 for hook in hooks)


@pytest.mark.parametrize("name", sorted(errors.__all__))
def test_errors_survive_pickling(name: str) -> None:
    kind = getattr(errors, name)
    fields = ("a", "b", "c", "d")
    count = (
        len(inspect.signature(kind).parameters) if kind.__init__ is not Exception.__init__ else 1
    )
    made = kind(*fields[: min(count, 4)])
    again = pickle.loads(pickle.dumps(made))  # noqa: S301 - our own bytes
    assert type(again) is kind
    assert str(again) == str(made)
    assert vars(again) == vars(made)
