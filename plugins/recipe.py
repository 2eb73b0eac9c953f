"""Hold a recipe: a solve DAG as data, checked by loader.py before anything runs.

A recipe is TOML. Its nodes name plugins as `kind:name` and their parents in `after`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Final

from votebox.plugins.graph import REDUCERS
from votebox.plugins.nouns import Sampling
from votebox.plugins.registry import Plugin
from votebox.sandbox import Limits

__all__ = [
    "DEFAULT_RESTARTS",
    "MAX_CHAINS",
    "Budget",
    "Node",
    "Recipe",
    "Step",
    "Use",
    "field_names",
]

MAX_CHAINS: Final = 4096
"""The most chains a recipe or a caller may ask for."""

DEFAULT_RESTARTS: Final = 1
"""How often a chain starts again: once outlives one death, and a question that kills engines
kills two."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Bound a solve: seconds from its start, tokens, and seconds in the sandbox.

    Tokens are prompt and completion tokens of all its chains. When `max_sandbox_s` of its
    programs' wall time are spent, further programs are rejected; the solve goes on.
    """

    deadline_s: float | None = None
    max_total_tokens: int | None = None
    max_sandbox_s: float | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """Bind a plugin to its checked options."""

    plugin: Plugin
    options: Any = None

    def __str__(self) -> str:
        """Return the plugin's name and its first option's value, as `fhpc:0.02`."""
        names = field_names(type(self.options))[:1] if self.options is not None else []
        return ":".join([self.plugin.name, *(str(getattr(self.options, n)) for n in names)])


@dataclass(frozen=True, slots=True)
class Node:
    """Hold one node of the DAG.

    `kind` and `name` come from `use`. `plugin` is None for the two kinds that are ports:
    `model` (name is the role) and `sandbox`. `options` are the plugin's, SandboxOptions
    for a sandbox, None for a model.
    """

    id: str
    kind: str
    name: str
    after: tuple[str, ...]
    plugin: Plugin | None = None
    options: Any = None
    sampling: Sampling = Sampling()
    limits: Limits = Limits()

    @property
    def use(self) -> str:
        """Return `kind:name`."""
        return f"{self.kind}:{self.name}"

    @property
    def reduces(self) -> bool:
        """Return whether this node waits for all chains."""
        return self.kind in REDUCERS


@dataclass(frozen=True, slots=True)
class Step:
    """Hold one step of a speed ladder: what changes for a question with less than `below_s`.

    None leaves the recipe's own value. `max_tokens` is per reply, of every model node.
    """

    below_s: float
    chains: int | None = None
    max_tokens: int | None = None
    stop: Use | None = None

    def __str__(self) -> str:
        """Return the step in words, as `below 60 s: 8 chains, stop lead:3`."""
        changes = [
            f"{self.chains} chain{'s' if self.chains > 1 else ''}" if self.chains else "",
            f"{self.max_tokens} tokens a reply" if self.max_tokens else "",
            f"stop {self.stop}" if self.stop else "",
        ]
        return f"below {self.below_s:g} s: {', '.join(filter(None, changes))}"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Hold a checked recipe.

    `nodes` stand in topological order, parents first. `per_chain` and `after_vote` split
    them at the first node that waits for all chains. A chain leaves the rounds when a
    node of `answered_by` reads a candidate. `ladder` stands in rising order of `below_s`. A
    chain whose engine or interpreter died starts again at most `restarts` times.
    """

    name: str
    nodes: Mapping[str, Node]
    policy: Use
    stop: Use
    dispatch: Use
    description: str = ""
    chains: int = 1
    rounds: int = 1
    restarts: int = DEFAULT_RESTARTS
    guards: tuple[Use, ...] = ()
    budget: Budget = Budget()
    ladder: tuple[Step, ...] = ()
    answered_by: tuple[str, ...] = ()
    per_chain: tuple[str, ...] = ()
    after_vote: tuple[str, ...] = ()
    hash: str = ""
    source: str = field(default="", repr=False)

    @property
    def sink(self) -> Node:
        """Return the node whose tally is the outcome."""
        return self.nodes[tuple(self.nodes)[-1]]

    @property
    def roles(self) -> tuple[str, ...]:
        """Return the model roles the recipe needs, in order of use."""
        found = (n.name for n in self.nodes.values() if n.kind == "model")
        return tuple(dict.fromkeys(found))

    def step(self, deadline_s: float | None) -> Step | None:
        """Return the ladder's step for a question with `deadline_s`: the lowest above it."""
        if deadline_s is None:
            return None
        return next((step for step in self.ladder if deadline_s < step.below_s), None)

    @property
    def needs_sandbox(self) -> bool:
        """Return whether any node runs programs."""
        return any(n.kind == "sandbox" or (n.plugin and n.plugin.runs) for n in self.nodes.values())


def ancestors(node: Node, nodes: Mapping[str, Node]) -> set[str]:
    """Return the names of all nodes that `node` follows, directly or not."""
    found: set[str] = set()
    left = list(node.after)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left.extend(nodes[name].after)
    return found


def last_boxes(recipe: Recipe, values: Mapping[str, Any]) -> list[Node]:
    """Return the sandbox nodes of a round whose output its model is to see next, in order.

    One that ran a program made of another's, as a repaired one, stands for both.
    """
    nodes = recipe.nodes
    boxes = [n for n in nodes.values() if n.kind == "sandbox" and values.get(n.id)]
    above = {name for box in boxes for name in ancestors(box, nodes)}
    return [box for box in boxes if box.id not in above and box.options.turn != "inline"]


def field_names(kind: type) -> list[str]:
    """Return the names of the fields of a dataclass or a model."""
    if is_dataclass(kind):
        return [f.name for f in fields(kind)]
    return list(getattr(kind, "model_fields", {}))
