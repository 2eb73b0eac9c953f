"""Run batches over the replay engine: in this process, or as a process to be killed.

python tests/support/batches.py IN OUT PAUSE_S
"""

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from votebox.cluster.batch_ask import AskSolver
from votebox.cluster.batch_folder import BatchFolder, Tally
from votebox.cluster.batch_rows import Columns
from votebox.cluster.batch_run import BatchPlan, run_batch
from votebox.cluster.batch_solve import RowSolver
from votebox.cluster.batch_source import open_source
from votebox.cluster.grade import Grader
from votebox.plugins import Prompt, Recorded, Registry, ReplayEngine, Solver, load_recipe

RECIPE = """
name = "small"
chains = 3
[nodes.ask]
use = "prompt:solve"
[nodes.think]
use = "model:reasoner"
after = ["ask"]
[nodes.boxed]
use = "extract:boxed"
after = ["think"]
[nodes.elect]
use = "vote:majority"
after = ["boxed"]
"""
_SUM = re.compile(r"(\d{1,9}) \+ (\d{1,9})")


def sums(pause_s: float = 0.0) -> Callable[[Prompt], Recorded]:
    """Return a model that adds two numbers, and says nothing useful to anything else."""

    def reply(prompt: Prompt) -> Recorded:
        found = _SUM.search(prompt.messages[-1].content)
        text = f"\\boxed{{{int(found[1]) + int(found[2])}}}" if found else "I do not know."
        return Recorded(text, pause_s=pause_s)

    return reply


def solver(reply: Callable[[Prompt], Any]) -> AskSolver:
    """Return the way to ask a solver of this process with the recipe above."""
    registry = Registry.load(allowed=())
    engine = ReplayEngine(reply)
    engine.sampled = engine.aborted = Forgetful()
    return AskSolver(Solver(engine, None, registry), load_recipe(RECIPE, registry))


def adds() -> AskSolver:
    """Return a solver that adds, at once."""
    return solver(sums())


class Forgetful(list[Prompt]):
    """Forget what is put in, so that an engine that counts does not grow."""

    def extend(self, items: Any) -> None:
        """Drop them."""

    def append(self, item: Any) -> None:
        """Drop it."""


def run(
    given: Path | str,
    out: Path | str,
    *,
    ask: Any = None,
    columns: Columns | None = None,
    keep: tuple[str, ...] = (),
    kind: str = "parquet",
    tell: Callable[[Tally, int], None] = lambda tally, fresh: None,
    bank: Any = None,
    patience_s: float = 5.0,
    **plan: Any,
) -> Tally:
    """Run a batch; what is not given is as small as a test wants it."""
    named = columns or Columns(id="id", answer="answer")
    settings = {"part_rows": 4, "concurrency": 3, **plan}
    planned = BatchPlan(open_source(str(given)), named, **settings)
    recipe = load_recipe(RECIPE, Registry.load(allowed=()))
    row_solver = RowSolver(
        ask or solver(sums()), {"seed": 1}, keep, Grader(recipe), patience_s, str(out)
    )
    folder = BatchFolder(str(out), {"rows": planned.rows}, kind)
    try:
        return asyncio.run(run_batch(planned, row_solver, folder, tell, bank))
    finally:
        folder.close()


def finished(out: Path) -> dict[int, str]:
    """Return the solve of each row that is finished on disk, in a Parquet part or a journal."""
    parts = sorted(out.glob("part-*.parquet"))
    rows = [row for part in parts for row in pq.read_table(part).to_pylist()]
    for journal in out.glob(".part-*.journal"):
        with contextlib.suppress(FileNotFoundError):  # its part has just become whole
            rows += [json.loads(line) for line in journal.read_text().split("\n")[:-1]]
    return {row["row"]: row["solve_id"] for row in rows}


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], ask=solver(sums(float(sys.argv[3]))))
