"""Write and read the folder of an evaluation: run.json, rows.jsonl, rows.parquet, traces/.

The head (run.json) says what was asked and has to agree when a run goes on. A row is a
line, appended when its solve ends, so a run that is killed loses only what was unfinished.
Nothing here solves, compares or sums up.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, Final, Self

from pydantic import ConfigDict, TypeAdapter, ValidationError

from votebox.cluster.errors import BadUsage, Failed
from votebox.cluster.evaluate_rows import EvalRow, dump_row, read_row, rows_table

__all__ = ["FORMAT", "DatasetFacts", "Run", "RunHead", "RunWriter", "load_run"]

FORMAT: Final = 1
"""The number of the format written and read here."""

_HEAD: Final = "run.json"
_ROWS: Final = "rows.jsonl"
_LOCK: Final = ".lock"
_TABLE: Final = "rows.parquet"
_TRACES: Final = "traces"
_FREE: Final = frozenset(
    {"name", "models", "command", "started", "ended", "votebox", "recipe_source"}
)
"""What of a head may differ when a run goes on; `recipe_hash` stands for the source."""

_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """Name what was asked: where it is, its SHA-256, its usable rows, the columns read."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    path: str
    sha256: str
    rows: int
    columns: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunHead:
    """Say what a run asks, of whom and how; times are ISO 8601 in UTC.

    `shard` is "i/n", counted from 1. `options` are those of SolveOptions
    that were given, the budget, and the model where the command names one.
    `models` are known when the run has ended, `ended` is None before.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    dataset: DatasetFacts
    recipe: str
    recipe_hash: str = ""
    recipe_source: str = ""
    seed: int = 0
    repeat: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    limit: int | None = None
    shard: str | None = None
    engine: str = "replay"
    models: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    started: str = ""
    ended: str | None = None
    votebox: str = ""
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Run:
    """Hold a run as read: `rows` stand in the order their solves ended."""

    head: RunHead
    rows: tuple[EvalRow, ...]
    folder: Path = Path()

    @property
    def traces(self) -> Path:
        """Return the folder of its traces, which may not exist."""
        return self.folder / _TRACES


class RunWriter:
    """Append rows to the run in `folder`, a new one or one to go on with.

    One writer at a time: the kernel holds a lock while it lives. `done` are the rows that
    were there; `retry_errors` takes those with an error out, so that their problems are asked
    again. `fresh` wants an empty folder. As a context manager it ends with `close`.

    Raises:
        BadUsage: the folder holds another run, or something else; says what differs.
        Failed: another process writes there, or its files cannot be read or written.
    """

    def __init__(
        self, folder: str | Path, head: RunHead, *, fresh: bool = False, retry_errors: bool = False
    ) -> None:
        self.folder = Path(folder)
        self._lock = self._locked(fresh=fresh)
        try:
            found = self.folder / _HEAD
            if found.exists():
                before = _read_head(found)
                _check_same(self.folder, before, head)
                head = replace(head, started=before.started, models=before.models)
            self.done = _kept(self.folder / _ROWS, retry_errors=retry_errors)
            self.head = replace(head, started=head.started or _now(), ended=None)
            self._keys = {row.key for row in self.done}
            self._models = dict.fromkeys(head.models)
            self._write_head()
            self._file = (self.folder / _ROWS).open("ab", buffering=0)
        except BaseException:
            self._lock.close()
            raise

    @property
    def traces(self) -> Path:
        """Return the folder for the traces of this run."""
        return self.folder / _TRACES

    def add(self, row: EvalRow) -> None:
        """Append one row, so that it outlives this process.

        Raises:
            ValueError: there is a row of this id and repeat.
            Failed: it cannot be written.
        """
        if row.key in self._keys:
            raise ValueError(f"row {row.id!r}, repeat {row.repeat} is there already")
        line = memoryview(dump_row(row) + b"\n")
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as e:
            fix = "make room and run the same command to go on"
            raise Failed(f"{self.folder / _ROWS} cannot be written: {e.strerror}", fix) from e
        self._keys.add(row.key)
        self._models.update(dict.fromkeys(chain.model for chain in row.chains if chain.model))

    def finish(self) -> Run:
        """Write rows.parquet and the time of the end; return the run."""
        import pyarrow.parquet as pq

        rows = tuple(_rows(self.folder / _ROWS))
        fresh = self.folder / f".{_TABLE}.{os.getpid()}"
        pq.write_table(rows_table(rows), fresh, compression="zstd")
        fresh.replace(self.folder / _TABLE)
        self.head = replace(self.head, ended=_now(), models=tuple(self._models))
        self._write_head()
        return Run(self.head, rows, self.folder)

    def close(self) -> None:
        """Let go of the folder; may be repeated."""
        self._file.close()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _locked(self, *, fresh: bool) -> FileIO:
        """Make the folder and lock it; refuse one that holds something else."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            held = [found.name for found in self.folder.iterdir() if found.name[0] != "."]
            if held and fresh:
                raise BadUsage(f"--fresh: {self.folder} is not empty", "name a new folder")
            if held and _HEAD not in held:
                problem = f"{self.folder} holds other files and no run"
                raise BadUsage(problem, "name an empty or a new folder")
            lock = (self.folder / _LOCK).open("ab", buffering=0)
        except OSError as e:
            raise BadUsage(f"{self.folder}: {e.strerror}", "name a folder you can write") from e
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            lock.close()
            raise Failed(f"another process writes the run in {self.folder}", "wait for it") from e
        return lock

    def _write_head(self) -> None:
        fresh = self.folder / f".{_HEAD}.{os.getpid()}"
        text = json.dumps(_HEADS.dump_python(self.head, mode="json"), indent=2)
        try:
            fresh.write_text(text + "\n", "utf-8")
            fresh.replace(self.folder / _HEAD)
        except OSError as e:
            raise Failed(f"{self.folder / _HEAD} cannot be written: {e.strerror}") from e


