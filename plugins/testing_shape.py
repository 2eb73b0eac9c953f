"""Check what a thing is before it is called: its signature, options, docs and declarations."""

import inspect
import json
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from typing import Any, Final

from pydantic import BaseModel

from votebox.plugins.errors import RecipeError
from votebox.plugins.graph import VALUE_KINDS
from votebox.plugins.loader import bind
from votebox.plugins.plugin import Plugin
from votebox.plugins.plugindoc import documented
from votebox.plugins.registry import Registry
from votebox.plugins.testing_rules import Fault

__all__ = ["SIGNATURES", "shape"]

SIGNATURES: Final = {
    "prompt": ("problem", "chain", "round", "options"),
    "code": ("text", "finish_reason", "options"),
    "extract": ("text", "finish_reason", "options"),
    "strip": ("completion", "options"),
    "vote": ("candidates", "policy", "options"),
    "stop": ("state", "options"),
    "dispatch": ("state", "advice", "in_flight", "options"),
    "guard": ("progress", "options"),
    "step": ("inputs", "ports", "options"),
    "select": ("inputs", "ports", "options"),
}
"""What each kind is called with, by position."""

_METHODS: Final = {"edit": ("parse",), "policy": ("admit", "order")}
_WAITS: Final = frozenset({"step", "select"})


def shape(plugin: Plugin, registry: Registry) -> Iterator[Fault]:
    """Yield what is wrong with a thing as it stands."""
    if plugin.kind in SIGNATURES:
        yield from _signature(plugin)
    yield from _methods(plugin)
    if not plugin.doc:
        yield "docs", "has no docstring", "say in its first line what it does"
    yield from _options(plugin, registry)
    if plugin.kind in _WAITS:
        yield from _declared(plugin)


def _signature(plugin: Plugin) -> Iterator[Fault]:
    wanted = SIGNATURES[plugin.kind]
    fix = f"take ({', '.join(wanted)})"
    if not callable(plugin.thing):
        yield "signature", "cannot be called", fix
        return
    waits = inspect.iscoroutinefunction(_function(plugin.thing))
    if waits != (plugin.kind in _WAITS):
        how = "is async" if waits else "is not async"
        yield "signature", how, "write `async def`" if plugin.kind in _WAITS else "write `def`"
    try:
        taken = inspect.signature(plugin.thing)
        taken.bind(*wanted)
    except (TypeError, ValueError) as e:
        yield "signature", f"cannot be called with {len(wanted)} arguments: {e}", fix
        return
    names = list(taken.parameters)[: len(wanted)]
    moved = [name for at, name in enumerate(names) if name in wanted and wanted[at] != name]
    if moved:
        problem = f"takes {', '.join(names)}, but is called by position"
        yield "signature", problem, fix


def _function(thing: Any) -> Callable[..., Any]:
    found: Callable[..., Any] = thing if inspect.isroutine(thing) else thing.__call__
    return found


def _methods(plugin: Plugin) -> Iterator[Fault]:
    for name in _METHODS.get(plugin.kind, ()):
        if not callable(getattr(plugin.thing, name, None)):
            yield "signature", f"has no method {name}", f"define {name}(value)"


def _options(plugin: Plugin, registry: Registry) -> Iterator[Fault]:
    kind = plugin.options
    if kind is None:
        return
    if not isinstance(kind, type) or not (is_dataclass(kind) or issubclass(kind, BaseModel)):
        problem = f"has options that are a {type(kind).__name__}: {kind!r:.60}"
        yield "options", problem, "register a dataclass or a pydantic model"
        return
    if not _frozen(kind):
        fix = "write @dataclass(frozen=True) or ConfigDict(frozen=True)"
        yield "options", f"{kind.__name__} can be changed", fix
    try:
        bind(plugin, {}, registry)
    except RecipeError as e:
        yield "options", f"cannot be used without options: {e.problem}", "give each a default"
        return
    yield from _example(plugin, registry)


def _frozen(kind: type) -> bool:
    if is_dataclass(kind):
        return bool(kind.__dataclass_params__.frozen)  # type: ignore[attr-defined]
    return bool(getattr(kind, "model_config", {}).get("frozen"))


def _example(plugin: Plugin, registry: Registry) -> Iterator[Fault]:
    """Check that the defaults, written as TOML, are taken; a recipe may spell them out."""
    try:
        page = documented(plugin, registry)
        for name, option in page["schema"]["properties"].items():
            if "default" not in option:
                raise ValueError(f"{name} has a default that is no TOML value")  # noqa: TRY301
        json.dumps(page["schema"])
        table = tomllib.loads(page["example"])
        while "use" not in table:
            inner = next(iter(table.values()))
            table = inner[0] if isinstance(inner, list) else inner
        bind(plugin, {k: v for k, v in table.items() if k not in ("use", "after")}, registry)
    except Exception as e:  # an author's types may fail in any way
        problem = f"its defaults cannot be written in a recipe: {type(e).__name__}: {e}"
        yield "options", problem, "use numbers, texts, lists and tables, with defaults that fit"


def _declared(plugin: Plugin) -> Iterator[Fault]:
    unknown = [kind for kind in (*plugin.takes, plugin.gives) if kind not in VALUE_KINDS]
    if unknown or not plugin.takes:
        problem = f"takes {plugin.takes!r} and gives {plugin.gives!r}"
        fix = f"decorate it with @declare(takes=(...), gives=...) of {', '.join(VALUE_KINDS)}"
        yield "declared", problem, fix
