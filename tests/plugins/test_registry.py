"""Load plugins: what is registered is found, what is doubtful raises and is named."""

import inspect
import pickle
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from contract import TEST_PLUGIN, ask, plugin, registry
from installed import install

from votebox.plugins import PluginError, RecipeError, Registry, errors, hookspecs
from votebox.plugins.calls import call


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
    with pytest.raises(
        PluginError, match="unknown hook.*hooks: register_prompts, register_extractors"
    ):
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


async def waits(register: Any) -> None: ...


async def watches(verdict: Any) -> None: ...


def yields(register: Any) -> Any:
    yield


@pytest.mark.parametrize(
    ("hook", "function", "how"),
    [
        ("register_votes", waits, "async"),
        ("verdict_reached", watches, "async"),
        ("register_votes", yields, "a generator"),
    ],
)
def test_a_hook_that_would_never_run_raises(hook: str, function: Any, how: str) -> None:
    silent = plugin(**{hook: function})
    silent.__name__ = "silent"
    with pytest.raises(PluginError, match=f"silent: defines {hook} as {how}"):
        registry(silent)
    (trouble,) = Registry.survey(extra=(silent,), allowed=()).troubles
    assert trouble.plugin.name == "silent"


def test_a_module_without_hooks_raises_for_it_is_the_wrong_one() -> None:
    with pytest.raises(PluginError, match="empty: implements no hook.*carry @hookimpl"):
        registry(ModuleType("empty"))


def test_a_recipe_that_is_neither_text_nor_path_is_named() -> None:
    bad = plugin(register_recipes=lambda register: register(42))
    with pytest.raises(PluginError, match="registers the recipe 42; register TOML text"):
        registry(bad)


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
        self.name, self.load, self.value = name, load, f"{name}:plugin"
        self.dist: Any = None


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


def test_two_entry_points_of_one_module_are_told_apart_from_two_distributions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points(monkeypatch, FakePoint("a", lambda: TEST_PLUGIN), FakePoint("b", lambda: TEST_PLUGIN))
    with pytest.raises(PluginError, match="b: is the same module or object as the plugin a; keep"):
        Registry.load()


def test_an_entry_point_cannot_pass_for_a_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    points(monkeypatch, FakePoint("builtin.mine", pytest.fail))
    with pytest.raises(PluginError, match=r"builtin\.mine: has a name that begins with builtin"):
        Registry.load()


def test_what_a_removed_installation_left_can_be_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    left = FakePoint("left", pytest.fail)
    left.dist = SimpleNamespace(name=None, version=None)
    points(monkeypatch, left)
    (blocked,) = Registry.load(blocked=["left"]).blocked
    assert (blocked.source.distribution, blocked.source.version) == ("", "")


def test_a_plugin_that_only_observes_is_known_with_its_hooks() -> None:
    quiet = plugin(verdict_reached=lambda verdict: None)
    quiet.__name__ = "quiet"
    loaded = registry(quiet)
    assert "quiet" in loaded.sources
    assert loaded.observed_by("quiet") == ("verdict_reached",)


def test_a_docstring_that_is_no_text_is_none() -> None:
    class Odd:
        __doc__ = 7  # type: ignore[assignment]

    odd = plugin(register_prompts=lambda register: register("odd", Odd()))
    assert registry(odd).get("prompt:odd").doc == ""


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


class Panic(BaseException):
    """As a library in Rust panics, and as pytest skips: no Exception."""


class Speechless(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Panic("broken glass"), "raised Panic: broken glass"),
        (Speechless(), "raised Speechless, whose text cannot be made"),
    ],
)
def test_whatever_a_plugin_raises_names_it_in_a_hook_and_in_a_call(
    error: BaseException, told: str
) -> None:
    def fail(*given: Any) -> Any:
        raise error

    bad = plugin(register_votes=lambda register: fail())
    bad.__name__ = "bad-plugin"
    with pytest.raises(PluginError, match=f"bad-plugin: register_votes {told}"):
        registry(bad)
    made = plugin(register_extractors=lambda register: register("extract:fails", fail))
    with pytest.raises(PluginError, match=f"plugin extract:fails: {told}"):
        call(registry(made).get("extract:fails"), None, "text", "stop")


def test_an_import_that_raises_no_exception_is_a_trouble_of_its_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip = "import pytest\npytest.skip('no GPU here', allow_module_level=True)\n"
    monkeypatch.syspath_prepend(str(install(tmp_path, "skips-itself", "skips", skip)))
    (trouble,) = Registry.survey().troubles
    assert trouble.plugin.name == "skips"
    assert "Skipped: no GPU here" in trouble.problem


def test_an_observer_that_panics_does_not_stop_a_solve(caplog: pytest.LogCaptureFixture) -> None:
    def panic(verdict: Any) -> None:
        raise Panic("observer bug")

    registry(plugin(verdict_reached=panic)).observe("verdict_reached", problem=None, verdict="v")
    assert "observer bug" in caplog.text


def test_what_a_plugin_prints_while_it_loads_is_not_in_the_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    registry(plugin(register_votes=lambda register: print("loaded!")))
    assert capsys.readouterr() == ("", "loaded!\n")
