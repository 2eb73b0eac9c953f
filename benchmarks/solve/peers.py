"""Compare votebox with optillm and its_hub on the same vLLM server and questions.

    uv venv ~/peers && uv pip install --python ~/peers/bin/python optillm 'its_hub[iaas]'
    uv run python benchmarks/solve/peers.py --peers ~/peers/bin/python --problems 150

One OpenAI server of vLLM runs votebox-mini. Every way solves each question in turn, with
the same messages, number of samples, temperature and longest reply. Tokens are what the
server's own counter says. A peer gives back one reply; where that is a program, it is run
here in votebox's sandbox and its output is the answer, without which the peers would be
right hardly ever: this model writes programs. A peer that is not installed is left out.
"""

import argparse
import asyncio
import json
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import peers_servers as servers

sys.path.insert(0, str(Path(__file__).parents[1] / "mini"))
from evaluate import Score, wilson
from problems import families, make_problem

from votebox.deployments import EndpointEngine
from votebox.plugins import (
    ChainText,
    ChainView,
    Problem,
    Recipe,
    Registry,
    SolveOptions,
    Solver,
    VerdictReached,
    VoteChanged,
)
from votebox.plugins.answers import canonical, show
from votebox.sandbox import Sandbox

SELF_CONSISTENCY_SAMPLES = 5
"""optillm's number of samples, which no request can change."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Hold what a way gave: its answer, and when its client first saw something."""

    answer: str | None
    first_text_s: float
    first_answer_s: float


@dataclass(frozen=True, slots=True)
class Solved:
    """Hold one question solved one way."""

    right: bool
    seconds: float
    tokens: int
    first_text_s: float
    first_answer_s: float


type Way = Callable[[str], Awaitable[Reply]]


def votebox_way(solver: Solver, recipe: Recipe, options: SolveOptions) -> Way:
    """Solve through the solver's event stream, which is what its servers pass on."""

    async def solve(question: str) -> Reply:
        began, text_s, answer_s = time.perf_counter(), math.nan, math.nan
        answer = None
        async for event in solver.events(Problem(question), recipe, options):
            passed = time.perf_counter() - began
            if isinstance(event, ChainText) and math.isnan(text_s):
                text_s = passed
            elif isinstance(event, VoteChanged) and event.votes and math.isnan(answer_s):
                answer_s = passed
            elif isinstance(event, VerdictReached):
                answer = event.verdict.answer
        return Reply(answer, text_s, answer_s)

    return solve


def peer_way(url: str, body: dict[str, Any], recipe: Recipe, box: Sandbox) -> Way:
    """Solve through a peer's OpenAI endpoint, streamed; read the reply as votebox reads one."""

    async def solve(question: str) -> Reply:
        asked = {**body, "messages": messages(recipe, question), "stream": True}
        began, first_s, text = time.perf_counter(), math.nan, ""
        async for piece in streamed(f"{url}/v1/chat/completions", asked):
            if math.isnan(first_s):
                first_s = time.perf_counter() - began
            text += piece
        return Reply(await read(text, recipe, box), first_s, first_s)

    return solve


async def streamed(url: str, body: dict[str, Any]) -> AsyncIterator[str]:
    """Yield the texts of a streamed chat completion."""
    async with (
        httpx.AsyncClient(timeout=600) as http,
        http.stream("POST", url, json=body) as reply,
    ):
        reply.raise_for_status()
        async for line in reply.aiter_lines():
            data = line.removeprefix("data: ")
            if data not in (line, "[DONE]"):
                for choice in json.loads(data).get("choices", []):
                    yield choice["delta"].get("content") or ""


def messages(recipe: Recipe, question: str) -> list[dict[str, str]]:
    """Return the messages that votebox's recipe asks a chain with."""
    ask = recipe.nodes["ask"]
    prompt = ask.plugin.thing(Problem(question), ChainView(0), 0, ask.options)
    return [{"role": m.role, "content": m.content} for m in prompt.messages]


async def read(text: str, recipe: Recipe, box: Sandbox) -> str | None:
    """Return the answer in one reply: the boxed one, else what its last program prints."""

    def found(name: str, where: str) -> list[Any]:
        node = recipe.nodes[name]
        return [reading.value for reading in node.plugin.thing(where, "stop", node.options)]

    values = found("boxed", text)
    if not values and (programs := found("code", text)):
        done = await box.run(programs[-1])
        values = found("printed", done.stdout) if done.status == "ok" else []
    value = canonical(values[-1]) if values else None
    return None if value is None else show(value)


def votebox_ways(solver: Solver, samples: int, max_tokens: int) -> dict[str, Way]:
    """Return votebox's ways: its default, all chains to the end, and one reply a chain."""
    vote = solver.registry.recipe("vote")
    kaggle = solver.registry.recipe("aimo-qwq")  # stop:never, dispatch:all
    whole = replace(vote, stop=kaggle.stop, dispatch=kaggle.dispatch)
    options = SolveOptions(chains=samples, max_tokens=max_tokens, temperature=1.0)
    return {
        "votebox `vote`": votebox_way(solver, vote, options),
        "votebox `vote`, all chains to the end": votebox_way(solver, whole, options),
        "votebox `vote`, one reply a chain": votebox_way(solver, vote, replace(options, rounds=1)),
    }


