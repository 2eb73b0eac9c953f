"""Hold what one solve of an evaluation left: the row of a run, its votes and its chains.

Frozen values and their two shapes on disk: a line of JSON, and Arrow types for Parquet.
Made from a verdict in evaluate_marks.py; nothing here compares answers.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import ConfigDict, TypeAdapter

from votebox.plugins.arrowrows import to_plain

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "ChainRow",
    "EvalRow",
    "Fault",
    "ProgramRow",
    "VoteRow",
    "dump_row",
    "mended",
    "read_row",
    "rows_table",
]

_FORBID: Final = ConfigDict(extra="forbid")
_ABORTED: Final = "aborted"


@dataclass(frozen=True, slots=True)
class ProgramRow:
    """Tell how one program of a chain ended and how long it took."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    status: str
    wall_s: float


@dataclass(frozen=True, slots=True)
class VoteRow:
    """Hold one class of equal answers; `correct` None where there is no reference."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    answer: str
    weight: float
    chains: tuple[int, ...] = ()
    correct: bool | None = None


@dataclass(frozen=True, slots=True)
class ChainRow:
    """Hold one chain: what it alone voted for, what each source read, what it took.

    `sources` maps each node that reads answers to the last text it read, None for none;
    `right_sources` are those whose reading equals the reference. `readable` says whether
    any was read. `ended` is ChainRecord's; `seconds` run from the chain's start to its end.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    index: int
    label: str = ""
    ended: str = "answered"
    tokens: int = 0
    seconds: float = 0.0
    answer: str | None = None
    correct: bool | None = None
    sources: Mapping[str, str | None] = field(default_factory=dict)
    right_sources: tuple[str, ...] = ()
    programs: tuple[ProgramRow, ...] = ()
    readable: bool = False
    model: str = ""

    @property
    def whole(self) -> bool:
        """Return whether the chain came to its own end: the vote did not stop it."""
        return self.ended != _ABORTED


@dataclass(frozen=True, slots=True)
class Fault:
    """Name the error that kept a problem from a verdict."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    type: str
    message: str


@dataclass(frozen=True, slots=True)
class EvalRow:
    """Hold the outcome of one (problem, repeat).

    `correct` None means there is no reference; an abstention or an error is not correct.
    `confidence` is the leader's share of the votes. Tokens count the chains that were
    aborted, too; `seed` is the one the solve was given.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    id: str
    repeat: int
    question: str
    reference: str | None = None
    answer: str | None = None
    correct: bool | None = None
    abstained: bool = False
    reason: str = ""
    stop_reason: str = ""
    stopped_by: str | None = None
    confidence: float = 0.0
    votes: tuple[VoteRow, ...] = ()
    chains: tuple[ChainRow, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    aborted_tokens: int = 0
    tokens_saved: int = 0
    executions: int = 0
    sandbox_s: float = 0.0
    wall_s: float = 0.0
    seed: int = 0
    recipe_hash: str = ""
    solve_id: str = ""
    traced: bool = False
    error: Fault | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Return what names the row in its run."""
        return self.id, self.repeat

    @property
    def total_tokens(self) -> int:
        """Return prompt plus completion tokens."""
        return self.prompt_tokens + self.completion_tokens


_ADAPTER: Final = TypeAdapter(EvalRow)


def dump_row(row: EvalRow) -> bytes:
    """Return the row as one line of JSON without its end.

    Half of a character, which a model's server may send and no file holds, becomes U+FFFD.
    """
    try:
        return _ADAPTER.dump_json(row)
    except ValueError:  # pydantic's own error of such a text
        return json.dumps(mended(_ADAPTER.dump_python(row))).encode()


def mended(value: Any) -> Any:
    """Return plain types with all texts as UTF-8 has them."""
    if isinstance(value, Mapping):
        return {to_plain(name): mended(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [mended(part) for part in value]
    return to_plain(value)


def read_row(line: bytes | str) -> EvalRow:
    """Return the row a line holds; raise ValueError saying what does not fit."""
    return _ADAPTER.validate_json(line, strict=True)


def rows_table(rows: Sequence[EvalRow]) -> "pa.Table":
    """Return the rows with Arrow types: votes, chains and programs are lists of structs."""
    import pyarrow as pa

    cells = [_ADAPTER.dump_python(row) for row in rows]
    for cell in cells:
        for chain in cell["chains"]:
            chain["sources"] = list(chain["sources"].items())
    return pa.Table.from_pylist(cells, schema=_schema())


def _schema() -> "pa.Schema":
    import pyarrow as pa

    text, whole, number, flag = pa.string(), pa.int64(), pa.float64(), pa.bool_()
    vote = {"answer": text, "weight": number, "chains": pa.list_(whole), "correct": flag}
    program = {"status": text, "wall_s": number}
    chain = {
        "index": whole,
        "label": text,
        "ended": text,
        "tokens": whole,
        "seconds": number,
        "answer": text,
        "correct": flag,
        "sources": pa.map_(text, text),
        "right_sources": pa.list_(text),
        "programs": pa.list_(pa.struct(program)),
        "readable": flag,
        "model": text,
    }
    row = {
        "id": text,
        "repeat": whole,
        "question": text,
        "reference": text,
        "answer": text,
        "correct": flag,
        "abstained": flag,
        "reason": text,
        "stop_reason": text,
        "stopped_by": text,
        "confidence": number,
        "votes": pa.list_(pa.struct(vote)),
        "chains": pa.list_(pa.struct(chain)),
        **dict.fromkeys(("prompt_tokens", "completion_tokens", "aborted_tokens"), whole),
        **dict.fromkeys(("tokens_saved", "executions"), whole),
        **dict.fromkeys(("sandbox_s", "wall_s"), number),
        "seed": whole,
        "recipe_hash": text,
        "solve_id": text,
        "traced": flag,
        "error": pa.struct({"type": text, "message": text}),
    }
    return pa.schema(row.items())
