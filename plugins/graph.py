"""Check the shape of a solve DAG: parents, cycles, kinds of value, one sink.

Each kind of node takes and gives kinds of value; that table is all there is to know
about what may follow what. Nothing here knows a plugin's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from votebox.plugins.errors import RecipeError
from votebox.plugins.registry import nearest

if TYPE_CHECKING:
    from votebox.plugins.recipe import Node

__all__ = ["REDUCERS", "VALUE_KINDS", "Order", "check_graph"]

VALUE_KINDS: Final = (
    "prompt",
    "completion",
    "programs",
    "executions",
    "edits",
    "patch",
    "candidates",
    "tally",
)
"""What flows along an edge."""

REDUCERS: Final = frozenset({"vote", "select"})
"""The kinds of node that wait for all chains."""

_ANY: Final = frozenset(VALUE_KINDS)
# kind of node -> (kinds of value it takes, fewest parents, most parents, what it gives)
_RULES: Final[dict[str, tuple[frozenset[str], int, int, str]]] = {
    "prompt": (_ANY - {"tally"}, 0, 99, "prompt"),
    "model": (frozenset({"prompt"}), 1, 1, "completion"),
    "strip": (frozenset({"completion"}), 1, 1, "completion"),
    "code": (frozenset({"completion"}), 1, 1, "programs"),
    "edit": (frozenset({"completion"}), 1, 1, "edits"),
    "sandbox": (frozenset({"programs"}), 1, 1, "executions"),
    "extract": (frozenset({"completion", "executions"}), 1, 99, "candidates"),
    "vote": (frozenset({"candidates"}), 1, 99, "tally"),
}


@dataclass(frozen=True, slots=True)
class Order:
    """Hold the nodes in topological order, split at the first reducer."""

    nodes: tuple[str, ...]
    per_chain: tuple[str, ...]
    after_vote: tuple[str, ...]


def check_graph(recipe: str, nodes: Mapping[str, "Node"], rounds: int) -> Order:
    """Return the order to run `nodes` in; raise RecipeError on the first fault."""
    for node in nodes.values():
        for parent in node.after:
            if parent not in nodes:
                hint = nearest(parent, nodes)
                problem = f"follows {parent!r}, which is not a node"
                raise RecipeError(recipe, f"node {node.id!r}", problem, hint)
        if len(set(node.after)) != len(node.after):
            raise RecipeError(recipe, f"node {node.id!r}", "names a parent twice in after")
    order = _sorted(recipe, nodes)
    for name in order:
        _check_kinds(recipe, nodes[name], nodes)
    _check_sink(recipe, nodes)
    late = _behind_reducers(order, nodes)
    for name in order:
        _check_side(recipe, nodes[name], nodes, late)
    if rounds > 1 and not any(n.kind == "prompt" and not n.after for n in nodes.values()):
        raise RecipeError(recipe, "rounds", f"{rounds} rounds need a prompt node without parents")
    return Order(
        tuple(order),
        tuple(n for n in order if n not in late),
        tuple(n for n in order if n in late),
    )


def given_by(node: "Node") -> str:
    """Return the kind of value `node` gives."""
    if node.kind in _RULES:
        return _RULES[node.kind][3]
    return node.plugin.gives if node.plugin else ""


def _sorted(recipe: str, nodes: Mapping[str, "Node"]) -> list[str]:
    order: list[str] = []
    left = dict.fromkeys(nodes)
    while left:
        ready = [n for n in left if all(p not in left for p in nodes[n].after)]
        if not ready:
            cycle = _cycle(nodes, next(iter(left)), left)
            raise RecipeError(
                recipe,
                f"node {cycle[0]!r}",
                "the nodes form a cycle: " + " -> ".join(cycle),
                "remove one name from an after list; rounds repeat a chain instead",
            )
        for name in ready:
            order.append(name)
            del left[name]
    return order


def _cycle(nodes: Mapping[str, "Node"], start: str, left: Mapping[str, None]) -> list[str]:
    path = [start]
    while True:
        parent = next(p for p in nodes[path[-1]].after if p in left)
        if parent in path:
            return [parent, *reversed(path[path.index(parent) :])]
        path.append(parent)


def _rule(recipe: str, node: "Node") -> tuple[frozenset[str], int, int]:
    if node.kind in _RULES:
        return _RULES[node.kind][:3]
    where = f"node {node.id!r}"
    plugin = node.plugin
    if plugin is None or not plugin.takes or not plugin.gives:
        fix = "mark it with @declare(takes=(...), gives=...)"
        raise RecipeError(recipe, where, f"{node.use} does not say what it takes and gives", fix)
    for kind in (*plugin.takes, plugin.gives):
        if kind not in VALUE_KINDS:
            fix = "kinds of value: " + ", ".join(VALUE_KINDS)
            raise RecipeError(recipe, where, f"{node.use} declares unknown kind {kind!r}", fix)
    return frozenset(plugin.takes), 1, 99


def _check_kinds(recipe: str, node: "Node", nodes: Mapping[str, "Node"]) -> None:
    takes, least, most = _rule(recipe, node)
    where = f"node {node.id!r}"
    wanted = " or ".join(sorted(takes))
    if not least <= len(node.after) <= most:
        count = f"{least}" if least == most else f"at least {least}"
        problem = f"{node.use} follows {len(node.after)} nodes and needs {count}"
        raise RecipeError(recipe, where, problem, f"list nodes that give {wanted} in after")
    for parent in node.after:
        given = given_by(nodes[parent])
        if given not in takes:
            problem = f"{node.use} cannot follow {parent!r}, which gives {given}"
            raise RecipeError(recipe, where, problem, f"it takes {wanted}")


def _check_sink(recipe: str, nodes: Mapping[str, "Node"]) -> None:
    parents = {p for node in nodes.values() for p in node.after}
    sinks = [name for name in nodes if name not in parents]
    if len(sinks) > 1:
        raise RecipeError(
            recipe,
            f"node {sinks[1]!r}",
            f"more than one node ends the recipe: {', '.join(sinks)}",
            "let one vote or select follow the others, or remove them",
        )
    sink = nodes[sinks[0]]
    if given_by(sink) != "tally":
        problem = f"{sink.use} ends the recipe and gives {given_by(sink)}"
        raise RecipeError(recipe, f"node {sink.id!r}", problem, "end with a vote")


def _behind_reducers(order: list[str], nodes: Mapping[str, "Node"]) -> set[str]:
    late: set[str] = set()
    for name in order:
        node = nodes[name]
        if node.kind in REDUCERS or any(p in late for p in node.after):
            late.add(name)
    return late


def _check_side(recipe: str, node: "Node", nodes: Mapping[str, "Node"], late: set[str]) -> None:
    """Refuse what cannot run behind a vote: chains end there, so no per-chain kinds."""
    where = f"node {node.id!r}"
    behind = [p for p in node.after if p in late]
    if node.id not in late or not behind:
        return
    if node.kind in _RULES and node.kind != "vote":
        problem = f"{node.use} follows {behind[0]!r}, behind the vote"
        raise RecipeError(recipe, where, problem, "only steps, selects and votes may stand there")
    mixed = [p for p in node.after if p not in late]
    if node.kind == "step" and mixed:
        problem = f"follows {behind[0]!r} behind the vote and {mixed[0]!r} before it"
        raise RecipeError(recipe, where, problem, "use a select to gather the chains' values")
