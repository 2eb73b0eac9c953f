"""Give plugin authors fixtures, wherever votebox and pytest are installed.

pytest imports this in every run, so it imports nothing of ours until a test asks.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from votebox.plugins import Prompt, Recipe, Recorded, Registry, ReplayEngine, Verdict
    from votebox.plugins.testing_sandbox import SandboxThread

    type Replies = str | Path | Sequence[str] | Callable[[Prompt], str | Recorded]

__all__ = ["votebox_engine", "votebox_registry", "votebox_sandbox", "votebox_solve"]


@pytest.fixture(scope="session")
def votebox_registry() -> "Registry":
    """Return the registry of what is installed."""
    from votebox.plugins import Registry

    return Registry.load()


@pytest.fixture
def votebox_engine() -> "Callable[[Replies], ReplayEngine]":
    """Return a factory of engines that replay replies, as fast as they are read.

    A text answers every prompt, several texts answer in turn and then again from the
    first, a function is asked, and a path is a recording (see docs/recording.md).
    """
    return _engine


@pytest.fixture(scope="session")
def votebox_sandbox() -> "Iterator[SandboxThread]":
    """Return the real sandbox: `await run(code)` as the solver does, or `run_now(code)`.

    It is started by the first program and serves all tests of the session.
    """
    from votebox.plugins.testing_sandbox import SandboxThread

    sandbox = SandboxThread()
    yield sandbox
    sandbox.close()


@pytest.fixture
def votebox_solve(
    votebox_registry: "Registry", votebox_sandbox: "SandboxThread"
) -> "Callable[..., Verdict]":
    """Return `solve(recipe, replies, question=...) -> Verdict`, which waits for the verdict.

    `recipe` is a name, TOML text, a path or a Recipe, `replies` as for `votebox_engine`.
    Programs run in the real sandbox.
    """

    def solve(
        recipe: "str | Path | Recipe", replies: "Replies", question: str = "What is 6 * 7?"
    ) -> "Verdict":
        from votebox.plugins import Problem, Recipe, Solver, load_recipe

        if not isinstance(recipe, Recipe):
            named = isinstance(recipe, str) and recipe in votebox_registry.recipes
            recipe = (
                votebox_registry.recipe(str(recipe))
                if named
                else load_recipe(recipe, votebox_registry)
            )
        solver = Solver(_engine(replies), votebox_sandbox, votebox_registry)
        return asyncio.run(solver.solve(Problem(question), recipe))

    return solve


def _engine(replies: "Replies") -> "ReplayEngine":
    from itertools import cycle

    from votebox.plugins import ReplayEngine

    if isinstance(replies, Path):
        return ReplayEngine.from_recording(replies, speed=0)
    if callable(replies):
        return ReplayEngine(replies, speed=0)
    turns = cycle([replies] if isinstance(replies, str) else replies)
    return ReplayEngine(lambda prompt: next(turns), speed=0)
