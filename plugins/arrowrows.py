"""Turn frozen dataclasses into rows of Arrow and back, field by field.

Dataclasses become structs, tuples lists, mappings maps, literals strings. Knows no noun;
pyarrow is imported when it is used.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["arrow_type", "field_types", "from_plain", "to_plain"]


@cache
def field_types(kind: type) -> dict[str, Any]:
    """Return the type of each field of a dataclass, in order."""
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in fields(kind)}


def _inner(hint: Any) -> Any:
    """Return what an optional type holds, and any other type as it is."""
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
    return hint


def arrow_type(hint: Any) -> "pa.DataType":
    """Return the Arrow type of a Python type; all values may be null."""
    import pyarrow as pa

    hint = _inner(hint)
    plain: dict[Any, pa.DataType] = {
        str: pa.string(),
        int: pa.int64(),
        float: pa.float64(),
        bool: pa.bool_(),
        bytes: pa.binary(),
        datetime: pa.timestamp("us", "UTC"),
    }
    if hint in plain:
        return plain[hint]
    if is_dataclass(hint) and isinstance(hint, type):
        return pa.struct([(name, arrow_type(part)) for name, part in field_types(hint).items()])
    first, *rest = get_args(hint)
    if get_origin(hint) is Literal:
        return pa.string()
    return (
        pa.map_(arrow_type(first), arrow_type(*rest))
        if _is_map(hint)
        else pa.list_(arrow_type(first))
    )


def _is_map(hint: Any) -> bool:
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def to_plain(value: Any) -> Any:
    """Return a value as pyarrow takes it.

    A lone surrogate, which is half a character and no Unicode text, becomes U+FFFD; one
    character for one, so that spans still fit.
    """
    if isinstance(value, str):
        return value if _is_text(value) else "".join(map(_character, value))
    if is_dataclass(value) and not isinstance(value, type):
        return {name: to_plain(getattr(value, name)) for name in field_types(type(value))}
    if isinstance(value, Mapping):
        return [(to_plain(key), to_plain(item)) for key, item in value.items()]
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    return value


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _character(character: str) -> str:
    return "\ufffd" if 0xD800 <= ord(character) <= 0xDFFF else character


def from_plain(hint: Any, value: Any) -> Any:
    """Return what `to_plain` made plain; fields an older file lacks get their defaults."""
    read = _reader(hint)
    return value if read is None or value is None else read(value)


@cache  # looking at types takes far longer than making a value of one
def _reader(hint: Any) -> Callable[[Any], Any] | None:
    """Return what makes a value of a type from a plain one, None where they are the same."""
    hint = _inner(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return _struct_reader(hint)
    if get_origin(hint) is tuple:
        part = get_args(hint)[0]
        if _reader(part) is None:
            return tuple
        return lambda items: tuple(from_plain(part, item) for item in items)
    if _is_map(hint):
        kind = get_args(hint)[1]
        return lambda pairs: {key: from_plain(kind, item) for key, item in pairs}
    return None


def _struct_reader(kind: type) -> Callable[[Mapping[str, Any]], Any]:
    readers = {name: _reader(part) for name, part in field_types(kind).items()}
    nested = {name: read for name, read in readers.items() if read is not None}

    def read_struct(value: Mapping[str, Any]) -> Any:
        given = {name: value[name] for name in readers if name in value}
        for name, read in nested.items():
            if given.get(name) is not None:
                given[name] = read(given[name])
        return kind(**given)

    return read_struct
