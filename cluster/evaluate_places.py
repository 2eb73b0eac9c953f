"""Run an evaluation where it is to run: in this process, or in an app.

In this process one engine and one sandbox serve all problems. An app is the one that runs,
one at a URL, or a temporary one that ends with the run.
"""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

import typer

from votebox.cluster import checks
from votebox.cluster.client import await_ready, health, runtime
from votebox.cluster.endpoint_roles import Roles
from votebox.cluster.errors import INTERRUPTED, Failed, translated
from votebox.cluster.evaluate import Ask, evaluate
from votebox.cluster.evaluate_asking import AppAsker, SolverAsker
from votebox.cluster.evaluate_marks import Marker
from votebox.cluster.evaluate_rows import EvalRow
from votebox.cluster.evaluate_screen import EvalScreen, Progress
from votebox.cluster.evaluate_tasks import Task
from votebox.cluster.local import LocalPlan, ended_at_once, leave, quiet, start_engine
from votebox.cluster.runs import RunWriter
from votebox.cluster.runtime import RuntimeArgs
from votebox.cluster.state import new_log, read_app
from votebox.plugins import (
    Recipe,
    Registry,
    SolveOptions,
    Solver,
    TimeBank,
    TraceStore,
    VoteboxError,
)
from votebox.plugins.judge import shared_judge

if TYPE_CHECKING:
    from votebox.plugins import SandboxPort

__all__ = ["Place", "Work", "run_in_app", "run_in_process"]

type Work = Callable[["Place", RunWriter, Sequence[Task], EvalScreen], Coroutine[Any, Any, None]]
"""Start what is needed in this process and solve the tasks."""

_HEALTH_S: Final = 60.0
_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Place:
    """Say what solves, how many at once, and within which seconds in all.

    `endpoint` None in this process means vLLM with `model`; `url` None in an app means the
    one that runs, else a temporary one. `roles` are endpoints by role. `go_on` is the command that goes on with the run.
    """

    recipe: Recipe
    registry: Registry
    options: SolveOptions
    at_once: int
    go_on: str
    budget_s: float | None = None
    endpoint: str | None = None
    endpoint_model: str | None = None
    model: str | None = None
    url: str | None = None
    trace: bool = True
    quiet: bool = False
    roles: Roles | None = None

    @property
    def engine(self) -> LocalPlan:
        """Return what starts an engine in this process."""
        return LocalPlan(
            "",
            self.recipe,
            self.registry,
            self.options,
            model=self.model,
            endpoint=self.endpoint,
            endpoint_model=self.endpoint_model,
            roles=self.roles,
        )

    def bank(self, tasks: int) -> TimeBank | None:
        """Return what shares the budget among tasks, None without one."""
        if self.budget_s is None:
            return None
        return TimeBank(self.budget_s, tasks, at_once=min(self.at_once, tasks))


def run_in_process(
    place: Place,
    writer: RunWriter,
    tasks: Sequence[Task],
    done: Callable[[TextIO], None],
    work: Work | None = None,
) -> None:
    """Solve the tasks here, then call `done` with the stream of the result.

    `work` solves them otherwise than for their answers. Does not return with vLLM in this process, whose end takes seconds.
    """
    checks.check_limits(place.recipe)
    log = new_log("eval")
    with quiet(log) as (out, err), _screen(place, writer, tasks, err) as screen:

        def abandon() -> None:
            screen.close()
            screen.note(_interrupted(place))

        with ended_at_once(abandon):
            try:
                asyncio.run((work or _here)(place, writer, tasks, screen))
            except VoteboxError as e:
                raise translated(e, log) from e
            screen.close()
            done(out)
            if not place.engine.elsewhere:
                leave(0)


def run_in_app(
    place: Place,
    writer: RunWriter,
    tasks: Sequence[Task],
    done: Callable[[TextIO], None],
    work: Work | None = None,
) -> None:
    """Solve the tasks in an app, then call `done` with the stream of the result.

    `work` gets the place with the app's URL, and solves them otherwise than for their answers.
    """
    with _screen(place, writer, tasks, sys.stderr) as screen:
        try:
            with _app(place, writer, screen) as url:
                there = replace(place, url=url)
                asyncio.run((work or _there)(there, writer, tasks, screen))
        except KeyboardInterrupt:
            screen.close()
            _end(screen, place)
    done(sys.stdout)


