"""Document one plugin from what it declares: signature, options with their limits, users."""

import inspect
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter

from votebox.plugins.errors import PluginError
from votebox.plugins.hookspecs import PROJECT
from votebox.plugins.plugin import Plugin
from votebox.plugins.recipe import Recipe
from votebox.plugins.registry import Registry

__all__ = ["documented", "markdown", "option_schema"]

_LIMITS: Final = {
    "minimum": ">=",
    "exclusiveMinimum": ">",
    "maximum": "<=",
    "exclusiveMaximum": "<",
    "minLength": "length >=",
    "maxLength": "length <=",
    "minItems": "items >=",
    "maxItems": "items <=",
    "multipleOf": "a multiple of",
    "pattern": "matches",
}
_TABLES: Final = {
    "stop": "[stop]",
    "dispatch": "[dispatch]",
    "guard": "[[guards]]",
    "policy": "[policy]",
}


def option_schema(options: type | None) -> dict[str, Any]:
    """Return the JSON schema of an options type; an infinite default is told as a text."""
    if options is None:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    schema = TypeAdapter(options).json_schema()
    made: dict[str, Any] = _finite(schema)
    return made


def documented(plugin: Plugin, registry: Registry) -> dict[str, Any]:
    """Return what there is to know of a plugin, as JSON types.

    Raises:
        PluginError: its options are of a type that JSON cannot describe.
    """
    try:
        schema = option_schema(plugin.options)
    except Exception as e:  # an author's types may fail in any way
        said = (str(e).splitlines() or [""])[0]
        problem = f"has options that cannot be told: {type(e).__name__}: {said:.200}"
        fix = f"votebox plugins check {plugin.use} says more"
        raise PluginError(plugin.use, problem, fix) from e
    return {
        "plugin": plugin.use,
        "doc": inspect.getdoc(plugin.thing) or "",
        "signature": f"{plugin.use}{_signature(plugin.thing)}",
        "origin": plugin.origin,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "module": getattr(plugin.thing, "__module__", ""),
        "options_doc": _options_doc(plugin.options),
        "options": [_option(name, field, schema) for name, field in schema["properties"].items()],
        "schema": schema,
        "example": _example(plugin, schema),
        "recipes": sorted(n for n, r in registry.recipes.items() if plugin.use in _uses(r)),
    }


def markdown(page: Mapping[str, Any]) -> str:
    """Return a page of `documented` for people to read."""
    where = " ".join(filter(None, (page["distribution"] or PROJECT, page["version"])))
    parts = [f"{page['signature']}\n", page["doc"], ""]
    if page["options"]:
        parts += ["Options:", *[_line(option) for option in page["options"]]]
        parts += [f"\n{page['options_doc']}"] if page["options_doc"] else []
    else:
        parts += ["It takes no options."]
    parts += ["", "In a recipe:", "", *(f"    {line}" for line in page["example"].splitlines()), ""]
    used = ", ".join(page["recipes"]) or "no registered recipe"
    parts += [f"From {where} ({page['origin']}, {page['module']}); used by {used}."]
    return "\n".join(parts)


def _line(option: Mapping[str, Any]) -> str:
    limits = f", {', '.join(option['limits'])}" if option["limits"] else ""
    default = "required" if option["required"] else f"default {json.dumps(option['default'])}"
    said = f": {option['description']}" if option["description"] else ""
    return f"  {option['name']}  {option['type']}{limits}; {default}{said}"


def _option(name: str, field: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "type": _type(field, schema),
        "default": field.get("default"),
        "required": name in schema.get("required", ()),
        "limits": [f"{sign} {field[key]}" for key, sign in _LIMITS.items() if key in field],
        "description": field.get("description", ""),
    }


def _type(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return a type in words, as `integer`, `list of string` or `"a" or "b"`."""
    if "enum" in field or "const" in field:
        return " or ".join(map(json.dumps, field.get("enum", [field.get("const")])))
    if "anyOf" in field:
        return " or ".join(_type(each, schema) for each in field["anyOf"])
    if "$ref" in field:
        found = schema.get("$defs", {}).get(field["$ref"].rpartition("/")[2], {})
        return _type(found, schema) if "enum" in found else str(found.get("title", "table"))
    if field.get("type") == "array":
        inner: Mapping[str, Any] = field.get("items") or next(
            iter(field.get("prefixItems", ())), {}
        )
        return f"list of {_type(inner, schema)}"
    return {"object": "table", "null": "none"}.get(
        str(field.get("type")), str(field.get("type", "any"))
    )


def _example(plugin: Plugin, schema: Mapping[str, Any]) -> str:
    """Return a TOML table that uses the plugin with every option at its default."""
    head = _TABLES.get(plugin.kind, f"[nodes.{plugin.name}]")
    lines = [head, f'use = "{plugin.use}"']
    lines += [] if plugin.kind in _TABLES or plugin.kind == "prompt" else ['after = ["..."]']
    for name, field in schema["properties"].items():
        value = field.get("default")
        if value is not None:
            lines.append(f"{name} = {_toml(value)}")
    return "\n".join(lines)


def _toml(value: Any) -> str:
    """Return a JSON value as TOML; of a table, inline."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items())
        return f"{{ {inside} }}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_toml, value))}]"
    if value in ("inf", "-inf", "nan"):
        return str(value)
    return json.dumps(value).replace("\x7f", "\\u007f")


def _signature(thing: object) -> str:
    try:
        return str(inspect.signature(thing))  # type: ignore[arg-type]
    except (TypeError, ValueError):  # an object with methods
        return ""


def _options_doc(options: type | None) -> str:
    """Return the docstring of an options type, but not the one that dataclasses write."""
    doc = inspect.getdoc(options) or "" if options else ""
    return "" if options and doc.startswith(f"{options.__name__}(") else doc


def _uses(recipe: Recipe) -> set[str]:
    rules = [recipe.policy, recipe.stop, recipe.dispatch, *recipe.guards]
    rules += [step.stop for step in recipe.ladder if step.stop]
    return {rule.plugin.use for rule in rules} | {node.use for node in recipe.nodes.values()}


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value
