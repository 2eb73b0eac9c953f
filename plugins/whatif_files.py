"""Read files of recorded votes, wherever they are: one file, a folder, a pattern, a URI.

Parquet, Arrow IPC, CSV and JSON Lines, the last two also compressed. Nothing here knows
what a column means. pyarrow is imported here alone and only when it is needed.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from votebox.plugins.errors import TableError, TraceError
from votebox.plugins.traces import file_system

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

__all__ = ["Sheet", "sheets", "table_ending", "table_paths"]

_COMPRESSED: Final = (".gz", ".bz2", ".zst", ".lz4")
_PATTERN: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Sheet:
    """Hold the cells of one file: `cells` by column, of `rows` each; `found` are all columns."""

    name: str
    found: tuple[str, ...]
    cells: Mapping[str, list[Any]]
    rows: int


def sheets(where: str, wanted: Collection[str], texts: Collection[str]) -> Iterator[Sheet]:
    """Read the files at `where` in the order of their names, of each the columns `wanted`.

    `where` is a file, a folder (with all below it), a pattern with `*`, `?` or `[...]`
    within the names between slashes, or a URI of either that pyarrow or fsspec knows.
    Hidden files are passed over. `texts` are columns of which a CSV is not to make numbers.

    Raises:
        TableError: there is nothing, or a file cannot be read; it is named.
    """
    try:
        files, root = file_system(where)
    except TraceError as e:
        raise TableError(e.where, e.problem, e.fix) from e
    for path in table_paths(where, files, root):
        yield _read(path, files, wanted, texts)


def table_paths(where: str, files: "FileSystem", root: str) -> list[str]:
    """Return the files of `where`, which is `root` of `files`, in the order of their names.

    Raises:
        TableError: there is none, or they cannot be listed.
    """
    from pyarrow.fs import FileType

    try:
        kind = files.get_file_info(root).type
        if kind == FileType.File:
            return [root]
        if kind == FileType.Directory:
            found = [path for path in _below(files, root) if table_ending(path) in _READERS]
            if not found:
                problem = "is a folder without a table"
                raise TableError(where, problem, f"name one that holds {_endings()}")
            return found
        return _matching(where, files, root)
    except OSError as e:
        fix = "check the path and your rights there"
        raise TableError(where, f"cannot be read: {e.strerror or e}", fix) from e


def _matching(where: str, files: "FileSystem", pattern: str) -> list[str]:
    parts = pattern.split("/")
    fixed = next((n for n, part in enumerate(parts) if _PATTERN & set(part)), None)
    if fixed is None:
        raise TableError(where, "is not there", "name a file, a folder or a pattern as a/*.csv")
    found = [
        path
        for path in _below(files, "/".join(parts[:fixed]) or "/")
        if len(own := path.split("/")) == len(parts) and all(map(fnmatchcase, own, parts))
    ]
    if not found:
        raise TableError(where, "matches no file", "a * stands for part of one name, not for /")
    return found


def _below(files: "FileSystem", folder: str) -> list[str]:
    from pyarrow.fs import FileSelector, FileType

    depth = len(folder.rstrip("/").split("/"))
    infos = files.get_file_info(FileSelector(folder, allow_not_found=True, recursive=True))
    return sorted(
        info.path
        for info in infos
        if info.type == FileType.File
        and not any(part.startswith(".") for part in info.path.split("/")[depth:])
    )


def _read(path: str, files: "FileSystem", wanted: Collection[str], texts: Collection[str]) -> Sheet:
    import pyarrow as pa

    reader = _READERS.get(table_ending(path))
    if reader is None:
        raise TableError(path, f"has no known ending {table_ending(path)!r}", f"use {_endings()}")
    try:
        return reader(path, files, wanted, texts)
    except OSError as e:
        fix = "check the path and your rights there"
        raise TableError(path, f"cannot be read: {e.strerror or e}", fix) from e
    except (pa.ArrowException, ValueError, RecursionError) as e:
        problem = f"cannot be read as {table_ending(path)[1:]}: {e!s:.300}"
        raise TableError(path, problem, "check the file") from e


def _parquet(
    path: str, files: "FileSystem", wanted: Collection[str], texts: Collection[str]
) -> Sheet:
    import pyarrow.parquet as pq

    with files.open_input_file(path) as stream:
        file = pq.ParquetFile(stream)
        found = tuple(file.schema_arrow.names)
        # The texts of traces are large, and no vote looks at them.
        table = file.read(columns=[name for name in found if name in wanted])
    return _sheet(path, found, table, wanted)


def _ipc(path: str, files: "FileSystem", wanted: Collection[str], texts: Collection[str]) -> Sheet:
    import pyarrow as pa

    with files.open_input_file(path) as stream:
        # A file starts with its name, a stream does not.
        is_file = stream.read(6) == b"ARROW1"
        stream.seek(0)
        opened = pa.ipc.open_file(stream) if is_file else pa.ipc.open_stream(stream)
        table = opened.read_all()
    return _sheet(path, tuple(table.column_names), table, wanted)


def _csv(path: str, files: "FileSystem", wanted: Collection[str], texts: Collection[str]) -> Sheet:
    import pyarrow as pa
    from pyarrow import csv

    types = csv.ConvertOptions(
        column_types=dict.fromkeys(texts, pa.string()), strings_can_be_null=True
    )
    lines = csv.ParseOptions(newlines_in_values=True)
    with files.open_input_stream(path) as stream:
        table = csv.read_csv(stream, parse_options=lines, convert_options=types)
    return _sheet(path, tuple(table.column_names), table, wanted)


def _jsonl(
    path: str, files: "FileSystem", wanted: Collection[str], texts: Collection[str]
) -> Sheet:
    # Not through Arrow: there an answer may not be 7 in one line and "x" in the next.
    with files.open_input_stream(path) as stream:
        lines = stream.read().decode("utf-8-sig").split("\n")
    objects = [_object(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    found = tuple(dict.fromkeys(name for one in objects for name in one))
    cells = {name: [one.get(name) for one in objects] for name in found if name in wanted}
    return Sheet(path, found, cells, len(objects))


def _object(number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as e:
        raise ValueError(f"line {number}: {e}") from e
    if not isinstance(value, dict):
        raise ValueError(f"line {number}: {line:.40} is no object")  # noqa: TRY004 - of a file
    return value


def _sheet(path: str, found: tuple[str, ...], table: Any, wanted: Collection[str]) -> Sheet:
    twice = sorted({name for name in found if name in wanted and found.count(name) > 1})
    if twice:
        problem = f"has more than one column {', '.join(twice)}"
        raise TableError(path, problem, f"found: {', '.join(found)}")
    cells = {name: table.column(name).to_pylist() for name in found if name in wanted}
    return Sheet(path, found, cells, table.num_rows)


def table_ending(path: str) -> str:
    """Return a file's ending in small letters, that of a compression left out."""
    name = path.rsplit("/", 1)[-1].lower()
    for packed in _COMPRESSED:
        name = name.removesuffix(packed)
    stem, dot, ending = name.rpartition(".")
    return dot + ending if stem else ""


def _endings() -> str:
    return " ".join(_READERS)


_Reader = Callable[[str, "FileSystem", Collection[str], Collection[str]], Sheet]
_READERS: Final[Mapping[str, _Reader]] = {
    ".parquet": _parquet,
    ".arrow": _ipc,
    ".arrows": _ipc,
    ".feather": _ipc,
    ".ipc": _ipc,
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
}
