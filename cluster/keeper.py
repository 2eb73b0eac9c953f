"""Keep one command alive and leave nothing of it behind.

    python -m votebox.cluster.keeper '{"command": [...], ...}'

The keeper starts the command, waits, and then ends every process that descends from
it: it is a child subreaper, so that what detaches itself (Ray's daemons, a jail) still
comes back to it. It ends the command when it gets a signal and, if tied to its parent,
when the parent dies, however that died. It imports the standard library alone, because
it starts before everything else, and knows nothing of Ray.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

__all__ = ["SCRATCH", "Charge", "adopt_orphans", "descendants", "end_all", "keep", "start_keeper"]

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_SCRATCH_PREFIX: Final = "votebox-"
_LOCK: Final = "lock"
_SIGNALS: Final = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
_LONGEST_SHORT_TMP: Final = 16
"""Ray puts Unix sockets, whose paths end at 107 bytes, some 85 bytes below this."""

SCRATCH: Final = "VOTEBOX_SCRATCH"
"""The variable that tells the command its scratch folder, removed at the end."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Say what to keep: the command and the file descriptors it inherits.

    `parent` is the pid to die with, 0 for a daemon. `forget` are files to remove at the
    end. `grace_s` is the time between SIGTERM and SIGKILL. `lock` is a descriptor the
    keeper itself holds open, so that a lock on it lasts as long as it lives.
    """

    command: tuple[str, ...]
    pass_fds: tuple[int, ...] = ()
    parent: int = 0
    forget: tuple[str, ...] = ()
    grace_s: float = 0.5
    lock: int = -1


def start_keeper(charge: Charge, log: Path) -> subprocess.Popen[bytes]:
    """Start a keeper in a session of its own, with its output in `log`."""
    kept = charge.pass_fds if charge.lock < 0 else (*charge.pass_fds, charge.lock)
    with log.open("ab") as sink:
        return subprocess.Popen(
            [sys.executable, "-m", "votebox.cluster.keeper", json.dumps(asdict(charge))],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            pass_fds=kept,
            start_new_session=True,
        )


def keep(charge: Charge) -> int:
    """Run the charge to its end and clean up; return the command's exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    adopt_orphans()
    if charge.parent:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != charge.parent:  # it died before the line above
            return 128 + signal.SIGTERM
    _sweep(_short_tmp())
    scratch = _make_scratch(_short_tmp())
    try:
        child = subprocess.Popen(
            charge.command,
            env={**os.environ, SCRATCH: str(scratch)},
            stdin=subprocess.DEVNULL,
            pass_fds=charge.pass_fds,
            preexec_fn=_tie_to_keeper,  # noqa: PLW1509 - this process has one thread
        )
        for descriptor in charge.pass_fds:
            os.close(descriptor)  # or the reader would never see the command's end
        return _wait(child)
    finally:
        end_all(charge.grace_s)
        shutil.rmtree(scratch, ignore_errors=True)
        for path in charge.forget:
            Path(path).unlink(missing_ok=True)


def adopt_orphans() -> None:
    """Make orphans among our descendants our children, so that `end_all` finds them."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_all(grace_s: float, limit_s: float = 20.0) -> None:
    """End all descendants: SIGTERM, SIGKILL after `grace_s`, and wait till all are gone.

    Raises:
        TimeoutError: a process outlived SIGKILL for `limit_s` seconds (it hangs in the
            kernel); its pid is in the message.
    """
    start = time.monotonic()
    told: set[int] = set()
    while left := descendants(os.getpid()):
        since = time.monotonic() - start
        if since > limit_s:
            raise TimeoutError(f"processes {left} do not end")
        for pid in left:
            if since >= grace_s:
                _send(pid, signal.SIGKILL)
            elif pid not in told:
                told.add(pid)
                _send(pid, signal.SIGTERM)
        _reap()
        time.sleep(0.02)


def descendants(ancestor: int) -> list[int]:
    """Return the pids of all processes below `ancestor`, zombies it must reap included."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    ahead = [ancestor]
    while ahead:
        below = children.get(ahead.pop(), [])
        found += below
        ahead += below
    return found


def process_name(pid: int) -> str:
    """Return the short name of a process, "" when it has ended, reaped or not."""
    try:
        stat = Path("/proc", str(pid), "stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    name, _, rest = stat.partition("(")[2].rpartition(")")
    return "" if rest.split()[0] in "ZX" else name


def _parents() -> Iterator[tuple[int, int]]:
    """Yield (pid, parent pid) of every process."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                stat = (folder / "stat").read_text("utf-8", "replace")
                # The command name, in parentheses, may itself hold anything.
                yield int(folder.name), int(stat.rpartition(")")[2].split()[1])


def _wait(child: subprocess.Popen[bytes]) -> int:
    """Wait until the command ends or a signal asks for its end."""
    while True:
        told = signal.sigwait(_SIGNALS)
        if told != signal.SIGCHLD:
            return 128 + told
        _reap(but=child.pid)
        if child.poll() is not None:
            return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _reap(but: int = 0) -> None:
    """Collect ended orphans, and leave the exit status of `but` to its owner."""
    for pid, parent in list(_parents()):
        if parent == os.getpid() and pid != but:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _tie_to_keeper() -> None:
    """Undo the keeper's signal mask in the child and make it die with the keeper."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value}) failed")


def _make_scratch(parent: str) -> Path:
    """Make a scratch folder with a lock in it that is held as long as this process lives."""
    folder = Path(tempfile.mkdtemp(prefix=_SCRATCH_PREFIX, dir=parent))
    fresh = folder / "taking"
    fcntl.flock(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600), fcntl.LOCK_EX)
    fresh.rename(folder / _LOCK)  # nobody sees it unlocked
    return folder


def _sweep(parent: str) -> None:
    """Remove the scratch folders of our keepers that were killed."""
    for folder in Path(parent).glob(f"{_SCRATCH_PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.lstat().st_uid != os.getuid():
                continue
            descriptor = os.open(folder / _LOCK, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


def _short_tmp() -> str:
    folder = tempfile.gettempdir()
    return folder if len(folder) <= _LONGEST_SHORT_TMP else "/tmp"  # noqa: S108 - mkdtemp below it


def _main(arguments: Sequence[str]) -> int:
    raw = json.loads(arguments[0])
    lists = {name: tuple(raw[name]) for name in ("command", "pass_fds", "forget")}
    return keep(Charge(**{**raw, **lists}))


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
