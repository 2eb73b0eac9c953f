"""Run Ray and the Serve application for one command: the child that may be heavy.

    python -m votebox.cluster.runtime '{"mode": "solve", ...}'

A keeper starts it, with all output going to a log file. It tells what happens as JSON
lines on a pipe: `stage` events while it starts, `ready`, then either the wire events of
one solve or nothing more, and `failed` when it cannot go on. It never cleans Ray up:
ending is the keeper's work, which is faster and does not depend on our health.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from votebox.cluster.errors import translated
from votebox.cluster.keeper import SCRATCH, descendants, process_name
from votebox.cluster.ray_cluster import deploy, start_ray
from votebox.cluster.stages import root_cause

__all__ = ["RuntimeArgs", "main"]

_WATCH_S: Final = 1.0
_DAEMONS: Final = frozenset({"raylet", "gcs_server"})


@dataclass(frozen=True, slots=True)
class RuntimeArgs:
    """Say what to run.

    `mode` solve answers `request` and ends; serve listens on `host`:`port` until it is
    ended. `app` holds fields of deployments' AppArgs, `events_fd` is the pipe to tell.
    A request may be longer than a command line can be, and is nobody else's to read in a
    list of processes: it travels in the file `request_fd`, which `client.runtime` fills.
    """

    mode: Literal["solve", "serve"]
    events_fd: int
    app: Mapping[str, Any] = field(default_factory=dict)
    request: Mapping[str, Any] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 8000
    request_fd: int = -1

    def command(self) -> tuple[str, ...]:
        """Return the command line that runs this."""
        return (sys.executable, "-m", "votebox.cluster.runtime", json.dumps(asdict(self)))


class _Pipe:
    """Write events as JSON lines; who no longer reads them ends us."""

    def __init__(self, descriptor: int) -> None:
        self._stream = os.fdopen(descriptor, "w", encoding="utf-8")
        self._stage = ""

    def tell(self, event: Mapping[str, Any]) -> None:
        try:
            self._stream.write(json.dumps(event) + "\n")
            self._stream.flush()
        except BrokenPipeError:
            sys.exit(1)

    def stage(self, text: str) -> None:
        """Tell a stage of the start, once."""
        if text != self._stage:
            self._stage = text
            self.tell({"type": "stage", "text": text})

    def close(self) -> None:
        self._stream.close()


def main(arguments: list[str]) -> int:
    """Run to the end of the solve, or until a signal; return the exit code."""
    args = RuntimeArgs(**json.loads(arguments[0]))
    pipe = _Pipe(args.events_fd)
    try:
        handle = _start(args, pipe)
        pipe.tell({"type": "ready"})
        if args.mode == "solve":
            with os.fdopen(args.request_fd, "rb") as request:
                _solve(handle, json.load(request), pipe)
            return 0
    except Exception as e:
        # Whatever Ray, Serve or a replica raises, the command must say one line of it.
        pipe.tell(_failure(e))
        raise
    pipe.close()
    _watch()
    return 1


def _start(args: RuntimeArgs, pipe: _Pipe) -> Any:
    """Start Ray, Serve and the application; return the handle of its root."""
    gc.disable()  # thousands of imported modules are no garbage, and looking costs a tenth
    start_ray(Path(os.environ[SCRATCH]), pipe.stage)
    from votebox.deployments.app import AppArgs, build

    application = build(AppArgs.model_validate(dict(args.app)))
    http = {"host": args.host, "port": args.port} if args.mode == "serve" else None
    handle = deploy(application, pipe.stage, http)
    gc.enable()
    return handle


def _solve(handle: Any, request: Mapping[str, Any], pipe: _Pipe) -> None:
    for batch in handle.options(stream=True).solve_events.remote(dict(request)):
        for event in batch:
            pipe.tell(event)


def _failure(error: Exception) -> dict[str, Any]:
    """Return the `failed` event: `usage` tells whether the caller can mend it."""
    known = translated(root_cause(error))
    return {"type": "failed", "usage": known.exit_code == 2, "problem": str(known)}


def _watch() -> None:
    """Wait for a signal; return when a daemon of Ray has died, so that the keeper ends us."""
    daemons = [pid for pid in descendants(os.getpid()) if process_name(pid) in _DAEMONS]
    while all(process_name(pid) in _DAEMONS for pid in daemons):
        time.sleep(_WATCH_S)
    sys.stderr.write("a daemon of Ray has died\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
