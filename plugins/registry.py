"""Collect the plugins of this process by name.

`Registry.load()` is the only place plugins come in: the built-ins, then entry points of
group `votebox`. It raises on anything doubtful (a broken import, a hook that does not
exist, a name taken twice, a recipe that does not check) and names the culprit;
`Registry.survey()` goes on and keeps what it found. What is blocked (choice.py) is left
out, and asking for it says so. Nothing here runs a recipe.
"""

import logging
import re
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import pluggy

from votebox.plugins import hookspecs
from votebox.plugins.choice import Choice, normal
from votebox.plugins.errors import PluginBlocked, PluginError, RecipeError
from votebox.plugins.hookfaults import HOOKS, hook_faults
from votebox.plugins.hooktrace import Tracer
from votebox.plugins.plugin import Plugin, declare
from votebox.plugins.sources import (
    BUILTINS,
    Blocked,
    Source,
    Trouble,
    nearest,
    opened,
    source_of,
    told,
)

if TYPE_CHECKING:
    from votebox.plugins.recipe import Recipe

__all__ = ["Blocked", "Plugin", "Registry", "Source", "Trouble", "declare", "nearest"]

_log = logging.getLogger(__name__)
_LOADING: Final = threading.RLock()
"""Held while a registry fills: threads that load at once must not swap stdout crosswise."""

_HOOK_KINDS: Final = {
    "register_prompts": ("prompt",),
    "register_extractors": ("code", "extract", "strip", "edit"),
    "register_votes": ("vote", "policy"),
    "register_stops": ("stop", "dispatch", "guard"),
    "register_steps": ("step", "select"),
}
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
type _Fault = PluginError | RecipeError


