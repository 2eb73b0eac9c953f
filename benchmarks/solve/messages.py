"""Measure what one batch of text costs a solver, without Ray: unpickled, unpacked, handed on.

    uv run python benchmarks/solve/messages.py

A stream gives every chain of a solve a few words in each of many batches, as a replica does
twenty times a second. The difference between many batches and one, divided by their number, is
what a batch costs beside the walk over the recipe; what Ray adds is not in it.
"""

import argparse
import asyncio
import pickle
import statistics
import time
from collections.abc import Sequence

from votebox.deployments.payload import pack_deltas, unpack_deltas
from votebox.plugins import (
    Delta,
    Problem,
    Prompt,
    Recipe,
    Registry,
    SolveOptions,
    Solver,
    load_recipe,
)

RECIPE = """
name = "boxes"
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
WORDS = " and so on"


class Batches:
    """A stream of `count` batches for each of `chains` chains, the last with a box."""

    def __init__(self, chains: int, count: int) -> None:
        told = [Delta(chain, WORDS, 2) for chain in range(chains)]
        self._batch = pickle.dumps(pack_deltas(told))
        ends = [Delta(c, " \\boxed{42}", 5, finish_reason="stop") for c in range(chains)]
        self._last = pickle.dumps(pack_deltas(ends))
        self._left = count

    def __aiter__(self) -> "Batches":
        """Return itself."""
        return self

    async def __anext__(self) -> Sequence[Delta]:
        """Return the next batch, once others had their turn."""
        await asyncio.sleep(0)
        if self._left < 0:
            raise StopAsyncIteration
        self._left -= 1
        return unpack_deltas(pickle.loads(self._batch if self._left >= 0 else self._last))  # noqa: S301 - ours

    async def abort(self, chain: int) -> None:
        """Do nothing: no chain is ended early."""

    async def aclose(self) -> None:
        """Do nothing."""


class Engine:
    """An engine whose replies come in `count` batches."""

    model = "batches"

    def __init__(self, count: int) -> None:
        self.count = count

    def sample(self, prompts: Sequence[Prompt]) -> Batches:
        """Return one stream for all prompts."""
        return Batches(len(prompts), self.count)


async def cpu_s(recipe: Recipe, registry: Registry, chains: int, count: int) -> float:
    """Return the processor seconds of one solve."""
    solver = Solver(Engine(count), None, registry)
    began = time.process_time()
    await solver.solve(Problem("What is 6 times 7?"), recipe, SolveOptions(chains=chains, seed=1))
    return time.process_time() - began


def main() -> None:
    """Parse the arguments, measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chains", type=int, nargs="+", default=[1, 5, 16])
    parser.add_argument("--batches", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    registry = Registry.load(allowed=())
    recipe = load_recipe(RECIPE, registry)
    print("| chains in a batch | CPU, ms a batch |")
    print("|---|---|")
    for chains in given.chains:
        found = []
        for _ in range(given.rounds):
            many = asyncio.run(cpu_s(recipe, registry, chains, given.batches))
            one = asyncio.run(cpu_s(recipe, registry, chains, 1))
            found.append(1000 * (many - one) / (given.batches - 1))
        print(f"| {chains} | {statistics.median(found):.3f} |")


if __name__ == "__main__":
    main()
