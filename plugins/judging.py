"""Serve comparisons: the process a Judge (judge.py) starts, with math-verify in it.

`python -m votebox.plugins.judging PARENT` imports math-verify once and forks a child for
each pair (values.py), which may hang or swell as it likes: it is killed after LIMIT_S of
processor time. It ends with its standard input, or with PARENT.

Only math-verify's LaTeX reader is asked. Its reader of plain expressions hands text to
sympy's parse_expr, which is `eval`, and even the LaTeX reader does so with numerals. So an
audit hook in the child refuses to compile any other text, to write and to start anything.
"""

import gc
import json
import os
import re
import resource
import selectors
import signal
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, NoReturn

from votebox.plugins.values import compare

__all__ = ["LIMIT_S", "WALL_S"]

LIMIT_S: Final = 2
"""Processor seconds one pair may take: a busy machine must not change a verdict."""

WALL_S: Final = 10.0
"""How long one pair may take at most, however busy the machine is, in seconds."""

_MEMORY: Final = 2 * 2**30
_PARENT_S: Final = 5.0  # how often to look whether the parent lives
_REFUSED: Final = ("os.", "subprocess.", "socket.", "shutil.", "ctypes.", "pty.", "_posix")
# What sympy compiles of its own: for each numeral it reads, and for each new ring of polynomials.
_OWN: Final = re.compile(
    r"from sympy import \*|\s*+(?:Integer|Float) ?\('?[0-9.]++'? ?\)\s*+|def monomial_[\w\s(),:+*<=>-]++"
)
# What sympy imports late compiles text, too, and antlr learns its grammar from what it reads:
# done here once, else in every child.
_WARMING: Final = (
    (r"\int_0^1 x^{2} dx", r"\frac{x^{2}-4}{x-2}"),
    ("1<x<2", "(1,2)"),
    ("x^{2}=1", "y=2x+1"),
    (r"\ln 17^{2}", r"2\ln 3-\frac{\sqrt{5}+1}{2}"),
    (r"2\pi r^{2}h\sin^{2}x", r"e^{-x}(n+1)!"),
    (r"\{1, \frac{1}{2}\}", "[0, 1)"),
)
_READING: Final = frozenset({"os.listdir", "os.scandir"})  # importing does


class _Refused(BaseException):
    """Say what was refused; no Exception, as math-verify would take one for "different"."""


@dataclass(slots=True)
class _Child:
    """Hold a child at work on pair `number` until `deadline`, a monotonic time."""

    number: int
    pid: int
    deadline: float


class _Server:
    """Fork a child for each pair read from `source`; write what it says to `sink`."""

    def __init__(self, source: int, sink: int, parent: int) -> None:
        self._source, self._sink, self._parent = source, sink, parent
        self._selector = selectors.DefaultSelector()
        self._selector.register(source, selectors.EVENT_READ)
        self._children: dict[int, _Child] = {}
        self._unread = b""

    def serve(self) -> None:
        """Work until the input ends or the parent is no more."""
        try:
            while os.getppid() == self._parent:
                ready = {key.fd for key, _ in self._selector.select(self._patience())}
                for fd in ready - {self._source}:
                    self._finish(fd)
                if self._source in ready and not self._read():
                    return
                for fd in [fd for fd, c in self._children.items() if c.deadline <= monotonic()]:
                    self._finish(fd, killed=True)
        finally:
            for child in self._children.values():
                _kill(child.pid)

    def _patience(self) -> float:
        ends = (child.deadline - monotonic() for child in self._children.values())
        return max(0.0, min(ends, default=_PARENT_S))

    def _read(self) -> bool:
        """Start the pairs that have come, False at the end of the input."""
        data = os.read(self._source, 2**16)
        self._unread += data
        while len(self._unread) >= 4:
            (size,) = struct.unpack(">I", self._unread[:4])
            if len(self._unread) < 4 + size:
                break
            asked = json.loads(self._unread[4 : 4 + size])
            self._unread = self._unread[4 + size :]
            if "drop" in asked:
                self._drop(asked["drop"])
            else:
                self._start(asked["pair"], asked["a"], asked["b"])
        return bool(data)

    def _start(self, number: int, a: str, b: str) -> None:
        reading, writing = os.pipe()
        try:
            pid = os.fork()
        except OSError:  # no process to be had: undecided
            os.close(reading)
            os.close(writing)
            self._tell(number, None)
            return
        if not pid:
            _work(writing, a, b)
        os.close(writing)
        self._children[reading] = _Child(number, pid, monotonic() + WALL_S)
        self._selector.register(reading, selectors.EVENT_READ)

    def _finish(self, fd: int, *, killed: bool = False) -> None:
        """Tell what a child said, or that it was killed."""
        child = self._children.pop(fd)
        said = b"" if killed else os.read(fd, 1)
        self._selector.unregister(fd)
        os.close(fd)
        _kill(child.pid)
        self._tell(child.number, {b"T": True, b"F": False}.get(said))

    def _drop(self, number: int) -> None:
        """End the child of a pair nobody waits for any more."""
        for fd in [fd for fd, child in self._children.items() if child.number == number]:
            self._finish(fd, killed=True)

    def _tell(self, number: int, same: bool | None) -> None:  # noqa: FBT001, a value
        _send(self._sink, {"pair": number, "same": same})


def _send(fd: int, message: dict[str, Any]) -> None:
    body = json.dumps(message).encode()
    data = struct.pack(">I", len(body)) + body
    while data:
        data = data[os.write(fd, data) :]


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _work(writing: int, a: str, b: str) -> NoReturn:
    """Compare in this child, say it in one letter, end."""
    said = b"N"
    try:
        _confine(writing)
        said = {True: b"T", False: b"F", None: b"N"}[compare(a, b)]
    except BaseException:  # whatever it was, this process must not become a second server
        said = b"N"
    finally:
        with suppress(BaseException):
            os.write(3, said)
        os._exit(0)


def _confine(writing: int) -> None:
    """Leave this child only `writing`, as 3, and nothing to write or to start with."""
    # The kernel's own alarm, should the server be gone before it can kill.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, WALL_S + 0.5)
    os.dup2(writing, 3)
    os.closerange(4, 256)
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S + 1))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    sys.dont_write_bytecode = True
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse to compile text, to write a file, to start or to reach anything."""
    if event == "compile":
        refused = str(arguments[1]).startswith("<") and not _is_own(arguments[0])
    elif event == "open":
        refused = isinstance(arguments[2], int) and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
    else:
        refused = event.startswith(_REFUSED) and event not in _READING
    if refused:
        raise _Refused(event)


def _is_own(source: Any) -> bool:
    text = source.decode() if isinstance(source, bytes) else source
    return isinstance(text, str) and bool(_OWN.fullmatch(text))


def main() -> None:
    """Serve pairs from the standard input until it ends."""
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):  # so that no library writes between the messages
        os.dup2(nothing, fd)
    parent = int(sys.argv[1])
    try:
        import math_verify  # noqa: F401, the children need it imported

        for pair in _WARMING:
            compare(*pair)
    except ImportError:
        _send(sink, {"ready": False})
        return
    _send(sink, {"ready": True})
    gc.freeze()
    _Server(source, sink, parent).serve()


if __name__ == "__main__":
    main()
