"""Measure votebox-mini-editor on held-out edits, through the recipe `mini-edit.toml` itself.

    uv run python benchmarks/mini/edit_evaluate.py --model OUT

vLLM samples in this process, the solver runs the recipe, and what it changed is run against
each edit's test in the jail. No prompt shows a test unless --tests is given. Prints the table
of the model card.
"""

import argparse
import asyncio
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent))

from edit_checks import test_of, test_path
from edit_samples import edit_recipe
from edits import Edit, edit_families, make_edit
from evaluate import Score

from votebox.plugins import (
    Engine,
    Problem,
    SandboxPort,
    SolveOptions,
    Solver,
    TestLimits,
    run_tests,
    visible_task,
)
from votebox.plugins.edits import apply, parse

__all__ = ["COLUMNS", "Asked", "draw", "main", "measure"]

COLUMNS: Final = ("well-formed", "applied", "greedy", "one chain", "vote", "any")
"""What is counted; the first two and `one chain` over all sampled chains."""

OVERALL: Final = "**overall**"
ASSERTIONS: Final = 6
AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold one edit, the row it counts in, and the test that decides."""

    edit: Edit
    row: str
    test: str


def draw(seed: int, per_family: int, *, new_shapes: bool = False) -> list[Asked]:
    """Draw held-out edits of every family that has such shapes, each with its test."""
    rng, found = random.Random(f"edits:evaluation:{seed}:{new_shapes}"), []
    for family in edit_families():
        if new_shapes and family == "text":
            continue  # no new shape has a text
        wanted = len(found) + per_family
        while len(found) < wanted:
            edit = make_edit(rng, family, evaluation=True, new_shapes=new_shapes)
            test = test_of(edit, rng, ASSERTIONS)
            if test is not None:
                found.append(Asked(edit, family, test))
    return found


async def measure(
    engine: Engine, sandbox: SandboxPort, asked: Sequence[Asked], *, chains: int, tests: bool
) -> dict[str, dict[str, Score]]:
    """Score each row: well-formed, applied, greedy, one chain, the vote, and any of the chains."""
    solver, gate = Solver(engine, sandbox), asyncio.Semaphore(AT_ONCE)

    async def scored(one: Asked, seed: int) -> dict[str, Score]:
        async with gate:
            return await _scored(solver, sandbox, one, seed, chains=chains, tests=tests)

    rows = await asyncio.gather(*(scored(one, seed) for seed, one in enumerate(asked)))
    scores: dict[str, dict[str, Score]] = {}
    for one, found in zip(asked, rows, strict=True):
        for row in (one.row, OVERALL):
            total = scores.setdefault(row, {})
            for name, score in found.items():
                total[name] = total.get(name, Score(0, 0)) + score
    return {row: scores[row] for row in sorted(scores, key=lambda row: (row == OVERALL, row))}


async def _scored(
    solver: Solver, sandbox: SandboxPort, one: Asked, seed: int, *, chains: int, tests: bool
) -> dict[str, Score]:
    """Score one edit: a greedy chain, and a vote of several at the recipe's temperature."""
    files = {one.edit.path: one.edit.before}
    if tests:
        files[test_path(one.edit)] = one.test
    problem = Problem(one.edit.request, files=files)
    greedy = SolveOptions(chains=1, temperature=0.0, seed=seed, trace=False)
    several = SolveOptions(chains=chains, seed=seed, trace=False)
    first = await solver.solve(problem, edit_recipe(), greedy)
    voted = await solver.solve(problem, edit_recipe(), several)
    replies = [reply.text for chain in voted.chains for reply in chain.completions]
    made = (apply(parse(text, "whole"), files)[0] for text in replies)
    sources = [_edited(one, files, after) for after in made]
    ends = [_edited(one, files, {**files, **verdict.files}) for verdict in (first, voted)]
    passes = {text: await _passes(sandbox, one, text) for text in {*sources, *ends}}
    right = [passes[text] for text in sources]
    return {
        "well-formed": Score(sum(parse(text, "whole").well_formed for text in replies), chains),
        "applied": Score(sum(source != one.edit.before for source in sources), chains),
        "greedy": Score(int(passes[ends[0]]), 1),
        "one chain": Score(sum(right), chains),
        "vote": Score(int(passes[ends[1]]), 1),
        "any": Score(int(any(right)), 1),
    }


def _edited(one: Asked, files: Mapping[str, str], after: Mapping[str, str | None]) -> str:
    """Return the file as it is afterwards; a change that makes other files is none."""
    return (set(after) == set(files) and after[one.edit.path]) or one.edit.before


async def _passes(sandbox: SandboxPort, one: Asked, source: str) -> bool:
    """Return whether the test passes in the jail, and no other function has changed."""
    if _others(source, one) != _others(one.edit.after, one):
        return False
    task = visible_task("edit", {one.edit.path: source}, {test_path(one.edit): one.test})
    if task is None:
        raise ValueError(f"{test_path(one.edit)} holds no test")
    vector = await run_tests(sandbox, task, task.files, TestLimits(20.0, 5.0))
    return vector.verdict == "passed"


def _others(source: str, one: Asked) -> list[str]:
    """Return the functions that nothing was asked of."""
    return [text for text in source.split("\n\n\n") if f"def {one.edit.name}(" not in text]


def _table(scores: dict[str, dict[str, Score]], chains: int) -> str:
    """Write the table of the model card, in percent with 95 % Wilson intervals."""
    heads = [f"{name} of {chains}" if name in ("vote", "any") else name for name in COLUMNS]
    lines = [f"| family | {' | '.join(heads)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for row, found in scores.items():
        lines.append(f"| {row} | {' | '.join(str(found[name]) for name in COLUMNS)} |")
    return "\n".join(lines)


async def _measured(arguments: argparse.Namespace) -> str:
    from votebox.deployments import EmbeddedEngine
    from votebox.sandbox import Sandbox

    asked = draw(arguments.seed, arguments.per_family, new_shapes=arguments.new_shapes)
    settings = {"dtype": "float32", "kv_cache_memory_bytes": 2**29, "max_num_seqs": 64}
    engine = EmbeddedEngine(str(arguments.model), engine_kwargs=settings)
    async with Sandbox(workers=2, preload=()) as sandbox, engine:
        scores = await measure(
            engine, sandbox, asked, chains=arguments.chains, tests=arguments.tests
        )
    return _table(scores, arguments.chains)


def main(argv: list[str] | None = None) -> None:
    """Measure a model folder and print the table."""
    parser = argparse.ArgumentParser(description="Measure votebox-mini-editor.")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--per-family", type=int, default=20)
    parser.add_argument("--chains", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--new-shapes", action="store_true", help="only shapes never trained on")
    parser.add_argument("--tests", action="store_true", help="show each test beside the file")
    print(asyncio.run(_measured(parser.parse_args(argv))))


if __name__ == "__main__":
    main()
