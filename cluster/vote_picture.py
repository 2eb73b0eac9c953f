"""Draw how a vote came about: for each answer, the chains behind it over time, as SVG.

Colours are the page's (certificate.css) by class, so the picture follows light and dark.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import TYPE_CHECKING, Final

from votebox.cluster.markup import Html, tag
from votebox.cluster.story import voted
from votebox.cluster.text import one_line

if TYPE_CHECKING:
    from votebox.plugins import Verdict

__all__ = ["LINES", "vote_picture"]

LINES: Final = 5
"""How many answers get a line and a colour of their own."""

_WIDTH, _HEIGHT = 440.0, 200.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 30.0, 330.0, 16.0, 170.0
_ROW: Final = 15.0
_LABEL_CHARS: Final = 12
_LEAST_S, _MOST_S = 1e-6, 1e9  # a trace may come from anybody, with any time in it


@dataclass(frozen=True, slots=True)
class _Plot:
    """Map seconds and chains to pixels."""

    seconds: float
    chains: int

    def x(self, second: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * min(max(second / self.seconds, 0.0), 1.0)

    def y(self, chains: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * chains / self.chains


def vote_picture(verdict: "Verdict") -> Html:
    """Return the picture, empty where no chain voted or no time is known."""
    votes = voted(verdict)
    ends = [(c.end_s if c.end_s is not None else verdict.wall_s, c) for c in verdict.chains]
    seconds = max([verdict.wall_s, *(end for end, _ in ends)])
    if not votes or not _LEAST_S <= seconds < _MOST_S:
        return Html()
    plot = _Plot(seconds, max(len(vote.chains) for vote in verdict.votes))
    shown = verdict.votes[:LINES]
    times = [
        sorted(end for end, chain in ends if votes.get(chain.index) == number)
        for number in range(len(shown))
    ]
    silent = [end for end, chain in ends if chain.index not in votes and not chain.aborted]
    title = "Chains behind each answer over the time of the solve, in seconds"
    return tag(
        "svg",
        tag("title", title),
        *_axes(plot),
        *(_mark(plot, end) for end in silent),
        *(_steps(plot, number, times[number]) for number in reversed(range(len(shown)))),
        *_labels(plot, [(vote.answer, len(times[n])) for n, vote in enumerate(shown)]),
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        role="img",
        aria_label=title,
    )


def _axes(plot: _Plot) -> Iterator[Html]:
    for count in _ticks(plot.chains):
        y = plot.y(count)
        yield tag("line", x1=_LEFT, x2=_RIGHT, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid")
        yield _words(_LEFT - 6, y + 4, f"{count:g}", "end")
    for second in _ticks(plot.seconds, whole=False):
        yield _words(plot.x(second), _BOTTOM + 24, f"{second:g} s", "middle")


def _steps(plot: _Plot, number: int, times: Sequence[float]) -> Html:
    path = [f"M{plot.x(0):.1f} {plot.y(0):.1f}"]
    for count, time in enumerate(times, 1):
        path.append(f"H{plot.x(time):.1f}V{plot.y(count):.1f}")
    path.append(f"H{_RIGHT:.1f}")
    return tag("path", d="".join(path), class_=f"step c{number}")


def _mark(plot: _Plot, time: float) -> Html:
    x = f"{plot.x(time):.1f}"
    return tag("line", x1=x, x2=x, y1=_BOTTOM + 3, y2=_BOTTOM + 9, class_="silent")


def _labels(plot: _Plot, found: Sequence[tuple[str, int]]) -> Iterator[Html]:
    """Put each answer at the end of its line: above the one below, with room for those above."""
    last, above = _BOTTOM + _ROW, len(found)
    for number, (answer, count) in sorted(enumerate(found), key=lambda item: item[1][1]):
        above -= 1
        y = last = max(min(plot.y(count) + 4, last - _ROW), _TOP + _ROW * above)
        text = f"{one_line(answer, _LABEL_CHARS)}: {count}"
        yield _words(_RIGHT + 8, y, text, "start", f"c{number}")


def _words(x: float, y: float, text: str, anchor: str, kind: str = "quiet") -> Html:
    return tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, class_=kind)


def _ticks(most: float, *, whole: bool = True) -> Iterable[float]:
    """Return 0 and up to five round numbers, the last at most `most`."""
    power = 10.0 ** floor(log10(most / 5)) if most > 0 else 1.0
    step = next(power * m for m in (1, 2, 5, 10) if most / (power * m) <= 5)
    step = max(step, 1.0) if whole else step
    return [round(number * step, 9) for number in range(int(most / step + 1e-9) + 1)]
