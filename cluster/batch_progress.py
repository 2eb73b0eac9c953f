"""Tell how a batch goes: a line that stays on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable
from typing import Final, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from votebox.cluster.batch_folder import Tally

__all__ = ["Progress", "summary"]

_BETWEEN_LINES_S: Final = 10.0
_BAR: Final = 20


class Progress:
    """Show the progress of `rows` rows on a stream."""

    def __init__(
        self, stream: TextIO, rows: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rows, self._clock = rows, clock
        self._start = clock()
        self._said = -_BETWEEN_LINES_S
        self._tally, self._fresh = Tally(), 0
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._live: Live | None = None
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                console=self._console, get_renderable=self._draw, refresh_per_second=4
            )
            self._live.start()

    def tell(self, tally: Tally, fresh: int) -> None:
        """Take where the batch stands; `fresh` rows were solved since the start."""
        self._tally, self._fresh = tally, fresh
        now = self._clock()
        if self._live is None and (
            now - self._said >= _BETWEEN_LINES_S or tally.rows == self._rows
        ):
            self._said = now
            self._console.print(self.line, soft_wrap=True)

    def close(self) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()

    @property
    def line(self) -> str:
        """Return the line that says all."""
        seconds = max(self._clock() - self._start, 1e-9)
        rate = self._fresh / seconds
        parts = [f"{self._tally.rows:,}/{self._rows:,} rows"]
        if self._fresh:
            parts.append(f"{rate:.2f} rows/s" if rate < 10 else f"{rate:,.0f} rows/s")
            if left := self._rows - self._tally.rows:
                parts.append(f"ETA {_clock_text(left / rate)}")
        return " · ".join([*parts, *summary(self._tally)])

    def _draw(self) -> Text:
        done = round(_BAR * self._tally.rows / max(self._rows, 1))
        bar = "\u2501" * done + "\u2500" * (_BAR - done)
        return Text(f"{bar} {self.line}", no_wrap=True, overflow="ellipsis")


def summary(tally: Tally) -> list[str]:
    """Return what finished rows amount to, in short parts; what is nought is left out."""
    parts = []
    if tally.graded:
        share = tally.correct / tally.graded
        parts.append(f"{share:.1%} right ({tally.correct:,}/{tally.graded:,})")
    if tally.abstained:
        parts.append(f"{tally.abstained:,} abstained")
    if tally.errors:
        parts.append(f"{tally.errors:,} errors")
    if tally.tokens:
        parts.append(f"{tally.tokens:,} tokens ({tally.tokens_saved:,} saved)")
    return parts


def _clock_text(seconds: float) -> str:
    minutes, s = divmod(round(min(seconds, 359_999)), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02d}:{s:02d}" if hours else f"{m}:{s:02d}"
