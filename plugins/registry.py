"""Collect the plugins of this process by name.

`Registry.load()` is the only place plugins come in: the built-ins, then entry points of
group `votebox`. It raises on anything doubtful (a broken import, a hook that does not
exist, a name taken twice, a recipe that does not check) and names the culprit. Nothing
here runs a recipe.
"""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import pluggy

from votebox.plugins import hookspecs
from votebox.plugins.errors import PluginError, RecipeError

if TYPE_CHECKING:
    from votebox.plugins.recipe import Recipe

__all__ = ["Plugin", "Registry", "declare"]

_log = logging.getLogger(__name__)
_HOOK_KINDS: Final = {
    "register_prompts": ("prompt",),
    "register_extractors": ("code", "extract", "strip", "edit"),
    "register_votes": ("vote", "policy"),
    "register_stops": ("stop", "dispatch", "guard"),
    "register_steps": ("step", "select"),
}
_BUILTINS: Final = (
    "prompts",
    "thinking",
    "boxed",
    "phrase",
    "answer",
    "code",
    "numbers",
    "integers",
    "seed",
    "votes",
    "confident",
    "aimo2",
    "second_look",
    "policies",
    "stops",
    "sequential",
    "dispatch",
    "guards",
    "recipes",
)
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_Thing = TypeVar("_Thing")


@dataclass(frozen=True, slots=True)
class Plugin:
    """Hold one registered thing: what a recipe's `use = "kind:name"` finds.

    `origin` is the plugin that registered it, `version` its distribution's. `takes` and
    `gives` are the kinds of value of a step or select, `closes` the texts that can close
    what a `code` extractor reads, `most` the largest weight one chain can cast in a vote.
    """

    kind: str
    name: str
    thing: Any
    options: type | None
    origin: str
    version: str = ""

    @property
    def use(self) -> str:
        """Return the name recipes use, `kind:name`."""
        return f"{self.kind}:{self.name}"

    @property
    def doc(self) -> str:
        """Return the first line of the thing's docstring."""
        return next(iter((self.thing.__doc__ or "").strip().splitlines()), "")

    @property
    def takes(self) -> tuple[str, ...]:
        """Return the kinds of value a step takes from its parents."""
        return tuple(getattr(self.thing, "takes", ()))

    @property
    def gives(self) -> str:
        """Return the kind of value a step gives."""
        return str(getattr(self.thing, "gives", ""))

    @property
    def closes(self) -> tuple[str, ...]:
        """Return the texts after which a streaming chain may hold a whole program."""
        return tuple(getattr(self.thing, "closes", ()))

    @property
    def most(self) -> float:
        """Return the largest weight one chain can cast in this vote."""
        return float(getattr(self.thing, "most", 1.0))

    @property
    def looks_at(self) -> str:
        """Return "lead" for a rule that needs no more of a VoteState than its lead."""
        return str(getattr(self.thing, "looks_at", ""))

    @property
    def top_logprobs(self) -> int:
        """Return how many alternatives of each token this vote, rule or guard reads."""
        return int(getattr(self.thing, "top_logprobs", 0))


def declare(
    *,
    takes: Iterable[str] = (),
    gives: str = "",
    closes: Iterable[str] = (),
    most: float | None = None,
    looks_at: Literal["lead", ""] = "",
    top_logprobs: int = 0,
) -> Callable[[_Thing], _Thing]:
    """Mark a step's values, what can close a program, a vote's heaviest chain, a rule's view.

    With `top_logprobs` the engine is asked for the log-probabilities of that many
    alternatives of each token (at most 20), from which Confidence is made.

    A stop rule or dispatcher that looks at the "lead" decides by `planned`, `finished`,
    the two largest of `counts` and `chain_weight` (and the Advice and the number in
    flight), never by `order` or a third class. A what-if then asks it once for each such
    state instead of once for each course of a vote.

    >>> @declare(takes=("completion",), gives="candidates")
    ... async def step(inputs, ports, options): ...
    >>> step.gives
    'candidates'
    """

    def mark(thing: _Thing) -> _Thing:
        for name, value in (
            ("takes", tuple(takes)),
            ("gives", gives),
            ("closes", tuple(closes)),
            ("most", most),
            ("looks_at", looks_at),
            ("top_logprobs", top_logprobs),
        ):
            if value not in ((), "", None, 0):
                setattr(thing, name, value)
        return thing

    return mark


