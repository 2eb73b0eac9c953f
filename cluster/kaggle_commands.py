"""`votebox kaggle replay`: a competition's gateway on this machine."""

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from votebox.cluster import solve_options as opt
from votebox.cluster.batch_engine import Answerer, asked, choose
from votebox.cluster.errors import BadUsage, translated
from votebox.cluster.result import write_json
from votebox.cluster.text import one_line

if TYPE_CHECKING:
    from votebox.cluster.kaggle_replay import Question, Score
    from votebox.plugins import TimeBank

__all__ = ["replay"]


def replay(
    table: Annotated[Path, typer.Argument(metavar="CSV", help="With id, question and answer.")],
    *,
    recipe: Annotated[str, typer.Option(help="A recipe's name.")] = "aimo-qwq",
    total_s: Annotated[
        float, typer.Option(min=1.0, help="Seconds for all questions together.")
    ] = 18_000.0,
    least_s: Annotated[float, typer.Option(min=0.1, help="The least for one.")] = 5.0,
    most_s: Annotated[float, typer.Option(min=0.1, help="The most for one.")] = 900.0,
    chains: opt.Chains = None,
    modulo: Annotated[
        int, typer.Option(min=2, help="Answers are modulo this; AIMO-3 has 100000.")
    ] = 1000,
    default: Annotated[int, typer.Option(min=0, help="The answer where there is none.")] = 49,
    late: Annotated[int, typer.Option(min=0, help="The answer when the time is up.")] = 210,
    local: opt.Local = False,
    model: opt.Model = None,
    endpoint: opt.Endpoint = None,
    endpoints: opt.Endpoints = None,
    url: opt.Url = None,
    json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Replay a CSV as the competition's gateway would, with the running score.

    One question at a time, each as a frame of one row; the reply is checked as there.
    """
    import asyncio

    from votebox.cluster.kaggle_replay import read_questions
    from votebox.plugins import TimeBank, VoteboxError

    questions = read_questions(table)
    who = choose(
        recipe,
        local=local,
        model=model,
        endpoint=endpoint,
        endpoint_model=None,
        endpoints=endpoints,
        url=url,
        traces=None,
        no_trace=False,
    )
    options = {"default": default, "late": late, "modulo": modulo}
    for name in ("default", "late"):  # before an engine starts, which takes long
        if options[name] >= modulo:
            problem = f"--{name} {options[name]} is no answer modulo {modulo}"
            raise BadUsage(problem, f"give 0 to {modulo - 1}")
    if most_s < least_s:
        raise BadUsage(f"--most-s {most_s:g} is below --least-s {least_s:g}", "swap them")
    request = who.request if chains is None else {**who.request, "chains": chains}
    bank = partial(TimeBank, total_s, len(questions), least_s=least_s, most_s=most_s)
    try:
        scores = asyncio.run(_replay(who, questions, request, bank, options))
    except VoteboxError as e:
        raise translated(e) from e
    _report(scores, json=json)


async def _replay(
    who: Answerer,
    questions: "list[Question]",
    request: dict[str, Any],
    bank: "Callable[[], TimeBank]",
    options: dict[str, int],
) -> "list[Score]":
    import asyncio

    from votebox.cluster.kaggle import Predictor
    from votebox.cluster.kaggle_replay import replay_questions

    async with asked(who, 1) as ask:
        predictor = Predictor(ask, bank(), request, loop=asyncio.get_running_loop(), **options)
        scores = []
        replies = replay_questions(questions, predictor.predict, _frames())
        while (score := await asyncio.to_thread(next, replies, None)) is not None:
            scores.append(score)
            typer.echo(_line(score), err=True)
        return scores


def _frames() -> Any:
    """Return the library whose frames the gateway sends: polars, or pandas without it."""
    name = next((name for name in ("polars", "pandas") if find_spec(name) is not None), None)
    return None if name is None else import_module(name)


def _line(score: "Score") -> str:
    told = score.question.answer
    mark = "" if told is None else (" right" if told == score.answer else f" wrong, is {told}")
    name = one_line(score.question.id, 40)
    return f"{name}: {score.answer}{mark} · {score.right}/{score.graded} of {score.asked} asked"


def _report(scores: "list[Score]", *, json: bool) -> None:
    last = scores[-1]
    if json:
        answers = {score.question.id: score.answer for score in scores}
        found = {"right": last.right, "graded": last.graded, "asked": last.asked}
        write_json({**found, "answers": answers}, sys.stdout)
        return
    typer.echo(f"{last.right} of {last.graded} right, {last.asked} asked")
