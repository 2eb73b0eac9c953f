"""Tell the fields of a recipe from the models that check one: type, default and range."""

import json
import math
import typing
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAliasType, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic.fields import FieldInfo

from votebox.plugins import Registry
from votebox.plugins.recipetables import RawBudget, RawRecipe, RawSampling, RawStep
from votebox.plugins.toolformat import ToolFormat
from votebox.plugins.turns import SandboxOptions
from votebox.sandbox import Limits

Row = tuple[str, str, str, str]
NAMES = {bool: "true or false", int: "integer", float: "number", str: "text", dict: "table"}
BOUNDS = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}


def tables() -> dict[str, type]:
    """Return the model of each table of a recipe, by its heading."""
    return {
        "Top level": RawRecipe,
        "sampling": RawSampling,
        "sandbox:python": SandboxOptions,
        "format": ToolFormat,
        "limits": Limits,
        "budget": RawBudget,
        "ladder": RawStep,
    } | {
        use: plugin.options
        for use, plugin in sorted(Registry.load(allowed=()).plugins.items())
        if plugin.options is not None
    }


def rows(model: type) -> list[Row]:
    """Return (name, type, default, range) of each field, in the order of the model."""
    return [
        (
            name,
            words(kind),
            default,
            "; ".join(sorted(set(ranges(kind, marks)), key=upper)),
        )
        for name, kind, default, marks in members(model)
    ]


def members(model: type) -> Iterator[tuple[str, Any, str, list[Any]]]:
    hints = typing.get_type_hints(model, include_extras=True)
    if is_dataclass(model):
        for field in fields(model):
            made = field.default
            if field.default_factory is not MISSING:
                made = field.default_factory()
            yield field.name, hints[field.name], shown(made), []
        return
    given: dict[str, FieldInfo] = model.model_fields  # type: ignore[attr-defined]
    for name, info in given.items():
        default = "required" if info.is_required() else shown(info.default)
        yield name, hints[name], default, info.metadata


def shown(value: Any) -> str:
    """Return a default as TOML writes it; none where there is none."""
    if value is MISSING:
        return "required"
    if hasattr(value, "model_dump"):
        value = value.model_dump(exclude_none=True)
    if value is None:
        return "none"
    if isinstance(value, float) and math.isinf(value):
        return "inf"
    if isinstance(value, str) and len(value) > 40:
        return "a text of its own"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {shown(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def words(kind: Any) -> str:
    """Return a type in words."""
    if isinstance(kind, TypeAliasType):
        return words(kind.__value__)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return words(inner[0])
    if origin is Literal:
        return " or ".join(json.dumps(value) for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(words(k) for k in inner if k is not NoneType)
    if origin in (list, tuple):
        return f"list of {words(inner[0])}"
    if origin is dict:
        return "table of tables" if get_origin(inner[1]) is dict else "table"
    return NAMES.get(kind, "table")


def upper(bound: str) -> tuple[bool, str]:
    """Return the order of bounds: lower ones first, whatever the order of a set is."""
    return bound.startswith(("<", "≤", "at most")), bound


def ranges(kind: Any, marks: list[Any]) -> Iterator[str]:
    """Give the bounds that a field's annotation states."""
    if get_origin(kind) is Annotated:
        inner, *own = get_args(kind)
        yield from ranges(inner, own)
    elif get_origin(kind) in (Union, UnionType):
        for part in get_args(kind):
            yield from ranges(part, [])
    for mark in marks:
        yield from ranges_of(mark)


def ranges_of(mark: Any) -> Iterator[str]:
    if isinstance(mark, FieldInfo):
        for part in mark.metadata:
            yield from ranges_of(part)
    elif type(mark) in BOUNDS:
        sign, name = BOUNDS[type(mark)]
        yield (
            f"{sign} {getattr(mark, name):g}"
            if getattr(mark, name) < 1e6
            else f"{sign} {getattr(mark, name):,}"
        )
    elif isinstance(mark, MaxLen):
        yield f"at most {mark.max_length} long"
    elif isinstance(mark, MinLen):
        yield f"at least {mark.min_length} long"
