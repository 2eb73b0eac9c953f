"""Show an evaluation while it runs: a live line on a terminal, sparse lines elsewhere.

All of it goes to the stream it is given, stderr: stdout carries the result alone.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, TextIO

from rich.console import Group, RenderableType
from rich.text import Text

from votebox.cluster.evaluate_rows import EvalRow
from votebox.cluster.live import bar
from votebox.cluster.screen import LiveScreen
from votebox.cluster.statistics import wilson
from votebox.cluster.text import one_line

__all__ = ["EvalScreen", "Progress"]

_BETWEEN_LINES_S: Final = 5.0
_BAR: Final = 24


class Progress:
    """Count the rows of a run against the clock.

    `total` rows are wanted; `before` were there. The rate is of this process alone.
    """

    def __init__(self, total: int, before: Sequence[EvalRow] = ()) -> None:
        self.total, self.stage = total, ""
        self.done = self.asked = self.right = self.errors = self.saved = 0
        for row in before:
            self.add(row)
        self._before, self._since = self.done, time.monotonic()

    def start(self) -> None:
        """Take the time from now on: loading a model is no part of the rate."""
        self._since = time.monotonic()

    def add(self, row: EvalRow) -> None:
        """Count one row."""
        self.done += 1
        self.asked += row.correct is not None
        self.right += row.correct is True
        self.errors += row.error is not None
        self.saved += row.tokens_saved

    def line(self) -> str:
        """Say where the run stands."""
        return " · ".join(filter(None, self.lines()))

    def lines(self) -> tuple[str, str]:
        """Return how far the run is, and what has come of it."""
        came = []
        if self.asked:
            sure = wilson(self.right, self.asked)
            share = f"{self.right / self.asked:.1%}"
            came.append(f"accuracy {share} ({sure.low:.1%} to {sure.high:.1%})")
        if self.errors:
            came.append(f"{self.errors} error{'s' if self.errors > 1 else ''}")
        if self.saved:
            came.append(f"{self.saved:,} tokens saved")
        far = [f"{self.done:,} of {self.total:,}", *self._pace()]
        return " · ".join(far), " · ".join(came)

    def _pace(self) -> list[str]:
        here, passed = self.done - self._before, time.monotonic() - self._since
        if not here or passed <= 0:
            return []
        left_s = (self.total - self.done) * passed / here
        rate = here / passed
        pace = f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.1f}/min"
        return [pace, *([f"{_clock(left_s)} left"] if self.done < self.total else [])]


class EvalScreen(LiveScreen):
    """Hold the stream while a run goes on; `quiet` shows nothing but notes."""

    def __init__(self, stream: TextIO, progress: Progress, *, quiet: bool = False) -> None:
        self.progress, self._quiet, self._said = progress, quiet, 0.0
        super().__init__(stream, self._draw, 4, quiet=quiet)

    def show(self, event: Mapping[str, Any]) -> None:
        """Take a stage of the start."""
        if event.get("type") != "stage":
            return
        self.progress.stage = str(event["text"])
        if self._live is None and not self._quiet:
            self.note(self.progress.stage)

    def add(self, row: EvalRow) -> None:
        """Take the row of a solve that has ended."""
        self.progress.stage = ""
        self.progress.add(row)
        now, last = time.monotonic(), self.progress.done >= self.progress.total
        if self._live is None and not self._quiet and (last or now - self._said > _BETWEEN_LINES_S):
            self._said = now
            self.note(self.progress.line())

    def note(self, text: str) -> None:
        """Say one line that stays."""
        self._console.print(one_line(text), soft_wrap=True)

    def _draw(self) -> RenderableType:
        told = self.progress
        share = told.done / told.total if told.total else 1.0
        width = max(20, self._console.size.width - 1)
        if told.stage:
            return Text(one_line(told.stage, width), style="dim")
        far, came = told.lines()
        first = Text.assemble((bar(share, _BAR), "green"), " ", far)
        second = Text(" " * (_BAR + 1) + came)
        for line in (first, second):
            line.truncate(width, overflow="ellipsis")
        return Group(first, second)


def _clock(seconds: float) -> str:
    """Return seconds as people say them.

    >>> _clock(75.2), _clock(4000)
    ('1 min 15 s', '1 h 6 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
