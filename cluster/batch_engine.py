"""Find or start who answers a batch: an app, a temporary one, an endpoint, this process."""

import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

import typer

from votebox.cluster import checks
from votebox.cluster.endpoint_roles import Roles, named_roles, roles_text, start_roles
from votebox.cluster.errors import translated
from votebox.cluster.screen import Screen
from votebox.cluster.solve_options import check_place
from votebox.cluster.state import new_log, place_of, read_app, traces_dir

if TYPE_CHECKING:
    from votebox.cluster.batch_ask import Ask
    from votebox.plugins import Recipe

__all__ = ["Answerer", "asked", "choose", "talking"]


@dataclass(frozen=True, slots=True)
class Answerer:
    """Say who answers and with which recipe; `traces` None keeps none.

    `roles` are endpoints by role.
    """

    recipe: "Recipe"
    local: bool = False
    model: str | None = None
    endpoint: str | None = None
    endpoint_model: str | None = None
    url: str | None = None
    traces: str | None = None
    roles: Roles | None = None

    @property
    def here(self) -> bool:
        """Return whether this process solves."""
        return self.local or self.endpoint is not None or self.roles is not None

    @property
    def asked(self) -> str | None:
        """Return which models were named, and by which rules they are asked."""
        return self.model or self.endpoint_model or roles_text(self.roles)

    @property
    def request(self) -> dict[str, Any]:
        """Return the keys that every request to it has."""
        named: dict[str, Any] = {} if self.here else {"recipe": self.recipe.name}
        return named if self.traces is not None else {**named, "trace": False}


def choose(
    recipe: str | None,
    *,
    local: bool,
    model: str | None,
    endpoint: str | None,
    endpoint_model: str | None,
    endpoints: str | None = None,
    url: str | None,
    traces: str | None,
    no_trace: bool,
) -> Answerer:
    """Return who answers; raise BadUsage for options that do not go together."""
    from votebox.plugins import Registry

    check_place(
        local=local,
        url=url,
        endpoint=endpoint,
        model=model,
        endpoint_model=endpoint_model,
        endpoints=endpoints,
        traces=traces,
        no_trace=no_trace,
    )
    here = local or endpoint is not None or endpoints is not None
    found = checks.check_recipe(recipe or checks.DEFAULT_RECIPE, Registry.load(), files=here)
    return Answerer(
        found,
        local,
        model,
        None if endpoint is None else checks.check_url("--endpoint", endpoint),
        endpoint_model,
        None if url is None else checks.check_url("--url", url),
        None if no_trace else place_of(traces or traces_dir()),
        named_roles(endpoints, found),
    )


@contextmanager
def talking(who: Answerer) -> Iterator[tuple[TextIO, TextIO]]:
    """Yield the streams for the result and for people.

    Where vLLM is ours they are kept out of what it writes, which goes to a log, and this
    process ends with the block: its parts and journals are written by then, whatever ends it.
    """
    if not who.local:
        yield sys.stdout, sys.stderr
        return
    from votebox.cluster.local import ended_at_once, leave, quiet
    from votebox.plugins.errors import VoteboxError

    log = new_log("batch")
    with quiet(log) as (out, err):

        def abandon() -> None:
            err.write("\nvotebox: interrupted; the same command goes on from here\n")

        with ended_at_once(abandon):
            try:
                yield out, err
            except VoteboxError as e:
                raise translated(e, log) from e
            leave(0)


@asynccontextmanager
async def asked(who: Answerer, concurrency: int) -> "AsyncIterator[Ask]":
    """Start or find who answers."""
    from votebox.cluster.batch_ask import AskApp

    if who.here:
        async with _here(who) as ask:
            yield ask
        return
    with ExitStack() as stack:
        url = who.url or _running(who) or stack.enter_context(_temporary(who, concurrency))
        ask = AskApp(url, concurrency)
        try:
            yield ask
        finally:
            await ask.aclose()


@asynccontextmanager
async def _here(who: Answerer) -> "AsyncIterator[Ask]":
    """Solve in this process, with vLLM in a process of its own or over an endpoint."""
    from votebox.cluster.batch_ask import AskSolver
    from votebox.deployments import EndpointEngine, SpawnedEngine
    from votebox.plugins import Engine, Solver, TraceStore
    from votebox.sandbox import Sandbox

    checks.check_limits(who.recipe)
    async with AsyncExitStack() as stack:
        sandbox = None
        if who.recipe.needs_sandbox:
            sandbox = await stack.enter_async_context(Sandbox(workers=2))
        engine: Engine | Mapping[str, Engine]
        if who.roles is not None:
            engine = await start_roles(who.roles, lambda _: None, stack)
        elif who.endpoint is not None:
            there = EndpointEngine(who.endpoint, model=who.endpoint_model or "")
            engine = await stack.enter_async_context(there)
        else:
            engine = await stack.enter_async_context(SpawnedEngine(who.model))
        store = TraceStore(who.traces) if who.traces is not None else None
        yield AskSolver(Solver(engine, sandbox, traces=store), who.recipe)
        if who.local:
            stack.pop_all()  # the process ends; so does vLLM, faster than it unwinds


def _running(who: Answerer) -> str | None:
    """Return the URL of the app that `up` started, None when there is none that fits."""
    from votebox.cluster.client import health

    app = read_app()
    fits = app is not None and app.ready and who.model is None
    if app is None or not fits or not health(app.url):
        return None
    typer.echo(f"asking the app at {app.url}", err=True)
    return app.url


@contextmanager
def _temporary(who: Answerer, concurrency: int) -> Iterator[str]:
    """Start an app of our own; yield its URL, and end it with the block."""
    from votebox.cluster.client import await_ready, runtime
    from votebox.cluster.runtime import RuntimeArgs

    app: dict[str, Any] = {"solver": {"traces": who.traces, "max_ongoing": concurrency}}
    if who.model is not None:
        app["models"] = {"default": {"source": checks.check_model(who.model)}}
    if who.recipe.needs_sandbox:
        checks.check_limits(who.recipe)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    args = RuntimeArgs("serve", -1, app, port=port)
    log = new_log("batch")
    with runtime(args, log) as (_, events):
        with Screen(sys.stderr) as screen:
            await_ready(events, screen.show, log)
        yield f"http://127.0.0.1:{port}"
