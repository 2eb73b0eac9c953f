"""Fork processes for the command line that find what it imports already there.

A command alone takes a second of processor time to import what it needs, and the tests start
hundreds. The fork runs the same main with its own arguments, environment, folder and streams,
and ends as any interpreter does.
"""

import array
import atexit
import importlib
import io
import json
import os
import pkgutil
import runpy
import signal
import socket
import struct
import subprocess
import sys
import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

MODULES = (
    "httpx",
    "sympy",
    "sympy.parsing.sympy_parser",
    "votebox.cluster.cli",
    "votebox.cluster.look_commands",
    "votebox.cluster.try_commands",
    "votebox.plugins.builtin",
    "votebox.plugins.loader",
    "votebox.plugins.registry",
)
"""None of them starts a thread, which would not be there in a fork, or reads the environment."""

_LENGTH = struct.Struct("!I")
_EXIT = struct.Struct("!ii")


def usable(env: Mapping[str, str]) -> bool:
    """Tell whether a fork may stand for a fresh process.

    What an interpreter reads when it starts must be the same, and nobody may look for the
    process by its environment: the kernel shows that of the one that forked.
    """
    if "VOTEBOX_TEST_MARK" in env:
        return False
    names = {name for name in {*env, *os.environ} if name.startswith(("PYTHON", "LANG", "LC_"))}
    return all(env.get(name) == os.environ.get(name) for name in names)


class Warm:
    """Hold the process that forks; it ends with this one."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._lock = threading.Lock()
        self._socket = ours
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        atexit.register(self.close)

    def close(self) -> None:
        """End the process."""
        self._socket.close()
        self._process.wait()

    def run(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str],
        stdin: str,
        timeout_s: float,
    ) -> subprocess.CompletedProcess[str]:
        """Run one command as subprocess.run does; kill it after `timeout_s`."""
        with io.BytesIO() as out, io.BytesIO() as err:
            pumps, far = _pumps(stdin.encode(), out, err)
            told, status = socket.socketpair()
            with told, status:
                asked = {"argv": list(arguments), "env": dict(env), "cwd": str(Path.cwd())}
                self._ask(asked, [*far, status.fileno()])
                for descriptor in far:
                    os.close(descriptor)
                status.close()
                code = _wait(told, timeout_s, arguments)
            for pump in pumps:
                pump.join()
            texts = out.getvalue().decode(), err.getvalue().decode()
        return subprocess.CompletedProcess(list(arguments), code, *texts)

    def _ask(self, asked: dict[str, Any], descriptors: list[int]) -> None:
        body = json.dumps(asked).encode()
        with self._lock:
            socket.send_fds(self._socket, [_LENGTH.pack(len(body))], descriptors)
            self._socket.sendall(body)


def _pumps(
    given: bytes, out: io.BytesIO, err: io.BytesIO
) -> tuple[list[threading.Thread], list[int]]:
    """Return threads that feed and read three pipes, and the pipes' other ends."""
    stdin, feed = os.pipe()
    read_out, stdout = os.pipe()
    read_err, stderr = os.pipe()

    def write() -> None:
        with os.fdopen(feed, "wb") as stream:
            try:
                stream.write(given)
                stream.flush()
            except BrokenPipeError:
                os.set_inheritable(stream.fileno(), False)

    def read(descriptor: int, into: io.BytesIO) -> None:
        with os.fdopen(descriptor, "rb") as stream:
            into.write(stream.read())

    pumps = [
        threading.Thread(target=write),
        threading.Thread(target=read, args=(read_out, out)),
        threading.Thread(target=read, args=(read_err, err)),
    ]
    for pump in pumps:
        pump.start()
    return pumps, [stdin, stdout, stderr]


def _wait(told: socket.socket, timeout_s: float, arguments: Sequence[str]) -> int:
    """Return the exit status, negative for a signal."""
    (pid,) = _LENGTH.unpack(_exactly(told, _LENGTH.size))
    told.settimeout(timeout_s)
    try:
        exited, signalled = _EXIT.unpack(_exactly(told, _EXIT.size))
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        raise subprocess.TimeoutExpired(list(arguments), timeout_s) from None
    return -signalled if signalled else exited


def _exactly(stream: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = stream.recv(size - len(found))
        if not piece:
            raise EOFError
        found += piece
    return found


def serve(descriptor: int) -> None:
    """Fork a process for each request; return in each, ready to run the command."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in MODULES:
            importlib.import_module(name)
        builtin = sys.modules["votebox.plugins.builtin"].__path__
        for module in pkgutil.iter_modules(builtin, "votebox.plugins.builtin."):
            importlib.import_module(module.name)
    asking = socket.socket(fileno=descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who waits for the command is nobody's care
    size = array.array("i").itemsize
    while True:
        data, descriptors, _, _ = socket.recv_fds(asking, _LENGTH.size, 4 * size)
        if not data:
            os._exit(0)
        asked = json.loads(_exactly(asking, *_LENGTH.unpack(data)))
        if os.fork() == 0:
            asking.close()
            _become(asked, descriptors)
            return
        for each in descriptors:
            os.close(each)


def _become(asked: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    """Fork once more: one waits and tells the status, the other is the command."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, status = descriptors
    pid = os.fork()
    if pid:
        for each in streams:
            os.close(each)
        _tell(pid, socket.socket(fileno=status))
    os.close(status)
    for number, each in enumerate(streams):
        os.dup2(each, number)
        os.close(each)
    sys.stdin = sys.__stdin__ = _text(0, "r")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _text(1, "w")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _text(2, "w", errors="backslashreplace", buffering=1)  # type: ignore[misc]
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    sys.argv[1:] = asked["argv"]


def _text(descriptor: int, mode: str, errors: str = "strict", buffering: int = -1) -> io.TextIOBase:
    return open(  # type: ignore[return-value]
        descriptor, mode, buffering, encoding="utf-8", errors=errors, closefd=False
    )


def _tell(pid: int, told: socket.socket) -> NoReturn:
    told.sendall(_LENGTH.pack(pid))
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    told.sendall(_EXIT.pack(max(code, 0), max(-code, 0)))
    os._exit(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
    sys.path[0] = str(Path.cwd())  # as of `python -m`, not the folder of this file
    runpy.run_module("votebox.cluster", run_name="__main__", alter_sys=True)
