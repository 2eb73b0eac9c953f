"""`votebox solve`: one question in, one voted answer out.

Decides who answers (a running app, a temporary one, this process, an endpoint), checks
what is cheap to check, and shows what happens.
"""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TextIO

import typer

from votebox.cluster import checks
from votebox.cluster.errors import ABSTAINED, BadUsage, translated
from votebox.cluster.recordings import check_folder, read_asked, replayed
from votebox.cluster.result import write_json, write_verdict
from votebox.cluster.screen import Screen
from votebox.cluster.state import App, new_log, place_of, read_app, traces_dir

__all__ = ["solve"]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Hold what the caller typed, checked for form."""

    question: str
    recipe: str | None
    chains: int | None
    seed: int | None
    deadline_s: float | None
    model: str | None
    endpoint: str | None
    endpoint_model: str | None
    traces: str | None = None
    no_trace: bool = False
    max_total_tokens: int | None = None
    max_sandbox_s: float | None = None
    record: str | None = None
    replay: str | None = None

    @property
    def kept_in(self) -> str | None:
        """Return where a solve of our own keeps its trace, None for nowhere."""
        return None if self.no_trace else place_of(self.traces or traces_dir())

    @property
    def request(self) -> dict[str, Any]:
        """Return the body an app takes; what was not given is left to its defaults."""
        body = {
            "question": self.question,
            "recipe": self.recipe,
            "chains": self.chains,
            "seed": self.seed,
            "deadline_s": self.deadline_s,
            "max_total_tokens": self.max_total_tokens,
            "max_sandbox_s": self.max_sandbox_s,
            "trace": False if self.no_trace else None,
        }
        return {name: value for name, value in body.items() if value is not None}


def solve(
    question: Annotated[str, typer.Argument(help="The question; - reads it from stdin.")],
    *,
    recipe: Annotated[
        str | None,
        typer.Option(help="A recipe's name, or a TOML file.", show_default=checks.DEFAULT_RECIPE),
    ] = None,
    chains: Annotated[
        int | None, typer.Option(min=1, max=4096, help="Chains to sample, at most.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**63 - 1, help="Seed, for the same answer again.")
    ] = None,
    deadline_s: Annotated[
        float | None, typer.Option(min=0.001, help="Answer with what is there after S seconds.")
    ] = None,
    max_total_tokens: Annotated[
        int | None, typer.Option(min=1, help="Answer with what is there after N tokens.")
    ] = None,
    max_sandbox_s: Annotated[
        float | None,
        typer.Option(min=0.0, help="Run programs for S seconds, all chains' together."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Write the verdict as one JSON object.")
    ] = False,
    local: Annotated[
        bool, typer.Option("--local", help="Solve in this process, without Ray.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="A model folder instead of the embedded model.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="Sample from an OpenAI-compatible server.")
    ] = None,
    endpoint_model: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model there; default: its only one.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Ask the votebox app that runs there.")
    ] = None,
    traces: Annotated[
        str | None, typer.Option(metavar="URL", help="Keep traces there: a folder or a URI.")
    ] = None,
    no_trace: Annotated[bool, typer.Option("--no-trace", help="Keep no trace.")] = False,
    record: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="With --local or --endpoint: record the solve there."),
    ] = None,
    replay: Annotated[
        str | None, typer.Option(metavar="DIR", help="Solve over a recording, at once.")
    ] = None,
) -> int:
    """Answer a question by a vote of many reasoning chains.

    Asks the app that `votebox up` started; without one it starts a temporary app and
    ends it with the answer. Exit codes: 0 answered, 3 abstained, 2 bad usage, 1 failure,
    130 interrupted.
    """
    _check_alone({"--url": url, "--endpoint": endpoint, "--local": local or None})
    _check_alone({"--traces": traces, "--no-trace": no_trace or None})
    for option, value in {"--url": url, "--endpoint": endpoint, "--local": local or None}.items():
        _check_alone({"--replay": replay, option: value})
    for option, value in {"--model": model, "--traces": traces, "--record": record}.items():
        _check_alone({"--replay": replay, option: value})
    if record is not None and not local and endpoint is None:
        raise BadUsage("--record needs a solve in this process", "add --local or --endpoint URL")
    _check_alone({"--traces": traces, "--url": url})
    _check_together(url=url, endpoint=endpoint, model=model, endpoint_model=endpoint_model)
    for option, seconds in (("--deadline-s", deadline_s), ("--max-sandbox-s", max_sandbox_s)):
        if seconds is not None and not seconds < float("inf"):
            raise BadUsage(f"{option} {seconds} is no number of seconds", "give one, as 60")
    asked = _Asked(
        checks.read_question(question),
        recipe,
        chains,
        seed,
        deadline_s,
        model,
        checks.check_url("--endpoint", endpoint) if endpoint is not None else None,
        endpoint_model,
        traces,
        no_trace,
        max_total_tokens,
        max_sandbox_s,
        record,
        replay,
    )
    if replay is not None:
        return _replay(asked, replay, json=json)
    if local or endpoint is not None:
        return _solve_locally(asked, json=json)
    return _solve_in_app(
        asked, checks.check_url("--url", url) if url is not None else None, json=json
    )


def _check_alone(given: Mapping[str, object]) -> None:
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise BadUsage(f"{' and '.join(names)} exclude each other", "give one of them")


def _check_together(
    *, url: str | None, endpoint: str | None, model: str | None, endpoint_model: str | None
) -> None:
    if endpoint_model is not None and endpoint is None:
        raise BadUsage("--endpoint-model needs --endpoint", "add --endpoint URL")
    for option, value in (("--url", url), ("--endpoint", endpoint)):
        if model is not None and value is not None:
            fix = "use --endpoint-model NAME" if endpoint else "leave one of them out"
            raise BadUsage(f"--model has no effect with {option}", fix)


def _solve_in_app(asked: _Asked, url: str | None, *, json: bool) -> int:
    from votebox.cluster.client import solve_over_http

    app = _running_app(asked) if url is None else None
    url = app.url if app is not None else url
    if url is None:
        return _solve_in_temporary_app(asked, json=json)
    with Screen(sys.stderr) as screen:
        verdict = solve_over_http(url, asked.request, screen.show)
    return _finish(verdict, sys.stdout, app.traces if app is not None else None, json=json)


def _running_app(asked: _Asked) -> App | None:
    """Return the app to ask, None when a temporary one is needed; say why."""
    from votebox.cluster.client import health

    app = read_app()
    if app is None:
        return None
    if asked.traces is not None:
        why = "keeps its traces elsewhere"
    elif asked.model is not None and checks.check_model(asked.model) != app.model:
        why = "serves another model"
    elif not app.ready:
        why = "is still starting"
    elif not health(app.url):
        why = "does not answer"
    else:
        return app
    typer.echo(f"the app at {app.url} {why}; starting a temporary one", err=True)
    return None


def _solve_in_temporary_app(asked: _Asked, *, json: bool) -> int:
    from votebox.cluster.client import solve_in_runtime
    from votebox.cluster.runtime import RuntimeArgs
    from votebox.plugins import Registry

    name = asked.recipe or checks.DEFAULT_RECIPE
    recipe = checks.check_recipe(name, Registry.load(), files=False)
    app: dict[str, Any] = {"ingress": False, "solver": {"traces": asked.kept_in}}
    if asked.model is not None:
        app["models"] = {"default": {"source": checks.check_model(asked.model)}}
    codes: list[int] = []
    with Screen(sys.stderr) as screen:

        def answered(verdict: Mapping[str, Any]) -> None:
            screen.close()
            codes.append(_finish(verdict, sys.stdout, asked.kept_in, json=json))

        if recipe.needs_sandbox:
            checks.check_limits(recipe)
            screen.show({"type": "stage", "text": "checking the sandbox"})
            checks.check_sandbox()
        args = RuntimeArgs("solve", -1, app, asked.request)
        solve_in_runtime(args, new_log("solve"), screen.show, answered)
    return codes[0]


def _solve_locally(asked: _Asked, *, json: bool) -> int:
    from votebox.cluster.local import LocalPlan, ended_at_once, leave, quiet, solve_here
    from votebox.plugins import Registry, VoteboxError

    registry = Registry.load()
    recipe = checks.check_recipe(asked.recipe or checks.DEFAULT_RECIPE, registry)
    checks.check_limits(recipe)
    if asked.model is not None:
        checks.check_model(asked.model)
    plan = LocalPlan(
        asked.question,
        recipe,
        registry,
        asked.chains,
        asked.seed,
        asked.deadline_s,
        asked.model,
        asked.endpoint,
        asked.endpoint_model,
        asked.kept_in,
        asked.max_total_tokens,
        asked.max_sandbox_s,
        None if asked.record is None else check_folder(asked.record),
    )
    log = new_log("local")
    codes: list[int] = []
    with quiet(log) as (out, err), Screen(err) as screen, ended_at_once(screen.abandon):

        def answered(verdict: Mapping[str, Any]) -> None:
            screen.close()
            codes.append(_finish(verdict, out, asked.kept_in, json=json))
            if plan.endpoint is None:
                leave(codes[0])

        try:
            solve_here(plan, screen.show, answered)
        except VoteboxError as e:
            raise translated(e, log) from e
    return codes[0]


def _replay(asked: _Asked, folder: str, *, json: bool) -> int:
    """Solve over a recording, with its seed; the question has to be its own."""
    from votebox.plugins import Registry, SolveOptions, VoteboxError

    recorded, registry = read_asked(folder), Registry.load()
    if asked.question != recorded.question:
        problem = f"the recording is of another question: {recorded.question:.80}"
        raise BadUsage(problem, "ask that, as it was asked")
    recipe = checks.check_recipe(asked.recipe or recorded.recipe, registry)
    try:
        options = SolveOptions(
            chains=asked.chains,
            seed=recorded.seed if asked.seed is None else asked.seed,
            deadline_s=asked.deadline_s,
            max_total_tokens=asked.max_total_tokens,
            max_sandbox_s=asked.max_sandbox_s,
        )
        events = replayed(folder, asked.question, recipe, registry, options)
    except VoteboxError as e:
        raise translated(e) from e
    return _finish(events[-1]["verdict"], sys.stdout, None, json=json)


def _finish(verdict: Mapping[str, Any], out: TextIO, traces: str | None, *, json: bool) -> int:
    if json:
        write_json(verdict, out)
    else:
        write_verdict(verdict, out, _look(verdict, traces))
    return ABSTAINED if verdict["answer"] is None else 0


def _look(verdict: Mapping[str, Any], traces: str | None) -> str:
    """Say how to look at the trace in `traces`, None for one that only a server can reach."""
    if not verdict.get("traced"):
        return ""
    if not traces:
        return f"the server keeps the trace, as {verdict['id']}"
    where = "" if traces == traces_dir() else f" --traces {shlex.quote(traces)}"
    return f"votebox show {verdict['id']}{where}"
