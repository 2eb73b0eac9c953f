"""`votebox top` and `votebox cancel`: see what an app solves, live, and end it."""

import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from votebox.cluster import checks
from votebox.cluster.checks import KEY_ENV
from votebox.cluster.errors import BadUsage, Failed
from votebox.cluster.result import write_json
from votebox.cluster.state import read_app
from votebox.cluster.text import one_line

if TYPE_CHECKING:
    from votebox.cluster.solves import AppSolves, Standing

__all__ = ["cancel", "top"]

_ENDED: Final = 50

_Url = Annotated[
    str | None, typer.Option(metavar="URL", help="The app there, not the one `up` started.")
]
_KeyEnv = Annotated[
    str, typer.Option(metavar="NAME", help="The environment variable with the app's key.")
]


def top(
    *,
    url: _Url = None,
    key_env: _KeyEnv = KEY_ENV,
    once: Annotated[bool, typer.Option("--once", help="Print the table once and end.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Write one JSON object and end.")] = False,
) -> int:
    """Watch the solves of an app: a live table, a line each, newest first.

    Keys: arrows or j and k select, Enter shows one solve in full, c cancels it after a y, q
    quits. Where there is no terminal the table is printed once.
    """
    from votebox.cluster.top_terminal import is_terminal

    app = _app(url, key_env)
    standing = app.standing(time.time(), _ENDED)
    if json:
        write_json(_wire(app.url, standing), sys.stdout)
        return 0
    if once or not is_terminal():
        from votebox.cluster.top_table import Rates, lines

        for line in lines(standing, Rates()):
            typer.echo(line)
        return 0
    from votebox.cluster.top_watch import watch

    return watch(app, standing)


def cancel(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Solves to cancel.")
    ] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Cancel all that run or wait.")] = False,
    url: _Url = None,
    key_env: _KeyEnv = KEY_ENV,
) -> int:
    """Cancel solves of an app, running or queued; one that has ended is left as it is.

    Exit codes: 0 none of them runs any more, 2 there is no such solve, 1 failure.
    """
    if bool(ids) == all_:
        problem = "--all and ids exclude each other" if ids else "nothing to cancel"
        raise BadUsage(problem, "give ids (see `votebox top --once`), or --all")
    app = _app(url, key_env)
    wanted = list(dict.fromkeys(ids or (solve.id for solve in app.active())))
    code = 0
    for solve_id in wanted:
        try:
            typer.echo(app.cancel(solve_id).last_words)
        except BadUsage as e:  # the others are cancelled all the same
            typer.echo(f"votebox: {one_line(str(e))}", err=True)
            code = e.exit_code if ids else code  # of --all, it has just ended
    if not wanted:
        typer.echo("nothing runs or waits")
    return code


def _app(url: str | None, key_env: str) -> "AppSolves":
    from votebox.cluster.solves import AppSolves

    if url is not None:
        return AppSolves(checks.check_url("--url", url), key_env)
    app = read_app()
    if app is None:
        raise Failed("no app is running", "start one with `votebox up`, or give --url")
    return AppSolves(app.url, key_env)


def _wire(url: str, standing: "Standing") -> dict[str, Any]:
    from votebox.cluster.top_table import Rates

    rates = Rates()
    return {
        "url": url,
        "status": standing.status,
        "running": standing.running,
        "queued": standing.queued,
        "solves_per_minute": standing.per_minute,
        "tokens_per_second": round(rates.total(standing), 1),
        "solves": [
            {**asdict(s), "age_s": round(s.age_s(standing.now), 1), "share": s.share}
            for s in standing.solves
        ],
    }
