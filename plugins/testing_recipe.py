"""Check a recipe without a model: it loads, draws, and solves on computed replies."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

from votebox.plugins.draw import draw_mermaid, draw_svg, draw_tree
from votebox.plugins.errors import RecipeError, VoteboxError
from votebox.plugins.loader import load_recipe
from votebox.plugins.nouns import Problem
from votebox.plugins.options import SolveOptions
from votebox.plugins.recipe import Recipe
from votebox.plugins.registry import Registry
from votebox.plugins.replay import ReplayEngine
from votebox.plugins.solver import Solver
from votebox.plugins.testing_cases import ran
from votebox.plugins.testing_finding import Finding
from votebox.plugins.testing_rules import Fault
from votebox.plugins.verdicts import Verdict
from votebox.sandbox import Execution, Limits

__all__ = ["check_recipe", "recipe_faults"]

_MOST_CHAINS = 6
_REPLIES = (
    "<think>6 * 7 is 42.</think>\n```python\nprint(6 * 7)\n```\nSo it is \\boxed{42}.",
    "I do not know.",
    "The answer is \\boxed{41}.\nANSWER: 41",
)
_FILES = {"answer.py": "def answer():\n    return 41\n"}


class _Printer:
    """Stand for the sandbox: every program prints 42."""

    async def run(
        self,
        code: str,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        session: str | None = None,
        files: Mapping[str, str | bytes] | None = None,
        stdin: str = "",
    ) -> Execution:
        return ran("42\n")


def check_recipe(source: str | Path, *, registry: Registry | None = None) -> list[Finding]:
    """Return what is wrong with a recipe, given as TOML text or the path of a TOML file.

    It is loaded, drawn and solved twice on three replies (a program and a box, nothing, a
    wrong box), its programs standing still: each prints 42. `registry` None loads one.
    """
    try:
        recipe = load_recipe(source, registry or Registry.load())
    except RecipeError as e:
        where = f"{e.node}: " if e.node else ""
        return [Finding(e.recipe, "recipe", f"{where}{e.problem}", fix=e.fix or "mend it")]
    found = recipe_faults(recipe, registry or Registry.load())
    return [Finding(recipe.name, rule, problem, fix=fix) for rule, problem, fix in found]


def recipe_faults(recipe: Recipe, registry: Registry) -> Iterator[Fault]:
    """Yield what is wrong with a recipe that loads."""
    if not recipe.description:
        yield "docs", "has no description", 'write description = "..." for `votebox recipes list`'
    try:
        for draw in (draw_tree, draw_mermaid, draw_svg):
            draw(recipe)
        first, second = (asyncio.run(_solved(recipe, registry)) for _ in range(2))
    except VoteboxError as e:
        yield "recipe", f"does not solve: {e}", "mend what it names"
        return
    if _outcome(first) != _outcome(second):
        problem = f"gave {_outcome(first)} and then {_outcome(second)}, with one seed"
        yield "deterministic", problem, "draw from the seed of the chain alone"
    failed = [chain.error for chain in first.chains if chain.error]
    if failed:
        yield "recipe", f"a chain failed: {failed[0]}", "mend what it names"


async def _solved(recipe: Recipe, registry: Registry) -> Verdict:
    engine = ReplayEngine(lambda prompt: _REPLIES[(prompt.seed or 0) % len(_REPLIES)], speed=0)
    options = SolveOptions(chains=min(recipe.chains, _MOST_CHAINS), seed=7)
    solver = Solver(engine, _Printer(), registry)
    edits = any(node.kind == "edit" for node in recipe.nodes.values())
    problem = Problem("What is 6 * 7?", files=_FILES if edits else {})
    return await solver.solve(problem, recipe, options)


def _outcome(verdict: Verdict) -> tuple[str | None, dict[str, float]]:
    return verdict.answer, {c.answer: c.weight for c in verdict.votes}
