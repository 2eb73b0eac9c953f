"""Check one request to run a program before anything is started."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from votebox.sandbox.execution import Limits

SOURCE_MIB = 4
STDIN_MIB = 4
ENTRIES = 2048  # files and directories; half the inodes of the scratch space
MOST_COLLECTED = 16
PAGE = 4096  # bytes a file's last page takes, however few are in it


class Rejected(Exception):
    """Give the reason why a program is not started."""


@dataclass(frozen=True, slots=True)
class Job:
    """Hold one accepted program, in bytes."""

    source: bytes
    limits: Limits
    files: tuple[tuple[str, bytes], ...] = ()
    stdin: bytes = b""
    wanted: tuple[str, ...] = ()
    echo: bool = False


def make_job(
    code: str,
    limits: Limits,
    files: Mapping[str, str | bytes] | None = None,
    stdin: str | bytes = "",
    *,
    collect: Collection[str] = (),
    echo: bool = False,
) -> Job:
    """Check and encode a request, or raise Rejected with the reason."""
    _check_types(code, files, stdin, collect)
    source = _encode("the source", code, SOURCE_MIB)
    data = _encode("stdin", stdin, STDIN_MIB)
    accepted = tuple((_name(name), _file(name, content)) for name, content in (files or {}).items())
    pages = sum(-(-len(content) // PAGE) for content in (source, *(c for _, c in accepted)))
    if pages * PAGE > limits.scratch_mib * 2**20:
        raise Rejected(f"source and files take more than {limits.scratch_mib} MiB of scratch space")
    _check_tree([name for name, _ in accepted])
    wanted = tuple(dict.fromkeys(map(_path, collect)))
    if len(wanted) > MOST_COLLECTED:
        raise Rejected(f"{len(wanted)} files to collect; at most {MOST_COLLECTED} are allowed")
    return Job(source, limits, accepted, data, wanted, echo)


def _check_types(code: object, files: object, stdin: object, collect: object) -> None:
    """Raise TypeError for what no caller can have meant."""
    if not isinstance(code, str):
        raise TypeError(f"code is text, not {type(code).__name__}")
    if not isinstance(stdin, str | bytes):
        raise TypeError(f"stdin is text or bytes, not {type(stdin).__name__}")
    if files is not None and not isinstance(files, Mapping):
        raise TypeError(f"files is a mapping of name to content, not {type(files).__name__}")
    for name, content in (files or {}).items():
        if not isinstance(name, str) or not isinstance(content, str | bytes):
            raise TypeError(f"files[{name!r}]: give a name in text, and text or bytes")
    if isinstance(collect, str) or not isinstance(collect, Collection):
        raise TypeError(f"collect={collect!r}: give a collection of names")
    for name in collect:
        if not isinstance(name, str):
            raise TypeError(f"collect names {name!r}, which is no text")


def _encode(what: str, text: str | bytes, most_mib: int) -> bytes:
    if isinstance(text, str):
        try:
            text = text.encode()
        except UnicodeEncodeError as error:
            bad = text[error.start]
            raise Rejected(f"{what} is not encodable: {bad!r} at {error.start}") from None
    if len(text) > most_mib * 2**20:
        raise Rejected(f"{what} has {len(text)} bytes; at most {most_mib} MiB are allowed")
    return text


def _file(name: str, content: str | bytes) -> bytes:
    try:
        return content if isinstance(content, bytes) else content.encode()
    except UnicodeEncodeError:
        raise Rejected(f"file {name!r} is not encodable; give bytes") from None


def _name(name: str) -> str:
    """Return the plain relative name of a file to put in, or reject it."""
    if re.fullmatch(r"main[0-9]*\.py", _path(name).split("/")[0]):
        raise Rejected(f"file name {name!r} is kept for programs; choose another")
    return name


def _path(name: str) -> str:
    """Return a plain relative name, or reject it."""
    parts = name.split("/")
    if "\0" in name or not name.isprintable():
        raise Rejected(f"file name {name!r} has characters that cannot be printed")
    if name.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise Rejected(f"file name {name!r} must be a plain relative path")
    if any(len(part.encode()) > 255 for part in parts) or len(parts) > 16:
        raise Rejected(f"file name {name!r} is too long or too deep")
    return name


def _check_tree(names: list[str]) -> None:
    """Reject too many names, and a name that is both a file and a directory."""
    directories: dict[str, str] = {}
    for name in names:
        parts = name.split("/")
        directories |= {"/".join(parts[:end]): name for end in range(1, len(parts))}
    if len(names) + len(directories) > ENTRIES:
        raise Rejected(f"at most {ENTRIES} files and directories are allowed")
    for name in names:
        if name in directories:
            raise Rejected(f"file name {name!r} is also the directory of {directories[name]!r}")
