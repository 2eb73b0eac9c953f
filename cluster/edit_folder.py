"""Read the text files of a folder, and write changed ones back, never outside of it.

Every path is walked from the folder's descriptor without following links, so that a link
put in the way between check and write leads nowhere. What a reply named has been refused
before (votebox.plugins.edits); this is the second wall.
"""

import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from votebox.cluster.errors import BadUsage, Failed

__all__ = ["Folder", "read_folder", "write_folder"]

_MOST_FILES: Final = 2_000
_MOST_BYTES: Final = 2**20
_MOST_TOTAL: Final = 64 * 2**20
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_STAGE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Folder:
    """Hold a folder's texts by relative path, and (path, why) of what was left out."""

    files: Mapping[str, str]
    skipped: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Staged:
    """Hold one file to be put in its place: its path, and the name it has until then."""

    path: str
    temporary: str


def read_folder(folder: Path) -> Folder:
    """Read every text file below a folder.

    Dot-directories, links, what is no plain file, no UTF-8 text or larger than 1 MiB is
    left out and named.

    Raises:
        BadUsage: it is no folder, or holds more than 2,000 files or 64 MiB.
    """
    files: dict[str, str] = {}
    skipped: list[tuple[str, str]] = []
    total = 0
    with _opened(folder) as root:
        for top, folders, names, at in os.fwalk(dir_fd=root, follow_symlinks=False):
            base = "" if top == "." else f"{top.removeprefix('./')}/"
            skipped += [(f"{base}{n}/", "begins with a dot") for n in folders if n[0] == "."]
            folders[:] = sorted(name for name in folders if name[0] != ".")
            for name in sorted(names):
                text, why = _text(name, at)
                if why:
                    skipped.append((f"{base}{name}", why))
                    continue
                files[f"{base}{name}"] = text
                total += len(text)
                if len(files) > _MOST_FILES or total > _MOST_TOTAL:
                    problem = f"{folder} holds more than {_MOST_FILES} files or 64 MiB"
                    raise BadUsage(problem, "give a smaller folder")
    return Folder(files, tuple(skipped))


def _text(name: str, at: int) -> tuple[str, str]:
    """Return a file's text and "", or "" and why it is none."""
    try:
        name.encode()
        descriptor = os.open(name, _READ, dir_fd=at)
    except UnicodeEncodeError:
        return "", "has no UTF-8 name"
    except OSError:
        return "", "is a link or cannot be read"
    with open(descriptor, "rb") as opened:  # noqa: PTH123 - a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return "", "is no plain file"
        given = opened.read(_MOST_BYTES + 1)
    if len(given) > _MOST_BYTES:
        return "", "is larger than 1 MiB"
    if b"\0" in given:
        return "", "is binary"
    try:
        return given.decode(), ""
    except UnicodeDecodeError:
        return "", "is no UTF-8 text"


def write_folder(folder: Path, before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Make the files `before` of a folder those `after`, and return the paths that changed.

    All new texts are written beside their places first; only then, and only if the folder
    still holds `before`, each is renamed into place.

    Raises:
        Failed: a file changed meanwhile, a link is in the way, or the disk refused.
    """
    changed = [p for p in dict.fromkeys((*before, *after)) if before.get(p) != after.get(p)]
    staged: list[_Staged] = []
    with _opened(folder) as root:
        try:
            staged.extend(
                _stage(root, path, after[path], make=path not in before)
                for path in changed
                if path in after
            )
            for path in changed:
                _check(root, path, before.get(path))
            for item in staged:
                with _parent(root, item.path) as (at, name):
                    os.rename(item.temporary, name, src_dir_fd=at, dst_dir_fd=at)
            for path in (p for p in changed if p not in after):
                with _parent(root, path) as (at, name):
                    os.unlink(name, dir_fd=at)
        except OSError as e:
            raise Failed(f"cannot write into {folder}: {e.strerror}: {e.filename}") from e
        finally:
            _sweep(root, staged)
    return changed


def _stage(root: int, path: str, text: str, *, make: bool) -> _Staged:
    temporary = f".votebox-{secrets.token_hex(8)}"
    with _parent(root, path, make=make) as (at, name):
        descriptor = os.open(temporary, _STAGE, 0o666, dir_fd=at)
        try:
            with open(descriptor, "wb") as opened:  # noqa: PTH123 - a descriptor
                if not make:
                    there = os.stat(name, dir_fd=at, follow_symlinks=False)
                    os.fchmod(descriptor, stat.S_IMODE(there.st_mode) & 0o777)
                opened.write(text.encode())
                opened.flush()
                os.fsync(descriptor)
        except OSError:
            os.unlink(temporary, dir_fd=at)
            raise
    return _Staged(path, temporary)


def _check(root: int, path: str, expected: str | None) -> None:
    """Raise Failed unless a file still is what was read, or still is not there."""
    try:
        with _parent(root, path) as (at, name):
            text, why = _text(name, at) if _is_there(name, at) else (None, "")
    except FileNotFoundError:
        text, why = None, ""
    if why or text != expected:
        raise Failed(f"{path} has changed since it was read", "nothing was written; try again")


def _is_there(name: str, at: int) -> bool:
    try:
        os.stat(name, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _sweep(root: int, staged: list[_Staged]) -> None:
    """Remove what was written beside its place and never came there."""
    for item in staged:
        with suppress(OSError), _parent(root, item.path) as (at, _):
            os.unlink(item.temporary, dir_fd=at)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    try:
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as e:
        raise BadUsage(f"cannot open the folder {folder}: {e.strerror}", "check --files") from e
    try:
        yield root
    finally:
        os.close(root)


@contextmanager
def _parent(root: int, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
    """Yield the descriptor of a path's folder and its last part; no part may be a link."""
    *parts, name = path.split("/")
    at = os.dup(root)
    try:
        for part in parts:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=at)
            inner = os.open(part, _DIRECTORY, dir_fd=at)
            os.close(at)
            at = inner
        yield at, name
    finally:
        os.close(at)
