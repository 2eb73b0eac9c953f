"""Compare sharing chains among rows with the same number for each, on recorded votes.

    uv run python benchmarks/batch/chains.py VOTES.parquet --average 8 --in-flight 64

VOTES is a table as `votebox whatif` reads. Each pair of model and problem is a row of a batch,
in random order; its recorded chains take a virtual second for each 1,000 tokens. The pool, the
stop rule and the vote are those of a solve.
"""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from votebox.plugins import Registry, VoteState, run_virtual
from votebox.plugins.builtin.dispatch import BatchGreedyOptions
from votebox.plugins.chainpool import ChainPool
from votebox.plugins.uses import use_of
from votebox.plugins.whatif import Ints, Trials, draw, is_right, winners
from votebox.plugins.whatif_batch import share_budget
from votebox.plugins.whatif_groups import group
from votebox.plugins.whatif_plans import policy_of
from votebox.plugins.whatif_rules import Book
from votebox.plugins.whatif_tables import read_table


@dataclass
class Batch:
    """Run rows of trials through a pool, `at_once` side by side."""

    trials: Trials
    book: Book
    pool: ChainPool
    at_once: int

    async def all(self, rows: Sequence[int]) -> Ints:
        """Return how many chains each trial had, 0 for those not among `rows`."""
        lanes, chains = asyncio.Semaphore(self.at_once), np.zeros(len(self.trials), dtype=np.int64)

        async def one(row: int) -> None:
            chains[row] = await self._row(row)
            lanes.release()

        async with asyncio.TaskGroup() as group_:
            for row in rows:
                await lanes.acquire()
                group_.create_task(one(row))
        return chains

    async def _row(self, row: int) -> int:
        share, n, most = self.pool.join(), self.pool.first, int(self.trials.planned[row])
        seconds = self.trials.tokens[row] / 1000
        await asyncio.sleep(float(seconds[:n].max()))
        while not self._decided(row, n):
            if n == most or not await share.more(*self._lead(row, n), n):
                break
            await asyncio.sleep(float(seconds[n]))
            n += 1
        share.leave()
        return n

    def _decided(self, row: int, n: int) -> bool:
        counts = tuple(map(float, self._lead(row, n)))
        return self.book.advice(VoteState(int(self.trials.planned[row]), n, counts)).stop

    def _lead(self, row: int, n: int) -> tuple[int, int]:
        cast = self.trials.votes[row, :n]
        counts = np.sort(np.bincount(cast[cast >= 0], minlength=2))
        return int(counts[-1]), int(counts[-2])


def main() -> None:
    """Print accuracy and chains of each way."""
    parser = argparse.ArgumentParser()
    parser.add_argument("votes")
    parser.add_argument("--average", type=int, default=8)
    parser.add_argument("--first", type=int, default=3)
    parser.add_argument("--chains", type=int, default=40)
    parser.add_argument("--stop", default="fhpc:0.02")
    parser.add_argument("--in-flight", type=int, nargs="+", default=[4, 16, 64])
    parser.add_argument("--orders", type=int, default=20)
    args = parser.parse_args()
    registry = Registry.load()
    experiments = group(read_table(args.votes), policy_of("rational", registry)).experiments
    trials = draw(experiments, args.chains, args.orders, 0)
    book = Book(use_of("stop", args.stop, registry))
    size = len(trials)
    ways = {
        f"each {args.average}": np.full(size, args.average),
        f"each {args.chains}": trials.planned,
        "`whatif`, which sees the whole table": share_budget(
            trials, BatchGreedyOptions(args.average, args.first), book
        ).samples,
    }
    for at_once in args.in_flight:
        chains = np.zeros(size, dtype=np.int64)
        for order in range(args.orders):
            rows = np.arange(order, size, args.orders)
            np.random.default_rng(order).shuffle(rows)
            pool = ChainPool(args.average, args.first)
            chains += run_virtual(Batch(trials, book, pool, at_once).all(rows.tolist()))
        ways[f"pool, {at_once} rows in flight"] = chains
    print(f"{len(experiments)} rows, {args.orders} orders")
    print("| chains | right | chains a row | most |\n|---|---|---|---|")
    for name, chains in ways.items():
        heard = np.arange(trials.chains) < chains[:, None]
        right = is_right(experiments, trials.experiment, winners(trials, np.arange(size), heard))
        print(f"| {name} | {np.nanmean(right):.2%} | {chains.mean():.2f} | {chains.max()} |")


if __name__ == "__main__":
    main()
