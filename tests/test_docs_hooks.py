"""Hold docs/hooks.md to the code: each hook and each kind of thing under its exact signature."""

import inspect
import re
from pathlib import Path

import pytest

from votebox.plugins import Plugin, Registry, hookspecs

PAGE = (Path(__file__).parents[1] / "docs/hooks.md").read_text()
KIND = re.compile(r"^### (\w+): \(([^)]*+)\) -> (.*+)$", re.MULTILINE)
KINDS = {kind: (names.split(", "), gives) for kind, names, gives in KIND.findall(PAGE)}
BUILTINS = list(Registry.load(allowed=()).plugins.values())


def hooks() -> list[str]:
    return [
        f"{name}({', '.join(inspect.signature(hook).parameters)})"
        for name, hook in vars(hookspecs).items()
        if hasattr(hook, "votebox_spec")
    ]


def test_each_hook_has_its_signature_as_a_heading_in_the_order_of_the_code() -> None:
    assert re.findall(r"^## (\w+\(.*\))$", PAGE, re.MULTILINE) == hooks()


def test_each_kind_of_thing_stands_below_its_hook() -> None:
    below = {
        section.split("(")[0]: tuple(KIND.findall("### " + part)[0][0] for part in parts)
        for section, *parts in (s.split("\n### ") for s in PAGE.split("\n## ")[1:])
        if parts
    }
    for hook, kinds in below.items():
        for kind in {k for found in below.values() for k in found}:
            assert accepts(hook, kind) == (kind in kinds), (hook, kind)


def accepts(hook: str, kind: str) -> bool:
    """Say whether a plugin may register this kind of thing in this hook."""

    def register_it(register: hookspecs.Register) -> None:
        register(f"{kind}:some-thing", lambda *given: None)

    plugin = type("plugin", (), {hook: staticmethod(hookspecs.hookimpl(register_it))})()
    try:
        Registry.load(extra=[plugin], allowed=())
    except Exception:
        return False
    return True


@pytest.mark.parametrize("plugin", BUILTINS, ids=[p.use for p in BUILTINS])
def test_a_built_in_thing_has_the_signature_of_its_kind(plugin: Plugin) -> None:
    names, gives = KINDS[plugin.kind]
    if gives == "object" and not isinstance(plugin.thing, type):
        return  # taken as it is; its methods are what the kit checks
    signature = inspect.signature(plugin.thing)
    assert list(signature.parameters) == names
    if gives not in {"object", "value"}:
        given = str(signature.return_annotation)
        short = re.sub(r"\b(?:\w+\.)+|<class '|'>", "", given)
        assert set(short.split(" | ")) <= set(gives.split(" | "))


def test_no_kind_is_left_out() -> None:
    assert {p.kind for p in BUILTINS} <= set(KINDS)
