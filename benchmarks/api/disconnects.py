"""Go away in the middle, again and again, and count what is left.

    uv run python benchmarks/api/disconnects.py --clients 1000

Each client asks and breaks its connection at a random moment: while it waits in the queue,
at the first byte, in the middle of a stream, or while it waits for a plain reply. Afterwards
no stream of the engine, program, solve, task of the server or follower may be left.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import random
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from malformed import at_rest
from serving import RECIPE, Door, open_door

from votebox.deployments.desk import Desk

__all__ = ["Left", "leave", "left_behind"]

MODEL: Final = f"votebox/{RECIPE}"
PATHS: Final = {
    "/v1/chat/completions": {
        "model": MODEL,
        "messages": [{"role": "user", "content": "6 * 7?"}],
        "votebox": {"chains": 4},
    },
    "/v1/responses": {"model": MODEL, "input": "6 * 7?", "votebox": {"chains": 4}},
    "/v1/solves": {"question": "6 * 7?", "chains": 4},
}
MOMENTS: Final = ("at once", "at the first byte", "in the middle of a stream", "while it waits")


@dataclass(frozen=True, slots=True)
class Left:
    """Count what a server holds; `resident_mib` is the memory of this process."""

    held: str
    tasks: int
    watched: int
    resident_mib: float


async def leave(door: Door, clients: int, seed: int, *, at_once: int = 40) -> Counter[str]:
    """Ask and go away; return how many went at which moment."""
    draw, places, moments = random.Random(seed), asyncio.Semaphore(at_once), Counter[str]()

    async def one(path: str, moment: str, after_s: float) -> None:
        async with places:
            moments[moment if await _asked(door, path, moment, after_s) else "too late"] += 1

    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            moment = MOMENTS[number % len(MOMENTS)]
            group.create_task(one(draw.choice(list(PATHS)), moment, draw.random()))
    return moments


async def _asked(door: Door, path: str, moment: str, after_s: float) -> bool:
    """Ask, break the connection at that moment; return whether the reply was unfinished."""
    reader, writer = await asyncio.open_connection(*door.address)
    stream = moment in ("at the first byte", "in the middle of a stream")
    body = json.dumps({**PATHS[path], "stream": stream}).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in door.headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    received = bytearray(await reader.read(1) if stream else b"")
    if moment != "at the first byte":
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(after_s * (0.01 if moment == "at once" else 1)):
                while piece := await reader.read(65536):
                    received += piece
    writer.transport.abort()
    return b"[DONE]" not in received if stream else not received


def left_behind(door: Door, within_s: float = 30) -> Left:
    """Return what the server still holds once it is at rest, or after `within_s`."""
    held = at_rest(door, within_s)
    deadline = time.monotonic() + within_s
    while (tasks := _tasks(door)) > _AT_REST and time.monotonic() < deadline:
        time.sleep(0.05)
    gc.collect()
    desks = [one for one in gc.get_objects() if isinstance(one, Desk)]
    watched = sum(len(desk._watchers) + len(desk._tasks) for desk in desks)  # noqa: SLF001
    return Left(held, max(0, tasks - _AT_REST), watched, _resident_mib())


_AT_REST: Final = 2
"""The tasks of a server that does nothing: uvicorn's own, and the lifespan of the app."""


def _tasks(door: Door) -> int:
    async def count() -> int:
        return len(asyncio.all_tasks()) - 1

    return asyncio.run_coroutine_threadsafe(count(), door.loop).result(10)


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> int:
    """Run it and print what is left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with open_door(pause_s=0.5, max_running=16, max_queued=256, keep_solves=50) as door:
        asyncio.run(leave(door, 100, given.seed + 1))  # what is loaded once is loaded now
        before, began = left_behind(door), time.monotonic()
        moments = Counter[str]()
        print(f"before: {before}")
        for number in range(4):
            moments += asyncio.run(leave(door, given.clients // 4, given.seed + 2 + number))
            after = left_behind(door)
            print(f"after {(number + 1) * given.clients // 4}: {after}")
        gone_s = time.monotonic() - began
        text = httpx.get(f"{door.url}/v1/solves?limit=1000", headers=door.headers).json()
    statuses = Counter(solve["status"] for solve in text["data"])
    print(f"{given.clients} clients in {gone_s:.0f} s, gone: {dict(moments.most_common())}")
    print(f"solves remembered: {dict(statuses)}")
    return bool(after.held or after.tasks or after.watched)


if __name__ == "__main__":
    sys.exit(main())
