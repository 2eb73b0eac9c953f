"""Ask real stop rules and dispatchers about simulated votes, once for each state.

A rule declared to look at the lead (registry.py) is asked once for each (planned, finished,
v1, v2); any other is shown the exact VoteState a solve would show it, once for each course
of the votes. `use_of` reads `fhpc:0.02` into a rule with checked options.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol

import numpy as np

from votebox.plugins.calls import call, expect
from votebox.plugins.errors import ProblemError, RecipeError
from votebox.plugins.loader import load_recipe
from votebox.plugins.recipe import Use
from votebox.plugins.registry import Registry
from votebox.plugins.voting import Advice, VoteState
from votebox.plugins.whatif import Floats, Ints, Trials

__all__ = ["Book", "ExactView", "LeadView", "Standing", "View", "use_of"]

_GIVEN: Final = re.compile(r"([a-z0-9-]++)(?::(.*+))?+", re.DOTALL)
# The least recipe a rule can stand in, so that its options are checked by the recipe's rules.
_AROUND: Final = {
    "name": "what-if",
    "nodes": {
        "ask": {"use": "prompt:solve"},
        "think": {"use": "model:reasoner", "after": ["ask"]},
        "read": {"use": "extract:boxed", "after": ["think"]},
        "elect": {"use": "vote:majority", "after": ["read"]},
    },
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
    part_of = {"policy": "policy", "stop": "stop", "dispatch": "dispatch"}[kind]
    try:
        recipe = load_recipe({**_AROUND, part_of: {"use": plugin.use, **table}}, registry)
    except RecipeError as e:
        raise ProblemError(f"{kind} {text!r}: {e.problem}", e.fix) from e
    use: Use = getattr(recipe, part_of)
    return use


class Book:
    """Keep what a stop rule and a dispatcher said about each state.

    Without a dispatcher one chain runs after another. `lead_only` says that both look at
    no more than the lead.
    """

    def __init__(self, stop: Use, dispatch: Use | None = None) -> None:
        self.stop, self.dispatch = stop, dispatch
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
            self._wanted[state, in_flight] = known
        return known


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Hold where each trial's vote stands; filled in place as chains end."""

    ended: Ints
    v1: Floats
    v2: Floats
    chain_weight: Floats


class View(Protocol):
    """Say in which VoteState each trial is."""

    def states(self, rows: Ints) -> tuple[Sequence[VoteState], Ints]:
        """Return the different states of `rows`, and which of them each row is in."""
        ...

    def heard(self, rows: Ints, votes: Ints, weights: Floats) -> None:
        """Note that a chain of each of `rows` ended with this vote."""
        ...


class LeadView:
    """Show the lead alone: two counts at most, and no order."""

    def __init__(self, trials: Trials, standing: Standing) -> None:
        self._planned, self._standing = trials.planned, standing

    def states(self, rows: Ints) -> tuple[Sequence[VoteState], Ints]:
        """Return the different leads of `rows`, and which of them each row has."""
        now = self._standing
        columns = (self._planned, now.ended, now.v1, now.v2, now.chain_weight)
        first, which = _different(*(column[rows] for column in columns))
        cells = zip(*(column[rows[first]].tolist() for column in columns), strict=True)
        return [
            VoteState(planned, ended, tuple(v for v in (v1, v2) if v), weight)
            for planned, ended, v1, v2, weight in cells
        ], which

    def heard(self, rows: Ints, votes: Ints, weights: Floats) -> None:
        """Do nothing: the standing is kept by the race."""


class ExactView:
    """Show all a solve shows. Trials whose votes ran the same course share a node.

    Classes of equal weight and equal rank are numbered by the first to end, where a solve
    takes the first launched; which number a class has tells a rule nothing.
    """

    def __init__(self, trials: Trials, standing: Standing) -> None:
        self._planned = trials.planned
        self._node = trials.experiment.copy()
        self._courses = [_Course(e.ranks.tolist()) for e in trials.experiments]

    def states(self, rows: Ints) -> tuple[Sequence[VoteState], Ints]:
        """Return the different states of `rows`, and which of them each row is in."""
        first, which = _different(self._node[rows], self._planned[rows])
        planned = self._planned[rows[first]].tolist()
        nodes = self._node[rows[first]].tolist()
        return [self._courses[node].state(n) for node, n in zip(nodes, planned, strict=True)], which

    def heard(self, rows: Ints, votes: Ints, weights: Floats) -> None:
        """Move each row to the node of its longer course."""
        first, which = _different(self._node[rows], votes, weights)
        nodes = self._node[rows[first]].tolist()
        cast = zip(nodes, votes[first].tolist(), weights[first].tolist(), strict=True)
        # All rows have heard as many chains, so the courses so far are not needed again.
        self._courses = [self._courses[node].then(vote, weight) for node, vote, weight in cast]
        self._node[rows] = which


@dataclass(frozen=True, slots=True)
class _Course:
    """Hold the votes of a trial so far in the order they ended, and their sums by class."""

    ranks: list[int]
    votes: tuple[int, ...] = ()
    sums: Mapping[int, float] = MappingProxyType({})
    chain_weight: float = 1.0

    def then(self, vote: int, weight: float) -> "_Course":
        """Return the course one chain longer."""
        if vote < 0:
            return _Course(self.ranks, (*self.votes, vote), self.sums, self.chain_weight)
        sums = {**self.sums, vote: self.sums.get(vote, 0.0) + weight}
        return _Course(self.ranks, (*self.votes, vote), sums, max(self.chain_weight, weight))

    def state(self, planned: int) -> VoteState:
        """Return what a rule sees; classes stand by weight, then rank, then first to end."""
        sums, ranks = self.sums, self.ranks
        classes = sorted(sums, key=lambda vote: (-sums[vote], -ranks[vote]))
        number: dict[int, int | None] = {vote: place for place, vote in enumerate(classes)}
        number[-1] = None
        order = tuple([number[vote] for vote in self.votes])
        counts = tuple([sums[vote] for vote in classes])
        return VoteState(planned, len(order), counts, self.chain_weight, order)


def _different(*columns: Ints | Floats) -> tuple[Ints, Ints]:
    """Return the first row of each different tuple, and which tuple each row has."""
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        values, place = np.unique(column, return_inverse=True)
        codes = codes * len(values) + place
        if len(values) > 1:
            codes = np.unique(codes, return_inverse=True)[1]
    _, first, which = np.unique(codes, return_index=True, return_inverse=True)
    return first, which


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
