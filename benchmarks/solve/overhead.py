"""Measure what the orchestrator alone costs: chains a second on one core, and its memory.

    uv run python benchmarks/solve/overhead.py --chains 100000

A replay engine answers at once with a text of `--chars` characters, so all time is votebox's
own: walking the recipe, reading answers, the vote, the stop rule. The sandbox is left out
(`--recipe boxes`) or is a function that answers at once (`--recipe vote`).
"""

import argparse
import asyncio
import gc
import json
import resource
import time
from pathlib import Path

from votebox.plugins import (
    Problem,
    Recipe,
    Registry,
    ReplayEngine,
    SolveOptions,
    Solver,
    load_recipe,
)
from votebox.sandbox import Execution

BOXES = """
name = "boxes"
chains = 40
[nodes.ask]
use = "prompt:solve"
[nodes.think]
use = "model:reasoner"
after = ["ask"]
[nodes.boxed]
use = "extract:answer"
after = ["think"]
[nodes.elect]
use = "vote:majority"
after = ["boxed"]
[stop]
use = "stop:never"
"""


class AtOnce:
    """A sandbox that has always run the program already."""

    async def run(self, code: str, limits: object = None, **more: object) -> Execution:
        """Return 42, printed."""
        return Execution("ok", "42\n", "", 0, None, 0.0, 0.0, 0.0, False, "none")


def resident_mib() -> float:
    """Return the resident memory of this process now, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def text(chars: int, program: str) -> str:
    """Return a reply of about `chars` characters that ends in a program or a box."""
    words = "We look at the numbers one by one and add what is left of them. "
    return (words * (chars // len(words) + 1))[:chars] + program


async def measure(recipe: Recipe, registry: Registry, reply: str, chains: int) -> dict[str, object]:
    """Solve until `chains` chains have ended; return rate and memory."""
    engine = ReplayEngine(lambda prompt: reply, piece_chars=10**6)
    solver = Solver(engine, AtOnce(), registry)
    options = SolveOptions(chains=40, seed=1)
    done, memory = 0, []
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    while done < chains:
        verdict = await solver.solve(Problem("What is 6 times 7?"), recipe, options)
        if verdict.answer != "42":
            raise SystemExit(f"answered {verdict.answer}: {verdict.reason}")
        done += len(verdict.chains)
        engine.sampled.clear()
        engine.aborted.clear()
        if done % max(40, chains // 10 // 40 * 40) == 0:
            gc.collect()
            memory.append(round(resident_mib(), 1))
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    return {
        "chains": done,
        "chains_per_s": round(done / wall_s),
        "cpu_ms_per_chain": round(1000 * cpu_s / done, 3),
        "memory_mib": memory,
    }


def main() -> None:
    """Parse the arguments, measure, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chains", type=int, default=100_000, help="per row (default 100000)")
    parser.add_argument("--chars", type=int, nargs="+", default=[400, 35_000])
    given = parser.parse_args()
    registry = Registry.load(allowed=())
    recipes = {
        "boxes": (load_recipe(BOXES, registry), "So \\boxed{42}."),
        "vote": (registry.recipe("vote"), "\n```python\nprint(6 * 7)\n```\n"),
    }
    found = {}
    print("| recipe | characters | chains/s | CPU, ms per chain | MiB, first to last |")
    print("|---|---|---|---|---|")
    for name, (recipe, ending) in recipes.items():
        for chars in given.chars:
            chains = given.chains if chars < 1000 else given.chains // 10
            row = asyncio.run(measure(recipe, registry, text(chars, ending), chains))
            found[f"{name}, {chars}"] = row
            memory = row["memory_mib"]
            print(
                f"| {name} | {chars:,} | {row['chains_per_s']:,} | {row['cpu_ms_per_chain']} "
                f"| {memory[0]} to {memory[-1]} |"
            )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
