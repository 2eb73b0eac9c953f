"""Keep the trace of each solve: one Parquet file, in a folder or on an object store.

`TraceStore` is the only thing that touches files; what a trace holds is tracerow.py's
affair. pyarrow is imported when a store is made.
"""

import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from votebox.plugins.errors import TraceError
from votebox.plugins.ids import is_id
from votebox.plugins.nouns import Problem
from votebox.plugins.recipe import Recipe
from votebox.plugins.tracerow import Trace, read_table, to_table
from votebox.plugins.verdicts import Verdict

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.fs import FileSystem

__all__ = ["Listing", "TraceStore", "file_system"]

_log = logging.getLogger(__name__)

_ID: Final = re.compile(r"[0-9a-z-]{1,80}")
_SUFFIX: Final = ".parquet"
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*+://")
_SHOWN: Final = 3
_SUMMARY: Final = (
    "kind",
    "solve",
    "started",
    "problem_id",
    "recipe",
    "seed",
    "client_request",
    "verdict",
    "confidence",
    "stop_reason",
    "wall_s",
    "tokens",
    "planned",
    "question",
)


@dataclass(frozen=True, slots=True)
class Listing:
    """Name what is in a store: ids of traces, the newest first, and files that are none."""

    ids: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


class TraceStore:
    """Keep traces under `url`: a folder, or a URI that pyarrow or fsspec knows.

    A local folder is made when the first trace is kept, closed to others, and so is each
    file. One store serves many threads.
    """

    def __init__(self, url: str) -> None:
        """Find the file system; raise TraceError when there is none for `url`."""
        self.url = url
        self._files, self._root = file_system(url)
        self._local = self._files.type_name == "local"
        self._lock = threading.Lock()
        self._warned = False

    def append(self, verdict: Verdict, problem: Problem, recipe: Recipe) -> bool:
        """Write one trace whole or not at all; return whether it is kept.

        Never raises: a solve must not fail for its trace. The first failure is logged as a
        warning with the fix, those after it are not.
        """
        try:
            self._append(verdict, problem, recipe)
        except Exception as e:
            # File systems of all kinds raise all kinds of errors, and none may end a solve.
            self._warn(e)
            return False
        return True

    def listing(self) -> Listing:
        """Return what is in the store; an absent folder holds nothing.

        Raises:
            TraceError: the place cannot be listed.
        """
        from pyarrow.fs import FileSelector, FileType

        try:
            found = self._files.get_file_info(FileSelector(self._root, allow_not_found=True))
        except (OSError, ValueError) as e:
            fix = "check the address and your rights there"
            raise TraceError(self.url, f"cannot be listed: {e}", fix) from e
        names = [info.base_name for info in found if info.type != FileType.Directory]
        ids = [name.removesuffix(_SUFFIX) for name in names if _is_trace(name)]
        others = (n for n in names if not _is_trace(n) and not n.startswith("."))
        return Listing(tuple(sorted(ids, reverse=True)), tuple(sorted(others)))

    def find(self, name: str) -> Trace:
        """Return the trace of the solve `name`: an id, its unique start, or "latest".

        A whole id is read at once; anything else takes a list of the files, never a look
        into them.

        Raises:
            TraceError: there is none or more than one, or its file cannot be read.
        """
        if not _ID.fullmatch(name):
            fix = "an id is digits, small letters and hyphens"
            raise TraceError(self.url, f"{name!r} is no id of a solve", fix)
        if is_id(name) and self._holds(name):
            return self.read(name)
        ids = self.listing().ids
        found = [i for i in ids if i.startswith(name)] if name != "latest" else list(ids[:1])
        if name in found:
            found = [name]
        if not found:
            what = f"no trace starts with {name!r}" if name != "latest" else "there are no traces"
            raise TraceError(self.url, what, "see `votebox traces list`")
        if len(found) > 1:
            some = ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
            what = f"{len(found)} traces start with {name!r}: {some}"
            raise TraceError(self.url, what, "give more of the id")
        return self.read(found[0])

    def read(self, solve: str) -> Trace:
        """Return the trace of a listed id; raise TraceError naming the file when it is none."""
        with self._naming(solve):
            return read_table(self._table(solve))

    def summary(self, solve: str) -> Mapping[str, Any]:
        """Return the columns of a listed trace that sum up its solve; raise as `read` does."""
        with self._naming(solve):
            rows = self._table(solve, _SUMMARY).to_pylist()
            solves = [row for row in rows if row.pop("kind") == "solve"]
            if len(solves) != 1:
                raise ValueError(f"it holds {len(solves)} solves, not one")
            return dict(solves[0])

    def _append(self, verdict: Verdict, problem: Problem, recipe: Recipe) -> None:
        if not _ID.fullmatch(verdict.id):
            raise ValueError(f"the solve's id {verdict.id!r} is none")
        # In memory first: closing the stream of an object store, even for an error, would
        # publish what half of a file there was.
        data = _parquet(to_table(verdict, problem, recipe))
        write = self._write_local if self._local else self._write_remote
        write(f"{verdict.id}{_SUFFIX}", data)

    def _write_local(self, name: str, data: "pa.Buffer") -> None:
        folder = Path(self._root)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = folder / f".{name}.{os.getpid()}"
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            fresh.replace(folder / name)
        finally:
            fresh.unlink(missing_ok=True)

    def _write_remote(self, name: str, data: "pa.Buffer") -> None:
        with self._files.open_output_stream(f"{self._root}/{name}") as sink:
            sink.write(data)

    def _holds(self, solve: str) -> bool:
        """Return whether there is a file of this id; False where that cannot be told."""
        from pyarrow.fs import FileType

        try:
            info = self._files.get_file_info(f"{self._root}/{solve}{_SUFFIX}")
        except (OSError, ValueError):
            return False
        return bool(info.type == FileType.File)

    def _table(self, solve: str, columns: tuple[str, ...] | None = None) -> "pa.Table":
        import pyarrow.parquet as pq

        path = f"{self._root}/{solve}{_SUFFIX}"
        with self._files.open_input_file(path) as file:
            return pq.ParquetFile(file).read(columns=list(columns) if columns else None)

    @contextmanager
    def _naming(self, solve: str) -> Iterator[None]:
        """Name the file in whatever reading it raises: it may hold anything."""
        try:
            yield
        except Exception as e:
            # A file that others wrote, or that is broken, makes its readers raise anything.
            fix = "remove the file, or read it with the votebox that wrote it"
            raise TraceError(self.url, f"{solve}{_SUFFIX} cannot be read: {e}", fix) from e

    def _warn(self, error: Exception) -> None:
        with self._lock:
            told, self._warned = self._warned, True
        if not told:
            _log.warning(
                "traces are not kept in %s: %s: %s; check the address and your rights there, "
                "or choose another place (later failures are not told)",
                self.url,
                type(error).__name__,
                error,
            )


