"""Measure what running a program costs, side by side in one run.

    uv run python benchmarks/sandbox/run.py [--rounds 5]

Three ways: `subprocess.run([python, file])`, one nsjail for each program, and the fork
server, each as its users get it. Every round runs every program in every way, so that what
else the machine does falls on all alike. Prints Markdown and a line of JSON.
"""
# Nothing else runs in this loop meanwhile:
# ruff: noqa: ASYNC221, ASYNC240

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from votebox.sandbox import Limits, Sandbox

IMPORTS = "import math, numpy as np, sympy as sp\n"
PROGRAMS = {
    "print(1)": "print(1)\n",
    "imports": IMPORTS + "print(1)\n",
    "integral": IMPORTS + "x = sp.Symbol('x')\nprint(sp.integrate(sp.sin(x) ** 2, x))\n",
}
"""`integral` integrates symbolically, which is most of its time in every way."""

HANGS = {
    "loop": "while True: pass\n",
    "deaf": "import signal\nfor n in range(1, 32):\n    try: signal.signal(n, signal.SIG_IGN)\n"
    "    except (OSError, ValueError): pass\nwhile True: pass\n",
    "one C call": "10 ** (10 ** 9)\n",
    "fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n",
}

type Table = dict[str, dict[str, dict[str, float]]]
type Run = Callable[[str], Awaitable[None]]


@dataclass
class Cost:
    """Collect what single runs took."""

    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    def row(self) -> dict[str, float]:
        """Return medians and the 95th percentile of the wall time."""
        wall = sorted(self.wall_ms)
        return {
            "wall_ms": statistics.median(wall),
            "p95_ms": wall[min(len(wall) - 1, int(0.95 * len(wall)))],
            "min_ms": wall[0],
            "cpu_ms": statistics.median(self.cpu_ms),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    asyncio.run(measure(parser.parse_args().rounds))


async def measure(rounds: int) -> None:
    """Run everything and print it."""
    result: dict[str, object] = {"pressure_before": pressure()}
    began = time.perf_counter()
    async with Sandbox(workers=2) as fork, Sandbox(workers=2, backend="once") as once:
        started = time.perf_counter() - began
        ways: dict[str, tuple[Run, int]] = {
            "subprocess": (plain, 2),
            "once": (through(once), 2),
            "fork": (through(fork), 20),
        }
        costs = await compare(ways, rounds)
        result["programs"] = costs
        result["throughput"] = await throughput(fork)
        result["kill"] = await kills(fork)
        result["memory_mib"] = await memory(fork)
    result["start_s"] = await start_time()
    result["both_started_s"] = started
    print_tables(result)
    print(json.dumps(result))


async def compare(ways: dict[str, tuple[Run, int]], rounds: int) -> dict[str, object]:
    """Run every program in every way, `rounds` times."""
    costs = {(way, name): Cost() for way in ways for name in PROGRAMS}
    for _ in range(rounds):
        for name, code in PROGRAMS.items():
            for way, (run, repeat) in ways.items():
                cost = costs[way, name]
                before = processor_s()
                for _ in range(repeat):
                    began = time.perf_counter()
                    await run(code)
                    cost.wall_ms.append(1000 * (time.perf_counter() - began))
                await asyncio.sleep(0.02)  # the next waiting child is forked after the answer
                cost.cpu_ms.append(1000 * (processor_s() - before) / repeat)
    return {name: {way: costs[way, name].row() for way in ways} for name in PROGRAMS}


async def plain(code: str) -> None:
    """Run a program as the Kaggle notebook does."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "main.py")
        path.write_text(code)
        subprocess.run([sys.executable, path], capture_output=True, check=True)


def through(box: Sandbox) -> Run:
    """Return a function that runs a program in a sandbox and checks that it is well."""

    async def run(code: str) -> None:
        execution = await box.run(code, Limits(wall_s=60.0, cpu_s=60.0))
        if not execution.ok:
            raise SystemExit(f"{execution.status}: {execution.stderr}")

    return run


async def throughput(box: Sandbox, programs: int = 300) -> float:
    """Return programs a second of `imports`, two at a time."""
    run = through(box)
    began = time.perf_counter()
    await asyncio.gather(*(run(PROGRAMS["imports"]) for _ in range(programs)))
    return programs / (time.perf_counter() - began)


async def kills(box: Sandbox, repeat: int = 20) -> dict[str, dict[str, float]]:
    """Return how long after its deadline each kind of hanging program was gone, in ms."""
    wall_s, found = 0.5, {}
    for name, code in HANGS.items():
        late = []
        for _ in range(repeat):
            began = time.perf_counter()
            await box.run(code, Limits(wall_s=wall_s))
            late.append(1000 * (time.perf_counter() - began - wall_s))
        late.sort()
        found[name] = {"median": statistics.median(late), "p95": late[int(0.95 * repeat)]}
    return found


async def memory(box: Sandbox) -> dict[str, float]:
    """Return resident memory of the server, and what one running program adds, in MiB."""
    code = IMPORTS + "import time\nprint(sp.factorint(1001), np.ones(3))\ntime.sleep(1)\n"
    task = asyncio.create_task(box.run(code))
    await asyncio.sleep(0.5)
    shared = private = 0.0
    for pid in descendants(os.getpid()):
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            sizes = dict(line.split(":", 1) for line in rollup.splitlines()[1:])
            resident = int(sizes["Rss"].split()[0]) / 1024
            own = sum(int(sizes[k].split()[0]) for k in ("Private_Clean", "Private_Dirty")) / 1024
            if resident > shared:
                shared, private = resident, max(private, 0.0)
            if Path(f"/proc/{pid}/cgroup").read_text().count("votebox-"):
                private = max(private, own)
    await task
    return {"server": shared, "program": private}


async def start_time(repeat: int = 3) -> float:
    """Return the median seconds from nothing to the first answer."""
    took = []
    for _ in range(repeat):
        began = time.perf_counter()
        async with Sandbox(workers=2):
            took.append(time.perf_counter() - began)
    return statistics.median(took)


def processor_s() -> float:
    """Return the processor seconds of this process and all below it, the ended included."""
    total = sum(
        sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    tick = os.sysconf("SC_CLK_TCK")
    for pid in descendants(os.getpid()):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15])) / tick
    return total


def descendants(pid: int) -> set[int]:
    """Return the processes below `pid`."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            own = {int(word) for word in task.read_text().split()}
            found |= own.union(*map(descendants, own))
    return found


def pressure() -> str:
    """Return the kernel's word on how much other work there is."""
    with contextlib.suppress(OSError):
        return Path("/proc/pressure/cpu").read_text().splitlines()[0]
    return f"load {os.getloadavg()[0]:.1f}"


def print_tables(result: dict[str, object]) -> None:
    """Print the result as Markdown."""
    programs: dict[str, dict[str, dict[str, float]]] = result["programs"]  # type: ignore[assignment]
    print("| program | way | wall, ms | p95 | min | CPU, ms | CPU of subprocess |")
    print("|---|---|---|---|---|---|---|")
    for name, ways in programs.items():
        base = ways["subprocess"]["cpu_ms"]
        for way, row in ways.items():
            numbers = " | ".join(f"{row[k]:.1f}" for k in ("wall_ms", "p95_ms", "min_ms", "cpu_ms"))
            print(f"| `{name}` | {way} | {numbers} | 1/{base / row['cpu_ms']:.0f} |")
    print(f"\n{result['throughput']:.0f} programs/s of `imports`, two at a time")
    print(f"start to first answer: {result['start_s']:.2f} s")


if __name__ == "__main__":
    main()
