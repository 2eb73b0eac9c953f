"""Watch what a call does to the world besides returning a value, in the kit's own process.

Python tells audit hooks of files, sockets, processes and threads; reading the environment
is watched by standing in for its lookup. A hook stays as long as its process lives, so
this belongs into a child process. What an import does is not counted: a function may
import what it needs.
"""

import io
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import lru_cache
from types import FrameType, ModuleType
from typing import Any, Final

__all__ = ["World", "stable", "state"]

_WATCHED: Final = {
    "open": "opens a file",
    "os.fork": "starts a process",
    "os.": "asks the operating system",
    "shutil.": "handles files",
    "tempfile.": "makes a file",
    "socket.": "uses the network",
    "subprocess.": "starts a process",
    "_thread.start_new_thread": "starts a thread",
    "ctypes.dlopen": "loads a library",
}

_MOST_SLEEP_S: Final = 0.01
_DEEPEST: Final = 12
_PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes})


class World:
    """Record what a watched call does; `done` holds it in words, once each."""

    def __init__(self) -> None:
        self.done: dict[str, None] = {}
        self._armed = False

    def install(self) -> None:
        """Begin to listen, for the rest of this process."""
        sys.addaudithook(self._heard)
        os.register_at_fork(after_in_child=self._forked)
        lookup, sleep = type(os.environ).__getitem__, time.sleep

        def told(environment: Any, name: str) -> str:
            if self._armed and not _importing(sys._getframe(1)):  # noqa: SLF001 - the caller
                self.done[f"reads the environment variable {name!r:.40}"] = None
            return lookup(environment, name)

        def slept(seconds: Any) -> None:  # Python 3.12 tells no audit hook of it
            if self._armed:
                self.done["sleeps"] = None
                seconds = min(seconds, _MOST_SLEEP_S)  # known by now, and there are many calls
            sleep(seconds)

        time.sleep = slept
        type(os.environ).__getitem__ = told  # type: ignore[method-assign]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch what is done inside; what it prints is done, too."""
        self.done.clear()
        streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = said, complained = io.StringIO(), io.StringIO()
        self._armed = True
        try:
            yield
        finally:
            self._armed = False
            sys.stdout, sys.stderr = streams
            if said.getvalue() or complained.getvalue():
                self.done["prints"] = None

    def _forked(self) -> None:
        """End a process that a call forked: it would make all further calls, too."""
        if self._armed:
            os._exit(0)

    def _heard(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._armed:
            return
        if event == "open" and str(args[0])[:1] == "<":  # Python looks for a SyntaxError's line
            return
        word = next((w for name, w in _WATCHED.items() if event.startswith(name)), None)
        if word and not _importing(sys._getframe(1)):  # noqa: SLF001 - the caller
            what = f" ({event} {args[0]!r:.60})" if args else f" ({event})"
            self.done[word + what] = None


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def state(module: ModuleType | None) -> dict[str, tuple[int, int]]:
    """Return what a module's globals are: identity, and size where they can grow."""
    return {
        name: (id(value), len(value) if isinstance(value, list | dict | set | bytearray) else 0)
        for name, value in vars(module or ModuleType("none")).items()
        if not name.startswith("__")
    }


def stable(value: Any, depth: int = 0) -> str:
    """Return a text that is the same for equal values in every process, addresses left out."""
    kind: type = type(value)
    if kind in _PLAIN or isinstance(value, bool | int | float | str | bytes):
        return repr(value)
    if depth > _DEEPEST:
        return kind.__name__
    if is_dataclass(value) and not isinstance(value, type):
        names = _names(kind)
        texts = _each((getattr(value, name) for name in names), depth)
        parts = map("=".join, zip(names, texts, strict=True))
        return f"{kind.__name__}({','.join(parts)})"
    if isinstance(value, Mapping):
        pairs = zip(_each(value.keys(), depth), _each(value.values(), depth), strict=True)
        return f"{kind.__name__}{{{','.join(map(':'.join, pairs))}}}"
    if isinstance(value, set | frozenset):
        return f"{kind.__name__}{{{','.join(sorted(_each(value, depth)))}}}"
    if isinstance(value, list | tuple):
        return f"{kind.__name__}[{','.join(_each(value, depth))}]"
    text = repr(value)
    return kind.__name__ if " at 0x" in text else text


def _each(values: Iterable[Any], depth: int) -> Iterator[str]:
    """Yield the stable text of each; most are plain, and millions are told."""
    for value in values:
        yield repr(value) if type(value) in _PLAIN else stable(value, depth + 1)


@lru_cache(maxsize=256)
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
