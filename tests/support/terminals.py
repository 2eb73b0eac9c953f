"""Run a command in a pseudo-terminal: type keys, read the screen, change its size."""

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from typing import Any

_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[()][0-9A-B]")


class Typed:
    """A command in a terminal of its own; `raw` is all it has written."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], columns: int = 100, lines: int = 24
    ) -> None:
        self._master, self.slave = os.openpty()
        self.resize(columns, lines)
        self.before = termios.tcgetattr(self.slave)
        self.raw = ""
        kept = {k: v for k, v in env.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            command,
            env={**kept, "TERM": "xterm-256color"},
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    @property
    def screen(self) -> str:
        """Return what stands on the screen: the text since the cursor was last sent home."""
        return _SEQUENCE.sub("", self.raw.rpartition("\x1b[H")[2])

    def until(self, text: str, timeout_s: float = 30.0) -> str:
        """Wait until the screen holds `text`, and return the screen."""
        end = time.monotonic() + timeout_s
        while text not in self.screen:
            assert time.monotonic() < end, f"{text!r} does not come; the screen is {self.screen}"
            assert self.process.poll() is None, f"it has ended: {self.raw[-2000:]}"
            self._read()
        return self.screen

    def ended(self, timeout_s: float = 20.0) -> int:
        """Wait for the end and return the exit code."""
        end = time.monotonic() + timeout_s
        while self.process.poll() is None:
            assert time.monotonic() < end, "it does not end"
            self._read()
        self._read()
        return self.process.returncode

    @property
    def now(self) -> list[Any]:
        """Return the settings of the terminal."""
        return termios.tcgetattr(self.slave)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)
        os.close(self.slave)

    def _read(self) -> None:
        while select.select([self._master], [], [], 0.1)[0]:
            self.raw += os.read(self._master, 65_536).decode(errors="replace")
