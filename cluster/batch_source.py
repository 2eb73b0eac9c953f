"""Read the rows of a batch a block at a time: Parquet, Arrow IPC, JSON Lines, CSV.

Local files, folders and patterns, or URIs that pyarrow or fsspec knows. No file is held
whole. A line that cannot be read is a row with a fault, never the end of a run. JSON Lines
and CSV are read twice: once for the number of rows and the types of their columns, so that
every block has the same schema, however the lines differ.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import TextIOWrapper
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from votebox.plugins.arrowrows import to_plain
from votebox.plugins.errors import TableError, TraceError
from votebox.plugins.traces import file_system
from votebox.plugins.whatif_files import table_ending, table_paths

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.fs import FileSystem

__all__ = ["Block", "Source", "check_columns", "open_source"]

_BLOCK_ROWS: Final = 256
_CELL_CHARS: Final = 2**24  # the csv module's own limit, 128 KiB, would end the reading
_TEXT_ENDINGS: Final = frozenset({".csv", ".jsonl", ".ndjson"})
_IPC_ENDINGS: Final = frozenset({".arrow", ".arrows", ".feather", ".ipc"})


@dataclass(frozen=True, slots=True)
class Block:
    """Hold some consecutive rows: all their cells, and why a row could not be read.

    `first` is the place of the first one in the input; `faults` are by place. `lines` are
    the cells as a text format has them, before a column of mixed types became text.
    """

    first: int
    table: "pa.Table"
    faults: Mapping[int, str] = field(default_factory=dict)
    lines: tuple[Mapping[str, Any], ...] | None = None

    def cells(self, wanted: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Return the cells of the columns `wanted`, row by row, as Python values."""
        if self.lines is not None:
            return self.lines
        found: list[Mapping[str, Any]] = self.table.select(wanted).to_pylist()
        return found


@dataclass(frozen=True, slots=True)
class Source:
    """Name the rows of an input: `rows` of them, of one `schema`, in `files` by name and size."""

    where: str
    schema: "pa.Schema"
    rows: int
    files: tuple[tuple[str, int], ...]
    _system: "FileSystem"

    def blocks(self) -> Iterator[Block]:
        """Yield all rows in order.

        Raises:
            TableError: a file cannot be read on; it is named.
        """
        first = 0
        for path, _ in self.files:
            with _naming(path):
                for block in _blocks(path, self._system, self.schema):
                    faults = {first + n: why for n, why in block.faults.items()}
                    table = _aligned(block.table, self.schema)
                    yield Block(first, table, faults, block.lines)
                    first += table.num_rows


def open_source(where: str) -> Source:
    """Look at an input: find its files, their schema and the number of rows.

    Raises:
        TableError: there is nothing, a file cannot be read, or two do not fit together.
    """
    import pyarrow as pa

    try:
        system, root = file_system(where)
    except TraceError as e:
        raise TableError(e.where, e.problem, e.fix) from e
    paths = table_paths(where, system, root)
    looked = []
    for path in paths:
        with _naming(path):
            looked.append(_look(path, system))
    try:
        schema = pa.unify_schemas([schema for schema, _ in looked], promote_options="permissive")
    except pa.ArrowException as e:
        problem = f"its files have columns of different types: {e}"
        raise TableError(where, problem, "name one file, or files that fit") from e
    schema = pa.schema([field.with_type(_carried_type(field.type)) for field in schema])
    sizes = tuple((path, system.get_file_info(path).size or 0) for path in paths)
    return Source(where, schema, sum(rows for _, rows in looked), sizes, system)


def _carried_type(kind: "pa.DataType") -> "pa.DataType":
    """Return the type a column of type `kind` is held with: of what it encodes, where it does.

    Rows cannot be taken out of every encoding, and an IPC file holds one dictionary a column.
    """
    import pyarrow as pa

    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return _carried_type(kind.value_type)
    return {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}.get(kind, kind)


class _naming:  # noqa: N801 - a context manager, used as a function
    """Turn whatever a reader raises into a TableError that names the file."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, TableError | GeneratorExit):
            return
        import pyarrow as pa

        if not isinstance(
            error, OSError | pa.ArrowException | ValueError | csv.Error | RecursionError
        ):
            return
        kind_of = table_ending(self._path)[1:] or "a table"
        problem = f"cannot be read as {kind_of}: {error!s:.300}"
        raise TableError(self._path, problem, "check the file") from error


def _look(path: str, system: "FileSystem") -> "tuple[pa.Schema, int]":
    """Return the schema of a file and the number of its rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ending = table_ending(path)
    if ending == ".parquet":
        with system.open_input_file(path) as stream:
            file = pq.ParquetFile(stream)
            return file.schema_arrow.remove_metadata(), file.metadata.num_rows
    if ending in _IPC_ENDINGS:
        with system.open_input_file(path) as stream:
            schema, batches = _ipc(stream)
            return schema.remove_metadata(), sum(batch.num_rows for batch in batches)
    if ending not in _TEXT_ENDINGS:
        known = " ".join(sorted({".parquet", *_IPC_ENDINGS, *_TEXT_ENDINGS}))
        raise TableError(path, f"has no known ending {ending!r}", f"use {known}")
    kinds: dict[str, set[str]] = {}
    rows = 0
    for cells, _ in _records(path, system):
        rows += 1
        for name, value in cells.items():
            kinds.setdefault(name, set()).add(_kind(value))
    return pa.schema([(name, _type(found)) for name, found in kinds.items()]), rows


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, int) and not isinstance(value, bool):
        return "int" if -(2**63) <= value < 2**63 else "other"
    return {bool: "bool", float: "float", str: "str"}.get(type(value), "other")


