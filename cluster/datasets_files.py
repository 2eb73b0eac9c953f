"""Read the records of one file: JSON Lines, JSON, CSV, Parquet, Arrow, wherever it is.

A record is a mapping from column to value. JSON Lines, CSV, Parquet and Arrow are read as a
stream; the first two may be compressed. What a column means is datasets.py's affair.
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from votebox.cluster.errors import BadUsage

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

__all__ = ["Record", "digest", "records"]

type Record = Mapping[str, Any]

_PACKED: Final = (".gz", ".bz2", ".zst", ".lz4")
_CHUNK: Final = 1 << 20
_CELL: Final = 1 << 24
"""The most characters of a CSV cell; the csv module's own limit is 131,072."""

_TABLES: Final = ("data", "rows", "problems", "questions", "examples", "test")
"""Where a JSON object may hold its list of problems."""


def records(where: str) -> Iterator[Record]:
    """Yield the records of the file at `where`, a path or a URI, in their order.

    Raises:
        BadUsage: it is not there, of an unknown ending or broken; names the line.
    """
    import pyarrow as pa

    reader = _READERS.get(_ending(where))
    if reader is None:
        fix = f"name a file that ends in {', '.join(_READERS)}, the texts also with .gz"
        raise BadUsage(f"{where} has no ending that says what it is", fix)
    try:
        files, path = _place(where)
        yield from reader(files, path)
    except OSError as e:
        why = e.strerror or str(e).split("\n", 1)[0]
        raise BadUsage(f"{where} cannot be read: {why}", "check the path and your rights") from e
    except (pa.ArrowException, csv.Error, ValueError, RecursionError) as e:
        what = _ending(where)[1:]
        raise BadUsage(f"{where} cannot be read as {what}: {e}", "check the file") from e


def digest(where: str) -> str:
    """Return the SHA-256 of the bytes of the file at `where`, as they are stored."""
    found = hashlib.sha256()
    try:
        files, path = _place(where)
        with files.open_input_stream(path, compression=None) as stream:
            while block := stream.read(_CHUNK):
                found.update(block)
    except OSError as e:
        why = e.strerror or str(e).split("\n", 1)[0]
        raise BadUsage(f"{where} cannot be read: {why}", "check the path and your rights") from e
    return found.hexdigest()


def _place(where: str) -> "tuple[FileSystem, str]":
    from pyarrow.fs import FileType

    from votebox.plugins import TraceError
    from votebox.plugins.traces import file_system

    try:
        files, path = file_system(where)
    except TraceError as e:
        raise BadUsage(f"{where} {e.problem}", e.fix) from e
    kind = files.get_file_info(path).type
    if kind == FileType.NotFound:
        raise BadUsage(f"there is no {where}", "see `votebox examples list` for those with us")
    if kind == FileType.Directory:
        raise BadUsage(f"{where} is a folder", "name one file in it")
    return files, path


def _lines(files: "FileSystem", path: str) -> Iterator[str]:
    """Yield the lines of a text, decompressed as its ending says; a byte order mark goes."""
    with files.open_input_stream(path) as stream:
        yield from io.TextIOWrapper(stream, "utf-8-sig", newline="")


def _jsonl(files: "FileSystem", path: str) -> Iterator[Record]:
    for number, line in enumerate(_lines(files, path), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as e:
            raise ValueError(f"line {number}: {e}") from e
        yield _record(value, f"line {number}")


def _json(files: "FileSystem", path: str) -> Iterator[Record]:
    value = json.loads("".join(_lines(files, path)))
    if isinstance(value, dict):
        found = next((value[name] for name in _TABLES if isinstance(value.get(name), list)), None)
        if found is None:
            raise ValueError(f"an object without a list in one of {', '.join(_TABLES)}")
        value = found
    if not isinstance(value, list):
        raise ValueError("neither a list nor an object")  # noqa: TRY004 - of a file
    for number, one in enumerate(value, 1):
        yield _record(one, f"entry {number}")


def _csv(files: "FileSystem", path: str) -> Iterator[Record]:
    before = csv.field_size_limit(_CELL)
    try:
        # Not by pyarrow, whose columns have types: there 007 is 7.
        reader = csv.DictReader(_lines(files, path), strict=True)
        names = reader.fieldnames or ()
        if len(set(names)) < len(names):
            raise ValueError(f"it names a column twice: {', '.join(names)}")
        for row in reader:
            if None in row:
                raise ValueError(f"line {reader.line_num} has more cells than the first one")
            if None in row.values():
                raise ValueError(f"line {reader.line_num} has fewer cells than the first one")
            yield row
    finally:
        csv.field_size_limit(before)


def _parquet(files: "FileSystem", path: str) -> Iterator[Record]:
    import pyarrow.parquet as pq

    with files.open_input_file(path) as file:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=1024):
            yield from batch.to_pylist()


def _arrow(files: "FileSystem", path: str) -> Iterator[Record]:
    import pyarrow as pa

    with files.open_input_file(path) as file:
        is_file = file.read(6) == b"ARROW1"  # a file begins so, a stream does not
        file.seek(0)
        if not is_file:
            for batch in pa.ipc.open_stream(file):
                yield from batch.to_pylist()
            return
        opened = pa.ipc.open_file(file)
        for number in range(opened.num_record_batches):
            yield from opened.get_batch(number).to_pylist()


def _record(value: Any, where: str) -> Record:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is no object but {value!r:.40}")  # noqa: TRY004 - of a file
    return value


def _ending(where: str) -> str:
    name = where.rsplit("/", 1)[-1].lower()
    for packed in _PACKED:
        name = name.removesuffix(packed)
    stem, dot, ending = name.rpartition(".")
    return dot + ending if stem else ""


type _Reader = Callable[["FileSystem", str], Iterator[Record]]
_READERS: Final[Mapping[str, _Reader]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".feather": _arrow,
    ".ipc": _arrow,
}
