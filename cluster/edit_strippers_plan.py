"""Carry out one `votebox compare-strippers`: find the run's exercises and recipe, read, tell."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from votebox.cluster.edit_bench_commands import EXERCISES
from votebox.cluster.edit_run import OURS, facts_of, jail, load_cases
from votebox.cluster.edit_solve import Procedure, Rules
from votebox.cluster.edit_strippers import (
    AS_RUN,
    Reading,
    compare_strippers,
    read_with,
    readings_table,
)
from votebox.cluster.errors import BadUsage, translated
from votebox.cluster.result import write_json
from votebox.cluster.runs import Run, load_run
from votebox.plugins import (
    Recipe,
    Registry,
    Task,
    TestLimits,
    VoteboxError,
    load_recipe,
    load_tasks,
)

__all__ = ["Comparison", "carry_out"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Hold what the command was given; no strippers mean all there are."""

    run: Path
    strippers: Sequence[str]
    formats: Sequence[str]
    exercises: Path | None
    tests: bool
    json: bool


def carry_out(given: Comparison) -> None:
    """Read the run with each stripper and format, and write the table.

    Raises:
        BadUsage: the folder holds no such run, its exercises are others now, or there is no
            such stripper.
        Failed: a file of the run is broken, or the jail fails.
    """
    run = load_run(given.run)
    if "procedure" not in run.head.options:
        fix = "name the folder that `votebox edit-bench run --out DIR` wrote"
        raise BadUsage(f"{run.folder} holds no run of the editing benchmark", fix)
    try:
        registry = Registry.load()
        recipe = load_recipe(run.head.recipe_source, registry)
        tasks, rules = _tasks(run, given.exercises), _rules(run, recipe)
        variants = _variants(given, recipe, registry)
        found = asyncio.run(_read(given, rules, tasks, variants))
    except VoteboxError as e:
        raise translated(e) from e
    if given.json:
        write_json({"readings": [one.to_json() for one in found]}, sys.stdout)
    else:
        readings_table(found, sys.stdout)


def _tasks(run: Run, exercises: Path | None) -> dict[str, Task]:
    """Return the run's exercises; refuse others."""
    facts, head = run.head.dataset, run.head
    folder = exercises or (EXERCISES if facts.name == OURS else Path(facts.path))
    if not folder.is_dir():
        fix = "give those of the run with --exercises DIR"
        raise BadUsage(f"{folder}, which {run.folder} asked, is no folder", fix)
    tasks = load_tasks(folder, tuple(head.options.get("only", ())))
    if facts_of(folder, tasks, facts.name, _procedure(run)).sha256 != facts.sha256:
        fix = "give those of the run with --exercises DIR"
        raise BadUsage(f"{folder} holds other exercises than {run.folder} asked", fix)
    return {task.id: task for task in tasks}


def _rules(run: Run, recipe: Recipe) -> Rules:
    options = run.head.options
    limits = TestLimits(options["total_s"], options["test_s"])
    return Rules(recipe, options["tries"], _procedure(run), limits=limits)


def _procedure(run: Run) -> Procedure:
    return cast("Procedure", run.head.options["procedure"])


def _variants(
    given: Comparison, recipe: Recipe, registry: Registry
) -> dict[tuple[str, str], Recipe]:
    known = sorted(plugin.name for plugin in registry.plugins.values() if plugin.kind == "strip")
    names = (AS_RUN, *(given.strippers or known))
    return {
        (name, form): read_with(recipe, name, form, registry)
        for form in ("", *given.formats)
        for name in names
    }


async def _read(
    given: Comparison,
    rules: Rules,
    tasks: dict[str, Task],
    variants: dict[tuple[str, str], Recipe],
) -> tuple[Reading, ...]:
    cases = load_cases(given.run)
    if not given.tests:
        return await compare_strippers(cases, tasks, rules, variants, None)
    async with jail(rules) as sandbox:
        return await compare_strippers(cases, tasks, rules, variants, sandbox)
