"""Load a recipe: read it, and check it whole before anything runs.

What a node may follow is decided by the kinds of value (graph.py). Every fault raises a
RecipeError that names the node and the fix. Nothing here runs a node.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from votebox.plugins.errors import PluginBlocked, PluginError, RecipeError
from votebox.plugins.graph import check_graph
from votebox.plugins.nouns import Sampling
from votebox.plugins.recipe import DEFAULT_RESTARTS, Budget, Node, Recipe, Step, Use, field_names
from votebox.plugins.recipetables import RawRecipe, RawSampling, RawStep
from votebox.plugins.registry import Plugin, Registry, nearest
from votebox.plugins.turns import SandboxOptions
from votebox.sandbox import LimitError, Limits

__all__ = ["bind", "load_recipe", "measured"]

_ROLE: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def load_recipe(source: str | Path | Mapping[str, Any], registry: Registry) -> Recipe:
    """Read and check a recipe from TOML text, the path of a TOML file, or a mapping.

    A str of one line that ends in `.toml` is taken as a path.

    Raises:
        RecipeError: anything about it is wrong; the message names the node and the fix.
    """
    text, label = _read(source)
    if isinstance(source, Mapping):
        data: Any = dict(source)
    else:
        try:
            data = tomllib.loads(text)
        except (ValueError, RecursionError) as e:  # TOMLDecodeError is a ValueError
            raise RecipeError(label, "", f"is not valid TOML: {e}", "mend the line it names") from e
    return _Loader(str(data.get("name", label)), registry).load(data, text)


def bind(plugin: Plugin, table: Mapping[str, Any], registry: Registry) -> Use:
    """Bind a plugin to options given as a table, checked as in a recipe.

    Raises:
        RecipeError: an option is unknown or does not fit; `problem` and `fix` tell.
    """
    return Use(plugin, _Loader(plugin.use, registry)._options("", plugin.options, table))  # noqa: SLF001 - its own module


@lru_cache(maxsize=512)
def _adapter(kind: type) -> TypeAdapter[Any]:
    """Return what checks options of a type; making one takes milliseconds, loading makes dozens."""
    return TypeAdapter(kind)


def _read(source: str | Path | Mapping[str, Any]) -> tuple[str, str]:
    if isinstance(source, Mapping):
        return "", str(source.get("name", "?"))
    if isinstance(source, str) and ("\n" in source or not source.endswith(".toml")):
        return source, "?"
    path = Path(source)
    try:
        return path.read_text("utf-8"), path.name
    except (OSError, UnicodeDecodeError) as e:
        raise RecipeError(str(path), "", f"cannot be read: {e}", "check the path") from e


@dataclass(frozen=True, slots=True)
class _Loader:
    """Check one recipe; every error carries its name."""

    name: str
    registry: Registry

    def load(self, data: Mapping[str, Any], text: str) -> Recipe:
        try:
            raw = RawRecipe.model_validate(data)
        except ValidationError as e:
            raise self._invalid("", e, RawRecipe) from e
        nodes = {name: self._node(name, table) for name, table in raw.nodes.items()}
        order = check_graph(self.name, nodes, raw.rounds)
        nodes = {name: nodes[name] for name in order.nodes}
        self._check_inline(nodes)
        policy = {"use": raw.policy} if isinstance(raw.policy, str) else raw.policy
        stop = self._use("stop", raw.stop, "stop")
        guards = tuple(self._use("guards", table, "guard") for table in raw.guards)
        ladder = self._ladder(raw.ladder)
        rules = [stop, *guards, *(step.stop for step in ladder if step.stop)]
        nodes = measured(nodes, [rule.plugin for rule in rules])
        recipe = Recipe(
            name=raw.name,
            description=raw.description,
            chains=raw.chains,
            rounds=raw.rounds,
            restarts=raw.restarts,
            nodes=nodes,
            policy=self._use("policy", policy, "policy"),
            stop=stop,
            dispatch=self._use("dispatch", raw.dispatch, "dispatch"),
            guards=guards,
            budget=Budget(**raw.budget.model_dump()),
            ladder=ladder,
            answered_by=self._answered_by(raw.answered_by, nodes),
            per_chain=order.per_chain,
            after_vote=order.after_vote,
            source=text,
        )
        return _hashed(recipe)

    def _node(self, name: str, table: Mapping[str, Any]) -> Node:
        where = f"node {name!r}"
        rest = dict(table)
        kind, short = self._split(where, rest.pop("use", None))
        after = rest.pop("after", [])
        if isinstance(after, str):
            after = [after]
        if not isinstance(after, list) or not all(isinstance(a, str) for a in after):
            raise self._error(where, f"after = {after!r} is not a list of node names")
        if kind == "model":
            if not _ROLE.fullmatch(short):
                problem = f"role {short!r} is not a name"
                raise self._error(where, problem, "use lower-case letters and digits, hyphenated")
            sampling = self._sampling(where, rest.pop("sampling", {}))
            self._nothing_left(where, rest, ["sampling"])
            return Node(name, kind, short, tuple(after), sampling=sampling)
        if kind == "sandbox":
            if short != "python":
                raise self._error(where, f"there is no sandbox:{short}", "use sandbox:python")
            limits = self._limits(where, rest.pop("limits", {}))
            options = self._options(where, SandboxOptions, rest)
            return Node(name, kind, short, tuple(after), options=options, limits=limits)
        plugin = self._plugin(where, f"{kind}:{short}")
        if kind in ("policy", "stop", "dispatch", "guard"):
            raise self._error(where, f"{plugin.use} is no node", f"move it to a [{kind}] table")
        options = self._options(where, plugin.options, rest)
        return Node(name, kind, short, tuple(after), plugin=plugin, options=options)

    def _check_inline(self, nodes: Mapping[str, Node]) -> None:
        """Refuse inline programs that are not read from the reply of one model itself."""
        seen: dict[str, str] = {}
        for box in nodes.values():
            if box.kind != "sandbox" or box.options.turn != "inline":
                continue
            code = nodes[box.after[0]]
            writer = nodes[code.after[0]] if code.after else code
            if code.kind != "code" or writer.kind != "model":
                problem = 'turn = "inline" needs programs read from a model node\'s own reply'
                fix = "let a code node follow the model node, and this node follow that"
                raise self._error(f"node {box.id!r}", problem, fix)
            if writer.id in seen:
                problem = (
                    f"runs inline in the replies of {writer.id!r}, as {seen[writer.id]!r} does"
                )
                raise self._error(f"node {box.id!r}", problem, "keep one of them inline")
            seen[writer.id] = box.id

    def _use(self, where: str, table: Mapping[str, Any], kind: str) -> Use:
        rest = dict(table)
        given = rest.pop("use", None)
        if isinstance(given, str) and ":" not in given:
            given = f"{kind}:{given}"
        found, short = self._split(where, given)
        if found != kind:
            raise self._error(where, f"{given!r} is a {found}", f"name a {kind}: here")
        plugin = self._plugin(where, f"{kind}:{short}")
        return Use(plugin, self._options(where, plugin.options, rest))

    def _ladder(self, given: Sequence[RawStep]) -> tuple[Step, ...]:
        """Return the steps in rising order of `below_s`."""
        steps: dict[float, Step] = {}
        for raw in sorted(given, key=lambda step: step.below_s):
            where = f"ladder, below_s = {raw.below_s:g}"
            if raw.below_s in steps:
                raise self._error(where, "stands there twice", "keep one of the two")
            stop = None if raw.stop is None else self._use(where, raw.stop, "stop")
            step = Step(raw.below_s, raw.chains, raw.max_tokens, stop)
            if step == Step(raw.below_s):
                raise self._error(where, "changes nothing", "give chains, max_tokens or stop")
            steps[raw.below_s] = step
        return tuple(steps.values())

    def _split(self, where: str, use: object) -> tuple[str, str]:
        if not isinstance(use, str) or not all(use.partition(":")):
            fix = 'write use = "kind:name"'
            raise self._error(where, f"use = {use!r} names no plugin", fix)
        kind, _, name = use.partition(":")
        return kind, name

    def _plugin(self, where: str, use: str) -> Plugin:
        try:
            return self.registry.get(use)
        except PluginError as e:
            problem = f"there is no plugin {use}"
            if isinstance(e, PluginBlocked):
                problem = f"plugin {use} {e.problem}"
            raise self._error(where, problem, e.fix) from e

    def _options(self, where: str, kind: type | None, table: Mapping[str, Any]) -> Any:
        if kind is None:
            self._nothing_left(where, table, [])
            return None
        known = field_names(kind)
        self._nothing_left(where, table, known)
        try:
            return _adapter(kind).validate_json(json.dumps(table), strict=True)
        except ValidationError as e:
            raise self._invalid(where, e, kind) from e
        except (TypeError, ValueError) as e:
            raise self._error(where, f"has options that do not fit: {e}") from e

    def _sampling(self, where: str, table: Any) -> Sampling:
        try:
            raw = RawSampling.model_validate_json(json.dumps(table))
        except ValidationError as e:
            raise self._invalid(f"{where}, sampling", e, RawSampling) from e
        except (TypeError, ValueError) as e:
            raise self._error(f"{where}, sampling", f"has a value that does not fit: {e}") from e
        return Sampling(**raw.model_dump())

    def _limits(self, where: str, table: Any) -> Limits:
        if not isinstance(table, dict):
            raise self._error(where, f"limits = {table!r} is not a table")
        self._nothing_left(f"{where}, limits", table, [f.name for f in fields(Limits)])
        try:
            return Limits(**table)
        except LimitError as e:
            raise self._error(f"{where}, limits", str(e)) from e

    def _answered_by(self, given: list[str] | None, nodes: Mapping[str, Node]) -> tuple[str, ...]:
        extracts = [n for n in nodes.values() if n.kind == "extract"]
        if given is None:
            reads_model = [
                n.id for n in extracts if any(nodes[a].kind != "sandbox" for a in n.after)
            ]
            return tuple(reads_model or (n.id for n in extracts))
        for name in given:
            if name not in {n.id for n in extracts}:
                known = ", ".join(n.id for n in extracts) or "none"
                problem = f"{name!r} is not an extract node"
                raise self._error("answered_by", problem, f"extract nodes: {known}")
        return tuple(given)

    def _nothing_left(self, where: str, table: Mapping[str, Any], known: list[str]) -> None:
        for name in table:
            if name not in known:
                fix = nearest(name, known) if known else "it takes none: remove the line"
                raise self._error(where, f"has no option {name!r}", fix)

    def _invalid(self, where: str, error: ValidationError, kind: type) -> RecipeError:
        errors = error.errors()
        # Of a field that may be a text or a table, say what is wrong with the table.
        first = next((e for e in errors if e["type"] != "string_type"), errors[0])
        path = ".".join(str(p) for p in first["loc"] if p != "[key]")
        if first["type"] == "extra_forbidden":
            return self._error(where, f"has no field {path!r}", nearest(path, field_names(kind)))
        given = "" if first["type"] == "missing" else f" (given: {first['input']!r:.80})"
        return self._error(where or path, f"{path}: {first['msg']}{given}")

    def _error(self, where: str, problem: str, fix: str = "") -> RecipeError:
        return RecipeError(self.name, where, problem, fix)


def measured(nodes: Mapping[str, Node], rules: Sequence[Plugin]) -> dict[str, Node]:
    """Return the nodes, with models asked for the logprobs that rules and votes read."""
    readers = [*rules, *(node.plugin for node in nodes.values() if node.plugin)]
    most = max((reader.top_logprobs for reader in readers), default=0)
    return {
        name: replace(node, sampling=replace(node.sampling, top_logprobs=most))
        if node.kind == "model" and most > node.sampling.top_logprobs
        else node
        for name, node in nodes.items()
    }


def _hashed(recipe: Recipe) -> Recipe:
    """Return the recipe with `hash` set: 12 hex digits over all that decides a solve."""
    parts: list[Any] = [
        recipe.chains,
        recipe.rounds,
        asdict(recipe.budget),
        recipe.answered_by,
    ]
    uses = (recipe.policy, recipe.stop, recipe.dispatch, *recipe.guards)
    parts += [[use.plugin.use, repr(use.options)] for use in uses]
    for step in recipe.ladder:
        stop = [step.stop.plugin.use, repr(step.stop.options)] if step.stop else None
        parts.append([step.below_s, step.chains, step.max_tokens, stop])
    for node in recipe.nodes.values():
        parts.append([node.id, node.use, node.after, repr(node.options)])
        parts.append([asdict(node.sampling), repr(node.limits)])
    if recipe.restarts != DEFAULT_RESTARTS:  # the hashes of recipes that never said it stay
        parts.append(["restarts", recipe.restarts])
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
    kept = {f.name: getattr(recipe, f.name) for f in fields(recipe)}
    return Recipe(**{**kept, "hash": digest})
