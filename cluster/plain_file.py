"""Read a YAML, JSON or TOML file that anybody may have written, as plain values of JSON.

What a parser would do beyond that is refused: aliases, whose expansion grows without bound,
fields given twice, of which the last would win in silence, dates, binary and numbers that no
JSON can carry, names that are no text. Size and depth are bounded.
"""

import json
import math
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

__all__ = ["NotPlain", "check_plain", "parse_json", "parse_toml", "parse_yaml", "read_text"]

_DEPTH: Final = 64
"""Kubernetes' own schemas nest 40 levels deep; walking what is deeper could end the stack."""


class NotPlain(ValueError):
    """Say why a text is not what it should be; `str` names the place, by line or path."""


def read_text(path: Path, most_bytes: int) -> str:
    """Return the text of a file in UTF-8.

    Raises:
        NotPlain: it is no file, too large, or no UTF-8.
        OSError: it cannot be read.
    """
    if not path.is_file() and path.exists():  # a pipe or device could be read for ever
        raise NotPlain("it is no regular file")
    with path.open("rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise NotPlain(f"it is larger than {most_bytes:,} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as e:
        raise NotPlain(f"byte {e.start:,} is no UTF-8") from e


def parse_yaml(text: str) -> list[Any]:
    """Return the documents of a YAML text; raise NotPlain."""
    import yaml

    reader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, if it was built
    try:
        _check_events(yaml.parse(text, reader))
        nodes = list(yaml.compose_all(text, reader))
        values = [_built(node, yaml.SafeLoader("")) for node in nodes]
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise NotPlain(f"{where}{getattr(e, 'problem', None) or e}") from e
    except (ValueError, OverflowError) as e:  # 2026-02-31, or more digits than Python reads
        raise NotPlain(str(e)) from e
    for value in values:
        check_plain(value)
    return values


def parse_json(text: str) -> Any:
    """Return the value of a JSON text; raise NotPlain."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise NotPlain("it is nested too deep" if isinstance(e, RecursionError) else str(e)) from e
    check_plain(value)
    return value


def parse_toml(text: str) -> dict[str, Any]:
    """Return the table of a TOML text; raise NotPlain."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as e:
        raise NotPlain("it is nested too deep" if isinstance(e, RecursionError) else str(e)) from e
    check_plain(table)
    return table


def check_plain(value: Any, path: str = "") -> None:
    """Raise NotPlain, naming the path, for a value that JSON cannot carry as it is."""
    waiting: list[tuple[Any, str, int]] = [(value, path, 0)]
    while waiting:
        found, where, depth = waiting.pop()
        if depth > _DEPTH:
            raise NotPlain(f"{where[:80]} is nested deeper than {_DEPTH} levels")
        waiting += [(below, name, depth + 1) for below, name in _below(found, where)]
        problem = _problem(found)
        if problem:
            raise NotPlain(f"{where or 'the whole'} {problem}")


def _below(value: Any, path: str) -> Iterator[tuple[Any, str]]:
    if isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                raise NotPlain(f"{path or 'the whole'} has a field {name!r}: put it in quotes")
            yield name, path
            yield item, f"{path}.{name}" if path else name
    elif isinstance(value, list):
        yield from ((item, f"{path}[{i}]") for i, item in enumerate(value))


def _problem(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}: give a number"
    if isinstance(value, str):
        broken = any("\ud800" <= c <= "\udfff" for c in value)
        return "holds half a character: write it in UTF-8" if broken else ""
    if value is None or isinstance(value, (bool, int, float, dict, list)):
        return ""
    return f"is a {type(value).__name__}: put it in quotes"


def _check_events(events: Any) -> None:
    """Refuse what must not be built: building recurses, and follows aliases."""
    import yaml

    depth = 0
    for event in events:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise NotPlain(f"line {line}: the alias *{event.anchor}: write it out")
        if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            depth += 1
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            depth -= 1
        if depth > _DEPTH:
            raise NotPlain(f"line {line} is nested deeper than {_DEPTH} levels")


def _built(root: Any, loader: Any) -> Any:
    """Return the value of a tree, once no mapping in it has a field twice."""
    import yaml

    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                if key.value in seen if isinstance(key, yaml.ScalarNode) else False:
                    line = key.start_mark.line + 1
                    raise NotPlain(f"line {line}: {key.value!r} is there twice: take one out")
                seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
                waiting += [key, value]
    return loader.construct_document(root)
