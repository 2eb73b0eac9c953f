"""Ask real stop rules and dispatchers about simulated votes, once for each state.

A rule declared to look at the lead (registry.py) is asked once for each (planned, finished,
v1, v2); any other once for each course of the votes (whatif_views.py). `use_of` reads `fhpc:0.02` into a rule with checked options.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

from votebox.plugins.calls import call, expect
from votebox.plugins.errors import ProblemError, RecipeError
from votebox.plugins.loader import load_recipe
from votebox.plugins.recipe import Use
from votebox.plugins.registry import Registry
from votebox.plugins.voting import Advice, VoteState

__all__ = ["Book", "use_of"]

_GIVEN: Final = re.compile(r"([a-z0-9-]++)(?::(.*+))?+", re.DOTALL)
_MOST_KEPT: Final = 2**16
"""So many states are remembered: some 40 MiB."""
# The least recipe a rule can stand in, so that its options are checked by the recipe's rules.
_NODES: Final[Mapping[str, Mapping[str, Any]]] = {
    "ask": {"use": "prompt:solve"},
    "think": {"use": "model:reasoner", "after": ["ask"]},
    "read": {"use": "extract:boxed", "after": ["think"]},
    "elect": {"use": "vote:majority", "after": ["read"]},
}


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
    known = _option_names(plugin.options)
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
        return _checked(kind, {"use": plugin.use, **table}, registry)
    except RecipeError as e:
        raise ProblemError(f"{kind} {text!r}: {e.problem}", e.fix) from e


class Book:
    """Keep what a stop rule and a dispatcher said about each state.

    Without a dispatcher one chain runs after another. `lead_only` says that both look at
    no more than the lead.
    """

    def __init__(self, stop: Use, dispatch: Use | None = None) -> None:
        self.stop, self.dispatch = stop, dispatch
        self.uses = (stop,) if dispatch is None else (stop, dispatch)
        self.lead_only = _lead_only(stop) and (dispatch is None or _lead_only(dispatch))
        self._lead_stop = _lead_only(stop)
        self._advice: dict[VoteState, Advice] = {}
        self._wanted: dict[tuple[VoteState, int], int] = {}

    def advice(self, state: VoteState) -> Advice:
        """Return the rule's advice; raise PluginError naming a rule that fails."""
        if self._lead_stop and state.order:
            counts = state.counts[:2]
            state = VoteState(state.planned, state.finished, counts, state.chain_weight)
        known = self._advice.get(state)
        if known is None:
            said = call(self.stop.plugin, self.stop.options, state)
            if len(self._advice) >= _MOST_KEPT:
                self._advice.clear()  # courses of votes seldom come again; leads never get so many
            known = self._advice[state] = expect(self.stop.plugin, said, Advice)
        return known

    def wanted(self, state: VoteState, in_flight: int) -> int:
        """Return how many chains the dispatcher would have in flight, at least 1."""
        use = self.dispatch
        if use is None:
            return 1
        known = self._wanted.get((state, in_flight))
        if known is None:
            said = call(use.plugin, use.options, state, self.advice(state), in_flight)
            known = min(max(1, expect(use.plugin, said, int)), state.left)
            if len(self._wanted) >= _MOST_KEPT:
                self._wanted.clear()
            self._wanted[state, in_flight] = known
        return known


def _checked(kind: str, part: Mapping[str, Any], registry: Registry) -> Use:
    if kind == "vote":
        nodes = {**_NODES, "elect": {**_NODES["elect"], **part}}
        node = load_recipe({"name": "what-if", "nodes": nodes}, registry).nodes["elect"]
        return Use(registry.get(part["use"]), node.options)
    use: Use = getattr(
        load_recipe({"name": "what-if", "nodes": _NODES, kind: part}, registry), kind
    )
    return use


def _lead_only(use: Use) -> bool:
    return use.plugin.looks_at == "lead"


def _option_names(kind: type | None) -> list[str]:
    if kind is not None and is_dataclass(kind):
        return [f.name for f in fields(kind)]
    return list(getattr(kind, "model_fields", {}))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
