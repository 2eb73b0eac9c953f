"""Compare the time to an answer with that of the Kaggle loop, on the same engine.

    uv run python benchmarks/solve/answer.py --problems 150

The loop is the notebook's: sample a batch of five replies and wait for all, run every program
with `subprocess.run([python, file])` one after the other, vote. votebox solves the same
questions with the same prompts, the same number of chains and the same vote, its own way:
programs run while replies stream, in the warm sandbox, and all stops when the vote is decided.
Both take each question in turn, interleaved, from one votebox-mini in this process.
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "mini"))
from evaluate import Score, wilson
from problems import families, make_problem

from votebox.deployments import EmbeddedEngine
from votebox.plugins import ChainView, Problem, Registry, SolveOptions, Solver
from votebox.plugins.answers import canonical, show
from votebox.sandbox import Sandbox

LIMIT_S = 8.0


@dataclass
class Way:
    """Gather what one way did."""

    right: int = 0
    seconds: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)

    def add(self, answer: str | None, wanted: int, seconds: float, tokens: int) -> None:
        """Count one question."""
        self.right += answer == str(wanted)
        self.seconds.append(seconds)
        self.tokens.append(tokens)


def run_program(program: str) -> str:
    """Run a program as the notebook does; return what it printed, "" when it failed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "main.py")
        path.write_text(program)
        try:
            command = [sys.executable, str(path)]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return ""
    return done.stdout if done.returncode == 0 else ""


async def loop(
    engine: Any, recipe: Any, problem: Problem, chains: int, seed: int
) -> tuple[str | None, int]:
    """Answer with the loop: sample all, wait, run all, vote."""
    nodes = recipe.nodes
    ask, think, code = nodes["ask"], nodes["think"], nodes["code"]
    printed, boxed = nodes["printed"], nodes["boxed"]

    prompts = [
        replace(
            ask.plugin.thing(problem, ChainView(n), 0, ask.options),
            sampling=think.sampling,
            seed=seed * 1000 + n,
        )
        for n in range(chains)
    ]
    texts, ends, tokens = [""] * chains, ["stop"] * chains, 0
    async for batch in engine.sample(prompts):
        for delta in batch:
            texts[delta.chain] += delta.text
            tokens += delta.tokens
            ends[delta.chain] = delta.finish_reason or ends[delta.chain]
    votes: Counter[Any] = Counter()
    for text, end in zip(texts, ends, strict=True):
        found = [r.value for r in boxed.plugin.thing(text, end, boxed.options)]
        programs = [r.value for r in code.plugin.thing(text, end, code.options)]
        for program in programs:
            output = run_program(program)
            found = [
                r.value for r in printed.plugin.thing(output, "stop", printed.options)
            ] or found
        value = canonical(found[-1]) if found else None
        if value is not None:
            votes[value] += 1
    best = max(votes, key=lambda v: (votes[v], v), default=None)
    return (None if best is None else show(best)), tokens


async def measure(given: argparse.Namespace) -> dict[str, Way]:
    """Solve the problems both ways."""
    draw = random.Random("answer")
    names = list(families())
    problems = [
        make_problem(draw, names[n % len(names)], evaluation=True) for n in range(given.problems)
    ]
    registry = Registry.load(allowed=())
    recipe = registry.recipe(given.recipe)
    ways = {"Kaggle loop": Way(), "votebox": Way()}
    async with EmbeddedEngine() as engine, Sandbox(workers=2) as box:
        solver = Solver(engine, box, registry)
        for number, made in enumerate(problems):
            problem = Problem(made.text)
            began = time.perf_counter()
            answer, tokens = await loop(engine, recipe, problem, given.chains, number)
            ways["Kaggle loop"].add(answer, made.answer, time.perf_counter() - began, tokens)
            began = time.perf_counter()
            verdict = await solver.solve(
                problem, recipe, SolveOptions(chains=given.chains, seed=number)
            )
            seconds = time.perf_counter() - began
            used = verdict.usage.completion_tokens
            ways["votebox"].add(verdict.answer, made.answer, seconds, used)
    return ways


def main() -> None:
    """Parse the arguments, measure, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=150)
    parser.add_argument("--chains", type=int, default=5)
    parser.add_argument("--recipe", default="vote")
    given = parser.parse_args()
    ways = asyncio.run(measure(given))
    print("| way | right, % (95 %) | median, ms | mean, ms | tokens, mean |")
    print("|---|---|---|---|---|")
    for name, way in ways.items():
        score = Score(way.right, given.problems)
        low, high = (100 * edge for edge in wilson(score))
        print(
            f"| {name} | {100 * score.share:.1f} ({low:.0f}-{high:.0f}) "
            f"| {1000 * statistics.median(way.seconds):.0f} | {1000 * statistics.mean(way.seconds):.0f} "
            f"| {statistics.mean(way.tokens):.0f} |"
        )
    print(
        json.dumps(
            {
                name: {"right": way.right, "seconds": sum(way.seconds), "tokens": sum(way.tokens)}
                for name, way in ways.items()
            }
        )
    )


if __name__ == "__main__":
    main()
