"""Run the editing benchmark, in this process or over an app, and keep a line of every case in cases.jsonl.

The run's folder, its resuming and its rows are those of an evaluation (runs.py), so that
`votebox compare` tells two runs apart. A case is written before its row: one that has no row
is asked again, and its line is taken out.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from votebox.cluster.datasets import Item
from votebox.cluster.edit_app import AppSolver
from votebox.cluster.edit_cases import Case, dump_case, read_case
from votebox.cluster.edit_solve import Procedure, Rules, Solves, solve_case
from votebox.cluster.errors import Failed
from votebox.cluster.evaluate import evaluate_rows
from votebox.cluster.evaluate_places import Place, Work
from votebox.cluster.evaluate_rows import ChainRow, EvalRow, Fault
from votebox.cluster.evaluate_screen import EvalScreen
from votebox.cluster.evaluate_tasks import Task as Asked
from votebox.cluster.local import start_engine
from votebox.cluster.runs import DatasetFacts, RunWriter
from votebox.plugins import SandboxPort, Solver, Task, TraceStore

if TYPE_CHECKING:
    from votebox.sandbox import Sandbox

__all__ = [
    "OURS",
    "CaseLog",
    "Runner",
    "facts_of",
    "items_of",
    "jail",
    "load_cases",
    "solved",
    "working",
]

CASES: Final = "cases.jsonl"
OURS: Final = "votebox's exercises"
"""The name of the exercises that come with votebox, wherever it is installed."""


def facts_of(folder: Path, tasks: Sequence[Task], name: str, procedure: Procedure) -> DatasetFacts:
    """Return what names a set of exercises: their texts, stubs and tests, hashed.

    The procedure is hashed with them, because other tests score in another: such runs are not
    to be compared.
    """
    whole = [
        [t.id, t.instructions, *(sorted(x.items()) for x in (t.files, t.readonly, t.tests))]
        for t in tasks
    ]
    digest = hashlib.sha256(json.dumps([procedure, whole]).encode()).hexdigest()
    return DatasetFacts(name, str(folder.resolve()), digest, len(tasks))


def items_of(tasks: Sequence[Task]) -> list[Item]:
    """Return the exercises as problems to lay out."""
    return [Item(t.id, t.instructions, None, number) for number, t in enumerate(tasks, 1)]


class CaseLog:
    """Append cases to cases.jsonl of a run; `done` are the keys that have a row already.

    Raises:
        Failed: the file cannot be read or written, or holds what is no case, or lacks one that has a row.
    """

    def __init__(self, folder: Path, done: frozenset[tuple[str, int]]) -> None:
        self._path = folder / CASES
        self.cases = {case.key: case for case in _cases(self._path) if case.key in done}
        lost = sorted(done - self.cases.keys())
        if lost:
            problem = (
                f"{self._path} has no case {lost[0][0]!r}, repeat {lost[0][1]}, which has a row"
            )
            raise Failed(problem, "take its line out of rows.jsonl; it will be asked again")
        self._write(b"".join(dump_case(case) + b"\n" for case in self.cases.values()))

    def add(self, case: Case) -> None:
        """Append one case, so that it outlives this process."""
        self.cases[case.key] = case
        try:
            with self._path.open("ab") as file:
                file.write(dump_case(case) + b"\n")
        except OSError as e:
            raise Failed(f"{self._path} cannot be written: {e.strerror}", "make room") from e

    def _write(self, data: bytes) -> None:
        fresh = self._path.with_name(f".{CASES}")
        try:
            fresh.write_bytes(data)
            fresh.replace(self._path)
        except OSError as e:
            raise Failed(f"{self._path} cannot be written: {e.strerror}", "make room") from e


def load_cases(folder: Path) -> tuple[Case, ...]:
    """Return the cases of a run; raise Failed naming the line that is none."""
    return tuple(_cases(folder / CASES))


def _cases(path: Path) -> list[Case]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as e:
        raise Failed(f"{path} cannot be read: {e.strerror}") from e
    found = []
    for number, line in enumerate(data.split(b"\n")[:-1], 1):  # the last may be torn
        try:
            found.append(read_case(line))
        except (ValueError, RecursionError) as e:
            fix = "take the line out, and that of its row in rows.jsonl"
            raise Failed(f"{path}, line {number} is no case: {e!s:.200}", fix) from e
    return found


class Runner:
    """Solve cases, and add each with its row to the run."""

    def __init__(
        self,
        tasks: Mapping[str, Task],
        rules: Rules,
        solver: Solves,
        sandbox: SandboxPort,
    ) -> None:
        self._tasks, self._rules = tasks, rules
        self._solver, self._sandbox = solver, sandbox
        self._cases: dict[tuple[str, int], Case] = {}

    async def _solve(self, asked: Asked, deadline_s: float | None) -> EvalRow:
        """Return the row of a case, which `_case` then gives."""
        options = replace(self._rules.options, seed=asked.seed)
        rules = replace(self._rules, options=options)
        task = self._tasks[asked.item.id]
        case = await solve_case(task, asked.repeat, rules, self._solver, self._sandbox)
        self._cases[case.key] = case
        return _row(asked, case, rules)

    async def all(
        self,
        asked: Sequence[Asked],
        log: CaseLog,
        writer: RunWriter,
        told: Callable[[EvalRow], None] = lambda _: None,
        at_once: int = 1,
    ) -> None:
        """Solve cases and keep each when it ends; raise what evaluate_rows raises."""

        def add(row: EvalRow) -> None:
            log.add(self._case(row))
            writer.add(row)
            told(row)

        await evaluate_rows(asked, self._solve, add, at_once=at_once)

    def _case(self, row: EvalRow) -> Case:
        """Return the case of a row, once; one that failed has the row's error and no chain."""
        case = self._cases.pop(row.key, None)
        if case is not None:
            return case
        return Case(row.id, row.repeat, row.seed, "", (), (), wall_s=row.wall_s, error=row.error)


