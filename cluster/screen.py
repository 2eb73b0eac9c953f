"""Show a running solve on a stream: a live board on a terminal, sparse lines elsewhere.

All of it goes to stderr, because stdout carries the result alone.
"""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self, TextIO

from rich.console import Console, RenderableType
from rich.live import Live

from votebox.cluster.live import Board, render
from votebox.cluster.text import one_line

__all__ = ["LiveScreen", "Screen", "Show"]

Show = Callable[[Mapping[str, Any]], None]
"""Take one event of a solve, in order."""

_BETWEEN_LINES_S: Final = 2.0


class LiveScreen:
    """Hold the stream and, where it is a terminal and not `quiet`, redraw what `draw` returns."""

    def __init__(
        self,
        stream: TextIO,
        draw: Callable[[], RenderableType],
        per_second: float,
        *,
        quiet: bool = False,
    ) -> None:
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._live: Live | None = None
        if self._console.is_terminal and not self._console.is_dumb_terminal and not quiet:
            self._live = Live(
                console=self._console,
                get_renderable=draw,
                refresh_per_second=per_second,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()


class Screen(LiveScreen):
    """Hold the stream while a solve runs; `show` takes its events."""

    def __init__(self, stream: TextIO) -> None:
        self.board = Board()
        self._start = time.monotonic()
        self._said = 0.0
        super().__init__(stream, self._draw, 8)

    @property
    def elapsed_s(self) -> float:
        """Return the seconds since the screen was made."""
        return time.monotonic() - self._start

    def show(self, event: Mapping[str, Any]) -> None:
        """Take one event."""
        self.board.apply(event)
        if self._live is None:
            self._say(event)

    def note(self, text: str) -> None:
        """Say one line that stays."""
        self._console.print(one_line(text), soft_wrap=True)

    def abandon(self) -> None:
        """Give the terminal back and say that the solve was interrupted."""
        self.close()
        self.note("votebox: interrupted")

    def _draw(self) -> RenderableType:
        size = self._console.size
        return render(self.board, self.elapsed_s, size.width - 1, size.height - 1)

    def _say(self, event: Mapping[str, Any]) -> None:
        line = self._line(event)
        if line:
            self._said = self.elapsed_s
            self._console.print(f"[{self.elapsed_s:5.1f} s] {line}", soft_wrap=True)

    def _line(self, event: Mapping[str, Any]) -> str:
        board = self.board
        match event["type"]:
            case "stage":
                return board.stage
            case "solve_started":
                models = one_line(", ".join(board.models), 80)
                return f"asking {board.planned} chains of {models} (recipe {board.recipe})"
            case "provider_failed":
                then = "asked again" if event["again"] else "the chain ends"
                return f"chain {event['chain']}: {one_line(event['problem'], 200)}; {then}"
            case "chain_restarted":
                problem = one_line(event["problem"], 200)
                return f"chain {event['chain']}: {problem}; it starts again"
            case "vote_changed" if self.elapsed_s - self._said > _BETWEEN_LINES_S:
                votes = ", ".join(f"{one_line(str(a), 40)}: {w:g}" for a, w in board.votes[:3])
                return f"{board.finished} of {board.planned} chains finished; {votes or 'no votes'}"
        return ""
