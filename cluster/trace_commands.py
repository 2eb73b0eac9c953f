"""`votebox show`, `replay` and `traces list`: look at what solves left, and try it again."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from votebox.cluster.errors import ABSTAINED, BadUsage
from votebox.cluster.result import write_json
from votebox.cluster.state import traces_dir
from votebox.cluster.text import one_line

if TYPE_CHECKING:
    from votebox.plugins import ChainRecord, Recount, Trace, TraceStore

__all__ = ["replay", "show", "traces_list"]

_Solve = Annotated[str, typer.Argument(metavar="ID", help="A solve's id, its start, or latest.")]
_Traces = Annotated[
    str | None, typer.Option(metavar="URL", help="Where the traces are; default: the state folder.")
]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]
_FOREIGN: Final = 5
_UNHEARD: Final = (
    "nobody can tell whether the verdict stands: a step behind the vote asks a model, "
    "and no trace holds what it replied"
)


def show(
    solve: _Solve,
    *,
    traces: _Traces = None,
    chain: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Show this chain in full.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the certificate as one HTML file.")
    ] = None,
    json: _Json = False,
) -> None:
    """Tell a solve as a story: question, votes, chains, and the programs that decided."""
    trace = _find(traces, solve)
    if html is not None:
        _write_page(trace, html)
    if json:
        _write_wire(trace, chain)
    elif chain is not None:
        from votebox.cluster.telling import tell_chain

        tell_chain(_chain(trace, chain), sys.stdout)
    elif html is None:
        from votebox.cluster.telling import tell

        tell(trace, sys.stdout)


def replay(
    solve: _Solve,
    *,
    traces: _Traces = None,
    no_run: Annotated[
        bool, typer.Option("--no-run", help="Use the stored results of the programs.")
    ] = False,
    json: _Json = False,
) -> int:
    """Take the vote again from the stored replies.

    Exit codes: 0 the verdict stands, 1 it differs, 3 nobody can tell, because a step
    behind the vote asks a model and no trace holds what it replied.
    """
    import asyncio

    from votebox.plugins import RecipeError, Registry, TraceError, VoteboxError

    trace = _find(traces, solve)
    try:
        found = asyncio.run(_recount(trace, Registry.load(), run=not no_run))
    except (RecipeError, TraceError) as e:  # which say what to do
        raise BadUsage(str(e)) from e
    except VoteboxError as e:
        fix = "leave --no-run out" if no_run else "--no-run uses the stored results of programs"
        raise BadUsage(str(e), fix) from e
    if json:
        write_json(_wire(found), sys.stdout)
    else:
        for line in _lines(found):
            typer.echo(one_line(line))
    return {True: 0, False: 1, None: ABSTAINED}[found.stands]


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


def _write_page(trace: "Trace", path: Path) -> None:
    from votebox.cluster.certificate import certificate

    try:
        path.write_text(certificate(trace), "utf-8", newline="\n")
    except OSError as e:
        fix = "give a file in a folder you can write"
        raise BadUsage(f"--html {str(path)!r} cannot be written: {e.strerror}", fix) from e


def _write_wire(trace: "Trace", chain: int | None) -> None:
    from votebox.plugins import verdict_to_wire

    wire = {"question": trace.problem.text, **verdict_to_wire(trace.verdict)}
    if chain is not None:
        wire = wire["chains"][trace.verdict.chains.index(_chain(trace, chain))]
    write_json(wire, sys.stdout)


def _chain(trace: "Trace", number: int) -> "ChainRecord":
    for chain in trace.verdict.chains:
        if chain.index == number:
            return chain
    count = len(trace.verdict.chains)
    fix = f"its chains are 0 to {count - 1}" if count else "it has no chains"
    raise BadUsage(f"solve {trace.verdict.id} has no chain {number}", fix)


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
        "unheard": found.unheard,
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
    if found.unheard:
        same = "the same as then" if found.same_votes else "not the same as then"
        lines.append(f"the vote before that step elects {found.answer}; its readings are {same}")
        return [*lines, _UNHEARD]
    if found.stands:
        votes = "with the same votes" if found.same_votes else "with other votes"
        return [*lines, f"the verdict stands: {found.answer}, {votes}"]
    return [*lines, f"the verdict differs: it was {found.before.answer} and is {found.answer}"]
