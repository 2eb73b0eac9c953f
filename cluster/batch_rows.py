"""Define a row of a batch: what is asked of one, and what comes out, with Arrow types.

`BatchRow` is the schema of the output: its fields are the columns, documented in
docs/batch.md, and a test holds that page to it. Knows nothing of files or of who answers.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from votebox.cluster.text import one_line
from votebox.plugins.arrowrows import arrow_type, field_types, from_plain, to_plain
from votebox.plugins.conversation import check_problem
from votebox.plugins.errors import ProblemError
from votebox.plugins.nouns import Problem
from votebox.plugins.options import SolveOptions

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "KEPT",
    "OPTION_COLUMNS",
    "BatchRow",
    "Columns",
    "RowRequest",
    "failed_row",
    "read_request",
    "result_schema",
    "row_from_json",
    "row_to_json",
    "rows_to_table",
    "solved_row",
]

KEPT: Final = ("chains", "replies")
"""What may be kept of a solve besides its verdict: each chain in brief, and with its texts."""

OPTION_COLUMNS: Final = tuple(
    f.name for f in fields(SolveOptions) if f.name not in ("solve_id", "stop_strings")
)
"""Options a column may give for each row."""

_TEXT_OPTIONS: Final = frozenset({"stop", "vote", "reasoning_effort", "client_request"})
_MESSAGE_CHARS: Final = 500


@dataclass(frozen=True, slots=True)
class Columns:
    """Name the input columns: the question, and if there are any an id and a reference answer.

    `options` maps names of SolveOptions to the columns that hold them.
    """

    question: str = "question"
    id: str | None = None
    answer: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def wanted(self) -> tuple[str, ...]:
        """Return the input columns that are read, each once."""
        named = (self.question, self.id, self.answer, *self.options.values())
        return tuple(dict.fromkeys(name for name in named if name is not None))


@dataclass(frozen=True, slots=True)
class RowRequest:
    """Ask for one row: `row` is its place in the input, from 0.

    `fault` says why it cannot be asked, None when it can.
    """

    row: int
    id: str
    question: str | None
    reference: str | None
    options: Mapping[str, Any]
    fault: "RowError | None" = None


@dataclass(frozen=True, slots=True)
class RowError:
    """Say why a row has no verdict: the type of the error and its text."""

    type: str
    message: str


@dataclass(frozen=True, slots=True)
class RowVote:
    """Hold one class of the vote: its answer, its weight and the chains behind it."""

    answer: str
    weight: float
    chains: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RowChain:
    """Hold one chain: how it ended, what it cost, the answers read from it, its replies.

    `seconds` is None for a chain that never ended; `replies` are kept when asked for.
    """

    index: int
    label: str
    ended: str
    tokens: int
    seconds: float | None
    answers: tuple[str, ...]
    programs: int
    error: str | None
    replies: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class BatchRow:
    """Hold what came of one row; times are seconds.

    `row` is its place in the input, from 0, and orders the output. `answer` None with
    `abstained` is a verdict without an answer, with `error` there is no verdict.
    `correct` is None without a reference or a verdict.
    """

    row: int
    id: str
    question: str | None = None
    reference: str | None = None
    correct: bool | None = None
    answer: str | None = None
    abstained: bool = False
    reason: str = ""
    stop_reason: str | None = None
    stopped_by: str | None = None
    confidence: float | None = None
    votes: tuple[RowVote, ...] = ()
    chains: tuple[RowChain, ...] | None = None
    planned: int = 0
    finished: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    aborted_tokens: int = 0
    tokens_saved: int = 0
    executions: int = 0
    sandbox_s: float = 0.0
    wall_s: float = 0.0
    seed: int | None = None
    recipe: str | None = None
    recipe_hash: str | None = None
    solve_id: str | None = None
    traced: bool = False
    error: RowError | None = None


def read_request(cells: Mapping[str, Any], columns: Columns, row: int) -> RowRequest:
    """Read what a row asks; what is wrong with it becomes its `fault`, never an exception.

    `cells` are Python values by column. A row without an id gets its place as one.
    """
    found = cells.get(columns.id) if columns.id is not None else None
    name = str(row) if found is None else str(found)
    reference = cells.get(columns.answer) if columns.answer is not None else None
    question = cells.get(columns.question)
    cell_of = {o: cells.get(c) for o, c in columns.options.items()}
    given = {o: _option(o, v) for o, v in cell_of.items() if v is not None}
    asked = question if isinstance(question, str) else None
    told = None if reference is None else str(reference)
    try:
        _check(columns, question)
        SolveOptions(**given)
    except ProblemError as e:
        return RowRequest(row, name, asked, told, {}, _error(e))
    return RowRequest(row, name, asked, told, given)


def _option(name: str, value: Any) -> Any:
    """Return the value of an option; a CSV has numbers and truth values as texts."""
    if name in _TEXT_OPTIONS or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value  # SolveOptions says what is wrong with it


def _check(columns: Columns, question: Any) -> None:
    if not isinstance(question, str):
        problem = f"column {columns.question!r} is {question!r:.80}, not a text"
        raise ProblemError(problem, "give the question as text")
    check_problem(Problem(question))


def solved_row(
    asked: RowRequest,
    verdict: Mapping[str, Any],
    keep: Sequence[str] = (),
    correct: bool | None = None,  # noqa: FBT001 - a verdict on the verdict
) -> BatchRow:
    """Return the row of a verdict as `verdict_to_wire` tells it; `keep` holds names of KEPT."""
    usage = verdict["usage"]
    chains = None
    if set(keep) & set(KEPT):
        chains = tuple(_chain(c, replies="replies" in keep) for c in verdict["chains"])
    votes = tuple(
        RowVote(v["answer"], float(v["weight"]), tuple(v["chains"])) for v in verdict["votes"]
    )
    return BatchRow(
        row=asked.row,
        id=asked.id,
        question=asked.question,
        reference=asked.reference,
        correct=correct,
        answer=verdict["answer"],
        abstained=bool(verdict["abstained"]),
        reason=verdict["reason"],
        stop_reason=verdict["stop_reason"],
        stopped_by=verdict["stopped_by"],
        confidence=float(verdict["confidence"]),
        votes=votes,
        chains=chains,
        planned=verdict["planned"],
        finished=verdict["finished"],
        prompt_tokens=usage["prompt_tokens"],
        completion_tokens=usage["completion_tokens"],
        aborted_tokens=usage["aborted_tokens"],
        tokens_saved=verdict["tokens_saved"],
        executions=usage["executions"],
        sandbox_s=float(usage["sandbox_s"]),
        wall_s=float(verdict["wall_s"]),
        seed=verdict["seed"],
        recipe=verdict["recipe"],
        recipe_hash=verdict["recipe_hash"],
        solve_id=verdict["id"],
        traced=bool(verdict["traced"]),
    )


def _chain(chain: Mapping[str, Any], *, replies: bool) -> RowChain:
    start, end = chain["start_s"], chain["end_s"]
    return RowChain(
        index=chain["index"],
        label=chain["label"],
        ended=chain["ended"],
        tokens=chain["usage"]["completion_tokens"],
        seconds=None if end is None else end - start,
        answers=tuple(dict.fromkeys(c["answer"] for c in chain["candidates"])),
        programs=len(chain["programs"]),
        error=chain["error"],
        replies=tuple(c["text"] for c in chain["completions"]) if replies else None,
    )


def failed_row(asked: RowRequest, error: Exception | None = None) -> BatchRow:
    """Return the row of one that has no verdict: for its fault, or for `error`."""
    told = asked.fault if error is None else _error(error)
    return BatchRow(asked.row, asked.id, asked.question, asked.reference, error=told)


def _error(error: Exception) -> RowError:
    text = one_line(str(error) or type(error).__name__, _MESSAGE_CHARS)
    return RowError(type(error).__name__, text)


def result_schema() -> "pa.Schema":
    """Return the Arrow schema of the columns that a batch adds."""
    import pyarrow as pa

    return pa.schema([(name, arrow_type(kind)) for name, kind in field_types(BatchRow).items()])


def rows_to_table(rows: Sequence[BatchRow]) -> "pa.Table":
    """Return rows as a table of `result_schema`."""
    import pyarrow as pa

    return pa.Table.from_pylist([to_plain(row) for row in rows], schema=result_schema())


def row_to_json(row: BatchRow) -> str:
    """Return a row as one line of JSON."""
    return json.dumps(asdict(row), separators=(",", ":"))


def row_from_json(line: str) -> BatchRow:
    """Return the row `row_to_json` wrote; raise ValueError for any other line."""
    try:
        row = from_plain(BatchRow, json.loads(line))
    except (TypeError, KeyError, AttributeError) as e:
        raise ValueError(f"is no row of a batch: {line:.80}") from e
    if not isinstance(row, BatchRow):
        raise ValueError(f"is no row of a batch: {line:.80}")  # noqa: TRY004 - of a file
    return row
