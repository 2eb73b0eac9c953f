"""Keep what outlives a command: the running app and the log files.

The state folder is `$XDG_STATE_HOME/votebox`, or `~/.local/state/votebox`. An app is
running while somebody holds the lock beside its state file: the kernel drops the lock
with the process, so a stale file cannot pass for an app, whatever its pid became.
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from votebox.cluster.errors import Failed

__all__ = [
    "App",
    "claim",
    "forget_app",
    "new_log",
    "place_of",
    "read_app",
    "state_dir",
    "traces_dir",
    "write_app",
]

_KEPT_LOGS: Final = 20


@dataclass(frozen=True, slots=True)
class App:
    """Describe the app that `votebox up` started.

    `pid` is its keeper's, `started` seconds since the epoch, `ready` whether it has
    answered /health once, `model` and `recipe` what it was started with ("" = default),
    `traces` where its traces are ("" = nowhere, or not known).
    """

    url: str
    pid: int
    started: float
    log: str
    ready: bool = False
    recipe: str = ""
    model: str = ""
    traces: str = ""


def state_dir() -> Path:
    """Return the state folder, made if need be and closed to others."""
    base = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not base.is_absolute():  # the XDG specification has relative paths ignored
        base = Path.home() / ".local" / "state"
    folder = base / "votebox"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as e:
        fix = "set XDG_STATE_HOME to a folder you can write"
        raise Failed(f"the state folder {str(folder)!r} cannot be made: {e.strerror}", fix) from e
    return folder


def traces_dir() -> str:
    """Return the folder of the traces of this user's solves; it may not exist yet."""
    return str(state_dir() / "traces")


def place_of(traces: str) -> str:
    """Return where traces are for a process in any folder: a whole path, or a URI as it is.

    >>> place_of("s3://bucket/traces")
    's3://bucket/traces'
    """
    return traces if "://" in traces else str(Path(traces).expanduser().absolute())


def claim() -> int | None:
    """Take the app lock; return its file descriptor, or None while an app holds it.

    Whoever inherits the descriptor keeps the lock; closing all copies gives it back.
    """
    descriptor = os.open(state_dir() / "app.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def read_app() -> App | None:
    """Return the app that runs or is starting, None when there is none."""
    descriptor = claim()
    if descriptor is not None:
        os.close(descriptor)
        return None
    try:
        return App(**json.loads(_app_file().read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None  # between the lock and the first write, or written by another version


def write_app(app: App) -> None:
    """Write the state file whole or not at all."""
    path = _app_file()
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(asdict(app), indent=2) + "\n", "utf-8")
    fresh.replace(path)


def forget_app() -> None:
    """Remove the state file."""
    _app_file().unlink(missing_ok=True)


def new_log(name: str) -> Path:
    """Return the path of a new, empty log file for command `name`; drop the oldest ones."""
    folder = state_dir() / "logs"
    folder.mkdir(mode=0o700, exist_ok=True)
    for old in sorted(folder.glob("*.log"), key=_age)[: -(_KEPT_LOGS - 1)]:
        old.unlink(missing_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    path = folder / f"{name}-{stamp}-{os.getpid()}.log"
    path.touch(0o600)
    return path


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another command drops old logs too
        return 0.0


def _app_file() -> Path:
    return state_dir() / "app.json"
