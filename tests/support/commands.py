"""Run the real command line in processes of its own."""

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import warm


def environment(state: Path, **more: str) -> dict[str, str]:
    """Return an environment whose state folder is `state`, free of what a user may set."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("VOTEBOX_", "RAY_"))}
    return {**kept, "XDG_STATE_HOME": str(state), "COLUMNS": "100", **more}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "votebox.cluster", *arguments]


def votebox(
    *arguments: str, env: Mapping[str, str], stdin: str = "", timeout_s: float = 240
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    if warm.usable(env):
        return _warm().run(arguments, env, stdin, timeout_s)
    return subprocess.run(
        command(*arguments),
        env=env,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@functools.cache
def _warm() -> warm.Warm:
    return warm.Warm()


def start(*arguments: str, env: Mapping[str, str], **more: Any) -> subprocess.Popen[str]:
    """Start one command and return at once."""
    return subprocess.Popen(
        command(*arguments),
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_listen,  # noqa: PLW1509 - only signals are touched
        **more,
    )


def _listen() -> None:
    """Undo what a background job of a shell or nohup inherits: signals that are ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def marked(mark: str) -> list[str]:
    """Return the command lines of all processes whose environment holds `mark`.

    The environment is inherited by everything a command starts, whoever adopts it later;
    that is how a test finds what was left, among processes that are not its own.
    """
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                inherited = (folder / "environ").read_bytes()
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if mark.encode() in inherited and state != "Z":
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                found.append(f"{folder.name} {line.decode(errors='replace')[:200]}")
    return found
