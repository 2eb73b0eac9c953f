"""`votebox eval`, `votebox compare`, `votebox calibrate` and `votebox examples list`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from votebox.cluster import checks
from votebox.cluster import solve_options as opt
from votebox.cluster.endpoint_roles import named_roles, roles_text
from votebox.cluster.errors import BadUsage, translated
from votebox.cluster.text import one_line

if TYPE_CHECKING:
    from votebox.cluster.runs import Run

__all__ = ["calibrate", "compare", "evaluate", "examples_list"]


def evaluate(
    dataset: Annotated[
        str,
        typer.Argument(help="JSONL, JSON, CSV, Parquet or Arrow: a file, a URI, or example:NAME."),
    ],
    *,
    out: Annotated[str, typer.Option(metavar="DIR", help="The run's folder, new or to go on.")],
    recipe: Annotated[
        str, typer.Option(help="A recipe's name, or a TOML file.")
    ] = checks.DEFAULT_RECIPE,
    repeat: Annotated[int, typer.Option(min=1, max=1000, help="Ask each problem K times.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask the first N problems.")] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="i/n", help="Ask every n-th of them, from the i-th on.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=1024, help="Solves at once.")] = 4,
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Same seed, same seeds of all solves.")
    ] = 0,
    chains: opt.Chains = None,
    stop: opt.Stop = None,
    deadline_s: opt.DeadlineS = None,
    budget_s: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds of all solves, shared among them.")
    ] = None,
    max_total_tokens: opt.MaxTotalTokens = None,
    max_sandbox_s: opt.MaxSandboxS = None,
    min_confidence: opt.MinConfidence = None,
    calibration: opt.Calibration = None,
    id_column: Annotated[str | None, typer.Option(help="The column of ids.")] = None,
    question_column: Annotated[str | None, typer.Option(help="The column of questions.")] = None,
    answer_column: Annotated[str | None, typer.Option(help="The column of answers.")] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out rows that cannot be used.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Refuse a folder in use.")] = False,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Ask again what ended in an error.")
    ] = False,
    local: opt.Local = False,
    model: opt.Model = None,
    endpoint: opt.Endpoint = None,
    endpoint_model: opt.EndpointModel = None,
    endpoints: opt.Endpoints = None,
    url: opt.Url = None,
    no_trace: opt.NoTrace = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Write the summary as JSON.")] = False,
) -> None:
    """Ask all problems of a data set and keep what came of each.

    The same command again goes on where it stopped, however it ended. See
    docs/evaluating.md.
    """
    opt.check_place(
        local=local,
        url=url,
        endpoint=endpoint,
        model=model,
        endpoint_model=endpoint_model,
        endpoints=endpoints,
    )
    opt.check_finite({"--deadline-s": deadline_s, "--budget-s": budget_s})
    from importlib.metadata import version

    from votebox.cluster.datasets import Columns, load_dataset
    from votebox.cluster.evaluate_places import Place, run_in_app, run_in_process
    from votebox.cluster.evaluate_tasks import lay_out, read_shard
    from votebox.cluster.runs import RunHead, RunWriter
    from votebox.plugins import Registry, SolveOptions, VoteboxError
    from votebox.plugins.overrides import overridden

    part = None if shard is None else read_shard(shard)
    found = load_dataset(
        dataset, Columns(id_column, question_column, answer_column), skip_bad=skip_bad
    )
    elsewhere = endpoint is not None or endpoints is not None
    registry, here = Registry.load(), local or elsewhere
    known = checks.check_recipe(recipe, registry, files=here)
    try:
        options = SolveOptions(
            chains=chains,
            stop=stop,
            deadline_s=deadline_s,
            max_total_tokens=max_total_tokens,
            max_sandbox_s=max_sandbox_s,
            min_confidence=checks.least_share(min_confidence, calibration),
            trace=False if no_trace else None,
        )
        overridden(known, options, registry)  # an unknown rule is one error, not one a row
    except VoteboxError as e:
        raise translated(e) from e
    place = Place(
        known,
        registry,
        options,
        concurrency,
        opt.again(),
        budget_s,
        None if endpoint is None else checks.check_url("--endpoint", endpoint),
        endpoint_model,
        model,
        None if url is None else checks.check_url("--url", url),
        trace=not no_trace,
        quiet=quiet,
        roles=named_roles(endpoints, known),
    )
    asked = endpoint_model or roles_text(place.roles)
    beside = {"budget_s": budget_s, "model": model, "endpoint_model": asked}
    head = RunHead(
        name=Path(out).resolve().name,
        dataset=found.facts,
        recipe=known.name,
        recipe_hash=known.hash,
        recipe_source=known.source,
        seed=seed,
        repeat=repeat,
        options=options.overrides | {n: v for n, v in beside.items() if v is not None},
        limit=limit,
        shard=None if part is None else str(part),
        engine="endpoint" if elsewhere else "local" if local else "app",
        command=tuple(sys.argv[1:]),
        votebox=version("votebox"),
    )
    if found.skipped:
        say = f"votebox: left out {len(found.skipped)} rows; the first, {found.skipped[0]}"
        typer.echo(one_line(say), err=True)
    tasks = lay_out(found.items, seed=seed, repeat=repeat, limit=limit, shard=part)
    solve_all = run_in_process if here else run_in_app
    with RunWriter(out, head, fresh=fresh, retry_errors=retry_errors) as writer:
        there = {row.key for row in writer.done}
        left = [task for task in tasks if task.key not in there]

        def done(stream: TextIO) -> None:
            _tell(writer.finish(), stream, json=json)

        if left:
            solve_all(place, writer, left, done)
        else:
            done(sys.stdout)


def compare(
    first: Annotated[str, typer.Argument(help="The folder of a run.")],
    second: Annotated[str, typer.Argument(help="The folder of another, of the same data set.")],
    *,
    all_: Annotated[bool, typer.Option("--all", help="Show all problems that differ.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Say which of two runs is better, and whether that can be told at all."""
    from votebox.cluster.compare import compare_runs
    from votebox.cluster.compare_report import write_comparison
    from votebox.cluster.result import write_json
    from votebox.cluster.runs import load_run

    found = compare_runs(load_run(first), load_run(second))
    if json:
        write_json(found.to_json(), sys.stdout)
    elif all_:
        write_comparison(found, sys.stdout, len(found.differences))
    else:
        write_comparison(found, sys.stdout)


