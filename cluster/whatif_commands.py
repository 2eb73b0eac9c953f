"""`votebox whatif`: what stop rules and dispatchers would have done with recorded votes."""

import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from votebox.cluster.errors import BadUsage, translated
from votebox.cluster.text import one_line

if TYPE_CHECKING:
    from votebox.plugins import Registry
    from votebox.plugins.answers import Policy
    from votebox.plugins.whatif import Outcome, Trials
    from votebox.plugins.whatif_audit import Audit
    from votebox.plugins.whatif_summary import Plan, Report
    from votebox.plugins.whatif_tables import Grouping, Row

__all__ = ["Vote", "whatif"]

_STOPS: Final = ("fhpc:0.02", "clinch")
_SEQUENTIAL: Final = "sequential"
_BATCH: Final = "batch-greedy"


class Vote(StrEnum):
    """How chains vote."""

    MAJORITY = "majority"
    WEIGHTED = "weighted"


def whatif(
    votes: Annotated[Path, typer.Argument(help="Parquet (a file or a folder), Arrow, CSV, JSONL.")],
    *,
    chains: Annotated[int, typer.Option(min=1, max=4096, help="Chains of a full vote.")] = 40,
    stop: Annotated[
        list[str] | None,
        typer.Option(help="A stop rule, as fhpc:0.02; repeatable. Default: fhpc:0.02 and clinch."),
    ] = None,
    dispatch: Annotated[
        list[str] | None,
        typer.Option(
            help="A dispatcher, as need-driven:3; sequential (default); batch-greedy:AVERAGE;"
            " repeatable."
        ),
    ] = None,
    fixed: Annotated[
        list[int] | None, typer.Option(help="A full vote of fewer chains; repeatable.")
    ] = None,
    vote: Annotated[Vote, typer.Option(help="weighted needs a column.")] = Vote.MAJORITY,
    policy: Annotated[str, typer.Option(help="Which answers vote, and as what.")] = "rational",
    orders: Annotated[int, typer.Option(min=1, max=100_000, help="Random orders each.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same result.")] = 0,
    by: Annotated[
        str | None, typer.Option(help="The column of who was asked. Default: model, if there.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FOUND", help="A column's own name.")
    ] = None,
    audit: Annotated[bool, typer.Option("--audit", help="Audit prompts (or models).")] = False,
    picture: Annotated[Path | None, typer.Option(help="Draw accuracy and cost, as SVG.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Replay recorded votes under stop rules and dispatchers, without a model.

    A (model, problem) pair is one experiment; up to --chains of its chains are drawn in
    random orders. Each --stop runs under each --dispatch, and is compared with the full
    vote on the same chains. See docs/whatif.md.
    """
    if picture is not None and picture.suffix.lower() != ".svg":
        raise BadUsage(f"--picture {str(picture)!r} is not SVG", "name a file that ends in .svg")
    from votebox.cluster.whatif_report import as_json, write_report
    from votebox.plugins import Registry, VoteboxError
    from votebox.plugins.whatif_summary import compare
    from votebox.plugins.whatif_tables import group, read_table

    weighted = vote is Vote.WEIGHTED
    try:
        registry = Registry.load()
        asked = _policy(policy, registry)
        plans = _plans(stop or _STOPS, dispatch or (_SEQUENTIAL,), fixed or (), chains, registry)
        if weighted and any(plan.dispatch.startswith(_BATCH) for plan in plans):
            raise BadUsage(f"{_BATCH} counts votes, it does not weigh them", "use --vote majority")
        rows = read_table(votes, by=by, columns=_columns(column or ()), weighted=weighted)
        grouping = group(rows, asked, weighted=weighted)
        report = compare(grouping.experiments, plans, chains, orders, seed)
        found = _audit(rows, grouping, asked, report) if audit else None
    except VoteboxError as e:
        raise _usage(e) from e
    notes = _notes(grouping, report)
    if picture is not None:
        _draw(report, picture)
    if json:
        as_json(report, found, notes, sys.stdout)
        return
    for note in notes:
        typer.echo(f"votebox: {one_line(note)}", err=True)
    write_report(report, found, sys.stdout)


def _plans(
    stops: Sequence[str],
    dispatches: Sequence[str],
    fixed: Sequence[int],
    chains: int,
    registry: "Registry",
) -> "list[Plan]":
    """Return what to run: the full vote, shorter ones, and each rule under each dispatcher."""
    from functools import partial

    from votebox.plugins.whatif import full_vote
    from votebox.plugins.whatif_race import simulate
    from votebox.plugins.whatif_rules import Book, use_of
    from votebox.plugins.whatif_summary import Plan

    plans = {("never", "all"): Plan("never", "all", full_vote)}
    for count in fixed:
        if not 1 <= count <= chains:
            raise BadUsage(f"--fixed {count} is not from 1 to --chains {chains}")
        name = (f"fixed {count}", "all")
        plans[name] = Plan(*name, _shorter(count))
    for text in dispatches:
        head, _, value = text.partition(":")
        if head == _BATCH:
            plans["budget", text] = Plan("budget", text, _batch(text, value))
            continue
        dispatcher = None if text == _SEQUENTIAL else use_of("dispatch", text, registry)
        for rule in stops:
            book = Book(use_of("stop", rule, registry), dispatcher)
            plans.setdefault((rule, text), Plan(rule, text, partial(simulate, book=book)))
    return list(plans.values())


def _shorter(chains: int) -> "Callable[[Trials], Outcome]":
    from votebox.plugins.whatif import full_vote

    return lambda trials: full_vote(trials.first(chains))


def _batch(text: str, value: str) -> "Callable[[Trials], Outcome]":
    from votebox.plugins.whatif_batch import FIRST_CHAINS, share_budget

    try:
        average = float(value)
    except ValueError as e:
        fix = f"write {_BATCH}:8 for 8 chains a question on average"
        raise BadUsage(f"--dispatch {text!r} names no average", fix) from e
    if not FIRST_CHAINS <= average < float("inf"):
        raise BadUsage(
            f"--dispatch {text!r} cannot average {value}", f"give {FIRST_CHAINS} or more"
        )
    return lambda trials: share_budget(trials, average)


def _policy(text: str, registry: "Registry") -> "Policy":
    from votebox.plugins.whatif_rules import use_of

    use = use_of("policy", text, registry)
    thing = use.plugin.thing
    made: Policy = thing(use.options) if isinstance(thing, type) else thing
    return made


def _columns(given: Sequence[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for text in given:
        name, equals, found = text.partition("=")
        if not (name and equals and found):
            raise BadUsage(f"--column {text!r} renames nothing", "write --column answer=boxed")
        columns[name] = found
    return columns


def _audit(
    rows: "Sequence[Row]", grouping: "Grouping", policy: "Policy", report: "Report"
) -> "Audit":
    """Audit the prompts of each group, or where there is one prompt, the groups."""
    from dataclasses import replace

    from votebox.plugins.whatif_audit import audit
    from votebox.plugins.whatif_tables import group

    if len(grouping.labels) < 2:
        pooled = [replace(row, group="", label=row.group) for row in rows]
        grouping = group(pooled, policy)
    chains, orders, seed = report.chains, report.orders, report.seed
    return audit(grouping.experiments, grouping.labels, chains, orders, seed)


def _notes(grouping: "Grouping", report: "Report") -> list[str]:
    notes = list(grouping.notes)
    if report.capped:
        notes.append(
            f"{report.capped:,} of {report.experiments:,} experiments have fewer than"
            f" {report.chains} chains recorded; their full vote is of those they have"
        )
    return notes


def _draw(report: "Report", picture: Path) -> None:
    from votebox.cluster.whatif_picture import draw_report

    try:
        picture.write_text(draw_report(report), encoding="utf-8")
    except OSError as e:
        raise BadUsage(f"cannot write {picture}: {e.strerror}") from e


def _usage(error: Exception) -> Exception:
    from votebox.plugins import TableError

    return BadUsage(str(error)) if isinstance(error, TableError) else translated(error)
