"""The options that the commands which solve have in common, and what excludes what.

`solve`, `batch`, `eval` and `kaggle replay` name each by its alias here, so that its bounds
and its help text are one. This module imports no more than `--help` needs.
"""

import shlex
import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from votebox.cluster.checks import DEFAULT_RECIPE
from votebox.cluster.errors import BadUsage

__all__ = [
    "Calibration",
    "Chains",
    "DeadlineS",
    "Endpoint",
    "EndpointModel",
    "Endpoints",
    "Local",
    "MaxSandboxS",
    "MaxTotalTokens",
    "MinConfidence",
    "Model",
    "NoTrace",
    "Recipe",
    "Stop",
    "Traces",
    "Url",
    "again",
    "check_alone",
    "check_finite",
    "check_place",
]

Recipe = Annotated[
    str | None,
    typer.Option(help="A recipe's name, or a TOML file.", show_default=DEFAULT_RECIPE),
]
Chains = Annotated[int | None, typer.Option(min=1, max=4096, help="Chains of a question, at most.")]
Stop = Annotated[str | None, typer.Option(help="The stop rule: fhpc:0.02, lead:2, never.")]
DeadlineS = Annotated[
    float | None,
    typer.Option(min=0.001, help="Answer a question with what is there after S seconds."),
]
MaxTotalTokens = Annotated[
    int | None,
    typer.Option(min=1, help="Answer a question with what is there after N tokens."),
]
MaxSandboxS = Annotated[
    float | None,
    typer.Option(min=0.0, help="Run programs of a question for S seconds, all together."),
]
MinConfidence = Annotated[
    float | None, typer.Option(min=0.0, max=1.0, help="Abstain below this share of the votes.")
]
Calibration = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Take --min-confidence for a chance of being right."),
]
Local = Annotated[bool, typer.Option("--local", help="Solve in this process, without Ray.")]
Model = Annotated[str | None, typer.Option(help="A model folder instead of the embedded model.")]
Endpoint = Annotated[
    str | None, typer.Option(metavar="URL", help="Sample from an OpenAI-compatible server.")
]
EndpointModel = Annotated[
    str | None, typer.Option(metavar="NAME", help="The model there; default: its only one.")
]
Endpoints = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Sample each role from its endpoint in a TOML file."),
]
Url = Annotated[
    str | None, typer.Option(metavar="URL", help="Ask the votebox app that runs there.")
]
Traces = Annotated[
    str | None, typer.Option(metavar="URL", help="Keep traces there: a folder or a URI.")
]
NoTrace = Annotated[bool, typer.Option("--no-trace", help="Keep no trace.")]


def again() -> str:
    """Return the command that goes on with this one's run."""
    return shlex.join(["votebox", *(word for word in sys.argv[1:] if word != "--fresh")])


def check_alone(given: Mapping[str, object]) -> None:
    """Refuse more than one of some options; None and False are not given."""
    names = [name for name, value in given.items() if value is not None and value is not False]
    if len(names) > 1:
        raise BadUsage(f"{' and '.join(names)} exclude each other", "give one of them")


def check_finite(given: Mapping[str, float | None]) -> None:
    """Refuse seconds that are no number."""
    for option, seconds in given.items():
        if seconds is not None and not seconds < float("inf"):
            raise BadUsage(f"{option} {seconds} is no number of seconds", "give one, as 60")


def check_place(
    *,
    local: bool,
    url: str | None,
    endpoint: str | None,
    model: str | None,
    endpoint_model: str | None,
    endpoints: str | None = None,
    traces: str | None = None,
    no_trace: bool = False,
) -> None:
    """Refuse options of who answers and where traces go that do not go together."""
    check_alone({"--url": url, "--endpoint": endpoint, "--endpoints": endpoints, "--local": local})
    check_alone({"--traces": traces, "--no-trace": no_trace})
    check_alone({"--traces": traces, "--url": url})
    if endpoint_model is not None and endpoint is None:
        fix = "name it in the file" if endpoints else "add --endpoint URL"
        raise BadUsage("--endpoint-model needs --endpoint", fix)
    fixes = {
        "--url": (url, "leave one of them out"),
        "--endpoint": (endpoint, "use --endpoint-model NAME"),
        "--endpoints": (endpoints, "name it in the file"),
    }
    for option, (value, fix) in fixes.items():
        if model is not None and value is not None:
            raise BadUsage(f"--model has no effect with {option}", fix)