class Registry:
    """Look up plugins and recipes by name; built by `Registry.load()`."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._versions: dict[str, str] = {}
        self._plugins: dict[str, Plugin] = {}
        self._recipes: dict[str, Recipe] = {}

    @classmethod
    def load(
        cls,
        *,
        extra: Iterable[object] = (),
        blocked: Iterable[str] = (),
        allowed: Iterable[str] | None = None,
    ) -> "Registry":
        """Build a registry from the built-ins, `extra` plugins and installed entry points.

        `blocked` names entry points to leave out, `allowed` (None: all) the only ones to
        take; `extra` are modules or objects with hook implementations, as tests use.

        Raises:
            PluginError: a plugin cannot be imported, implements an unknown hook, or
                registers a name that is ill-formed or taken.
            RecipeError: a registered recipe does not check.
        """
        registry = cls()
        for name in _BUILTINS:
            module = import_module(f"votebox.plugins.builtin.{name}")
            registry._add(module, f"builtin.{name}", "")
        for number, plugin in enumerate(extra):
            registry._add(plugin, getattr(plugin, "__name__", f"extra-{number}"), "")
        skipped = frozenset(blocked)
        wanted = None if allowed is None else frozenset(allowed)
        for point in sorted(entry_points(group=hookspecs.PROJECT), key=lambda p: p.name):
            if point.name not in skipped and (wanted is None or point.name in wanted):
                registry._add(_import(point), point.name, _version(point))
        registry._check_pending()
        registry._gather()
        registry._load_recipes()
        return registry

    @property
    def plugins(self) -> Mapping[str, Plugin]:
        """Return every plugin by `kind:name`."""
        return MappingProxyType(self._plugins)

    @property
    def recipes(self) -> "Mapping[str, Recipe]":
        """Return every registered recipe by name."""
        return MappingProxyType(self._recipes)

    def observe(self, hook: str, **values: object) -> None:
        """Call every observer of `hook`; one that raises is logged and cannot stop a solve."""
        for impl in getattr(self._manager.hook, hook).get_hookimpls():
            try:
                impl.function(*[values[name] for name in impl.argnames])
            except Exception:
                # An observer is foreign code and cannot change a result.
                _log.exception("observer %s of plugin %s failed", hook, impl.plugin_name)

    def get(self, use: str) -> Plugin:
        """Return the plugin `kind:name`; raise PluginError naming near matches."""
        if use in self._plugins:
            return self._plugins[use]
        raise PluginError(use, "is not registered", nearest(use, self._plugins))

    def recipe(self, name: str) -> "Recipe":
        """Return the recipe called `name`; raise RecipeError naming the known ones."""
        if name in self._recipes:
            return self._recipes[name]
        known = ", ".join(sorted(self._recipes))
        raise RecipeError(name, "", "there is no such recipe", f"known recipes: {known}")

    def _add(self, plugin: object, origin: str, version: str) -> None:
        try:
            self._manager.register(plugin, origin)
        except (ValueError, pluggy.PluginValidationError) as e:
            raise PluginError(origin, f"cannot be registered: {e}") from e
        self._versions[origin] = version
        implemented = {caller.name for caller in self._manager.get_hookcallers(plugin) or ()}
        for hook in (*_HOOK_KINDS, "register_recipes"):
            if hasattr(plugin, hook) and hook not in implemented:
                raise PluginError(origin, f"defines {hook} without @hookimpl", "decorate it")

    def _gather(self) -> None:
        for hook, kinds in _HOOK_KINDS.items():
            for origin, call in self._implementations(hook):
                call(_Door(self._plugins, kinds, origin, self._versions[origin]))

    def _implementations(self, hook: str) -> list[tuple[str, Callable[[Any], None]]]:
        """Return (origin, caller) of each implementation of `hook`, as registered."""

        def guarded(impl: pluggy.HookImpl) -> Callable[[Any], None]:
            def call(register: Any) -> None:
                try:
                    impl.function(*[register for _ in impl.argnames])
                except PluginError:
                    raise
                except (Exception, SystemExit) as e:
                    # A plugin is foreign code: whatever it raises, the load must name it.
                    problem = f"{hook} raised {type(e).__name__}: {e}"
                    raise PluginError(impl.plugin_name, problem) from e

            return call

        impls = getattr(self._manager.hook, hook).get_hookimpls()
        return [(impl.plugin_name, guarded(impl)) for impl in impls]

    def _check_pending(self) -> None:
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as e:
            known = ", ".join(sorted(name for name in vars(hookspecs) if "_" in name[1:]))
            origin = self._manager.get_name(e.plugin) or "?"
            raise PluginError(origin, f"implements an unknown hook: {e}", f"hooks: {known}") from e

    def _load_recipes(self) -> None:
        from votebox.plugins.loader import load_recipe  # loader.py imports this module

        for origin, call in self._implementations("register_recipes"):
            sources: list[str | Path] = []
            call(sources.append)
            for source in sources:
                recipe = load_recipe(source, self)
                if recipe.name in self._recipes:
                    raise PluginError(origin, f"registers recipe {recipe.name!r} a second time")
                self._recipes[recipe.name] = recipe


@dataclass(frozen=True, slots=True)
class _Door:
    """Take the registrations of one hook of one plugin."""

    plugins: dict[str, Plugin]
    kinds: tuple[str, ...]
    origin: str
    version: str

    def __call__(self, name: str, thing: object, options: type | None = None) -> None:
        kind, _, short = name.rpartition(":")
        kind = kind or (self.kinds[0] if len(self.kinds) == 1 else "")
        if kind not in self.kinds:
            raise PluginError(
                self.origin,
                f"registers {name!r}, whose kind this hook does not take",
                "start the name with " + " or ".join(f"{k}:" for k in self.kinds),
            )
        if not _NAME.fullmatch(short):
            raise PluginError(
                self.origin,
                f"registers {name!r}, which is not a plugin name",
                "use lower-case letters and digits, hyphenated",
            )
        plugin = Plugin(kind, short, thing, options, self.origin, self.version)
        taken = self.plugins.get(plugin.use)
        if taken is not None:
            raise PluginError(
                self.origin,
                f"registers {plugin.use}, which {taken.origin} has registered already",
                "rename it or block one of the two plugins",
            )
        self.plugins[plugin.use] = plugin


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint naming what `name` may have meant among `known`.

    >>> nearest("vote:majorty", ["vote:majority", "stop:never"])
    'did you mean vote:majority?'
    """
    names = sorted(known)
    kind = name.partition(":")[0]
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    same = [n for n in names if n.startswith(f"{kind}:")] or names
    return f"known: {', '.join(same)}"


def _import(point: EntryPoint) -> object:
    try:
        return point.load()
    except (Exception, SystemExit) as e:
        # Import runs foreign code: whatever it raises, the load must name the plugin.
        raise PluginError(
            point.name,
            f"cannot be imported from {point.value}: {type(e).__name__}: {e}",
            "fix or uninstall it, or block it by name",
        ) from e


def _version(point: EntryPoint) -> str:
    return point.dist.version if point.dist else ""
