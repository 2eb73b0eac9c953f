"""Read `fhpc:0.02` into a plugin with checked options: a rule, vote or policy by its name.

For callers who name one beside a recipe, on the command line or in a request.
"""

import json
import re
from typing import Any, Final

from votebox.plugins.errors import ProblemError, RecipeError
from votebox.plugins.loader import bind
from votebox.plugins.recipe import Use, field_names
from votebox.plugins.registry import Registry

__all__ = ["use_of"]

_GIVEN: Final = re.compile(r"([a-z0-9-]++)(?::(.*+))?+", re.DOTALL)


def use_of(kind: str, text: str, registry: Registry) -> Use:
    """Read `name`, `name:value` or `name:value,option=value` as a plugin of `kind`.

    A value without a name is the first option's. Values are JSON, else text.

    Raises:
        ProblemError: there is no such plugin or option, or a value does not fit; it names
            what there is.
    """
    found = _GIVEN.fullmatch(text.strip())
    names = sorted(p.name for p in registry.plugins.values() if p.kind == kind)
    if found is None or found[1] not in names:
        raise ProblemError(f"there is no {kind} {text!r}", f"known: {', '.join(names)}")
    plugin = registry.get(f"{kind}:{found[1]}")
    known = field_names(plugin.options) if plugin.options is not None else []
    table: dict[str, Any] = {}
    for number, part in enumerate(filter(None, (found[2] or "").split(","))):
        name, named, value = part.partition("=")
        if not named:
            name, value = (known[0] if known and number == 0 else ""), part
        name = name.strip()
        if name not in known or name in table:
            fix = f"options of {plugin.name}: {', '.join(known)}" if known else "it takes none"
            raise ProblemError(f"{kind} {text!r}: {part!r} sets no option", fix)
        table[name] = _value(value.strip())
    try:
        return bind(plugin, table, registry)
    except RecipeError as e:
        raise ProblemError(f"{kind} {text!r}: {e.problem}", e.fix) from e


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
