"""Keep the output of a batch so that a kill loses nothing: parts, a manifest, journals.

A part is a file of consecutive rows that appears whole. Until then each finished row is a
line of the part's journal; a line torn by a kill is dropped and its row asked again. On a
file system that is not local there is no journal: rows of an unfinished part are asked again.

    OUT/_manifest.json      what the batch is of, and what its parts hold
    OUT/part-00000.parquet  rows in the order of the input
    OUT/.part-00001.journal rows of a part that is not complete
    OUT/.lock               held while a batch writes here
"""

import fcntl
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from votebox.cluster.batch_files import write_atomically, write_tables
from votebox.cluster.batch_rows import BatchRow, row_from_json, row_to_json
from votebox.cluster.errors import BadUsage, Failed
from votebox.plugins.errors import TraceError
from votebox.plugins.traces import file_system

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BatchFolder", "Tally"]

_FORMAT: Final = 1
_JOURNALS: Final = ".part-*.journal"
_ASIDE: Final = frozenset({"started", "votebox", "input"})  # may differ when a batch goes on


@dataclass(frozen=True, slots=True)
class Tally:
    """Count finished rows. `graded` have a verdict and a reference; tokens are completion's."""

    rows: int = 0
    errors: int = 0
    abstained: int = 0
    graded: int = 0
    correct: int = 0
    tokens: int = 0
    tokens_saved: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @classmethod
    def of(cls, row: BatchRow) -> "Tally":
        """Count one row."""
        return cls(
            rows=1,
            errors=row.error is not None,
            abstained=row.abstained,
            graded=row.correct is not None,
            correct=row.correct is True,
            tokens=row.completion_tokens,
            tokens_saved=row.tokens_saved,
        )


