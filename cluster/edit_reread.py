"""Read stored replies of an editing recipe again: what each comes to, and which changes land.

The recipe's own nodes read them, in its order: what parts thinking off, what finds edits, what
applies and gates them. Models are not asked and nothing runs; so the same walk measures a
run and tells what another stripper would have made of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from votebox.cluster.edit_cases import ReplyOutcome
from votebox.plugins import ChainView, Completion, Patch, Problem, Recipe, Turn
from votebox.plugins.calls import call_async
from votebox.plugins.context import Ports
from votebox.plugins.readers import edits_of, final_text
from votebox.plugins.recipe import Node

__all__ = ["Outcome", "Reread", "Said", "reread", "writers"]

type Said = Mapping[tuple[str, int], Completion]
"""The replies of a chain, by node and round."""

_SILENT: Final = ("no_edit", "truncated", "empty", "gate")
"""Faults the published benchmark takes for well-formed: it raises nothing for them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Tell what one reply came to; the fields are those of edit_cases.Reply."""

    outcome: ReplyOutcome
    fault: str = ""
    thinking: float = 0.0

    @property
    def raised(self) -> bool:
        """Return whether the published benchmark counts the reply as malformed."""
        return self.outcome == "malformed" and self.fault not in _SILENT


@dataclass(frozen=True, slots=True)
class Reread:
    """Hold the outcome of every reply read, and each change that landed with its round."""

    outcomes: Mapping[tuple[str, int], Outcome]
    landed: tuple[tuple[int, Patch], ...]


async def reread(recipe: Recipe, problem: Problem, said: Said, *, first: bool = False) -> Reread:
    """Return what the replies of one chain come to; `first` ends at the first change that lands.

    Raises:
        PluginError: one of the recipe's plugins failed.
    """
    turns: list[Turn] = []
    outcomes: dict[tuple[str, int], Outcome] = {}
    landed: list[tuple[int, Patch]] = []
    for number in sorted({number for _, number in said}):
        turn = Turn(number, await _round(recipe, problem, tuple(turns), said, number))
        turns.append(turn)
        outcomes |= {(node, number): found for node, found in _outcomes(recipe, turn.values)}
        patch = _patch(turn.values)
        if patch is not None and patch.landed:
            landed.append((number, patch))
            if first:
                break
    return Reread(outcomes, tuple(landed))


async def _round(
    recipe: Recipe, problem: Problem, turns: tuple[Turn, ...], said: Said, number: int
) -> dict[str, Any]:
    """Return the values of one round, as the chain had them but for prompts and programs."""
    values: dict[str, Any] = {}
    ports = Ports({}, None, problem, chain=ChainView(0, turns=turns))
    for name in recipe.per_chain:
        node = recipe.nodes[name]
        inputs = {parent: values[parent] for parent in node.after if parent in values}
        if node.kind == "model" and (name, number) in said:
            values[name] = said[name, number]
        elif inputs and node.kind == "strip":
            values[name] = final_text(node, next(iter(inputs.values())))
        elif inputs and node.kind == "edit":
            values[name] = edits_of(node, next(iter(inputs.values())))
        elif inputs and node.kind == "step" and node.plugin and node.plugin.gives == "patch":
            runs = node.plugin.runs  # what it would add is no part of a change
            made = next(iter(inputs.values())) if runs else await _step(node, inputs, ports)
            values[name] = made
    return values


async def _step(node: Node, inputs: Mapping[str, Any], ports: Ports) -> Any:
    return await call_async(node.plugin, node.options, inputs, ports)


def writers(recipe: Recipe) -> frozenset[str]:
    """Return the model nodes that no other follows: whose replies have to be edits."""
    models = [node.id for node in recipe.nodes.values() if node.kind == "model"]
    followed = {above for name in models for above in _ancestors(recipe, name)}
    return frozenset(name for name in models if name not in followed)


def _ancestors(recipe: Recipe, name: str) -> set[str]:
    found: set[str] = set()
    waiting = list(recipe.nodes[name].after)
    while waiting:
        parent = waiting.pop()
        if parent not in found:
            found.add(parent)
            waiting += recipe.nodes[parent].after
    return found


def _outcomes(recipe: Recipe, values: Mapping[str, Any]) -> Iterator[tuple[str, Outcome]]:
    """Give each reply of a round what it came to; its change is of the last that wrote edits."""
    patch, ends = _patch(values), writers(recipe)
    spoke = [name for name in values if recipe.nodes[name].kind == "model"]
    behind = {name: tuple(_read_from(recipe, name, values)) for name in spoke}
    wrote = [n for n in spoke if any(recipe.nodes[b].kind == "edit" for b in behind[n])]
    for name in spoke:
        texts = [values[b] for b in behind[name] if isinstance(values[b], Completion)]
        final = texts[-1] if texts else values[name]
        own = patch if wrote and wrote[-1] == name else None
        outcome, fault = _outcome(final, own, writes=name in ends)
        yield name, Outcome(outcome, fault, _thinking(values[name], final))


def _read_from(recipe: Recipe, name: str, values: Mapping[str, Any]) -> Iterator[str]:
    """Give the nodes that read one model's reply, themselves or through each other."""
    found = {name}
    for other in values:
        node = recipe.nodes[other]
        if node.kind in ("strip", "edit") and found & set(node.after):
            found.add(other)
            yield other


def _outcome(final: Completion, patch: Patch | None, *, writes: bool) -> tuple[ReplyOutcome, str]:
    if not final.text.strip():
        cut = final.finish_reason in ("length", "abort")
        return ("cut", "truncated") if cut else ("malformed", "empty")
    if patch is not None and patch.landed:
        return ("exact" if patch.report.exact else "tolerated"), ""
    if not writes:
        return ("cut", "truncated") if final.finish_reason == "length" else ("proposal", "")
    return "malformed", "no_edit" if patch is None else _fault(patch)


def _fault(patch: Patch) -> str:
    """Return the class of the first thing that kept a change from landing."""
    kinds: Sequence[str] = [fault.kind for fault in patch.report.faults]
    statuses: Sequence[str] = [op.status for op in patch.report.failed]
    return next(iter((*kinds, *statuses)), "gate")


def _thinking(reply: Completion, final: Completion) -> float:
    """Return the share of a reply's characters that are none of its final text."""
    chars = len(reply.text) + len(reply.reasoning)
    return max(0.0, 1.0 - len(final.text) / chars) if chars else 0.0


def _patch(values: Mapping[str, Any]) -> Patch | None:
    found = [value for value in values.values() if isinstance(value, Patch)]
    return found[-1] if found else None