def _broken(case: Case) -> Fault | None:
    """Return what ended every chain of a case that an engine's error cut short, to be retried."""
    errors = [chain.error for chain in case.chains]
    return Fault("EngineError", errors[0] or "") if errors and all(errors) else None


def _row(asked: Asked, case: Case, rules: Rules) -> EvalRow:
    """Return a case as a row of an evaluation: right if it counts as solved."""
    replies = case.replies
    right = solved(case, rules.tries)
    elected = case.elected
    return EvalRow(
        **asked.facts,
        answer=None if elected is None else json.dumps(elected.files),
        correct=right,
        abstained=elected is None,
        chains=tuple(_chain(case, chain.index, rules.tries) for chain in case.chains),
        prompt_tokens=sum(reply.prompt_tokens for reply in replies),
        completion_tokens=sum(reply.completion_tokens for reply in replies),
        wall_s=case.wall_s,
        recipe_hash=rules.recipe.hash,
        solve_id=case.solve_id,
        error=_broken(case),
    )


def solved(case: Case, tries: int) -> bool:
    """Return whether a case counts as solved: of one chain its last try, else the vote's change."""
    if case.planned == 1:
        return case.share(tries) == 1.0
    return case.won


def _chain(case: Case, index: int, tries: int) -> ChainRow:
    chain = next(chain for chain in case.chains if chain.index == index)
    change = chain.after(tries)
    return ChainRow(
        index,
        ended=chain.ended,
        tokens=sum(reply.completion_tokens for reply in chain.replies),
        seconds=round(sum(reply.seconds for reply in chain.replies), 3),
        correct=change is not None and change.passes(case.scoring),
        readable=change is not None,
        model=chain.replies[-1].model if chain.replies else "",
    )


def working(tasks: Mapping[str, Task], rules: Rules, log: CaseLog) -> Work:
    """Return what starts jail and engine and solves the cases, some at once."""

    async def work(
        place: Place, writer: RunWriter, asked: Sequence[Asked], screen: EvalScreen
    ) -> None:
        async with AsyncExitStack() as stack:
            screen.show({"type": "stage", "text": "starting the sandbox"})
            sandbox = await stack.enter_async_context(jail(rules))
            solver = await _solver(place, writer, screen, stack, sandbox)
            runner = Runner(tasks, rules, solver, sandbox)
            screen.progress.start()
            await runner.all(asked, log, writer, screen.add, place.at_once)
            if place.url is None and not place.engine.elsewhere:
                stack.pop_all()  # the process ends; so does vLLM, faster than it unwinds

    return work


async def _solver(
    place: Place,
    writer: RunWriter,
    screen: EvalScreen,
    stack: AsyncExitStack,
    sandbox: SandboxPort,
) -> Solves:
    """Return what solves: the app at the place's URL, else a solver over an engine started here."""
    if place.url is not None:
        return AppSolver(place.url, place.at_once, trace=place.trace)
    engine = await start_engine(place.engine, screen.show, stack)
    store = TraceStore(str(writer.traces.absolute())) if place.trace else None
    return Solver(engine, sandbox, place.registry, store)


def jail(rules: Rules) -> "Sandbox":
    """Return the sandbox that grades, and runs what the recipe runs."""
    from votebox.sandbox import DEFAULT_CAPS, Sandbox

    asked = rules.limits.program
    wall_s = max(asked.wall_s, DEFAULT_CAPS.wall_s)
    caps = replace(DEFAULT_CAPS, wall_s=wall_s, cpu_s=max(asked.cpu_s, DEFAULT_CAPS.cpu_s))
    return Sandbox(workers=len(os.sched_getaffinity(0)), caps=caps, preload=())
