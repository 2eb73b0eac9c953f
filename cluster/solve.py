"""`votebox solve`: one question in, one voted answer out.

Decides who answers (a running app, a temporary one, this process, an endpoint), checks
what is cheap to check, and shows what happens.
"""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from votebox.cluster import checks
from votebox.cluster import solve_options as opt
from votebox.cluster.endpoint_roles import costs, costs_text, named_roles
from votebox.cluster.errors import ABSTAINED, BadUsage, translated
from votebox.cluster.recordings import check_folder, read_asked, replayed
from votebox.cluster.result import write_json, write_verdict
from votebox.cluster.screen import Screen
from votebox.cluster.solve_files import EDITING_RECIPE, Edited, edited, write_files
from votebox.cluster.state import App, new_log, place_of, read_app, traces_dir
from votebox.cluster.text import one_line

__all__ = ["solve"]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Hold what the caller typed, checked for form.

    `options` are fields of SolveOptions; what was not given is left out.
    """

    question: str
    recipe: str | None
    options: Mapping[str, Any]
    model: str | None = None
    endpoint: str | None = None
    endpoint_model: str | None = None
    endpoints: str | None = None
    traces: str | None = None
    no_trace: bool = False
    record: str | None = None
    folder: Edited | None = None

    @property
    def files(self) -> Mapping[str, str]:
        """Return the files of an editing task by path, none of another."""
        return self.folder.files if self.folder else {}

    @property
    def default_recipe(self) -> str:
        """Return the recipe where none is named."""
        return EDITING_RECIPE if self.folder else checks.DEFAULT_RECIPE

    @property
    def kept_in(self) -> str | None:
        """Return where a solve of our own keeps its trace, None for nowhere."""
        return None if self.no_trace else place_of(self.traces or traces_dir())

    @property
    def request(self) -> dict[str, Any]:
        """Return the body an app takes; what was not given is left to its defaults."""
        body = {"question": self.question, "recipe": self.recipe, **self.options}
        body["trace"] = False if self.no_trace else None
        if self.folder is not None:
            body |= {"recipe": self.recipe or self.default_recipe, "files": dict(self.files)}
        return {name: value for name, value in body.items() if value is not None}


def solve(
    question: Annotated[str, typer.Argument(help="The question; - reads it from stdin.")],
    *,
    recipe: opt.Recipe = None,
    chains: opt.Chains = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**63 - 1, help="Seed, for the same answer again.")
    ] = None,
    deadline_s: opt.DeadlineS = None,
    max_total_tokens: opt.MaxTotalTokens = None,
    max_sandbox_s: opt.MaxSandboxS = None,
    effort: Annotated[
        str | None,
        typer.Option(help="Chains as a multiple of the recipe's: none, low, medium, high, max."),
    ] = None,
    stop: opt.Stop = None,
    vote: Annotated[str | None, typer.Option(help="The vote: majority, weighted.")] = None,
    min_confidence: opt.MinConfidence = None,
    calibration: opt.Calibration = None,
    json: Annotated[
        bool, typer.Option("--json", help="Write the verdict as one JSON object.")
    ] = False,
    local: opt.Local = False,
    model: opt.Model = None,
    endpoint: opt.Endpoint = None,
    endpoint_model: opt.EndpointModel = None,
    endpoints: opt.Endpoints = None,
    url: opt.Url = None,
    traces: opt.Traces = None,
    no_trace: opt.NoTrace = False,
    record: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="With --local or --endpoint: record the solve there."),
    ] = None,
    replay: Annotated[
        str | None, typer.Option(metavar="DIR", help="Solve over a recording, at once.")
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Edit the files of a folder: the answer is a diff."),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="With --files: change the folder, too.")
    ] = False,
) -> int:
    """Answer a question by a vote of many reasoning chains.

    Asks the app that `votebox up` started; without one it starts a temporary app and
    ends it with the answer. Exit codes: 0 answered, 3 abstained, 2 bad usage, 1 failure,
    130 interrupted.
    """
    opt.check_place(
        local=local,
        url=url,
        endpoint=endpoint,
        model=model,
        endpoint_model=endpoint_model,
        endpoints=endpoints,
        traces=traces,
        no_trace=no_trace,
    )
    own = {"--url": url, "--endpoint": endpoint, "--endpoints": endpoints, "--local": local}
    here = local or endpoint is not None or endpoints is not None
    for option, value in {**own, "--model": model, "--traces": traces, "--record": record}.items():
        opt.check_alone({"--replay": replay, option: value})
    opt.check_alone({"--record": record, "--endpoints": endpoints})
    if record is not None and not here:
        raise BadUsage("--record needs a solve in this process", "add --local or --endpoint URL")
    opt.check_finite({"--deadline-s": deadline_s, "--max-sandbox-s": max_sandbox_s})
    options = {
        "chains": chains,
        "seed": seed,
        "deadline_s": deadline_s,
        "max_total_tokens": max_total_tokens,
        "max_sandbox_s": max_sandbox_s,
        "reasoning_effort": effort,
        "stop": stop,
        "vote": vote,
        "min_confidence": checks.least_share(min_confidence, calibration),
    }
    asked = _Asked(
        checks.read_question(question),
        recipe,
        {name: value for name, value in options.items() if value is not None},
        model,
        checks.check_url("--endpoint", endpoint) if endpoint is not None else None,
        endpoint_model,
        endpoints,
        traces,
        no_trace,
        record,
        edited(files, write=write),
    )
    if replay is not None:
        return _replay(asked, replay, json=json)
    if here:
        return _solve_locally(asked, json=json)
    return _solve_in_app(
        asked, checks.check_url("--url", url) if url is not None else None, json=json
    )


def _solve_in_app(asked: _Asked, url: str | None, *, json: bool) -> int:
    from votebox.cluster.client import solve_over_http

    app = _running_app(asked) if url is None else None
    url = app.url if app is not None else url
    if url is None:
        return _solve_in_temporary_app(asked, json=json)
    with Screen(sys.stderr) as screen:
        verdict = solve_over_http(url, asked.request, screen.show)
    traces = app.traces if app is not None else None
    return _finish(verdict, sys.stdout, traces, json=json, folder=asked.folder)


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

    registry = Registry.load()
    recipe = checks.check_recipe(asked.recipe or asked.default_recipe, registry, files=False)
    checks.check_options(asked.options, recipe, registry)
    app: dict[str, Any] = {"ingress": False, "solver": {"traces": asked.kept_in}}
    if asked.model is not None:
        app["models"] = {"default": {"source": checks.check_model(asked.model)}}
    codes: list[int] = []
    with Screen(sys.stderr) as screen:

        def answered(verdict: Mapping[str, Any]) -> None:
            screen.close()
            told = _finish(verdict, sys.stdout, asked.kept_in, json=json, folder=asked.folder)
            codes.append(told)

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
    recipe = checks.check_recipe(asked.recipe or asked.default_recipe, registry)
    checks.check_limits(recipe)
    if asked.model is not None:
        checks.check_model(asked.model)
    plan = LocalPlan(
        asked.question,
        recipe,
        registry,
        checks.check_options(asked.options, recipe, registry),
        asked.model,
        asked.endpoint,
        asked.endpoint_model,
        asked.kept_in,
        None if asked.record is None else check_folder(asked.record),
        asked.files,
        named_roles(asked.endpoints, recipe),
    )
    log = new_log("local")
    codes: list[int] = []
    with quiet(log) as (out, err), Screen(err) as screen, ended_at_once(screen.abandon):

        def answered(verdict: Mapping[str, Any]) -> None:
            screen.close()
            spent = {} if plan.roles is None else costs(verdict, recipe, plan.roles)
            if spent:
                verdict = {**verdict, "cost": spent}
            codes.append(_finish(verdict, out, asked.kept_in, json=json, folder=asked.folder))
            if not plan.elsewhere:
                leave(codes[0])

        try:
            solve_here(plan, screen.show, answered)
        except VoteboxError as e:
            raise translated(e, log) from e
    return codes[0]


def _replay(asked: _Asked, folder: str, *, json: bool) -> int:
    """Solve over a recording, with its seed; the question has to be its own."""
    from votebox.plugins import Problem, Registry, VoteboxError

    recorded, registry = read_asked(folder), Registry.load()
    if asked.question != recorded.question:
        problem = f"the recording is of another question: {recorded.question:.80}"
        raise BadUsage(problem, "ask that, as it was asked")
    recipe = checks.check_recipe(asked.recipe or recorded.recipe, registry)
    given = {"seed": recorded.seed, **asked.options}
    options = checks.check_options(given, recipe, registry)
    try:
        events = replayed(
            folder, Problem(asked.question, files=asked.files), recipe, registry, options
        )
    except VoteboxError as e:
        raise translated(e) from e
    return _finish(events[-1]["verdict"], sys.stdout, None, json=json, folder=asked.folder)


def _finish(
    verdict: Mapping[str, Any],
    out: TextIO,
    traces: str | None,
    *,
    json: bool,
    folder: Edited | None = None,
) -> int:
    written = write_files(verdict, folder)
    if json:
        write_json(verdict, out)
    else:
        write_verdict(verdict, out, _look(verdict, traces))
        if "cost" in verdict:
            out.write(one_line(costs_text(verdict["cost"])) + "\n")
        if folder is not None and verdict["files"]:
            told = f"written: {', '.join(written)}" if written else "--write changes the folder"
            out.write(one_line(told) + "\n")
    return ABSTAINED if verdict["answer"] is None else 0


def _look(verdict: Mapping[str, Any], traces: str | None) -> str:
    """Say how to look at the trace in `traces`, None for one that only a server can reach."""
    if not verdict.get("traced"):
        return ""
    if not traces:
        return f"the server keeps the trace, as {verdict['id']}"
    where = "" if traces == traces_dir() else f" --traces {shlex.quote(traces)}"
    return f"votebox show {verdict['id']}{where}"
