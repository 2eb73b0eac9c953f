"""Compare what strippers make of the stored replies of a run: read, apply and test them again.

No model is asked. Each chain is read from its first reply to the first change that lands,
which is what a model's first word was worth under that stripper; what it said later answered
to another reading.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from votebox.cluster.edit_cases import Case, ChainCase
from votebox.cluster.edit_reread import Outcome, Reread, reread
from votebox.cluster.edit_solve import Grades, Rules, change_of, problem_of
from votebox.cluster.errors import BadUsage
from votebox.cluster.text import one_line
from votebox.plugins import Recipe, Registry, SandboxPort, Task
from votebox.plugins.recipe import Node
from votebox.plugins.uses import use_of

__all__ = ["AS_RUN", "Reading", "compare_strippers", "read_with", "readings_table"]

AS_RUN = "as in the run"
"""The name of the recipe's own stripper, with its options."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Count what one stripper and format make of a run's chains.

    Of `replies` read, `well_formed` are edits that apply, `exact` those of them without
    tolerance, `proposals` words for an editor; `cut` ended in their thinking. Of `chains`,
    `applied` came to a change, and `passed` to one that passes the tests that score (None where
    none ran).
    """

    stripper: str
    format: str
    replies: int
    well_formed: int
    exact: int
    proposals: int
    cut: int
    chains: int
    applied: int
    passed: int | None

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON types."""
        return asdict(self)


def read_with(recipe: Recipe, stripper: str, format_name: str, registry: Registry) -> Recipe:
    """Return the recipe with another stripper and edit format in all its nodes.

    `stripper` AS_RUN and `format_name` "" leave those of the recipe.

    Raises:
        BadUsage: the recipe has no stripper to replace.
        ProblemError: there is no such plugin.
    """
    nodes = dict(recipe.nodes)
    if stripper != AS_RUN:
        strips = [node for node in nodes.values() if node.kind == "strip"]
        if not strips:
            raise BadUsage(f"recipe {recipe.name} has no strip node", "add one before its edits")
        nodes |= {node.id: _with(node, stripper, registry) for node in strips}
    if format_name:
        edits = [node for node in nodes.values() if node.kind == "edit"]
        nodes |= {node.id: _with(node, format_name, registry) for node in edits}
    return replace(recipe, nodes=nodes)


def _with(node: Node, name: str, registry: Registry) -> Node:
    use = use_of(node.kind, name, registry)
    return replace(node, name=use.plugin.name, plugin=use.plugin, options=use.options)


async def compare_strippers(
    cases: Sequence[Case],
    tasks: Mapping[str, Task],
    rules: Rules,
    variants: Mapping[tuple[str, str], Recipe],
    sandbox: SandboxPort | None,
) -> tuple[Reading, ...]:
    """Return what each variant, by stripper and format, makes of the cases; None runs no test."""
    ended = [case for case in cases if case.chains]
    grades = {name: Grades(task, sandbox, rules.limits) for name, task in tasks.items() if sandbox}
    found = []
    for (stripper, format_name), recipe in variants.items():
        variant = replace(rules, recipe=recipe)
        chains = [(case, chain) for case in ended for chain in case.chains]
        reads = [await _read(tasks[case.id], variant, chain) for case, chain in chains]
        passes = await asyncio.gather(
            *(_passes(case, read, grades) for (case, _), read in zip(chains, reads, strict=True))
        )
        passed = sum(passes) if sandbox is not None else None
        name = format_name or next(n.name for n in recipe.nodes.values() if n.kind == "edit")
        found.append(_reading(stripper, name, reads, passed))
    return tuple(found)


async def _read(task: Task, rules: Rules, chain: ChainCase) -> Reread:
    said = {(reply.node, reply.round): reply.completion for reply in chain.replies}
    return await reread(rules.recipe, problem_of(task, rules), said, first=True)


async def _passes(case: Case, read: Reread, grades: Mapping[str, Grades]) -> bool:
    if not read.landed or case.id not in grades:
        return False
    number, patch = read.landed[0]
    vector = await grades[case.id](patch.files)
    return change_of(number, patch, vector).passes(case.scoring)


def _reading(
    stripper: str, format_name: str, reads: Sequence[Reread], passed: int | None
) -> Reading:
    outcomes = [found for read in reads for found in read.outcomes.values()]
    return Reading(
        stripper,
        format_name,
        len(outcomes),
        _count(outcomes, "exact", "tolerated"),
        _count(outcomes, "exact"),
        _count(outcomes, "proposal"),
        _count(outcomes, "cut"),
        len(reads),
        sum(bool(read.landed) for read in reads),
        passed,
    )


def _count(found: Sequence[Outcome], *names: str) -> int:
    return sum(each.outcome in names for each in found)


def readings_table(found: Sequence[Reading], stream: TextIO) -> None:
    """Write one row for each reading, shares with their counts."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False, width=100)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("stripper", "format"):
        table.add_column(name)
    for name in ("replies", "well-formed", "exact", "words", "cut", "chains", "applied", "passed"):
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(
            Text(one_line(one.stripper, 40)), Text(one_line(one.format, 20)), *_cells(one)
        )
    console.print(table)
    stream.flush()


def _cells(one: Reading) -> Iterator[str]:
    yield f"{one.replies:,}"
    for count in (one.well_formed, one.exact, one.proposals, one.cut):
        yield _part(count, one.replies)
    yield f"{one.chains:,}"
    yield _part(one.applied, one.chains)
    yield "" if one.passed is None else _part(one.passed, one.chains)


def _part(count: int, of: int) -> str:
    return f"{count / of:.1%}" if of else "-"
