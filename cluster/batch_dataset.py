"""`solve_dataset`: a Ray Data dataset of questions in, one of answers out.

Actors solve batches of rows, many side by side, so that one slow question holds up its own
batch alone. Ray Data gives the bounded memory and the back-pressure between its stages; a full
queue of the solvers is waited for here. Nothing is kept for a resume: for that see `votebox batch`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from votebox.cluster.batch_ask import Ask, AskHandle
from votebox.cluster.batch_rows import (
    KEPT,
    BatchRow,
    Columns,
    RowRequest,
    read_request,
    rows_to_table,
)
from votebox.cluster.batch_run import carried, output_schema
from votebox.cluster.batch_solve import RowSolver
from votebox.cluster.grade import Grader
from votebox.plugins.errors import ProblemError

if TYPE_CHECKING:
    import pyarrow as pa
    from ray.data import Dataset

    from votebox.deployments import AppArgs
    from votebox.plugins import SolveOptions

__all__ = ["solve_dataset"]

_SIDE_BY_SIDE: Final = 8
"""Blocks an actor works on at once. Ray Data (2.60) gives an actor one at a time, and rows of
one block alone would then run side by side, however small it is."""

_APP: Final = "votebox"


@dataclass(frozen=True, slots=True)
class _Work:
    """Say what each actor does; it travels to them by pickle."""

    columns: Columns
    request: Mapping[str, Any]
    recipe: str
    keep: tuple[str, ...]
    ask: Callable[[], Ask]
    concurrency: int


def solve_dataset(
    dataset: "Dataset",
    *,
    recipe: str = "vote",
    question: str = "question",
    id: str | None = None,
    answer: str | None = None,
    options: "SolveOptions | None" = None,
    app: "str | AppArgs" = _APP,
    ask: Callable[[], Ask] | None = None,
    concurrency: int = 64,
    actors: int = 1,
    keep: Sequence[str] = (),
) -> "Dataset":
    """Return `dataset` with the verdict on each row; lazy, as all of Ray Data.

    `question`, `id` and `answer` (the reference) name columns. `recipe` is one by name.
    `app` is the name of a Serve application of votebox that runs in this cluster, or the
    AppArgs of one to start under the name votebox-batch, which the caller ends with
    `serve.delete`. `ask` makes another way to ask, in each actor. `concurrency` rows are
    in flight per actor. `keep` holds "chains" or "replies". Columns as docs/batch.md has
    them; `row` is -1, because a dataset has no order: use an id.

    Raises:
        ProblemError: a column or an option cannot be used.
        RecipeError: the recipe is unknown.
    """
    from ray.data import ActorPoolStrategy

    from votebox.plugins import Registry

    columns = Columns(question, id, answer)
    _check(dataset, columns, keep, concurrency)
    given = {} if options is None else dict(options.overrides)
    if options is not None:
        given |= {n: v for n in ("seed", "trace", "pool") if (v := getattr(options, n)) is not None}
    Registry.load().recipe(recipe)
    name = app if isinstance(app, str) else _started(app)
    request = {**given, "recipe": recipe} if ask is None else given
    work = _Work(columns, request, recipe, tuple(keep), ask or _AskSolverOf(name), concurrency)
    return dataset.map_batches(
        _Solve,
        fn_constructor_args=(work,),
        batch_format="pyarrow",
        batch_size=max(1, -(-concurrency // _SIDE_BY_SIDE)),
        compute=ActorPoolStrategy(
            size=actors,
            max_tasks_in_flight_per_actor=2 * _SIDE_BY_SIDE,
            max_concurrent_calls_per_actor=_SIDE_BY_SIDE,
        ),
        num_cpus=0.1,
        zero_copy_batch=True,
    )


def _check(dataset: "Dataset", columns: Columns, keep: Sequence[str], concurrency: int) -> None:
    found = dataset.columns() or []
    missing = [name for name in columns.wanted if name not in found]
    if missing:
        problem = f"the dataset has no column {', '.join(map(repr, missing))}"
        raise ProblemError(problem, f"there are: {', '.join(found)}")
    if unknown := [name for name in keep if name not in KEPT]:
        raise ProblemError(f"keep = {unknown!r}", f"give names of {', '.join(KEPT)}")
    if concurrency < 1:
        raise ProblemError(f"concurrency = {concurrency}", "give at least 1")


def _started(args: "AppArgs") -> str:
    from ray import serve

    from votebox.deployments import build

    name = "votebox-batch"
    serve.run(build(args.model_copy(update={"ingress": False})), name=name, route_prefix=None)
    return name


@dataclass(frozen=True, slots=True)
class _AskSolverOf:
    """Make a way to ask the Solver deployment of an application."""

    app: str

    def __call__(self) -> Ask:
        from ray import serve

        return AskHandle(serve.get_deployment_handle("Solver", self.app))


class _Solve:
    """Solve batches of rows in an actor of Ray Data."""

    def __init__(self, work: _Work) -> None:
        from votebox.plugins import Registry

        grade = None
        if work.columns.answer is not None:
            grade = Grader(Registry.load().recipe(work.recipe))
        self._work = work
        self._lanes = asyncio.Semaphore(work.concurrency)
        self._solver = RowSolver(work.ask(), work.request, work.keep, grade)

    async def __call__(self, batch: "pa.Table") -> "pa.Table":
        """Return the rows of a batch, in its order."""
        import pyarrow as pa

        columns = self._work.columns
        cells = batch.select(columns.wanted).to_pylist()
        asked = [read_request(row, columns, -1) for row in cells]
        results = rows_to_table(await asyncio.gather(*map(self._solve, asked)))
        kept = [batch.column(name) for name in carried(batch.schema, columns)]
        schema = output_schema(batch.schema, columns)
        return pa.Table.from_arrays([*results.columns, *kept], schema=schema)

    async def _solve(self, asked: RowRequest) -> BatchRow:
        async with self._lanes:
            return await self._solver.solve(asked)