def calibrate(
    run: Annotated[str, typer.Argument(help="The folder of a run with references.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write, JSON.")],
    method: Annotated[
        str | None,
        typer.Option(help="isotonic or platt. Default: isotonic from 200 answered rows on."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Write the numbers as JSON.")] = False,
) -> None:
    """Learn from a run what chance of being right a share of the votes means.

    Give FILE as --calibration beside --min-confidence. The errors told are cross-validated.
    """
    from json import dumps as json_text

    from votebox.cluster.calibrate import METHODS, calibrate_run
    from votebox.cluster.result import write_file, write_json
    from votebox.cluster.runs import load_run

    chosen = next((known for known in METHODS if known == method), None)
    if chosen != method:
        raise BadUsage(f"--method {method!r:.40} is unknown", f"give {' or '.join(METHODS)}")
    fit = calibrate_run(load_run(run), chosen)
    try:
        write_file(out, json_text(fit.calibration.to_json()) + "\n")
    except OSError as e:
        raise BadUsage(f"{out} cannot be written: {e.strerror}", "name another file") from e
    if json:
        write_json(fit.to_json(), sys.stdout)
        return
    how = f"{fit.calibration.method} on {fit.rows} rows of {fit.problems} problems"
    typer.echo(f"wrote {out}: {how}")
    typer.echo(f"ECE {fit.ece_before:.4f} before, {fit.ece_after:.4f} after (cross-validated)")
    typer.echo(f"Brier score {fit.brier_before:.4f} before, {fit.brier_after:.4f} after")


def examples_list() -> None:
    """List the data sets that come with votebox; `votebox eval example:NAME` takes one."""
    from votebox.cluster.datasets import examples, load_dataset

    for name in examples():
        found = load_dataset(f"example:{name}")
        typer.echo(f"example:{name}  {found.facts.rows} problems, {found.items[0].question:.60}")


def _tell(run: "Run", stream: TextIO, *, json: bool) -> None:
    from votebox.cluster.evaluate_report import write_summary
    from votebox.cluster.result import write_json
    from votebox.cluster.summary import summarize

    summary = summarize(run)
    if json:
        write_json(summary.to_json(), stream)
    else:
        write_summary(run.head, summary, stream)