def peer_urls(python: str, model_url: str, logs: Path, stack: ExitStack) -> dict[str, str]:
    """Start the peers that are installed; return their addresses, say which are absent."""
    start = {"optillm": servers.optillm, "its_hub": servers.its_hub}
    urls = {}
    for name, serve in start.items():
        version = servers.installed(python, name)
        if version is None:
            print(f"{name} is not installed in {python}: left out", file=sys.stderr)
        else:
            urls[name] = stack.enter_context(serve(python, model_url, logs))
            print(f"{name} {version}", file=sys.stderr)
    return urls


def peer_ways(
    urls: dict[str, str], samples: int, max_tokens: int, recipe: Recipe, box: Sandbox
) -> dict[str, Way]:
    """Return the peers' ways of taking `samples` samples."""
    asked = {
        "optillm self_consistency": ("optillm", {"optillm_approach": "self_consistency"}),
        "optillm majority_voting": (
            "optillm",
            {"optillm_approach": "majority_voting", "k": samples},
        ),
        "its_hub self-consistency": ("its_hub", {"budget": samples}),
    }
    if samples != SELF_CONSISTENCY_SAMPLES:
        del asked["optillm self_consistency"]
    body = {"model": servers.MODEL, "max_tokens": max_tokens, "temperature": 1.0}
    return {
        name: peer_way(urls[peer], {**body, **more}, recipe, box)
        for name, (peer, more) in asked.items()
        if peer in urls
    }


async def measure(given: argparse.Namespace) -> dict[int, dict[str, list[Solved]]]:
    """Solve the problems every way, in turn, for each number of samples."""
    draw = random.Random(given.seed)
    names = list(families())
    problems = [
        make_problem(draw, names[n % len(names)], evaluation=True) for n in range(given.problems)
    ]
    registry = Registry.load(allowed=())
    recipe = registry.recipe("vote")
    logs = Path(tempfile.mkdtemp(prefix="peers-"))
    found = {}
    with ExitStack() as stack:
        model_url = stack.enter_context(servers.vllm(logs, given.max_tokens))
        urls = peer_urls(given.peers, model_url, logs, stack)
        async with EndpointEngine(f"{model_url}/v1") as engine, Sandbox(workers=2) as box:
            solver = Solver(engine, box, registry)
            for samples in given.samples:
                ways = votebox_ways(solver, samples, given.max_tokens)
                ways |= peer_ways(urls, samples, given.max_tokens, recipe, box)
                found[samples] = await in_turn(ways, problems, servers.Meter(model_url))
    return found


async def in_turn(
    ways: dict[str, Way], problems: Sequence[Any], meter: servers.Meter
) -> dict[str, list[Solved]]:
    """Solve each problem every way before the next; the order of the ways rotates."""
    found: dict[str, list[Solved]] = {name: [] for name in ways}
    for way in ways.values():  # the first question of each warms up
        await way(problems[0].text)
    for number, problem in enumerate(problems):
        turn = number % len(ways)
        for name in [*ways][turn:] + [*ways][:turn]:
            before, began = meter.tokens(), time.perf_counter()
            reply = await ways[name](problem.text)
            seconds = time.perf_counter() - began
            right = reply.answer == str(problem.answer)
            tokens = meter.tokens() - before
            solved = Solved(right, seconds, tokens, reply.first_text_s, reply.first_answer_s)
            found[name].append(solved)
    return found


def row(samples: int, name: str, solved: Sequence[Solved]) -> str:
    """Return a line of the table."""
    score = Score(sum(s.right for s in solved), len(solved))
    low, high = (100 * edge for edge in wilson(score))
    seconds = sorted(s.seconds for s in solved)
    text_s = statistics.median(s.first_text_s for s in solved)
    answer_s = statistics.median(s.first_answer_s for s in solved)
    return (
        f"| {samples} | {name} | {100 * score.share:.1f} ({low:.0f}-{high:.0f}) "
        f"| {statistics.mean(s.tokens for s in solved):.0f} "
        f"| {1000 * statistics.median(seconds):.0f} | {1000 * statistics.mean(seconds):.0f} "
        f"| {1000 * seconds[int(0.95 * len(seconds))]:.0f} "
        f"| {1000 * text_s:.0f} | {1000 * answer_s:.0f} |"
    )


def main() -> None:
    """Parse the arguments, measure, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default=sys.executable, help="the Python they are in")
    parser.add_argument("--problems", type=int, default=150)
    parser.add_argument("--samples", type=int, nargs="+", default=[SELF_CONSISTENCY_SAMPLES, 16])
    parser.add_argument("--max-tokens", type=int, default=256, help="of one reply")
    parser.add_argument("--seed", default="peers", help="draws the problems")
    parser.add_argument("--json", type=Path, help="also write every question's numbers there")
    given = parser.parse_args()
    found = asyncio.run(measure(given))
    rows = [(n, name, solved) for n, ways in found.items() for name, solved in ways.items()]
    if given.json:
        every = [(n, name, [asdict(s) for s in solved]) for n, name, solved in rows]
        given.json.write_text(json.dumps(every))
    print("| N | way | right, % (95 %) | tokens | ms, median | mean | p95 | text | answer |")
    print("|---|---|---|---|---|---|---|---|---|")
    for samples, name, solved in rows:
        print(row(samples, name, solved))
    print(json.dumps([total(*given_row) for given_row in rows]))


def total(samples: int, name: str, solved: Sequence[Solved]) -> dict[str, object]:
    """Return the sums of one way."""
    return {
        "samples": samples,
        "way": name,
        "right": sum(s.right for s in solved),
        "tokens": sum(s.tokens for s in solved),
        "seconds": round(sum(s.seconds for s in solved), 2),
    }


if __name__ == "__main__":
    main()
