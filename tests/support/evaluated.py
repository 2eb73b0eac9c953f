"""Make runs of evaluations: by hand, or by real solves over a replay engine."""

import asyncio
import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from votebox.cluster.datasets import Item
from votebox.cluster.evaluate import evaluate
from votebox.cluster.evaluate_asking import SolverAsker
from votebox.cluster.evaluate_marks import Marker
from votebox.cluster.evaluate_rows import ChainRow, EvalRow
from votebox.cluster.evaluate_tasks import Task, lay_out
from votebox.cluster.runs import DatasetFacts, Run, RunHead, RunWriter
from votebox.plugins import (
    Prompt,
    Recipe,
    Recorded,
    Registry,
    ReplayEngine,
    SolveOptions,
    Solver,
    load_recipe,
)

RECIPE = """
name = "boxes"
chains = 3
policy = "{policy}"
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
[stop]
use = "stop:never"
[dispatch]
use = "dispatch:all"
"""
FACTS = DatasetFacts("demo.jsonl", "demo.jsonl", "ab" * 32, 4, {"id": "id"})
HEAD = RunHead("demo", FACTS, "boxes", seed=3, repeat=2, options={"chains": 3})


class Undecided:
    """A referee that knows nothing."""

    async def same(self, a: str, b: str) -> bool | None:
        return None


def recipe(policy: str = "rational") -> Recipe:
    return load_recipe(RECIPE.format(policy=policy), Registry.load())


def items(count: int) -> list[Item]:
    return [Item(f"p{n}", f"What is {n} plus {n}?", str(2 * n), n + 1) for n in range(count)]


def chance_reply(prompt: Prompt, pause_s: float = 0.0) -> Recorded:
    """Answer n plus n: right twice in three, as the chain's seed has it."""
    words = prompt.messages[-1].content.split()
    n = int(words[words.index("is") + 1])
    digest = hashlib.blake2b(f"{prompt.seed} {n}".encode(), digest_size=2).digest()
    off = int.from_bytes(digest) % 3 == 0
    return Recorded(f"It is \\boxed{{{2 * n + off}}}.", tokens=10 + n, pause_s=pause_s)


def asker(
    reply: Callable[[Prompt], Any] = chance_reply,
    options: SolveOptions | None = None,
    made: Recipe | None = None,
) -> SolverAsker:
    solver = Solver(ReplayEngine(reply, piece_chars=1000), None, judge=Undecided())  # type: ignore[arg-type]
    return SolverAsker(solver, made or recipe(), options or SolveOptions())


def run_all(
    folder: Path, tasks: Sequence[Task], ask: Any, head: RunHead = HEAD, **more: Any
) -> Run:
    """Ask what of `tasks` is not in `folder` yet, and finish the run there."""
    retry = more.pop("retry_errors", False)
    with RunWriter(folder, head, retry_errors=retry) as writer:
        there = {row.key for row in writer.done}
        left = [task for task in tasks if task.key not in there]
        marker = Marker(recipe(), Undecided())
        asyncio.run(evaluate(left, ask, marker, writer.add, **more))
        return writer.finish()


def row(name: str, *, right: bool | None, repeat: int = 0, **more: Any) -> EvalRow:
    """Make a row of reference 2 whose answer is 2, or else 3."""
    given: dict[str, Any] = {"reference": None if right is None else "2"}
    given |= {"answer": "3" if right is False else "2", "correct": right, "confidence": 0.75}
    return EvalRow(name, repeat, "1 + 1?", **(given | more))


def chain(index: int, answer: str | None, **more: Any) -> ChainRow:
    """Make a chain of a problem whose reference is 2."""
    given = {"correct": answer == "2", "readable": answer is not None, "tokens": 10}
    given |= {"sources": {"boxed": answer}, "right_sources": ("boxed",) if answer == "2" else ()}
    return ChainRow(index, answer=answer, **(given | more))


def made(*rows: EvalRow, **more: Any) -> Run:
    return Run(replace(HEAD, **more), rows)


if __name__ == "__main__":  # a run to be killed: FOLDER PROBLEMS PAUSE_S
    count, pause_s = int(sys.argv[2]), float(sys.argv[3])
    slow = asker(lambda prompt: chance_reply(prompt, pause_s))
    run_all(Path(sys.argv[1]), lay_out(items(count), seed=3, repeat=2), slow, at_once=3)
