"""Hold a terminal for `votebox top`: keys as they are typed, a screen that is given back.

Signals only set a flag, so that nothing interrupts giving the terminal back.
"""

import os
import select
import signal
import sys
import termios
import tty
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Final, Self

from rich.console import Console, RenderableType
from rich.live import Live

__all__ = ["Terminal", "is_terminal"]

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_READ: Final = 1024


def is_terminal() -> bool:
    """Tell whether both keys and screen are a terminal that can show a live table."""
    dumb = os.environ.get("TERM", "dumb") in ("dumb", "unknown")
    return sys.stdin.isatty() and sys.stdout.isatty() and not dumb


class Terminal:
    """Own the terminal within its block; `interrupted` is True after SIGINT, TERM or HUP."""

    def __init__(self) -> None:
        self.interrupted = False
        self._console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=self._console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._keys = sys.stdin.fileno()
        self._before: list[Any] = []
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(self._keys)
        self._handlers = {number: signal.signal(number, self._interrupt) for number in _ENDING}
        try:
            tty.setcbreak(self._keys)
            attributes = termios.tcgetattr(self._keys)
            attributes[6][termios.VSUSP] = os.fpathconf(self._keys, "PC_VDISABLE").to_bytes()
            termios.tcsetattr(self._keys, termios.TCSANOW, attributes)
            self._live.start()
        except BaseException:
            self._restore()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    @property
    def size(self) -> tuple[int, int]:
        """Return the columns and lines there are now."""
        return self._console.size

    def show(self, drawn: RenderableType) -> None:
        """Draw the screen anew; a terminal that has gone counts as an interrupt."""
        try:
            self._live.update(drawn, refresh=True)
        except OSError:
            self.interrupted = True

    def keys(self, wait_s: float) -> bytes:
        """Return what was typed, after `wait_s` seconds at most; b"" for nothing.

        A terminal that has gone counts as an interrupt.
        """
        if not select.select([self._keys], [], [], wait_s)[0]:
            return b""
        try:
            typed = os.read(self._keys, _READ)
        except OSError:
            typed = b""
        self.interrupted |= not typed
        return typed

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = True

    def _restore(self) -> None:
        """Give the terminal back; each part though the one before it failed."""
        try:
            with suppress(OSError):  # the terminal has gone, here and below
                self._live.stop()
        finally:
            with suppress(termios.error):
                termios.tcsetattr(self._keys, termios.TCSADRAIN, self._before)
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