def _end(screen: EvalScreen, place: Place) -> NoReturn:
    """End now: threads still wait for solves, which the app ends with their connections."""
    screen.note(_interrupted(place))
    leave(INTERRUPTED)


def _interrupted(place: Place) -> str:
    return f"votebox: interrupted; go on with: {place.go_on}"


def _screen(place: Place, writer: RunWriter, tasks: Sequence[Task], stream: TextIO) -> EvalScreen:
    progress = Progress(len(tasks) + len(writer.done), writer.done)
    return EvalScreen(stream, progress, quiet=place.quiet)


async def _here(place: Place, writer: RunWriter, tasks: Sequence[Task], screen: EvalScreen) -> None:
    from votebox.sandbox import Sandbox

    async with AsyncExitStack() as stack:
        sandbox: SandboxPort | None = None
        if place.recipe.needs_sandbox:  # first, because it fails at once where it cannot run
            screen.show({"type": "stage", "text": "starting the sandbox"})
            sandbox = await stack.enter_async_context(Sandbox(workers=len(os.sched_getaffinity(0))))
        engine = await start_engine(place.engine, screen.show, stack)
        store = TraceStore(str(writer.traces.absolute())) if place.trace else None
        solver = Solver(engine, sandbox, place.registry, store)
        ask = SolverAsker(solver, place.recipe, place.options)
        await _ask_all(place, writer, tasks, screen, ask)
        if not place.engine.elsewhere:
            stack.pop_all()  # the process ends; so does vLLM, faster than it unwinds


async def _there(
    place: Place, writer: RunWriter, tasks: Sequence[Task], screen: EvalScreen
) -> None:
    ask = AppAsker(place.url or "", place.recipe.name, place.options, place.at_once)
    await _ask_all(place, writer, tasks, screen, ask)


async def _ask_all(
    place: Place, writer: RunWriter, tasks: Sequence[Task], screen: EvalScreen, ask: Ask
) -> None:
    known = {writer.head.recipe_hash, ""}

    def add(row: EvalRow) -> None:
        writer.add(row)
        screen.add(row)
        if row.recipe_hash not in known:
            known.add(row.recipe_hash)
            which = f"votebox: the app has another recipe {place.recipe.name} ({row.recipe_hash})"
            screen.note(f"{which}; the policy of the one here ({place.recipe.hash}) marks")

    screen.progress.start()
    marker, bank = Marker(place.recipe, shared_judge()), place.bank(len(tasks))
    await evaluate(tasks, ask, marker, add, at_once=place.at_once, bank=bank)


@contextmanager
def _app(place: Place, writer: RunWriter, screen: EvalScreen) -> Iterator[str]:
    """Yield the URL of the app to ask, a temporary one where none runs."""
    if place.url is not None:
        yield place.url
        return
    running = read_app()
    if running is not None and running.ready and place.model is None and health(running.url):
        yield running.url
        return
    if running is not None:
        why = "serves another model" if place.model else "does not answer"
        typer.echo(f"the app at {running.url} {why}; starting a temporary one", err=True)
    if place.recipe.needs_sandbox:
        checks.check_limits(place.recipe)
        screen.show({"type": "stage", "text": "checking the sandbox"})
        checks.check_sandbox()
    traces = str(writer.traces.absolute()) if place.trace else None
    app: dict[str, Any] = {"solver": {"traces": traces}}
    if place.model is not None:
        app["models"] = {"default": {"source": checks.check_model(place.model)}}
    args, log = RuntimeArgs("serve", -1, app, port=_free_port()), new_log("eval")
    with runtime(args, log) as (_, events):
        await_ready(events, screen.show, log)
        url = f"http://{args.host}:{args.port}"
        _await_health(url, log)
        yield url


def _await_health(url: str, log: Path) -> None:
    """Wait until an app that is ready answers over HTTP, too."""
    until = time.monotonic() + _HEALTH_S
    while not health(url):
        if time.monotonic() > until:
            raise Failed(f"{url}/health does not answer", log=log)
        time.sleep(_POLL_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
