"""`votebox batch`: a table of questions in, a table of answers out.

Checks what is cheap to check, decides who answers (a running app, a temporary one, an
endpoint, vLLM in this process), and runs the batch in this process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Final, TextIO

import typer

from votebox.cluster import checks
from votebox.cluster import solve_options as opt
from votebox.cluster.batch_chains import pool_of, shared_chains
from votebox.cluster.batch_engine import Answerer, asked, choose, talking
from votebox.cluster.errors import BadUsage, translated
from votebox.cluster.result import write_json
from votebox.cluster.state import place_of

if TYPE_CHECKING:
    from votebox.cluster.batch_folder import BatchFolder, Tally
    from votebox.cluster.batch_rows import Columns
    from votebox.cluster.batch_run import BatchPlan

__all__ = ["batch"]

_FORMATS: Final = ("parquet", "arrow", "jsonl", "csv")
_NAMES: Final = ("question", "id", "answer")


@dataclass(frozen=True, slots=True)
class _Order:
    """Hold what was typed, checked for form; `request` are keys of SolveRequest."""

    given: str
    out: str
    kind: str
    request: Mapping[str, Any]
    keep: tuple[str, ...]
    budget_s: float | None
    answerer: Answerer

    @property
    def single(self) -> bool:
        """Return whether the output is one file."""
        return self.out.endswith(f".{self.kind}")

    @property
    def folder(self) -> str:
        """Return where the parts are."""
        return f"{self.out}.parts" if self.single else self.out


def batch(
    given: Annotated[
        str, typer.Argument(metavar="IN", help="Parquet, Arrow, JSONL or CSV: a file, ..., a URI.")
    ],
    out: Annotated[
        str, typer.Argument(metavar="OUT", help="A folder of parts, or one file by its ending.")
    ],
    *,
    recipe: opt.Recipe = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FOUND",
            help="A column's own name: question, id, answer (the reference), or an option.",
        ),
    ] = None,
    fmt: Annotated[
        str | None, typer.Option("--format", help="Of a folder's parts.", show_default="parquet")
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(help="Keep chains, or chains with replies.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Take the first rows only.")] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Take every N-th row, from the I-th.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=4096, help="Rows at once.")] = 64,
    part_rows: Annotated[int, typer.Option(min=1, max=100_000, help="Rows a part.")] = 256,
    chains: opt.Chains = None,
    average_chains: Annotated[
        float | None,
        typer.Option(min=1.0, max=4096.0, help="Share X chains a row among the rows, by need."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**63 - 1, help="Of row 0; row n has SEED + n.")
    ] = None,
    deadline_s: opt.DeadlineS = None,
    stop: opt.Stop = None,
    budget_s: Annotated[
        float | None, typer.Option(min=1.0, help="Share S seconds among the rows to come.")
    ] = None,
    local: opt.Local = False,
    model: opt.Model = None,
    endpoint: opt.Endpoint = None,
    endpoint_model: opt.EndpointModel = None,
    endpoints: opt.Endpoints = None,
    url: opt.Url = None,
    traces: opt.Traces = None,
    no_trace: opt.NoTrace = False,
    json: Annotated[bool, typer.Option("--json", help="Write the counts as JSON.")] = False,
) -> None:
    """Answer every question of a table: one row out for each row in.

    Killed or interrupted, the same command goes on where it was. What is wrong with a row
    stands in its `error` column. Exit codes: 0 every row is in the output, 1 failure (give
    the command again), 2 bad usage, 130 interrupted.
    """
    from votebox.plugins import Registry, VoteboxError

    options = {"chains": chains, "seed": seed, "deadline_s": deadline_s, "stop": stop}
    request = {name: value for name, value in options.items() if value is not None}
    answerer = choose(
        recipe,
        local=local,
        model=model,
        endpoint=endpoint,
        endpoint_model=endpoint_model,
        endpoints=endpoints,
        url=url,
        traces=traces,
        no_trace=no_trace,
    )
    opt.check_finite({"--deadline-s": deadline_s, "--budget-s": budget_s})
    request |= shared_chains(average_chains, answerer.recipe, chains)
    checks.check_options(request, answerer.recipe, Registry.load())
    order = _Order(
        given,
        out,
        _kind(out, fmt),
        request | answerer.request,
        _kept(keep or ()),
        budget_s,
        answerer,
    )
    try:
        plan = _plan(
            order,
            _columns(column or ()),
            limit=limit,
            shard=_shard(shard),
            concurrency=concurrency,
            part_rows=part_rows,
        )
        with talking(answerer) as (written, told):
            tally = _run(order, plan, told)
            _report(order, tally, written, json=json)
    except VoteboxError as e:
        raise translated(e) from e


def _kind(out: str, fmt: str | None) -> str:
    ending = out.rpartition(".")[2] if "." in out.rsplit("/", 1)[-1] else ""
    if fmt is not None and fmt not in _FORMATS:
        raise BadUsage(f"--format {fmt!r} is unknown", f"give one of {', '.join(_FORMATS)}")
    if ending in _FORMATS:
        if fmt not in (None, ending):
            raise BadUsage(f"--format {fmt} does not fit {out!r}", "leave one of them out")
        return ending
    return fmt or "parquet"


def _kept(given: Sequence[str]) -> tuple[str, ...]:
    from votebox.cluster.batch_rows import KEPT

    for name in given:
        if name not in KEPT:
            raise BadUsage(f"--keep {name!r} is unknown", f"give one of {', '.join(KEPT)}")
    return tuple(sorted(set(given)))


def _columns(given: Sequence[str]) -> "Columns":
    from votebox.cluster.batch_rows import OPTION_COLUMNS, Columns

    named: dict[str, str] = {}
    for text in given:
        name, equals, found = text.partition("=")
        if not (name and equals and found):
            raise BadUsage(f"--column {text!r} maps nothing", "write --column question=problem")
        if name not in (*_NAMES, *OPTION_COLUMNS):
            known = ", ".join((*_NAMES, *OPTION_COLUMNS))
            raise BadUsage(f"--column {text!r} names nothing that is read", f"known: {known}")
        named[name] = found
    options = {name: found for name, found in named.items() if name not in _NAMES}
    question = named.get("question", "question")
    return Columns(question, named.get("id"), named.get("answer"), options)


def _shard(given: str | None) -> tuple[int, int]:
    if given is None:
        return 1, 1
    first, slash, count = given.partition("/")
    if slash and all(t.isascii() and t.isdigit() and len(t) < 7 for t in (first, count)):
        i, n = int(first), int(count)
        if 1 <= i <= n:
            return i, n
    raise BadUsage(f"--shard {given!r} is no shard", "write 1/4 for the first of four")


def _plan(
    order: _Order,
    columns: "Columns",
    *,
    limit: int | None,
    shard: tuple[int, int],
    concurrency: int,
    part_rows: int,
) -> "BatchPlan":
    from votebox.cluster.batch_files import check_schema
    from votebox.cluster.batch_run import BatchPlan, output_schema
    from votebox.cluster.batch_source import check_columns, open_source

    source = open_source(order.given)
    if columns.id is None and "id" in source.schema.names:
        columns = replace(columns, id="id")
    check_columns(source, columns.wanted)
    schema = output_schema(source.schema, columns)
    for kind in {"parquet" if order.single else order.kind, order.kind}:
        check_schema(schema, kind)
    return BatchPlan(source, columns, limit, shard, part_rows, concurrency)


def _run(order: _Order, plan: "BatchPlan", told: TextIO) -> "Tally":
    import asyncio

    from votebox.cluster.batch_folder import BatchFolder
    from votebox.cluster.batch_merge import check_absent, merge

    if order.single:
        check_absent(order.out)
    folder = BatchFolder(
        order.folder, _head(order, plan), "parquet" if order.single else order.kind
    )
    try:
        tally = folder.tally
        if not folder.ended:
            tally = asyncio.run(_solve(order, plan, folder, told))
        if order.single:
            merge(folder, plan, order.out, order.kind)
    finally:
        folder.close()
    return tally


def _head(order: _Order, plan: "BatchPlan") -> dict[str, Any]:
    """Return what decides the rows of this batch, for the manifest."""
    from dataclasses import asdict
    from datetime import UTC, datetime
    from importlib.metadata import version

    return {
        "input": place_of(order.given),
        "files": [[path.rsplit("/", 1)[-1], size] for path, size in plan.source.files],
        "rows": plan.source.rows,
        "columns": asdict(plan.columns),
        "recipe": order.answerer.recipe.name,
        "recipe_hash": order.answerer.recipe.hash,
        "model": order.answerer.asked,
        "options": {n: v for n, v in order.request.items() if n not in ("recipe", "trace")},
        "keep": order.keep,
        "limit": plan.limit,
        "shard": f"{plan.shard[0]}/{plan.shard[1]}",
        "part_rows": plan.part_rows,
        "votebox": version("votebox"),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


async def _solve(order: _Order, plan: "BatchPlan", folder: "BatchFolder", told: TextIO) -> "Tally":
    from votebox.cluster.batch_progress import Progress
    from votebox.cluster.batch_run import run_batch
    from votebox.cluster.batch_solve import RowSolver
    from votebox.cluster.grade import Grader
    from votebox.plugins import Judge, TimeBank

    judge = Judge() if plan.columns.answer is not None else None
    grade = Grader(order.answerer.recipe, judge) if judge is not None else None
    try:
        async with asked(order.answerer, plan.concurrency) as ask:
            recipe = order.answerer.recipe
            name = f"{folder.where}\0{folder.started}"
            request = {**order.request, **pool_of(order.request, recipe, name)}
            solver = RowSolver(ask, request, order.keep, grade, name=name)
            left = plan.rows - folder.tally.rows - folder.noted
            bank = None
            if order.budget_s is not None and left:
                bank = TimeBank(order.budget_s, left, at_once=plan.concurrency)
            progress = Progress(told, plan.rows)
            try:
                return await run_batch(plan, solver, folder, progress.tell, bank)
            finally:
                progress.close()
    finally:
        if judge is not None:
            judge.close()


def _report(order: _Order, tally: "Tally", written: TextIO, *, json: bool) -> None:
    from dataclasses import asdict

    from votebox.cluster.batch_progress import summary

    if json:
        write_json({"out": order.out, **asdict(tally)}, written)
        return
    parts = [f"{tally.rows:,} rows in {order.out}", *summary(tally)]
    typer.echo(" · ".join(parts), file=written)
