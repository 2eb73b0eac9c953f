"""Write tables as Parquet, Arrow IPC, JSON Lines or CSV, whole or not at all."""

import csv
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, Final

from votebox.cluster.errors import BadUsage

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.fs import FileSystem

__all__ = ["FORMATS", "check_schema", "write_atomically", "write_tables"]


@contextmanager
def write_atomically(system: "FileSystem", path: str) -> Iterator[Any]:
    """Yield a stream whose bytes are the file `path` once the block ends well, and never before.

    Object stores show an object when it is complete; elsewhere a file is renamed. Until then its
    name begins with a dot: what a kill leaves must not be read as a part of a data set.
    """
    folder, slash, name = path.rpartition("/")
    fresh = path if _is_object_store(system) else f"{folder}{slash}.{name}.tmp-{os.getpid()}"
    stream = system.open_output_stream(fresh, compression=None)
    try:
        yield stream
    except BaseException:
        if fresh != path:
            stream.close()
            system.delete_file(fresh)
        raise
    stream.close()
    if fresh != path:
        if system.type_name == "local":
            _sync(fresh)
        system.move(fresh, path)


def _is_object_store(system: "FileSystem") -> bool:
    return system.type_name in ("s3", "gcs", "abfs")


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_tables(tables: "Iterable[pa.Table]", schema: "pa.Schema", kind: str, stream: Any) -> None:
    """Write tables of one schema, one after another, in the format `kind` of FORMATS."""
    FORMATS[kind](tables, schema, stream)


def check_schema(schema: "pa.Schema", kind: str) -> None:
    """Refuse columns that `kind` cannot hold, before work is done; raise BadUsage."""
    import pyarrow as pa

    try:
        write_tables([schema.empty_table()], schema, kind, pa.BufferOutputStream())
    except pa.ArrowException as e:
        problem = f"the input's columns cannot be written as {kind}: {e!s:.300}"
        raise BadUsage(
            problem, "drop or cast the column, or give a folder and another --format"
        ) from e


def _parquet(tables: "Iterable[pa.Table]", schema: "pa.Schema", stream: Any) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)


def _arrow(tables: "Iterable[pa.Table]", schema: "pa.Schema", stream: Any) -> None:
    import pyarrow as pa

    with pa.ipc.new_file(stream, schema) as writer:
        for table in tables:
            writer.write_table(table)


def _jsonl(tables: "Iterable[pa.Table]", schema: "pa.Schema", stream: Any) -> None:
    for table in tables:
        for row in _rows(table):
            told = dict(zip(schema.names, map(_finite, row), strict=True))
            stream.write((json.dumps(told, default=str, ensure_ascii=False) + "\n").encode())


def _finite(value: Any) -> Any:
    """Return a value without NaN and infinities, which JSON has not; they become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(part) for name, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list) else value


def _rows(table: "pa.Table") -> Iterator[tuple[Any, ...]]:
    return zip(*map(_values, table.columns), strict=True)


def _values(column: "pa.ChunkedArray") -> list[Any]:
    import pyarrow as pa

    try:
        found: list[Any] = column.to_pylist()
    except OverflowError:  # a time beyond Python's years
        found = column.cast(pa.int64()).to_pylist()
    return found


def _csv(tables: "Iterable[pa.Table]", schema: "pa.Schema", stream: Any) -> None:
    """Write a header and the rows; lists and structs as JSON, null as nothing."""
    text = TextIOWrapper(stream, "utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(schema.names)
    for table in tables:
        for row in _rows(table):
            writer.writerow([_cell(value) for value in row])
    text.flush()
    text.detach()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (Mapping, Sequence)) and not isinstance(value, (str, bytes)):
        return json.dumps(value, default=str, ensure_ascii=False)
    return value


FORMATS: Final[Mapping[str, Callable[["Iterable[pa.Table]", "pa.Schema", Any], None]]] = {
    "parquet": _parquet,
    "arrow": _arrow,
    "jsonl": _jsonl,
    "csv": _csv,
}
"""How to write each format, by its name, which is also the ending of its files."""
