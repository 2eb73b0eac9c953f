"""Keep the beginning and the end of what a program prints, in bounded memory."""

from __future__ import annotations

import asyncio
import codecs
import os
from collections.abc import Callable

BUDGET = 4 * 2**20  # bytes of one stream we read before we end the program
_CHUNK = 2**16
_SIP = 2**12  # after a smaller read we let a pipe fill:
_REST_S = 0.002  # a program that writes byte by byte must not keep our loop busy


class Kept:
    """Collect bytes; remember the first 3/4 and the last 1/4 of `keep` bytes."""

    def __init__(self, keep: int) -> None:
        self.total = 0
        self._keep = keep
        self._head = bytearray()
        self._tail = bytearray()
        self._head_room = keep * 3 // 4
        self._tail_room = keep - self._head_room

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        self.total += len(data)
        room = self._head_room - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > self._tail_room + _CHUNK:
            del self._tail[: -self._tail_room]

    @property
    def truncated(self) -> bool:
        """Tell whether the middle is lost."""
        return self.total > self._keep

    def text(self) -> str:
        """Return the text, cut on character borders; undecodable bytes are replaced."""
        if not self.truncated:
            return (self._head + self._tail).decode("utf-8", "replace")
        head = codecs.getincrementaldecoder("utf-8")("replace").decode(self._head)
        tail = self._tail[-self._tail_room :]
        skip = next((i for i, byte in enumerate(tail[:3]) if byte & 0xC0 != 0x80), 3)
        cut = self.total - self._keep
        return f"{head}\n... [{cut} bytes cut] ...\n{tail[skip:].decode('utf-8', 'replace')}"


class Capture:
    """Read one pipe as the loop finds it readable, up to the byte budget."""

    def __init__(self, descriptor: int, keep: int, on_flood: Callable[[], None]) -> None:
        """Own `descriptor`; call `on_flood` once when more than the budget has come."""
        os.set_blocking(descriptor, False)
        self.kept = Kept(keep)
        self._budget = max(BUDGET, keep)
        self._descriptor = descriptor
        self._on_flood = on_flood
        self._loop = asyncio.get_running_loop()
        self._resting: asyncio.TimerHandle | None = None
        self._listen()

    @property
    def flooded(self) -> bool:
        """Tell whether the program wrote more than the budget."""
        return self.kept.total > self._budget

    def _listen(self) -> None:
        self._loop.add_reader(self._descriptor, self._hear)

    def _hear(self) -> None:
        """Read once, and after a small piece let more come together."""
        before = self.kept.total
        if self._read() and self.kept.total - before < _SIP:
            self._loop.remove_reader(self._descriptor)
            self._resting = self._loop.call_later(_REST_S, self._listen)

    def _read(self) -> bool:
        """Read once; return whether there may be more."""
        try:
            data = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return False
        self.kept.add(data)
        if data and not self.flooded:
            return True
        self._loop.remove_reader(self._descriptor)  # else the loop would spin on it
        if self.flooded:
            self._on_flood()
        return False

    def drain(self) -> None:
        """Take what the pipe still holds, without waiting for its writers to close it."""
        while not self.flooded and self._read():
            pass

    def close(self) -> None:
        """Stop reading and give the descriptor back."""
        if self._resting is not None:
            self._resting.cancel()
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
