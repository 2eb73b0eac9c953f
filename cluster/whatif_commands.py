"""`votebox whatif`: what stop rules and dispatchers would have done with recorded votes."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from votebox.cluster.errors import BadUsage, translated
from votebox.cluster.text import one_line

if TYPE_CHECKING:
    from votebox.plugins.answers import Policy
    from votebox.plugins.whatif_audit import Audit
    from votebox.plugins.whatif_groups import Grouping
    from votebox.plugins.whatif_plans import Plan
    from votebox.plugins.whatif_summary import Report
    from votebox.plugins.whatif_tables import Row

__all__ = ["whatif"]

_STOPS: Final = ("fhpc:0.02", "clinch")


def whatif(
    votes: Annotated[
        str,
        typer.Argument(
            help="Parquet, Arrow, CSV or JSONL, traces too: a file, a folder, a pattern, a URI."
        ),
    ],
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
    vote: Annotated[str, typer.Option(help="Any vote; weighted needs a column.")] = "majority",
    most: Annotated[
        float | None,
        typer.Option(help="The largest weight a chain can cast. Default: what the vote declares."),
    ] = None,
    policy: Annotated[str, typer.Option(help="Which answers vote, and as what.")] = "rational",
    orders: Annotated[int, typer.Option(min=1, max=100_000, help="Random orders each.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same result.")] = 0,
    by: Annotated[
        str | None, typer.Option(help="The column of who was asked. Default: model, if there.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FOUND", help="A column's own name.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="Processes. Default: one a core where that pays."),
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
    from votebox.plugins.whatif_groups import group
    from votebox.plugins.whatif_plans import SEQUENTIAL, Simulator, Study
    from votebox.plugins.whatif_summary import compare
    from votebox.plugins.whatif_tables import read_table

    plans = _plans(stop or _STOPS, dispatch or (SEQUENTIAL,), fixed or (), chains)
    try:
        study = Study(chains, orders, seed, vote, policy, most)
        simulator = Simulator(study, Registry.load())
        simulator.check(plans)
        rows = read_table(
            votes,
            by=by,
            columns=_columns(column or ()),
            weighted=study.weighted,
            ballots=not study.counted,
        )
        grouping = group(rows, simulator.policy, weighted=study.weighted)
        report = compare(grouping.experiments, plans, simulator, workers)
        found = _audit(rows, grouping, simulator.policy, report) if audit else None
        notes = [*_notes(grouping, report), *simulator.slow(plans)]
    except VoteboxError as e:
        raise _usage(e) from e
    if picture is not None:
        _draw(report, picture)
    if json:
        as_json(report, found, notes, sys.stdout)
        return
    for note in notes:
        typer.echo(f"votebox: {one_line(note)}", err=True)
    write_report(report, found, sys.stdout)


def _plans(
    stops: Sequence[str], dispatches: Sequence[str], fixed: Sequence[int], chains: int
) -> "list[Plan]":
    """Return what to run: the full vote, shorter ones, and each rule under each dispatcher."""
    from votebox.plugins.whatif_plans import FULL, Plan

    for count in fixed:
        if not 1 <= count <= chains:
            raise BadUsage(f"--fixed {count} is not from 1 to --chains {chains}")
    shorter = (Plan(FULL.stop, FULL.dispatch, count) for count in fixed)
    asked = (Plan(rule, text) for text in dispatches for rule in stops)
    return list(dict.fromkeys((FULL, *shorter, *asked)))


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
    from votebox.plugins.whatif_groups import group

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