def load_run(folder: str | Path) -> Run:
    """Read the run in a folder, finished or not; a torn last line is left out.

    Raises:
        BadUsage: there is no run, or it is of another format.
        Failed: a file is broken; names the line.
    """
    place = Path(folder)
    head = _read_head(place / _HEAD)
    return Run(head, tuple(_rows(place / _ROWS)), place)


_HEADS: Final = TypeAdapter(RunHead)


def _read_head(path: Path) -> RunHead:
    try:
        text = path.read_bytes()
    except OSError as e:
        fix = "name the folder that `votebox eval --out DIR` wrote"
        raise BadUsage(f"{path.parent} holds no run: {path.name}: {e.strerror}", fix) from e
    try:
        found = json.loads(text)
        number = found.get("format") if isinstance(found, dict) else None
        if number == FORMAT:
            return _HEADS.validate_json(text, strict=True)
    except (ValueError, RecursionError) as e:
        raise Failed(f"{path} is no head of a run: {_first(e)}", "evaluate anew") from e
    problem = f"{path} is of format {number!r:.{_SHOWN}} and this votebox reads {FORMAT}"
    raise BadUsage(problem, "read it with the votebox that wrote it")


def _rows(path: Path) -> Iterable[EvalRow]:
    """Yield the rows of a file; one may be torn, the last."""
    try:
        with path.open("rb") as file:
            yield from _read(file, path)
    except FileNotFoundError:
        return
    except OSError as e:
        raise Failed(f"{path} cannot be read: {e.strerror}") from e


def _read(file: BinaryIO, path: Path) -> Iterable[EvalRow]:
    seen: dict[tuple[str, int], int] = {}
    for number, line in enumerate(file, 1):
        if not line.endswith(b"\n"):
            return  # torn: its writer was killed
        try:
            row = read_row(line)
        except (ValueError, RecursionError) as e:
            fix = "take the line out; its problem will be asked again"
            raise Failed(f"{path}, line {number}: {_first(e)}", fix) from e
        if row.key in seen:
            what = f"{row.id!r:.{_SHOWN}}, repeat {row.repeat}, stands in line {seen[row.key]}, too"
            raise Failed(f"{path}, line {number}: {what}", "take one of the lines out")
        seen[row.key] = number
        yield row


def _kept(path: Path, *, retry_errors: bool) -> tuple[EvalRow, ...]:
    """Return the rows to go on from; take a torn last line, or errors to retry, out of the file."""
    rows = tuple(_rows(path))
    kept = tuple(row for row in rows if not (retry_errors and row.error is not None))
    data = b"".join(dump_row(row) + b"\n" for row in kept)
    if path.exists() and path.stat().st_size != len(data):
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.write_bytes(data)
        fresh.replace(path)
    return kept


def _check_same(folder: Path, before: RunHead, now: RunHead) -> None:
    """Refuse to go on with a run that asked something else."""
    old, new = (_HEADS.dump_python(head, mode="json") for head in (before, now))
    for told in (old, new):
        facts = told.pop("dataset")  # the same rows from another place are the same
        told |= {f"dataset {part}": facts[part] for part in ("sha256", "columns", "rows")}
    for name, was in old.items():
        if name not in _FREE and was != new[name]:
            problem = f"{folder} holds a run with {name} {was!r:.{_SHOWN}}"
            fix = "name another folder, or give what that run was given"
            raise BadUsage(f"{problem}, not {new[name]!r:.{_SHOWN}}", fix)


def _first(error: Exception) -> str:
    """Return what is wrong in one line: pydantic's first complaint, or the error's text."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where or 'it'}: {first['msg'].lower()}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
