"""Run a batch: read rows, keep so many in flight, write parts in order, whatever ends when.

Memory is bounded by the rows in flight and by the parts that wait for their slowest row.
Knows neither formats nor engines.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from votebox.cluster.batch_folder import BatchFolder, Tally
from votebox.cluster.batch_rows import (
    BatchRow,
    Columns,
    RowError,
    RowRequest,
    failed_row,
    read_request,
    result_schema,
    rows_to_table,
)
from votebox.cluster.batch_solve import RowSolver
from votebox.cluster.batch_source import Source

if TYPE_CHECKING:
    import pyarrow as pa

    from votebox.plugins import TimeBank

__all__ = ["BatchPlan", "carried", "output_schema", "run_batch"]

_MOST_OPEN: Final = 16
"""Parts that may wait for a slow row; then reading waits, too."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """Say which rows to solve and how many at once.

    `limit` counts rows of the input, before `shard` (i, n) takes every n-th of them, from
    the i-th on (i from 1). A part has `part_rows` rows.
    """

    source: Source
    columns: Columns
    limit: int | None = None
    shard: tuple[int, int] = (1, 1)
    part_rows: int = 256
    concurrency: int = 64

    @property
    def rows(self) -> int:
        """Return how many rows there are to solve."""
        most = self.source.rows if self.limit is None else min(self.limit, self.source.rows)
        i, n = self.shard
        return len(range(i - 1, most, n))

    @property
    def parts(self) -> int:
        """Return how many parts they make."""
        return -(-self.rows // self.part_rows)

    def size(self, part: int) -> int:
        """Return how many rows a part has."""
        return min(self.part_rows, self.rows - part * self.part_rows)

    def pieces(self) -> "Iterator[tuple[int, list[RowRequest], pa.Table]]":
        """Yield (part, requests, input rows) in order; a part may come in several pieces."""
        taken, (i, n) = 0, self.shard
        for block in self.source.blocks():
            places = range(block.table.num_rows)
            chosen = [p for p in places if (block.first + p) % n == i - 1][: self.rows - taken]
            cells = block.cells(self.columns.wanted) if chosen else ()
            while chosen:
                part = taken // self.part_rows
                now, chosen = _split(chosen, (part + 1) * self.part_rows - taken)
                requests = [self._request(block.first + p, cells[p], block.faults) for p in now]
                yield part, requests, block.table.take(now)
                taken += len(now)
            if taken == self.rows:
                return

    def _request(self, row: int, cells: Mapping[str, Any], faults: Mapping[int, str]) -> RowRequest:
        asked = read_request(cells, self.columns, row)
        if row not in faults:
            return asked
        error = RowError("UnreadableRow", faults[row])
        return RowRequest(row, asked.id, asked.question, asked.reference, {}, error)


def _split(items: list[int], count: int) -> tuple[list[int], list[int]]:
    return items[:count], items[count:]


@dataclass(slots=True)
class _Part:
    """Collect the rows of one part."""

    number: int
    size: int
    before: dict[int, BatchRow]
    tables: "list[pa.Table]" = field(default_factory=list)
    rows: list[BatchRow] = field(default_factory=list)


async def run_batch(
    plan: BatchPlan,
    solver: RowSolver,
    folder: BatchFolder,
    tell: Callable[[Tally, int], None] = lambda tally, fresh: None,
    bank: "TimeBank | None" = None,
) -> Tally:
    """Solve the rows of the plan that `folder` does not hold yet; return what it holds then.

    `tell` hears of every change, with how many of the rows were solved in this run. `bank`
    deals each row its deadline.

    Raises:
        CliError: no row can be asked, or nobody answers.
        TableError: the input cannot be read on.
    """
    await _Run(plan, solver, folder, tell, bank).all()
    return folder.tally


class _Run:
    """Hold one run of a batch."""

    def __init__(
        self,
        plan: BatchPlan,
        solver: RowSolver,
        folder: BatchFolder,
        tell: Callable[[Tally, int], None],
        bank: "TimeBank | None",
    ) -> None:
        self._plan, self._solver, self._folder, self._tell = plan, solver, folder, tell
        self._bank = bank
        self._lanes = asyncio.Semaphore(plan.concurrency)
        self._open = asyncio.Semaphore(_MOST_OPEN)
        self._tally, self._fresh = folder.tally, 0
        self._carried = tuple(carried(plan.source.schema, plan.columns))
        self._schema = output_schema(plan.source.schema, plan.columns)

    async def all(self) -> None:
        """Start each row when a lane is free; end with the first error that ends the run."""
        self._tell(self._tally, 0)
        pieces = self._plan.pieces()
        part: _Part | None = None
        try:
            async with asyncio.TaskGroup() as group:
                while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                    number, requests, table = piece
                    if number in self._folder.done:
                        continue
                    if part is None or part.number != number:
                        await self._open.acquire()
                        part = self._begin(number)
                    part.tables.append(table)
                    for asked in requests:
                        await self._start(group, part, asked)
        except BaseExceptionGroup as e:
            raise _first(e) from e
        self._folder.finish()

    def _begin(self, number: int) -> _Part:
        before = {row.row: row for row in self._folder.journal(number)}
        return _Part(number, self._plan.size(number), before)

    async def _start(self, group: asyncio.TaskGroup, part: _Part, asked: RowRequest) -> None:
        known = part.before.pop(asked.row, None)
        if known is not None:
            await self._enter(part, known)
        elif asked.fault is not None:
            self._folder.note(part.number, row := failed_row(asked))
            await self._enter(part, row)
        else:
            await self._lanes.acquire()
            group.create_task(self._solve(part, asked))

    async def _solve(self, part: _Part, asked: RowRequest) -> None:
        try:
            async with AsyncExitStack() as stack:
                until = None
                if self._bank is not None:
                    until = (await stack.enter_async_context(self._bank.question())).until
                row = await self._solver.solve(asked, until)
        finally:
            self._lanes.release()
        self._folder.note(part.number, row)
        self._fresh += 1
        await self._enter(part, row)

    async def _enter(self, part: _Part, row: BatchRow) -> None:
        """Add a row to its part, and write the part with its last row."""
        part.rows.append(row)
        self._tally += Tally.of(row)
        if len(part.rows) == part.size:
            await asyncio.to_thread(self._complete, part)
            self._open.release()
        self._tell(self._tally, self._fresh)

    def _complete(self, part: _Part) -> None:
        import pyarrow as pa

        rows = sorted(part.rows, key=lambda row: row.row)
        results, given = rows_to_table(rows), pa.concat_tables(part.tables)
        columns = [*results.columns, *(given.column(name) for name in self._carried)]
        table = pa.Table.from_arrays(columns, schema=self._schema)
        self._folder.complete(part.number, table, sum(map(Tally.of, rows), Tally()))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group that ended a run; the others came of it."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def carried(schema: "pa.Schema", columns: Columns) -> dict[str, str]:
    """Return what each input column is called in the output.

    A column whose name the output has itself is called in_NAME; it is left out where the
    output's own column says the same.
    """
    import pyarrow as pa

    own = set(result_schema().names)
    same = {(columns.question, "question"), (columns.id, "id"), (columns.answer, "reference")}
    names: dict[str, str] = {}
    for column in schema:
        text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        if (column.name, column.name) in same and text:
            continue
        name = column.name
        while name in own or name in names.values():
            name = f"in_{name}"
        names[column.name] = name
    return names


def output_schema(schema: "pa.Schema", columns: Columns) -> "pa.Schema":
    """Return the schema of the output for an input's: the batch's columns, then the input's."""
    import pyarrow as pa

    names = carried(schema, columns)
    kept = [schema.field(name).with_name(called) for name, called in names.items()]
    return pa.schema([*result_schema(), *kept])
