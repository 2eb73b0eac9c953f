"""Measure what the front door adds to a solve, and that it loses none.

    uv run python benchmarks/api/load.py --clients 200 --rounds 3

`--clients` solves at once, in three ways by turns: the solver called in the server's process,
POST /v1/solves, and a streamed chat completion. The model is replayed and takes `--pause`
seconds for a reply, so what differs is the way there and back. With `--url` a running app is
asked instead, and there is no solver to compare with.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence

import httpx
from serving import RECIPE, Door, open_door

from votebox.plugins import Problem, SolveOptions

__all__ = ["direct", "plain", "streamed", "timed"]

QUESTION = "What is six times seven?"
CHAINS = 4

Ask = Callable[[], Awaitable[str | None]]


async def timed(ask: Ask, clients: int) -> tuple[list[float], float, int]:
    """Ask so often at once; return the seconds of each, of all, and how many were lost."""

    async def one() -> tuple[float, bool]:
        began = time.perf_counter()
        try:
            answer = await ask()
        except (httpx.HTTPError, ValueError, KeyError) as e:
            print("lost:", repr(e)[:300], file=sys.stderr)
            return time.perf_counter() - began, True
        return time.perf_counter() - began, answer is None

    began = time.perf_counter()
    told = await asyncio.gather(*(one() for _ in range(clients)))
    lost = sum(gone for _, gone in told)
    return [seconds for seconds, _ in told], time.perf_counter() - began, lost


async def direct(door: Door, clients: int) -> tuple[list[float], float, int]:
    """Do it without the front, on the server's own loop."""
    options = SolveOptions(chains=CHAINS, seed=1)

    async def ask() -> str | None:
        return (await door.solver.solve(Problem(QUESTION), RECIPE, options)).answer

    running = asyncio.run_coroutine_threadsafe(timed(ask, clients), door.loop)
    return await asyncio.wrap_future(running)


def plain(client: httpx.AsyncClient) -> Ask:
    """Return what asks /v1/solves and waits."""

    async def ask() -> str | None:
        asked = {"question": QUESTION, "chains": CHAINS, "seed": 1}
        answer: str | None = (await client.post("/v1/solves", json=asked)).json()["answer"]
        return answer

    return ask


def streamed(client: httpx.AsyncClient) -> Ask:
    """Return what reads a streamed chat completion to its end."""

    async def ask() -> str | None:
        message = {"role": "user", "content": QUESTION}
        asked = {
            "model": f"votebox/{RECIPE}",
            "messages": [message],
            "stream": True,
            "seed": 1,
            "votebox": {"chains": CHAINS},
        }
        text, done = "", False
        async with client.stream("POST", "/v1/chat/completions", json=asked) as reply:
            async for line in reply.aiter_lines():
                if line.startswith("data: {"):
                    choice = json.loads(line[6:])["choices"][0]
                    text += choice["delta"].get("content") or ""
                done = done or line == "data: [DONE]"
        return text if done and text else None

    return ask


def told(name: str, seconds: Sequence[float], whole_s: float, lost: int) -> str:
    """Return a line of the table."""
    cuts = statistics.quantiles(seconds, n=100)
    rate = len(seconds) / whole_s
    return f"| {name} | {cuts[49]:.3f} | {cuts[98]:.3f} | {rate:.0f} | {lost} |"


async def measure(door: Door | None, url: str, headers: dict[str, str], clients: int) -> int:
    """Measure each way once and print a line of each; return how many solves were lost."""
    limits = httpx.Limits(max_connections=None)
    missing = 0
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=300, limits=limits
    ) as client:
        ways = {"POST /v1/solves": plain(client), "chat completion, streamed": streamed(client)}
        if door is not None:
            print(told("Solver.solve", *(await direct(door, clients))))
        for name, ask in ways.items():
            seconds, whole_s, lost = await timed(ask, clients)
            missing += lost
            print(told(name, seconds, whole_s, lost))
    return missing


def main() -> int:
    """Run it and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pause", type=float, default=1.0)
    parser.add_argument("--url", default="")
    given = parser.parse_args()
    print("| way | p50, s | p99, s | solves/s | lost |\n|---|---|---|---|---|")
    lost = 0
    if given.url:
        for _ in range(given.rounds):
            lost += asyncio.run(measure(None, given.url, {}, given.clients))
        return bool(lost)
    with open_door(pause_s=given.pause, max_running=given.clients) as door:
        for _ in range(given.rounds):
            lost += asyncio.run(measure(door, door.url, dict(door.headers), given.clients))
    return bool(lost)


if __name__ == "__main__":
    sys.exit(main())
