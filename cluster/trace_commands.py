"""`votebox show`, `replay` and `traces list`: look at what solves left, and try it again."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from votebox.cluster.errors import BadUsage
from votebox.cluster.result import write_json, write_verdict
from votebox.cluster.state import traces_dir
from votebox.cluster.text import clean, one_line

if TYPE_CHECKING:
    from votebox.plugins import Recount, Trace, TraceStore

__all__ = ["replay", "show", "traces_list"]

_Solve = Annotated[str, typer.Argument(metavar="ID", help="A solve's id, its start, or latest.")]
_Traces = Annotated[
    str | None, typer.Option(metavar="URL", help="Where the traces are; default: the state folder.")
]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]
_SHOWN_CHARS: Final = 2_000
_PROGRAMS: Final = 3
_FOREIGN: Final = 5


def show(
    solve: _Solve,
    *,
    traces: _Traces = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the certificate as one HTML file.")
    ] = None,
    json: _Json = False,
) -> None:
    """Tell a solve as a story: question, chains, votes, and the programs that decided."""
    trace = _find(traces, solve)
    if html is not None:
        from votebox.cluster.certificate import certificate

        html.write_text(certificate(trace), "utf-8", newline="\n")
    if json:
        from votebox.plugins import verdict_to_wire

        write_json(verdict_to_wire(trace.verdict), sys.stdout)
    elif html is None:
        _tell(trace)


def replay(
    solve: _Solve,
    *,
    traces: _Traces = None,
    no_run: Annotated[
        bool, typer.Option("--no-run", help="Use the stored results of the programs.")
    ] = False,
    json: _Json = False,
) -> int:
    """Take the vote again from the stored replies; exits 1 when the answer differs."""
    import asyncio

    from votebox.plugins import Registry, VoteboxError

    trace = _find(traces, solve)
    try:
        found = asyncio.run(_recount(trace, Registry.load(), run=not no_run))
    except VoteboxError as e:
        fix = "" if no_run else "--no-run uses the stored results of programs"
        raise BadUsage(str(e), fix) from e
    if json:
        write_json(_wire(found), sys.stdout)
    else:
        for line in _lines(found):
            typer.echo(one_line(line))
    return 0 if found.stands else 1


def traces_list(
    *,
    traces: _Traces = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="List that many at most.")] = 20,
    json: _Json = False,
) -> None:
    """List the traces, the newest first; only those listed are read."""
    from votebox.plugins import TraceError

    store = _store(traces)
    try:
        listing = store.listing()
    except TraceError as e:
        raise BadUsage(str(e)) from e
    if listing.foreign:
        some = ", ".join(one_line(name, 80) for name in listing.foreign[:_FOREIGN])
        more = ", ..." if len(listing.foreign) > _FOREIGN else ""
        typer.echo(f"votebox: no traces, but there: {some}{more}", err=True)
    rows: list[dict[str, Any]] = []
    for solve in listing.ids[:limit]:
        try:
            row = dict(store.summary(solve))
        except TraceError as e:
            typer.echo(f"votebox: {one_line(str(e))}", err=True)
            continue
        rows.append({**row, "started": str(row["started"])})
    if json:
        write_json(rows, sys.stdout)
        return
    for row in rows:
        answer = "no answer" if row["verdict"] is None else one_line(str(row["verdict"]), 24)
        question = one_line(str(row["question"]), 60)
        typer.echo(f"{one_line(str(row['solve']))}  {answer:<12}  {question}")
    older = len(listing.ids) - limit
    if older > 0:
        typer.echo(f"votebox: and {older:,} older ones; --limit lists more", err=True)


def _store(url: str | None) -> "TraceStore":
    from votebox.plugins import TraceError, TraceStore

    try:
        return TraceStore(url or traces_dir())
    except TraceError as e:
        raise BadUsage(str(e)) from e


def _find(url: str | None, solve: str) -> "Trace":
    from votebox.plugins import TraceError

    try:
        return _store(url).find(solve)
    except TraceError as e:
        raise BadUsage(str(e)) from e


def _tell(trace: "Trace") -> None:
    from votebox.plugins import verdict_to_wire

    verdict = trace.verdict
    typer.echo(clean(trace.problem.text) + "\n")
    write_verdict(verdict_to_wire(verdict), sys.stdout)
    typer.echo(one_line(f"{verdict.reason}; {verdict.stop_reason}"))
    for chain in verdict.chains:
        read = ", ".join(one_line(c.answer, 40) for c in chain.candidates) or "nothing"
        typer.echo(one_line(f"chain {chain.index} {chain.ended}, read {read}"))
    winners = {chain for vote in verdict.votes[:1] for chain in vote.chains}
    decided = [
        (code, execution.stdout)
        for chain in verdict.chains
        if chain.index in winners
        for code, execution in zip(chain.programs, chain.executions, strict=False)
    ]
    for code, stdout in decided[:_PROGRAMS]:
        typer.echo("\n" + clean(code)[:_SHOWN_CHARS].rstrip())
        typer.echo("prints: " + clean(stdout)[:_SHOWN_CHARS].rstrip())


async def _recount(trace: "Trace", registry: Any, *, run: bool) -> "Recount":
    from votebox.plugins import recipe_of, recount
    from votebox.sandbox import Sandbox

    if not (run and recipe_of(trace, registry).needs_sandbox):
        return await recount(trace, registry, None)
    async with Sandbox(workers=2) as box:
        return await recount(trace, registry, box)


def _wire(found: "Recount") -> dict[str, Any]:
    return {
        "id": found.before.id,
        "stands": found.stands,
        "same_votes": found.same_votes,
        "answer": found.answer,
        "answer_before": found.before.answer,
        "votes": [{"answer": v.answer, "weight": v.weight} for v in found.votes],
        "changes": {str(change.chain): list(change.lines) for change in found.changes},
        "plugins": list(found.plugins),
        "recipe_changed": found.recipe_changed,
        "programs": found.programs,
    }


def _lines(found: "Recount") -> list[str]:
    lines = [f"chain {change.chain}: {line}" for change in found.changes for line in change.lines]
    lines += found.plugins
    if found.recipe_changed:
        lines.append("the recipe means something else now than it did")
    if found.stands:
        votes = "with the same votes" if found.same_votes else "with other votes"
        return [*lines, f"the verdict stands: {found.answer}, {votes}"]
    return [*lines, f"the verdict differs: it was {found.before.answer} and is {found.answer}"]
