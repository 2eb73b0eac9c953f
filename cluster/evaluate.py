"""Ask every task of an evaluation, some at once, and add its row as it ends.

What asks, what marks and what is told are given: nothing here knows an engine, an app or a
screen. A failure of one solve is its row's; many in a row end the run, because then it is
the engine that fails.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from votebox.cluster.errors import BadUsage, Failed
from votebox.cluster.evaluate_marks import Marker, fault_row, row_of
from votebox.cluster.evaluate_rows import EvalRow
from votebox.cluster.evaluate_tasks import Task
from votebox.plugins import ProblemError, PromptTooLong, TimeBank

__all__ = ["Ask", "Solve", "evaluate", "evaluate_rows"]

type Ask = Callable[[Task, float | None], Awaitable[Mapping[str, Any]]]
"""Solve a task within a deadline in seconds (None: the recipe's) to a verdict's wire dict."""

type Solve = Callable[[Task, float | None], Awaitable[EvalRow]]
"""Solve a task within a deadline as above, to its row."""

_GIVE_UP: Final = 10
_OF_THE_ROW: Final = (BadUsage, ProblemError, PromptTooLong)
"""Errors of a question, which say nothing about the next one unless that has the same."""


@dataclass(slots=True)
class _Streak:
    """Count failures in a row that are not for the questions to blame."""

    failures: int = 0
    last: str = ""

    def add(self, error: Exception) -> None:
        """Count a failure; one of its question alone begins anew."""
        alone = isinstance(error, _OF_THE_ROW) and str(error) != self.last
        self.failures = 1 if alone else self.failures + 1
        self.last = str(error)


async def evaluate(
    tasks: Sequence[Task],
    ask: Ask,
    marker: Marker,
    add: Callable[[EvalRow], None],
    *,
    at_once: int = 1,
    bank: TimeBank | None = None,
) -> None:
    """Solve the tasks in order, `at_once` side by side, and `add` each row when it ends.

    `bank` shares its time among them. Cancelling ends the solves under way, without rows.

    Raises:
        Failed: ten solves in a row failed, and not each for its own question; their rows
            tell why.
    """

    async def solve(task: Task, deadline_s: float | None) -> EvalRow:
        return await row_of(task, await ask(task, deadline_s), marker)

    await evaluate_rows(tasks, solve, add, at_once=at_once, bank=bank)


async def evaluate_rows(
    tasks: Sequence[Task],
    solve: Solve,
    add: Callable[[EvalRow], None],
    *,
    at_once: int = 1,
    bank: TimeBank | None = None,
) -> None:
    """Do what `evaluate` does, with what solves a task making its row."""
    streak, left = _Streak(), iter(tasks)

    async def lane() -> None:
        for task in left:
            row = await _row(task, solve, bank, streak)
            add(row)
            if row.error is not None and streak.failures >= _GIVE_UP:
                problem = f"{streak.failures} solves in a row failed, the last: {row.error.message}"
                raise Failed(problem, "mend that and go on with --retry-errors")

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(tasks))):
                group.create_task(lane())
    except ExceptionGroup as e:
        raise e.exceptions[0] from None


async def _row(task: Task, solve: Solve, bank: TimeBank | None, streak: _Streak) -> EvalRow:
    async with _share(bank) as deadline_s:
        since = monotonic()
        try:
            row = await solve(task, deadline_s)
        except Exception as e:
            # Whatever a recipe, an engine or an app raises for one problem, the others are
            # still to be asked.
            streak.add(e)
            return fault_row(task, e, monotonic() - since)
    streak.failures = 0
    return row


@asynccontextmanager
async def _share(bank: TimeBank | None) -> AsyncGenerator[float | None]:
    if bank is None:
        yield None
        return
    async with bank.question() as share:
        yield share.deadline_s
