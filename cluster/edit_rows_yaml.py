"""Take a YAML file apart into rows: lists of mappings and nothing that YAML can do beyond.

Values of known fields stay the text that stands in the file: YAML would make a number of the
commit 1234567 and a date of a day. No aliases, whose expansion grows without bound, no tags
but YAML's own, no field twice; depth and rows are bounded.
"""

from collections.abc import Collection, Iterator
from typing import Any, Final

from votebox.cluster.errors import BadUsage

__all__ = ["parse_rows"]

_MOST_ROWS: Final = 1_000
_DEPTH: Final = 12
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


def parse_rows(text: str, name: str, raw: Collection[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each row with the line it begins on; fields named in `raw` keep their text.

    Raises:
        BadUsage: it is no such list; names the file `name`, the line and the fix.
    """
    root = _composed(text, name)
    import yaml

    if root is None:
        raise BadUsage(f"{name} holds no rows", "write each row as '- model: ...'")
    if not isinstance(root, yaml.SequenceNode):
        raise BadUsage(f"{name} is no list of rows", "begin each row with '- '")
    if not 1 <= len(root.value) <= _MOST_ROWS:
        problem = f"{name} holds {len(root.value):,} rows"
        raise BadUsage(problem, f"give 1 to {_MOST_ROWS:,}")
    for number, node in enumerate(root.value, 1):
        line = node.start_mark.line + 1
        where = f"{name}, row {number} (line {line})"
        if not isinstance(node, yaml.MappingNode):
            raise BadUsage(f"{where} is no mapping", "write its fields as 'name: value'")
        yield line, dict(_fields(node, where, raw))


def _composed(text: str, name: str) -> Any:
    """Return the tree of a file of one document; None of an empty one."""
    import yaml

    try:
        _check_events(text, name)
        return yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        said = getattr(e, "problem", None) or str(e)
        raise BadUsage(f"{name}{line} is no YAML: {said}", "mend the file") from e


def _check_events(text: str, name: str) -> None:
    """Refuse what must not be composed: building a tree recurses, and follows aliases."""
    import yaml

    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise BadUsage(f"{name}, line {line}: the alias *{event.anchor}", "write it out")
        if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            depth += 1
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            depth -= 1
        if depth > _DEPTH:
            problem = f"{name}, line {line} is nested deeper than {_DEPTH} levels"
            raise BadUsage(problem, "flatten it")


def _fields(node: Any, where: str, raw: Collection[str]) -> Iterator[tuple[str, Any]]:
    import yaml

    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise BadUsage(f"{where} has a field whose name is no text", "name it by a word")
        if key.value in seen:
            raise BadUsage(f"{where}, field {key.value!r} is there twice", "take one out")
        seen.add(key.value)
        if key.value in raw and isinstance(value, yaml.ScalarNode):
            yield key.value, None if _is_null(value) else value.value
        else:
            yield key.value, _plain(value, f"{where}, field {key.value!r}")


def _is_null(node: Any) -> bool:
    return node.style is None and node.value in _NULLS


def _plain(node: Any, where: str) -> Any:
    """Return a value of YAML's own types; its constructors raise ValueError, too."""
    import yaml

    try:
        return yaml.SafeLoader("").construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError) as e:
        said = getattr(e, "problem", None) or str(e)
        raise BadUsage(f"{where} is refused: {said}", "put its value in quotes") from e