def _type(kinds: set[str]) -> "pa.DataType":
    """Return the one type of a column of JSON values; what is mixed stays text."""
    import pyarrow as pa

    found = kinds - {"null"}
    plain = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}
    return plain[next(iter(found))] if len(found) == 1 and found <= plain.keys() else pa.string()


def _blocks(path: str, system: "FileSystem", schema: "pa.Schema") -> Iterator[Block]:
    """Yield the rows of a file; faults are by place in their block."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ending = table_ending(path)
    if ending in _TEXT_ENDINGS:
        yield from _text_blocks(path, system, schema)
        return
    with system.open_input_file(path) as stream:
        batches: Iterator[pa.RecordBatch] = (
            pq.ParquetFile(stream).iter_batches(batch_size=_BLOCK_ROWS)
            if ending == ".parquet"
            else _ipc(stream)[1]
        )
        for batch in batches:
            for start in range(0, batch.num_rows, _BLOCK_ROWS):
                yield Block(0, pa.Table.from_batches([batch.slice(start, _BLOCK_ROWS)]))


def _ipc(stream: Any) -> "tuple[pa.Schema, Iterator[pa.RecordBatch]]":
    import pyarrow as pa

    is_file = stream.read(6) == b"ARROW1"  # a file starts with its name, a stream does not
    stream.seek(0)
    if not is_file:
        reader = pa.ipc.open_stream(stream)
        return reader.schema, iter(reader)
    file = pa.ipc.open_file(stream)
    return file.schema, (file.get_batch(n) for n in range(file.num_record_batches))


def _text_blocks(path: str, system: "FileSystem", schema: "pa.Schema") -> Iterator[Block]:
    import pyarrow as pa

    texts = {f.name for f in schema if pa.types.is_string(f.type)}
    records = _records(path, system)
    while held := list(islice(records, _BLOCK_ROWS)):
        rows = [{n: _text(v) if n in texts else v for n, v in cells.items()} for cells, _ in held]
        faults = {place: fault for place, (_, fault) in enumerate(held) if fault}
        lines = tuple(cells for cells, _ in held)
        yield Block(0, pa.Table.from_pylist(rows, schema=schema), faults, lines)


def _text(value: Any) -> Any:
    """Return a JSON value as text, null as null."""
    if value is None:
        return None
    return to_plain(value if isinstance(value, str) else json.dumps(value))


_Record = tuple[Mapping[str, Any], str]
"""The cells of one line, and what is wrong with it ("" nothing)."""


def _records(path: str, system: "FileSystem") -> Iterator[_Record]:
    with system.open_input_stream(path) as stream:
        lines = TextIOWrapper(stream, "utf-8-sig", errors="replace", newline="")
        yield from (_csv if table_ending(path) == ".csv" else _jsonl)(lines)


def _jsonl(lines: TextIOWrapper) -> Iterator[_Record]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as e:
            yield {}, f"line {number} is not JSON: {e}"
            continue
        if isinstance(value, dict):
            yield value, ""
        else:
            yield {}, f"line {number} is no JSON object: {line.strip():.80}"


def _csv(lines: TextIOWrapper) -> Iterator[_Record]:
    csv.field_size_limit(_CELL_CHARS)
    told: list[str] = []  # the lines of one record
    reader = csv.reader(_kept(lines, told))
    header = next(reader, [])
    if len(set(header)) < len(header):
        raise ValueError(f"it names a column twice: {', '.join(header)}")
    last = ""
    told.clear()
    for cells in reader:
        last = "".join(told)
        told.clear()
        if not cells:
            continue
        fault = ""
        if len(cells) != len(header):
            fault = f"line {reader.line_num} has {len(cells)} cells and the header {len(header)}"
        yield dict(zip(header, (cell or None for cell in cells), strict=False)), fault
    _check_closed(last)


def _kept(lines: Iterable[str], told: list[str]) -> Iterator[str]:
    for line in lines:
        told.append(line)
        yield line


def _check_closed(record: str) -> None:
    """Refuse a quote that nothing closes: every row behind it would be lost in one cell."""
    try:
        list(csv.reader([record], strict=True))
    except csv.Error as e:
        if "unexpected end" in str(e):
            raise ValueError(f"a quote is never closed, from {record[:80]!r} on") from e


def _aligned(table: "pa.Table", schema: "pa.Schema") -> "pa.Table":
    """Return a table with the columns of `schema`, those it lacks as nulls."""
    import pyarrow as pa

    columns = [
        _cast(table.column(f.name), f.type)
        if f.name in table.column_names
        else pa.nulls(table.num_rows, f.type)
        for f in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _cast(column: "pa.ChunkedArray", kind: "pa.DataType") -> "pa.ChunkedArray":
    """Return a column as `kind`; bytes of a text that are not UTF-8 become U+FFFD."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_run_end_encoded(column.type):
        column = pa.chunked_array([pc.run_end_decode(chunk) for chunk in column.chunks])
    column = column.cast(kind)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return column
    try:
        column.validate(full=True)  # a file may say of any bytes that they are text
    except pa.ArrowInvalid:
        cells = column.cast(pa.large_binary()).to_pylist()
        texts = [None if cell is None else cell.decode("utf-8", "replace") for cell in cells]
        return pa.chunked_array([pa.array(texts, kind)])
    return column


def check_columns(source: Source, wanted: Sequence[str]) -> None:
    """Refuse columns the input has not; raise TableError naming those there are."""
    missing = [name for name in wanted if name not in source.schema.names]
    if missing:
        there = ", ".join(source.schema.names) or "none"
        problem = f"has no column {', '.join(map(repr, missing))}; there are: {there}"
        raise TableError(source.where, problem, "map it, as --column question=problem")
