"""`votebox keys`: make, list and take away the API keys of an app.

A key is shown once, when it is made; the file holds its hash. A running app reads the file
again when it changes.
"""

import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from votebox.cluster.errors import BadUsage
from votebox.cluster.result import write_json

if TYPE_CHECKING:
    from votebox.deployments.keys import Key

__all__ = ["keys_list", "keys_new", "keys_remove"]

File = Annotated[Path, typer.Option("--file", metavar="PATH", help="The key file.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="What the key is called.")]

DEFAULT_FILE = Path("keys.toml")


def keys_new(
    name: Name,
    *,
    file: File = DEFAULT_FILE,
    per_minute: Annotated[
        float | None, typer.Option(min=0.01, help="The most requests a minute.")
    ] = None,
    max_running: Annotated[int | None, typer.Option(min=1, help="The most solves at once.")] = None,
    max_queued: Annotated[
        int | None, typer.Option(min=0, help="The most that wait their turn.")
    ] = None,
    admin: Annotated[
        bool, typer.Option("--admin", help="See and cancel the solves of every key.")
    ] = False,
) -> int:
    """Make a key, add its hash to the file and print it; it is not shown again."""
    from votebox.deployments.keys import KeyFileError, check_name, digest, new_key

    known = _read(file) if file.exists() else {}
    try:
        check_name(name, "keys new")
    except KeyFileError as e:
        raise BadUsage(e.problem, e.fix) from e
    if name in known:
        raise BadUsage(f"{file} has a key {name!r} already", f"votebox keys remove {name}")
    key = new_key()
    given: dict[str, Any] = {
        "sha256": digest(key),
        "requests_per_minute": per_minute,
        "max_running": max_running,
        "max_queued": max_queued,
        "admin": admin or None,
    }
    before = file.read_text("utf-8").rstrip("\n") + "\n\n" if known else ""
    _write(file, before + _table(name, given))
    typer.echo(key)
    typer.echo(f"votebox: {name!r} is in {file}; the key is not shown again", err=True)
    return 0


def keys_list(
    *,
    file: File = DEFAULT_FILE,
    json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> int:
    """List the keys of a file with their limits."""
    told = {
        name: key.model_dump(exclude_defaults=True, exclude={"name", "sha256"})
        for name, key in _read(file).items()
    }
    if json:
        write_json(told, sys.stdout)
        return 0
    for name, limits in told.items():
        shown = (f"{field}={str(value).lower()}" for field, value in limits.items())
        typer.echo(" ".join([name, *shown]))
    return 0


def keys_remove(name: Name, *, file: File = DEFAULT_FILE) -> int:
    """Take a key away; a running app refuses it within seconds. Comments in the file go, too."""
    known = _read(file)
    if name not in known:
        raise BadUsage(f"{file} has no key {name!r}", f"known: {', '.join(known) or 'none'}")
    kept = (
        _table(other, key.model_dump(exclude={"name"}, exclude_defaults=True))
        for other, key in known.items()
        if other != name
    )
    _write(file, "\n".join(kept))
    typer.echo(f"removed {name!r} from {file}")
    return 0


def _read(file: Path) -> "dict[str, Key]":
    from votebox.deployments.keys import KeyFileError, read_keys

    try:
        return read_keys(file)
    except KeyFileError as e:
        raise BadUsage(f"{e.where} {e.problem}", e.fix) from e


def _table(name: str, fields: dict[str, Any]) -> str:
    """Return the TOML of one key; names are checked, values are hashes, numbers and flags."""
    head = f'[keys."{name}"]'
    lines = [f"{field} = {_value(value)}" for field, value in fields.items() if value is not None]
    return "\n".join([head, *lines, ""])


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value}"


def _write(file: Path, text: str) -> None:
    """Replace the file at once, so that an app reading it sees the old or the new one.

    Whoever may read the old one may read the new one; where the file is a link, it stays one.
    """
    target, made = Path(os.path.realpath(file)), None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        made = Path(name)
        with os.fdopen(handle, "w", encoding="utf-8") as written:
            written.write(text)
        if target.exists():
            _share(made, target.stat())
        made.replace(target)
    except OSError as e:
        if made is not None:
            made.unlink(missing_ok=True)
        raise BadUsage(f"{file} cannot be written: {e.strerror}", "choose another --file") from e


def _share(made: Path, old: os.stat_result) -> None:
    """Give a new file the owner and mode of the old one, as far as we may; raise OSError."""
    new = made.stat()
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        os.chown(made, old.st_uid, old.st_gid)
    made.chmod(stat.S_IMODE(old.st_mode))
