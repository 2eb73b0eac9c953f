"""`votebox up`, `down` and `status`: an application that stays.

The app is a keeper in a session of its own. It holds a lock as long as it lives, and its
end is the end of every process it started; `down` only asks it to end and waits.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Final

import typer

from votebox.cluster import checks
from votebox.cluster.errors import BadUsage, Failed
from votebox.cluster.result import write_json
from votebox.cluster.screen import Screen
from votebox.cluster.state import (
    App,
    claim,
    forget_app,
    new_log,
    place_of,
    read_app,
    traces_dir,
    write_app,
)

if TYPE_CHECKING:
    import subprocess

__all__ = ["down", "status", "up"]

_END_S: Final = 60.0
_HEALTH_S: Final = 60.0
_POLL_S: Final = 0.1


def up(
    *,
    recipe_default: Annotated[
        str | None, typer.Option(metavar="NAME", help="The recipe of requests that name none.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A model folder instead of the embedded model.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="A preset by name, or a YAML or TOML file.")
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8000,
    keys: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="Serve callers with a key of this file (`votebox keys`)."
        ),
    ] = None,
    traces: Annotated[
        str | None, typer.Option(metavar="URL", help="Keep traces there: a folder or a URI.")
    ] = None,
    no_trace: Annotated[bool, typer.Option("--no-trace", help="Keep no trace.")] = False,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay until Ctrl-C instead of returning.")
    ] = False,
) -> int:
    """Start the app and wait until it answers.

    A second `up` says where the app runs already and exits 0.
    """
    key_file = checks.check_keys(keys)
    lock = claim()
    if lock is None:
        return _running_already()
    try:
        checks.check_port_free(host, port)
        fields = _app_fields(recipe_default, model, preset)
        front = dict(fields.get("front", {}))
        fields["front"] = front | ({"keys": key_file} if key_file else {})
        checks.check_host(host, fields["front"].get("keys"))
        if traces is not None and no_trace:
            raise BadUsage("--traces and --no-trace exclude each other", "give one of them")
        solver = dict(fields.get("solver", {}))
        kept = None if no_trace else place_of(traces or solver.get("traces") or traces_dir())
        fields["solver"] = {**solver, "traces": kept}
        return _start(fields, host, port, lock, foreground=foreground)
    finally:
        os.close(lock)


def down() -> int:
    """End the app and everything it started; exits 0 when there is none, too."""
    app = read_app()
    if app is None:
        forget_app()
        typer.echo("no app is running")
        return 0
    os.kill(app.pid, signal.SIGTERM)
    since = time.monotonic()
    while read_app() is not None:
        if time.monotonic() - since > _END_S:
            fix = f"kill it: kill -9 {app.pid}"
            raise Failed(f"the app (process {app.pid}) does not end", fix, Path(app.log))
        time.sleep(_POLL_S)
    forget_app()
    typer.echo(f"ended the app at {app.url}")
    return 0


def status(
    *,
    json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> int:
    """Say whether an app runs, where, and whether it is well; exits 1 when not."""
    from votebox.cluster.client import health

    app = read_app()
    found = _describe(app, well=app is not None and app.ready and health(app.url))
    if json:
        write_json(found, sys.stdout)
    else:
        typer.echo(" ".join(f"{name}={value}" for name, value in found.items() if value != ""))
    return 0 if found["state"] == "running" else 1


def _describe(app: App | None, *, well: bool) -> dict[str, Any]:
    if app is None:
        return {"state": "stopped"}
    state = "running" if well else ("not answering" if app.ready else "starting")
    return {
        "state": state,
        "url": app.url,
        "pid": app.pid,
        "up_s": round(time.time() - app.started),
        "recipe": app.recipe,
        "model": app.model,
        "traces": app.traces,
        "log": app.log,
    }


def _running_already() -> int:
    app = read_app()
    if app is None:
        raise Failed("another `votebox up` has just started", "try `votebox status`")
    verb = "is running already" if app.ready else "is starting already"
    typer.echo(f"the app {verb} at {app.url} (process {app.pid}); end it with `votebox down`")
    return 0


def _app_fields(recipe: str | None, model: str | None, preset: str | None) -> dict[str, Any]:
    """Return the AppArgs fields of the preset and the options, checked."""
    from votebox.cluster.preset import load_preset
    from votebox.plugins import Registry

    fields: dict[str, Any] = dict(load_preset(preset)) if preset is not None else {}
    if recipe is not None:
        checks.check_recipe(recipe, Registry.load(), files=False)
        fields["solver"] = {**fields.get("solver", {}), "recipe": recipe}
    if model is not None:
        models = fields.get("models", {"default": {}})
        if len(models) > 1:
            problem = f"--model {model!r} does not say for which role"
            raise BadUsage(problem, f"name it in the preset: {', '.join(models)}")
        source = checks.check_model(model)
        fields["models"] = {role: {**given, "source": source} for role, given in models.items()}
    checks.check_sandbox()
    return fields


def _start(fields: Mapping[str, Any], host: str, port: int, lock: int, *, foreground: bool) -> int:
    from votebox.cluster.client import end_keeper
    from votebox.cluster.keeper import Charge, start_keeper
    from votebox.cluster.runtime import RuntimeArgs
    from votebox.cluster.state import state_dir

    log = new_log("app")
    reader, writer = os.pipe()
    args = RuntimeArgs("serve", writer, fields, host=host, port=port)
    charge = Charge(
        args.command(),
        pass_fds=(writer,),
        parent=os.getpid() if foreground else 0,
        forget=(str(state_dir() / "app.json"),),
        lock=lock,
    )
    keeper = start_keeper(charge, log)
    os.close(writer)
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
    shown = f"[{reached}]" if ":" in reached else reached
    app = App(
        url=f"http://{shown}:{port}",
        pid=keeper.pid,
        started=time.time(),
        log=str(log),
        recipe=fields.get("solver", {}).get("recipe", ""),
        model=", ".join(m.get("source", "") for m in fields.get("models", {}).values()),
        traces=fields["solver"]["traces"] or "",
    )
    try:
        write_app(app)
        with os.fdopen(reader, "rb") as events, Screen(sys.stderr) as screen:
            _await_ready(app, events, screen)
        write_app(replace(app, ready=True))
    except BaseException:
        end_keeper(keeper)  # whatever ends the start ends the half-started app
        raise
    typer.echo(f"votebox answers at {app.url} (log: {log})")
    if not foreground:
        return 0
    return _stay(keeper, log)


def _await_ready(app: App, events: IO[bytes], screen: Screen) -> None:
    """Show the start until /health answers; raise CliError when it fails."""
    from votebox.cluster.client import await_ready, health

    await_ready(events, screen.show, Path(app.log))
    screen.show({"type": "stage", "text": "waiting for /health"})
    since = time.monotonic()
    while not health(app.url):
        if time.monotonic() - since > _HEALTH_S:
            raise Failed(f"{app.url}/health does not answer", log=Path(app.log))
        time.sleep(_POLL_S)


def _stay(keeper: "subprocess.Popen[bytes]", log: Path) -> int:
    from votebox.cluster.client import end_keeper

    typer.echo("press Ctrl-C to end it")
    try:
        code = keeper.wait()
    except KeyboardInterrupt:
        end_keeper(keeper)
        raise
    raise Failed(f"the app ended by itself (exit {code})", log=log)
