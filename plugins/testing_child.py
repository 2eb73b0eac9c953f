"""Call a plugin in a process of its own, and tell what came of each call.

    python -m votebox.plugins.testing_child '{"target": "extract:boxed", ...}'

The parent (testing_run.py) reads JSON lines and ends this process when a call takes too
long; it then starts another, which goes on behind that call.
"""

import hashlib
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, Final

from votebox.plugins.choice import normal
from votebox.plugins.errors import VoteboxError
from votebox.plugins.hooktrace import abbreviated
from votebox.plugins.plugin import Plugin
from votebox.plugins.recipe import Recipe
from votebox.plugins.registry import Registry, nearest
from votebox.plugins.sources import told
from votebox.plugins.testing_cases import Case, cases
from votebox.plugins.testing_recipe import recipe_faults
from votebox.plugins.testing_rules import Fault, faults, relations
from votebox.plugins.testing_shape import shape
from votebox.plugins.testing_watch import World, stable, state

__all__ = ["main"]

_MOST_GIVEN: Final = 120


@dataclass(frozen=True, slots=True)
class _Call:
    """Hold one call to make: of a thing, or of a whole recipe."""

    owner: str
    label: str
    given: str
    run: Callable[[], tuple[str, list[Fault]]]


def main(arguments: list[str]) -> int:
    """Make the calls; `skip` are the numbers of those done, `hung` what to call no more."""
    job = json.loads(arguments[0])
    sys.path[:] = job["path"]
    with os.fdopen(job["events_fd"], "w") as events:

        def tell(**event: Any) -> None:
            events.write(json.dumps(event) + "\n")
            events.flush()

        _check(job, tell)
    return 0


def _check(job: dict[str, Any], tell: Callable[..., None]) -> None:
    world = World()
    world.install()  # before the plugin is imported, which may copy what is watched
    target, extra = job["target"], [_module(job)] if job["module"] else []
    registry = Registry.survey(extra=extra)
    things = [p for p in registry.plugins.values() if _is_meant(target, p)]
    recipes = [r for n, r in registry.recipes.items() if _owns(target, registry, n)]
    troubles = [
        t for t in registry.troubles if _names(target, t.plugin.name, t.plugin.distribution)
    ]
    for trouble in troubles:
        tell(finding=[trouble.plugin.name, "load", trouble.problem, "", trouble.fix])
    loaded = any(_names(target, name, s.distribution) for name, s in registry.sources.items())
    if not things and not recipes and not troubles and not loaded:
        known = {*registry.plugins, *registry.sources}
        tell(missing=nearest(target, known))
        return
    if not job["skip"]:
        for plugin in things:
            for rule, problem, fix in shape(plugin, registry):
                tell(finding=[plugin.use, rule, problem, "", fix])
    calls = list(_calls(things, recipes, registry, world, job["limit_s"]))
    done, hung = set(job["skip"]), set(job["hung"])
    numbers = [n for n, call in enumerate(calls) if n not in done and call.owner not in hung]
    for number in reversed(numbers) if job["reversed"] else numbers:
        call = calls[number]
        cpu_s = time.process_time()
        tell(begin=number, owner=call.owner, given=call.given, cpu_s=cpu_s)
        digest, found = call.run()
        tell(done=number, digest=digest, faults=found)
    tell(end=True)


