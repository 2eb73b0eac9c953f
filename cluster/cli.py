"""The command line: typer commands in, exit codes out.

An error is one line on stderr, never a traceback (VOTEBOX_DEBUG=1 shows it). This module
imports no more than `--help` needs.
"""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, NoReturn

import typer

from votebox.cluster import (
    app_commands,
    batch_commands,
    deploy_commands,
    edit_bench_commands,
    edit_run_commands,
    eval_commands,
    kaggle_commands,
    key_commands,
    look_commands,
    plan_commands,
    plugin_commands,
    plugin_new,
    sandbox_commands,
    top,
    trace_commands,
    try_commands,
)
from votebox.cluster.errors import INTERRUPTED, CliError
from votebox.cluster.report_commands import report
from votebox.cluster.solve import solve
from votebox.cluster.text import one_line
from votebox.cluster.whatif_commands import whatif

__all__ = ["app", "main", "run"]

app = typer.Typer(
    name="votebox",
    help="Serve answers, not tokens: many chains, their Python in a jail, one vote.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
plugins = typer.Typer(help="List, show, check and make plugins; alone, list them.")
recipes = typer.Typer(help="List, draw and check recipes.", no_args_is_help=True)

traces = typer.Typer(help="Look at the traces of solves.", no_args_is_help=True)
keys = typer.Typer(help="Make, list and take away API keys.", no_args_is_help=True)
examples = typer.Typer(help="Data sets that come with votebox.", no_args_is_help=True)
edit_bench = typer.Typer(help="Measure how well code is edited.", no_args_is_help=True)
kaggle = typer.Typer(help="Answer as in a competition.", no_args_is_help=True)
sandbox = typer.Typer(help="Run Python in the sandbox, and measure it.", no_args_is_help=True)

app.command()(solve)
app.command()(batch_commands.batch)
app.command()(app_commands.up)
app.command()(app_commands.down)
app.command()(app_commands.status)
app.command()(deploy_commands.deploy)
app.command()(deploy_commands.diff)
app.command()(deploy_commands.kubernetes)
app.command()(plan_commands.plan)
app.command()(top.top)
app.command()(top.cancel)
app.add_typer(keys, name="keys")
keys.command("new")(key_commands.keys_new)
keys.command("list")(key_commands.keys_list)
keys.command("remove")(key_commands.keys_remove)
app.add_typer(plugins, name="plugins")
plugins.callback(invoke_without_command=True)(plugin_commands.plugins)
plugins.command("list")(plugin_commands.plugins_list)
plugins.command("show")(plugin_commands.plugins_show)
plugins.command("check")(plugin_commands.plugins_check)
plugins.command("new")(plugin_new.plugins_new)
app.command("try")(try_commands.try_plugin)
app.command()(trace_commands.show)
app.command()(trace_commands.replay)
app.add_typer(traces, name="traces")
traces.command("list")(trace_commands.traces_list)
app.add_typer(recipes, name="recipes")
recipes.command("list")(look_commands.recipes_list)
recipes.command("show")(look_commands.recipes_show)
recipes.command("check")(look_commands.recipes_check)
app.add_typer(sandbox, name="sandbox")
sandbox.command("run")(sandbox_commands.run)
sandbox.command("bench")(sandbox_commands.bench)
app.command("eval")(eval_commands.evaluate)
app.command()(eval_commands.compare)
app.command()(eval_commands.calibrate)
app.add_typer(examples, name="examples")
examples.command("list")(eval_commands.examples_list)
app.add_typer(edit_bench, name="edit-bench")
edit_bench.command("check")(edit_bench_commands.check)
edit_bench.command("run")(edit_run_commands.run)
app.command("compare-strippers")(edit_run_commands.compare_strippers)
app.add_typer(kaggle, name="kaggle")
kaggle.command("replay")(kaggle_commands.replay)
app.command()(whatif)
app.command()(report)
app.command()(look_commands.doctor)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it
    if wanted:
        from importlib.metadata import version

        typer.echo(f"votebox {version('votebox')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    plugin: Annotated[
        list[str] | None,
        typer.Option(
            "-p",
            metavar="no:NAME",
            help="Block a plugin (entry point, distribution or KIND:NAME) here, not in an app that runs; repeatable.",
        ),
    ] = None,
) -> None:
    if plugin:
        plugin_commands.block(plugin)


def main() -> NoReturn:
    """Run the command line and exit."""
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:  # started with it closed, as by `>&-`
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, open(number, "r" if number == 0 else "w"))  # noqa: PTH123, SIM115
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code, having said on stderr what went wrong."""
    _interrupt_on_signals()
    try:
        result = app(args=list(arguments), prog_name="votebox", standalone_mode=False)
    except KeyboardInterrupt:
        result = INTERRUPTED
    except BrokenPipeError:  # the reader of stdout has left, as in `| head -1`
        _drop_stdout()
        return 1
    except CliError as e:
        return _say(str(e), e.exit_code, e)
    except typer.TyperException as e:
        text = e.format_message()
        return _say(f"{text} (see votebox --help)" if text else "see votebox --help", 2, e)
    except Exception as e:
        # Whatever nobody foresaw must still be one line and exit code 1.
        from votebox.cluster.errors import translated

        known = translated(e)
        return _say(f"{known}; VOTEBOX_DEBUG=1 shows where", known.exit_code, e)
    if result == INTERRUPTED:  # typer, too, turns a KeyboardInterrupt into this code
        return _say("interrupted", INTERRUPTED)
    return result if isinstance(result, int) else 0


def _say(text: str, code: int, error: Exception | None = None) -> int:
    if error is not None and os.environ.get("VOTEBOX_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    typer.echo(f"votebox: {one_line(text)}", err=True)
    return code


def _interrupt_on_signals() -> None:
    """Make SIGTERM and SIGHUP end a command as Ctrl-C does, unless they are ignored."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, interrupt)


def _drop_stdout() -> None:
    """Keep the interpreter from failing again when it flushes stdout at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