class Registry:
    """Look up plugins and recipes by name; built by `Registry.load()`."""

    def __init__(self, choice: Choice, tracer: Tracer | None, *, tolerant: bool) -> None:
        """Start empty; a tolerant registry keeps its troubles instead of raising them."""
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._choice, self._tracer, self._tolerant = choice, tracer, tolerant
        self._sources: dict[str, Source] = {}
        self._plugins: dict[str, Plugin] = {}
        self._recipes: dict[str, Recipe] = {}
        self._recipe_origins: dict[str, str] = {}
        self._lost_recipes: dict[str, RecipeError] = {}
        self._blocked: dict[str, Blocked] = {}
        self._troubles: list[Trouble] = []

    @classmethod
    def load(
        cls,
        *,
        extra: Iterable[object] = (),
        blocked: Iterable[str] = (),
        allowed: Iterable[str] | None = None,
    ) -> "Registry":
        """Build a registry from the built-ins, `extra` plugins and installed entry points.

        `blocked` names what to leave out (an entry point, a distribution or one
        `kind:name`), `allowed` (None: all) the only entry points or distributions to take;
        both add to what the environment says (choice.py). `extra` are modules or objects
        with hook implementations, as tests use.

        Raises:
            PluginError: a plugin cannot be imported, implements an unknown hook, or
                registers a name that is ill-formed or taken.
            RecipeError: a registered recipe does not check; one that needs a blocked
                plugin does so only when it is asked for.
        """
        registry = cls(Choice.of(blocked, allowed), Tracer.from_environment(), tolerant=False)
        registry._fill(extra)
        return registry

    @classmethod
    def survey(
        cls,
        *,
        extra: Iterable[object] = (),
        blocked: Iterable[str] = (),
        allowed: Iterable[str] | None = None,
    ) -> "Registry":
        """Build what `load` would, leaving out what is faulty; its `troubles` tell why."""
        registry = cls(Choice.of(blocked, allowed), Tracer.from_environment(), tolerant=True)
        registry._fill(extra)
        return registry

    @property
    def plugins(self) -> Mapping[str, Plugin]:
        """Return every plugin by `kind:name`."""
        return MappingProxyType(self._plugins)

    @property
    def recipes(self) -> "Mapping[str, Recipe]":
        """Return every registered recipe by name."""
        return MappingProxyType(self._recipes)

    @property
    def recipe_origins(self) -> Mapping[str, str]:
        """Return the plugin that registered each recipe, by the recipe's name."""
        return MappingProxyType(self._recipe_origins)

    @property
    def sources(self) -> Mapping[str, Source]:
        """Return where each plugin comes from, by its name; some only observe."""
        return MappingProxyType(self._sources)

    def source(self, origin: str) -> Source:
        """Return where the plugin `origin` comes from."""
        return self._sources[origin]

    def observed_by(self, origin: str) -> tuple[str, ...]:
        """Return the names of the hooks that the plugin `origin` observes solves by."""
        callers = {name: getattr(self._manager.hook, name) for name in HOOKS}
        return tuple(
            name
            for name, caller in callers.items()
            if not name.startswith("register_")
            and any(impl.plugin_name == origin for impl in caller.get_hookimpls())
        )

    @property
    def blocked(self) -> tuple[Blocked, ...]:
        """Return what is installed and left out, by name."""
        return tuple(self._blocked[name] for name in sorted(self._blocked))

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """Return what keeps `load` from succeeding; empty of a registry it returned."""
        return tuple(self._troubles)

    def observe(self, hook: str, **values: object) -> None:
        """Call every observer of `hook`; one that raises is logged and cannot stop a solve."""
        for impl in getattr(self._manager.hook, hook).get_hookimpls():
            function = self._traced(hook, impl)
            try:
                function(*[values[name] for name in impl.argnames])
            except KeyboardInterrupt:
                raise
            except BaseException:
                # An observer is foreign code and cannot change a result.
                _log.exception("observer %s of plugin %s failed", hook, impl.plugin_name)

    def get(self, use: str) -> Plugin:
        """Return the plugin `kind:name`; raise PluginError naming near matches.

        Raises:
            PluginBlocked: it is blocked, or unknown while plugins that may have it are.
        """
        if use in self._plugins:
            return self._plugins[use]
        if use in self._blocked:
            raise PluginBlocked(use, f"is {self._blocked[use].reason}", "allow it or name another")
        whole = [f"{b.name} ({b.reason})" for b in self.blocked if ":" not in b.name]
        hint = nearest(use, self._plugins)
        if whole:
            hint = f"{hint}; it may be in a plugin that is left out: {', '.join(whole)}"
            raise PluginBlocked(use, "is not registered", hint)
        raise PluginError(use, "is not registered", hint)

    def recipe(self, name: str) -> "Recipe":
        """Return the recipe called `name`; raise RecipeError naming the known ones."""
        if name in self._recipes:
            return self._recipes[name]
        if name in self._lost_recipes:
            raise self._lost_recipes[name]
        known = ", ".join(sorted(self._recipes))
        raise RecipeError(name, "", "there is no such recipe", f"known recipes: {known}")

    def _fill(self, extra: Iterable[object]) -> None:
        # What a plugin prints while it loads is no part of what a command writes, as JSON.
        with _LOADING, redirect_stdout(sys.stderr):
            self._fill_quietly(extra)
        self._warn_of_blocks_without_effect()

    def _fill_quietly(self, extra: Iterable[object]) -> None:
        for name in BUILTINS:
            self._offer(name)
        for number, plugin in enumerate(extra):
            self._add(plugin, Source(getattr(plugin, "__name__", f"extra-{number}")))
        for point in sorted(entry_points(group=hookspecs.PROJECT), key=lambda p: p.name):
            self._offer(point)
        self._check_pending()
        self._gather()
        self._load_recipes()

    def _offer(self, found: EntryPoint | str) -> None:
        """Add an entry point's or a built-in plugin, unless it is left out."""
        source, built_in = source_of(found), isinstance(found, str)
        distribution = "" if built_in else source.distribution
        reason = self._choice.refusal(source.name, distribution, built_in=built_in)
        if reason:
            self._blocked[source.name] = Blocked(source.name, source, reason)
            return
        if not built_in and source.name.startswith("builtin."):
            problem = "has a name that begins with builtin., as those of votebox do"
            fix = f"rename its entry point, or block it as -p no:{source.distribution or 'NAME'}"
            self._report(PluginError(source.name, problem, fix), source)
            return
        try:
            plugin = opened(found)
        except PluginError as e:
            self._report(e, source)
        else:
            self._add(plugin, source)

    def _add(self, plugin: object, source: Source) -> None:
        origin = source.name
        try:
            self._manager.register(plugin, origin)
        except pluggy.PluginValidationError as e:
            self._manager.unregister(name=origin)
            self._report(PluginError(origin, f"cannot be registered: {e}"), source, e)
            return
        except ValueError as e:
            twin = self._manager.get_name(plugin)
            other = self._sources[origin].distribution if origin in self._sources else ""
            problem = f"is registered already{f' by {other}' if other else ''}"
            fix = f"block one of the two distributions, as -p no:{source.distribution or 'NAME'}"
            if twin is not None and not other:
                problem = f"is the same module or object as the plugin {twin}"
                fix = "keep one of the two entry points"
            self._report(PluginError(origin, problem, fix), source, e)
            return
        self._sources[origin] = source
        callers = self._manager.get_hookcallers(plugin) or ()
        found = [(caller.name, impl) for caller in callers for impl in caller.get_hookimpls()]
        faults = list(hook_faults(plugin, [(h, i) for h, i in found if i.plugin is plugin]))
        for problem, fix in faults:
            self._report(PluginError(origin, problem, fix), source)
        if faults:
            self._manager.unregister(plugin)

    def _gather(self) -> None:
        for hook, kinds in _HOOK_KINDS.items():
            for origin, call in self._implementations(hook):
                self._call(origin, call, _Door(self, kinds, self._sources[origin]))

    def _call(self, origin: str, call: Callable[[Any], None], register: Any) -> None:
        try:
            call(register)
        except PluginError as e:
            self._report(e, self._sources[origin])

    def _implementations(self, hook: str) -> list[tuple[str, Callable[[Any], None]]]:
        """Return (origin, caller) of each implementation of `hook`, as registered."""

        def guarded(impl: pluggy.HookImpl) -> Callable[[Any], None]:
            function = self._traced(hook, impl)

            def call(register: Any) -> None:
                try:
                    function(*[register for _ in impl.argnames])
                except (PluginError, KeyboardInterrupt):
                    raise
                except BaseException as e:
                    # A plugin is foreign code: whatever it raises, the load must name it.
                    problem = f"{hook} raised {told(e)}"
                    raise PluginError(impl.plugin_name, problem, "mend or block it") from e

            return call

        impls = getattr(self._manager.hook, hook).get_hookimpls()
        return [(impl.plugin_name, guarded(impl)) for impl in impls]

    def _traced(self, hook: str, impl: pluggy.HookImpl) -> Callable[..., object]:
        if self._tracer is None:
            return impl.function
        return self._tracer.wrapped(impl.function, f"hook {hook}", impl.plugin_name, impl.argnames)

    def _check_pending(self) -> None:
        while True:
            try:
                self._manager.check_pending()
            except pluggy.PluginValidationError as e:
                origin = self._manager.get_name(e.plugin) or "?"
                self._manager.unregister(e.plugin)
                problem = f"implements an unknown hook: {e}"
                self._report(PluginError(origin, problem, f"hooks: {', '.join(HOOKS)}"), None, e)
            else:
                return

    def _load_recipes(self) -> None:
        for origin, call in self._implementations("register_recipes"):
            sources: list[object] = []
            self._call(origin, call, sources.append)
            for source in sources:
                self._load_recipe(source, origin)

    def _load_recipe(self, source: object, origin: str) -> None:
        from votebox.plugins.loader import load_recipe  # loader.py imports this module

        if not isinstance(source, str | Path):
            problem = f"registers the recipe {source!r:.60}"
            self._report(PluginError(origin, problem, "register TOML text or a Path"))
            return
        try:
            recipe = load_recipe(source, self)
        except RecipeError as e:
            if isinstance(e.__cause__, PluginBlocked):
                self._lost_recipes[e.recipe] = e
            else:
                self._report(e, self._sources[origin])
            return
        if recipe.name in self._recipes:
            problem = f"registers recipe {recipe.name!r} a second time"
            fix = f"rename it: {self._recipe_origins[recipe.name]} has registered it already"
            self._report(PluginError(origin, problem, fix))
            return
        self._recipes[recipe.name], self._recipe_origins[recipe.name] = recipe, origin

    def take(self, plugin: Plugin, source: Source) -> None:
        """Keep one registered thing, unless it is blocked; for the door of a plugin."""
        taken = self._plugins.get(plugin.use)
        reason = self._choice.thing(plugin.use)
        if reason:
            self._blocked[plugin.use] = Blocked(plugin.use, source, reason)
        elif taken is not None:
            problem = f"registers {plugin.use}, which {taken.origin} has registered already"
            fix = "rename it or block one of the two plugins"
            self._report(PluginError(source.name, problem, fix), source)
        else:
            self._plugins[plugin.use] = self._tracer.thing(plugin) if self._tracer else plugin

    def _warn_of_blocks_without_effect(self) -> None:
        left_out = {b.name for b in self.blocked} | {b.source.distribution for b in self.blocked}
        for name in self._choice.blocked.keys() - set(map(normal, left_out)):
            known = [*self._sources, *self._plugins]
            _log.warning("no plugin %s to block; %s", name, nearest(name, known))

    def _report(
        self, fault: _Fault, source: Source | None = None, cause: Exception | None = None
    ) -> None:
        """Raise a fault, or keep it where this registry is a survey."""
        if not self._tolerant:
            raise fault from cause or fault.__cause__
        named = fault.plugin if isinstance(fault, PluginError) else fault.recipe
        source = source or self._sources.get(named, Source(named))
        problem = fault.problem
        if isinstance(fault, RecipeError):
            problem = f"recipe {fault.recipe!r}, {fault.node or 'as a whole'}: {problem}"
        self._troubles.append(Trouble(source, problem, fault.fix))


@dataclass(frozen=True, slots=True)
class _Door:
    """Take the registrations of one hook of one plugin."""

    registry: Registry
    kinds: tuple[str, ...]
    source: Source

    def __call__(self, name: str, thing: object, options: type | None = None) -> None:
        kind, _, short = str(name).rpartition(":")
        kind = kind or (self.kinds[0] if len(self.kinds) == 1 else "")
        origin = self.source.name
        if kind not in self.kinds:
            raise PluginError(
                origin,
                f"registers {name!r}, whose kind this hook does not take",
                "start the name with " + " or ".join(f"{k}:" for k in self.kinds),
            )
        if not _NAME.fullmatch(short):
            raise PluginError(
                origin,
                f"registers {name!r}, which is not a plugin name",
                "use lower-case letters and digits, hyphenated",
            )
        version, distribution = self.source.version, self.source.distribution
        made = Plugin(kind, short, thing, options, origin, version, distribution)
        self.registry.take(made, self.source)
