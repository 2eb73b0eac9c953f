"""`votebox edit-bench run` and `votebox compare-strippers`: measure models that edit code."""

import sys
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Annotated, Literal

import typer

from votebox.cluster import checks
from votebox.cluster import solve_options as opt
from votebox.cluster.errors import BadUsage

__all__ = ["compare_strippers", "run"]

Prices = Annotated[
    list[str] | None,
    typer.Option(
        "--price",
        metavar="MODEL=IN,OUT",
        help="US dollars per million tokens of prompts and replies; repeatable.",
    ),
]


def run(
    folder: Annotated[
        Path | None, typer.Argument(help="A folder of exercises instead of votebox's own.")
    ] = None,
    *,
    out: Annotated[str, typer.Option(metavar="DIR", help="The run's folder, new or to go on.")],
    recipe: Annotated[
        str, typer.Option(help="solo, architect-editor, architect-vote, or a TOML file.")
    ] = "architect-editor",
    tries: Annotated[
        int, typer.Option(min=1, max=8, help="Changes of a chain that are tested.")
    ] = 2,
    procedure: Annotated[
        Literal["published", "split"],
        typer.Option(help="published: feedback from the tests that score; split: from others."),
    ] = "published",
    names: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="One of them; repeatable.")
    ] = None,
    repeat: Annotated[int, typer.Option(min=1, max=1000, help="Ask each exercise K times.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask the first N exercises.")] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="i/n", help="Ask every n-th of them, from the i-th on.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=1024, help="Exercises at once.")] = 4,
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Same seed, same seeds of all solves.")
    ] = 0,
    chains: opt.Chains = None,
    rounds: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Rounds of a chain. Default: the recipe's, per try."),
    ] = None,
    deadline_s: opt.DeadlineS = None,
    max_total_tokens: opt.MaxTotalTokens = None,
    total_s: Annotated[
        float, typer.Option(min=1.0, max=3600.0, help="Seconds to grade one change.")
    ] = 180.0,
    test_s: Annotated[
        float, typer.Option(min=0.1, max=3600.0, help="Seconds for one test of that.")
    ] = 10.0,
    price: Prices = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Refuse a folder in use.")] = False,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Ask again what ended in an error.")
    ] = False,
    local: opt.Local = False,
    model: opt.Model = None,
    endpoint: opt.Endpoint = None,
    endpoint_model: opt.EndpointModel = None,
    endpoints: opt.Endpoints = None,
    url: opt.Url = None,
    no_trace: opt.NoTrace = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Write the numbers as JSON.")] = False,
) -> None:
    """Have a recipe solve every exercise, and grade its changes by hidden tests.

    FOLDER is in exercism's layout. The same command again goes on where it stopped, however it
    ended. See docs/editing-benchmark.md for what each number's changes have seen.
    """
    opt.check_place(
        local=local,
        url=url,
        endpoint=endpoint,
        model=model,
        endpoint_model=endpoint_model,
        endpoints=endpoints,
    )
    if not local and endpoint is None and endpoints is None and url is None:
        fix = "add --url URL, --local, --endpoint URL or --endpoints FILE"
        raise BadUsage("edit-bench run has to be told who solves", fix)
    opt.check_finite({"--deadline-s": deadline_s})
    from votebox.cluster.edit_run_plan import Plan, carry_out
    from votebox.cluster.evaluate_tasks import read_shard

    carry_out(
        Plan(
            folder=folder,
            names=tuple(names or ()),
            out=out,
            recipe=recipe,
            tries=tries,
            procedure=procedure,
            repeat=repeat,
            limit=limit,
            shard=None if shard is None else read_shard(shard),
            concurrency=concurrency,
            seed=seed,
            overrides={
                "chains": chains,
                "rounds": rounds,
                "deadline_s": deadline_s,
                "max_total_tokens": max_total_tokens,
            },
            total_s=total_s,
            test_s=min(test_s, total_s),
            prices=_prices(price or ()),
            model=model,
            endpoint=None if endpoint is None else checks.check_url("--endpoint", endpoint),
            endpoint_model=endpoint_model,
            endpoints=endpoints,
            url=None if url is None else checks.check_url("--url", url),
            go_on=opt.again(),
            command=tuple(sys.argv[1:]),
            fresh=fresh,
            retry_errors=retry_errors,
            trace=not no_trace,
            quiet=quiet,
            json=json,
        )
    )


def compare_strippers(
    folder: Annotated[
        Path, typer.Argument(metavar="RUN", help="The folder of `votebox edit-bench run --out`.")
    ],
    *,
    strippers: Annotated[
        list[str] | None,
        typer.Option("--stripper", metavar="NAME", help="One of them; repeatable. Default: all."),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", metavar="NAME", help="Also read as this format; repeatable."),
    ] = None,
    exercises: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the run's exercises are now.")
    ] = None,
    no_tests: Annotated[bool, typer.Option("--no-tests", help="Read and apply alone.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Read a run's stored replies through each stripper of thinking, and test what comes of it.

    Asks no model. NAME may set options, as tag:prefilled=true.
    """
    from votebox.cluster.edit_strippers_plan import Comparison, carry_out

    found = Comparison(
        folder, strippers or (), formats or (), exercises, tests=not no_tests, json=json
    )
    carry_out(found)


def _prices(given: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return the prices of models; raise BadUsage for what is none."""
    found: dict[str, tuple[float, float]] = {}
    for text in given:
        model, _, numbers = text.rpartition("=")
        try:
            per_prompt, per_completion = (float(part) for part in numbers.split(","))
        except ValueError:
            per_prompt = per_completion = -1.0
        if not model or not (0 <= per_prompt < inf and 0 <= per_completion < inf):
            raise BadUsage(
                f"--price {text!r:.80} is none", "give MODEL=IN,OUT, as qwq-32b=0.15,0.6"
            )
        if model in found:
            raise BadUsage(f"--price names {model!r:.80} twice", "give it once")
        found[model] = (per_prompt, per_completion)
    return found