def _module(job: dict[str, Any]) -> ModuleType:
    """Import the plugin that the caller gave as a module, from its own file."""
    spec = importlib.util.spec_from_file_location(job["target"], job["module"])
    if spec is None or spec.loader is None:
        raise ImportError(f"{job['module']} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[job["target"]] = module
    spec.loader.exec_module(module)
    return module


def _names(target: str, *names: str) -> bool:
    return normal(target) in {normal(name) for name in names if name}


def _is_meant(target: str, plugin: Plugin) -> bool:
    built_in = plugin.origin.startswith("builtin.") and target != "votebox"
    return _names(target, plugin.use, plugin.origin, "" if built_in else plugin.distribution)


def _owns(target: str, registry: Registry, recipe: str) -> bool:
    origin = registry.recipe_origins[recipe]
    source = registry.source(origin)
    built_in = origin.startswith("builtin.") and target != "votebox"
    return _names(target, origin, "" if built_in else source.distribution)


def _calls(
    things: list[Plugin],
    recipes: list[Recipe],
    registry: Registry,
    world: World,
    limit_s: float,
) -> Iterator[_Call]:
    for plugin in things:
        try:
            options = None if plugin.options is None else plugin.options()
            thing = plugin.made(options)
        except Exception:  # noqa: S112 - shape() has told of options without defaults
            continue
        own = plugin.kind in ("edit", "policy")
        subject = _Subject(plugin, thing, () if own else (options,), world, limit_s)
        for case in cases(plugin.kind):
            given = f"{case.label}: {', '.join(map(abbreviated, case.args))}"
            yield _Call(plugin.use, case.label, given[:_MOST_GIVEN], partial(subject.call, case))
    for recipe in recipes:
        run = partial(_recipe, recipe, registry)
        yield _Call(f"recipe:{recipe.name}", "recipe", "", run)


def _recipe(recipe: Recipe, registry: Registry) -> tuple[str, list[Fault]]:
    return recipe.hash, list(recipe_faults(recipe, registry))


@dataclass(frozen=True, slots=True)
class _Subject:
    """Call one thing with its default options, and judge each call."""

    plugin: Plugin
    thing: Any
    options: tuple[Any, ...]
    world: World
    limit_s: float

    def call(self, case: Case) -> tuple[str, list[Fault]]:
        """Return a digest of the result and the faults of one case, called twice."""
        target = getattr(self.thing, case.method) if case.method else self.thing
        module = sys.modules.get(getattr(self.plugin.thing, "__module__", ""))
        found: list[Fault] = []
        before, globals_before = stable(case.args + self.options), state(module)
        try:
            result, first_s = self._timed(target, case, found)
            again, second_s = self._timed(target, case, found)
            found += faults(self.plugin, self.thing, case, result)
            whole = partial(self._plain, target)
            found += relations(self.plugin, whole, case, result)
        except BaseException as e:  # whatever foreign code raises is a finding
            if case.may_refuse and isinstance(e, VoteboxError):
                return "", found
            found.append(("raises", f"raised {told(e)}"[:300], "answer every text"))
            return "", found
        given = stable(result)
        if given != stable(again):
            fix = "decide by the arguments alone"
            found.append(("deterministic", "gave two results for one call", fix))
        if stable(case.args + self.options) != before:
            found.append(("pure", "changes its arguments", "work on a copy"))
        changed = _changed(globals_before, state(module))
        if changed:
            fix = "keep nothing between calls; functools.lru_cache(maxsize=...) is bounded"
            found.append(("pure", f"writes the global {changed}", fix))
        if min(first_s, second_s) > self.limit_s:
            took = f"took {min(first_s, second_s):.1f} s of processor time"
            found.append(("time", took, f"stay below {self.limit_s:g} s"))
        digest = hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()
        return digest, list(dict.fromkeys(found))

    def _plain(self, target: Callable[..., Any], *args: Any) -> Any:
        return target(*args, *self.options)

    def _timed(
        self, target: Callable[..., Any], case: Case, found: list[Fault]
    ) -> tuple[Any, float]:
        start = time.process_time()
        try:
            with self.world.watching():
                result = target(*case.args, *self.options)
        finally:
            took_s = time.process_time() - start
            fix = "do it in a step, or when the plugin registers"
            found += [("pure", done, fix) for done in self.world.done]
        return result, took_s


def _changed(before: dict[str, Any], after: dict[str, Any]) -> str:
    return ", ".join(
        sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n))
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
