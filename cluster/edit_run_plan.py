"""Carry out one `votebox edit-bench run`: lay it out, go on with its folder, tell the result."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

from votebox.cluster import checks
from votebox.cluster.edit_bench_commands import EXERCISES
from votebox.cluster.edit_cases import Case
from votebox.cluster.edit_numbers import Price, number
from votebox.cluster.edit_result import edit_row, write_numbers
from votebox.cluster.edit_rows import write_rows
from votebox.cluster.edit_run import OURS, CaseLog, facts_of, items_of, working
from votebox.cluster.edit_solve import Procedure, Rules, check_editing, check_sent, sides
from votebox.cluster.endpoint_roles import Roles, named_roles, roles_text
from votebox.cluster.errors import translated
from votebox.cluster.evaluate_places import Place, run_in_app, run_in_process
from votebox.cluster.evaluate_tasks import Shard, lay_out
from votebox.cluster.result import write_json
from votebox.cluster.runs import RunHead, RunWriter
from votebox.plugins import Registry, Task, TestLimits, VoteboxError, load_tasks

__all__ = ["Plan", "carry_out"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold what the command was given; `folder` None means votebox's own exercises.

    `overrides` are fields of SolveOptions, `prices` US dollars per million tokens by model.
    """

    folder: Path | None
    names: Sequence[str]
    out: str
    recipe: str
    tries: int
    procedure: Procedure
    repeat: int
    limit: int | None
    shard: Shard | None
    concurrency: int
    seed: int
    overrides: Mapping[str, Any]
    total_s: float
    test_s: float
    prices: Mapping[str, Price]
    model: str | None
    endpoint: str | None
    endpoint_model: str | None
    endpoints: str | None
    url: str | None
    go_on: str
    command: tuple[str, ...]
    fresh: bool
    retry_errors: bool
    trace: bool
    quiet: bool
    json: bool


def carry_out(plan: Plan) -> None:
    """Solve what is left of the plan's run and tell what it came to.

    Raises:
        BadUsage, Failed: before anything is asked where the plan cannot work; while it
            runs as run_in_process does.
    """
    registry = Registry.load()
    rules = _rules(plan, registry)
    tasks = _tasks(plan, rules)
    laid = lay_out(
        items_of(tasks), seed=plan.seed, repeat=plan.repeat, limit=plan.limit, shard=plan.shard
    )
    place = _place(plan, rules, registry)
    head = _head(plan, rules, tasks, place.roles)
    priced = replace(plan, prices={**_prices(place.roles), **plan.prices})
    with RunWriter(plan.out, head, fresh=plan.fresh, retry_errors=plan.retry_errors) as writer:
        there = frozenset(row.key for row in writer.done)
        log = CaseLog(writer.folder, there)
        left = [each for each in laid if each.key not in there]

        def done(stream: TextIO) -> None:
            _tell(priced, rules, writer, tuple(log.cases.values()), stream)

        if left:
            work = working({task.id: task for task in tasks}, rules, log)
            run = run_in_process if plan.url is None else run_in_app
            run(place, writer, left, done, work)
        else:
            done(sys.stdout)


def _rules(plan: Plan, registry: Registry) -> Rules:
    recipe = checks.check_recipe(plan.recipe, registry, files=plan.url is None)
    given = {**plan.overrides, "stop": "never"}  # a chain cut short says nothing of itself
    options = checks.check_options(given, recipe, registry)
    limits = TestLimits(plan.total_s, plan.test_s)
    rules = Rules(recipe, plan.tries, plan.procedure, options, limits)
    check_editing(rules)
    if plan.url is not None:
        check_sent(rules)
    return rules


def _tasks(plan: Plan, rules: Rules) -> tuple[Task, ...]:
    try:
        tasks = load_tasks(plan.folder or EXERCISES, plan.names)
        for task in tasks:
            sides(task, rules.procedure)
    except VoteboxError as e:
        raise translated(e) from e
    return tasks


def _place(plan: Plan, rules: Rules, registry: Registry) -> Place:
    return Place(
        rules.recipe,
        registry,
        rules.options,
        plan.concurrency,
        plan.go_on,
        endpoint=plan.endpoint,
        endpoint_model=plan.endpoint_model,
        model=plan.model,
        url=plan.url,
        trace=plan.trace,
        quiet=plan.quiet,
        roles=named_roles(plan.endpoints, rules.recipe),
    )


def _prices(roles: Roles | None) -> dict[str, Price]:
    """Return the prices that an endpoint file gives roles in US dollars."""
    found = {f"role:{name}": table.price for name, table in (roles or {}).items()}
    return {
        name: (price.prompt, price.completion)
        for name, price in found.items()
        if price is not None and price.currency == "USD"
    }


def _head(plan: Plan, rules: Rules, tasks: Sequence[Task], roles: Roles | None) -> RunHead:
    where = EXERCISES if plan.folder is None else plan.folder
    name = OURS if plan.folder is None else where.resolve().name
    given = {
        **rules.options.overrides,
        "tries": plan.tries,
        "procedure": plan.procedure,
        "total_s": plan.total_s,
        "test_s": plan.test_s,
        "only": list(plan.names) or None,
        "model": plan.model,
        "endpoint_model": plan.endpoint_model or roles_text(roles),
    }
    return RunHead(
        name=Path(plan.out).resolve().name,
        dataset=facts_of(where, tasks, name, plan.procedure),
        recipe=rules.recipe.name,
        recipe_hash=rules.recipe.hash,
        recipe_source=rules.recipe.source,
        seed=plan.seed,
        repeat=plan.repeat,
        options={name: value for name, value in given.items() if value is not None},
        limit=plan.limit,
        shard=None if plan.shard is None else str(plan.shard),
        engine=_engine(plan, roles),
        command=plan.command,
        votebox=version("votebox"),
    )


def _engine(plan: Plan, roles: Roles | None) -> str:
    if plan.url is not None:
        return "app"
    return "local" if plan.endpoint is None and roles is None else "endpoint"


def _tell(
    plan: Plan,
    rules: Rules,
    writer: RunWriter,
    cases: Sequence[Case],
    stream: TextIO,
) -> None:
    head = writer.finish().head
    found = number(cases, rules.tries, rules.procedure, plan.prices)
    row = edit_row(head, rules.recipe, cases, found, plan.go_on)
    write_rows(writer.folder / "results.yml", [row])
    if plan.json:
        write_json({**found.to_json(), "procedure": rules.procedure}, stream)
    else:
        write_numbers(head, found, rules.procedure, stream)