def _parquet(table: "pa.Table") -> "pa.Buffer":
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    # Of a single row neither dictionaries nor statistics are worth the time they take.
    pq.write_table(table, sink, compression="zstd", use_dictionary=False, write_statistics=False)
    return sink.getvalue()


def _is_trace(name: str) -> bool:
    return name.endswith(_SUFFIX) and bool(_ID.fullmatch(name.removesuffix(_SUFFIX)))


def file_system(url: str) -> "tuple[FileSystem, str]":
    """Return the file system of `url` and the path in it; raise TraceError when there is none."""
    from pyarrow import fs

    if not url.strip():
        raise TraceError(repr(url), "is no place", "give a folder or a URI")
    if not _SCHEME.match(url):
        return fs.LocalFileSystem(), str(Path(url).expanduser().absolute())
    try:
        found, path = fs.FileSystem.from_uri(url)
    except (OSError, ValueError, NotImplementedError) as e:
        known = _fsspec(url)
        if known is None:
            fix = "give a folder, a URI that pyarrow knows, or install fsspec's driver for it"
            raise TraceError(url, f"is no place that can be used: {e}", fix) from e
        found, path = known
    if found.type_name != "local" and not path.strip("/"):
        raise TraceError(
            url, "names no bucket or folder", "give a folder in it, as in s3://bucket/a"
        )
    return found, path.rstrip("/") or "/"


def _fsspec(url: str) -> "tuple[FileSystem, str] | None":
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    with suppress(ImportError, ValueError, OSError):
        from fsspec.core import url_to_fs

        found, path = url_to_fs(url)
        return PyFileSystem(FSSpecHandler(found)), path
    return None