class BatchFolder:
    """Hold the folder of one batch, of which `head` says what decides its rows.

    One process at a time writes to it. `done` are the numbers of the complete parts with
    what they hold; `ended` says that nothing is left to do.
    """

    def __init__(self, where: str, head: Mapping[str, Any], kind: str) -> None:
        """Open or make the folder.

        Raises:
            BadUsage: it holds another batch, or cannot be used.
            Failed: another process writes there.
        """
        try:
            self._system, self._root = file_system(where)
            self._local = self._system.type_name == "local"
            self._system.create_dir(self._root, recursive=True)
        except (TraceError, OSError, ValueError) as e:
            raise BadUsage(f"{where!r} cannot be written to: {e}", "give another folder") from e
        self.where, self._kind = where, kind
        self._lock = self._locked() if self._local else -1
        self._journals: dict[int, IO[str]] = {}
        self._head = dict(head)
        self._writing = threading.Lock()  # parts are completed in threads, several at once
        self.done: dict[int, Tally] = {}
        self.ended = False
        try:
            self._take_up()
            self._drop_leftovers()
        except BaseException:
            self.close()
            raise

    def journal(self, part: int) -> list[BatchRow]:
        """Return the finished rows of an unfinished part."""
        path = self._journal_path(part)
        if not self._local or not path.exists():
            return []
        found = []
        for line in path.read_text("utf-8").split("\n")[:-1]:  # what follows the last is torn
            try:
                found.append(row_from_json(line))
            except ValueError:
                break  # of a disk that was full; what follows it cannot be trusted either
        kept = "".join(f"{row_to_json(row)}\n" for row in found)
        fresh = path.with_suffix(".taken-up")
        fresh.write_text(kept, "utf-8")
        fresh.replace(path)  # a kill in between must not lose what the first one kept
        return found

    @property
    def noted(self) -> int:
        """Return how many finished rows the journals hold: nobody asks them again."""
        if not self._local:
            return 0
        return sum(path.read_bytes().count(b"\n") for path in Path(self._root).glob(_JOURNALS))

    def note(self, part: int, row: BatchRow) -> None:
        """Add a finished row to its part's journal."""
        if not self._local:
            return
        if part not in self._journals:
            self._journals[part] = self._journal_path(part).open("a", encoding="utf-8")
        self._journals[part].write(row_to_json(row) + "\n")
        self._journals[part].flush()  # a killed process loses nothing that was flushed

    def complete(self, part: int, table: "pa.Table", tally: Tally) -> None:
        """Write a part, enter it into the manifest, and drop its journal."""
        with write_atomically(self._system, self.path(part)) as stream:
            write_tables([table], table.schema, self._kind, stream)
        with self._writing:
            self.done[part] = tally
            self._write_manifest()
        if part in self._journals:
            self._journals.pop(part).close()
        if self._local:
            self._journal_path(part).unlink(missing_ok=True)

    def finish(self) -> None:
        """Enter into the manifest that the batch is complete."""
        self.ended = True
        self._write_manifest()

    def path(self, part: int) -> str:
        """Return where a part is."""
        return f"{self._root}/part-{part:05d}.{self._kind}"

    def close(self) -> None:
        """Let go of the folder."""
        for journal in self._journals.values():
            journal.close()
        self._journals.clear()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @property
    def tally(self) -> Tally:
        """Return what all complete parts hold."""
        return sum(self.done.values(), Tally())

    @property
    def started(self) -> str:
        """Return when the batch began, also where this run goes on with it."""
        return str(self._head.get("started", ""))

    def _drop_leftovers(self) -> None:
        """Remove what a kill left: journals of complete parts, and files half written."""
        if self._local:
            for part in self.done:
                self._journal_path(part).unlink(missing_ok=True)
            for torn in Path(self._root).glob(".*.tmp-*"):
                torn.unlink(missing_ok=True)

    def _journal_path(self, part: int) -> Path:
        return Path(self._root) / f".part-{part:05d}.journal"

    def _locked(self) -> int:
        path = Path(self._root) / ".lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            os.close(descriptor)
            raise Failed(f"another batch writes to {self.where!r}", "wait for its end") from e
        return descriptor

    def _take_up(self) -> None:
        """Read the manifest of an earlier run, or write the first one."""
        from pyarrow.fs import FileType

        path = f"{self._root}/_manifest.json"
        if self._system.get_file_info(path).type == FileType.NotFound:
            self._write_manifest()
            return
        try:
            with self._system.open_input_file(path) as stream:
                found = json.loads(stream.read())
            head = found["head"]
            self._check(head)
            self.done = {int(number): Tally(**tally) for number, tally in found["parts"].items()}
            self.ended = found["ended"]
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as e:
            problem = f"{path!r} is no manifest of a batch: {e!r:.200}"
            raise BadUsage(problem, "give a folder that is new or holds a batch") from e
        self._head = head

    def _check(self, found: Mapping[str, Any]) -> None:
        for name, value in _plain(self._head).items():
            if name not in _ASIDE and found.get(name) != value:
                problem = f"{self.where!r} holds a batch with {name} = {found.get(name)!r:.120}"
                fix = f"that is {value!r:.120} now; give it as it was, or another folder"
                raise BadUsage(problem, fix)

    def _write_manifest(self) -> None:
        parts = {str(number): asdict(self.done[number]) for number in sorted(self.done)}
        whole = {"head": _plain(self._head), "parts": parts, "ended": self.ended}
        with write_atomically(self._system, f"{self._root}/_manifest.json") as stream:
            stream.write(json.dumps({"format": _FORMAT, **whole}, indent=1).encode())

    def tables(self, numbers: Iterable[int], schema: "pa.Schema") -> "Iterator[pa.Table]":
        """Yield the tables of complete parts in that order; for Parquet parts."""
        import pyarrow.parquet as pq

        for number in numbers:
            with self._system.open_input_file(self.path(number)) as stream:
                yield pq.read_table(stream, schema=schema)

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        self.close()
        self._system.delete_dir(self._root)


def _plain(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return a head as JSON would give it back."""
    plain: dict[str, Any] = json.loads(json.dumps(head))
    return plain
