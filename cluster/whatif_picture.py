"""Draw what rules cost and keep as one self-contained SVG: accuracy against tokens saved.

Pure: a Report in, text out. Labels are placed where they cover nothing, as near to their
points as that allows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, cos, floor, hypot, log10, pi, sin
from typing import TYPE_CHECKING, Final, NamedTuple

from votebox.cluster.text import one_line

if TYPE_CHECKING:
    from votebox.plugins.whatif_summary import Line, Report

__all__ = ["draw_report"]

_WIDTH: Final = 880
_HEIGHT: Final = 560
_CHAR: Final = 6.9  # a wide guess of a character's width at 12 px
_LINE: Final = 15.0
_RADIUS: Final = 5.0
_MOST_CHARS: Final = 28
# Colour-blind safe (Okabe and Ito 2008), without its yellow, which white paper hides.
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#555555")

# What a colour is where the reader's screen is dark; a picture says both, and looks at neither.
_DARK: Final = {
    "#ffffff": "#16181c",
    "#202124": "#e8eaed",
    "#5f6368": "#aab0b6",
    "#e8eaed": "#2c3036",
    "#9aa0a6": "#6b7178",
    "#555555": "#b4b8bd",
    "#0072b2": "#2b8fd0",
}


class _Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: "_Box") -> float:
        """Return the area both cover."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, wide) * max(0.0, high)

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """Return the place in the box that is nearest to a point."""
        return min(max(x, self.left), self.right), min(max(y, self.top), self.bottom)


_PLOT: Final = _Box(76, 84, _WIDTH - 32, _HEIGHT - 96)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Map values to pixels, and know its round ticks."""

    low: float
    high: float
    start: float
    end: float
    step: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        count = round((self.high - self.low) / self.step)
        return [self.low + number * self.step for number in range(count + 1)]

    def text(self, value: float) -> str:
        return f"{value:.{max(0, -floor(log10(self.step) + 1e-9))}f}"


@dataclass(frozen=True, slots=True)
class _Point:
    x: float
    y: float
    low: float
    high: float
    label: str
    colour: str
    front: bool


def draw_report(report: "Report") -> str:
    """Return the SVG: a point a plan, its colour the dispatcher, filled if on the front.

    The bar through a point is the 95 % interval of its difference from the full vote.
    Where no reference is known, agreement with the full vote stands for accuracy.
    """
    found = [(line, *_heights(line, report)) for line in report.lines]
    whole = report.accuracy.value * 100 if report.accuracy else 100.0
    dispatchers = sorted({line.dispatch for line in report.lines})
    colours = {d: _COLOURS[n % len(_COLOURS)] for n, d in enumerate(dispatchers)}
    saved = [100 * line.tokens_saved.value for line in report.lines]
    across = _scale([0.0, *saved], _PLOT.left, _PLOT.right)
    heights = [whole, *(h for _, *values in found for h in values)]
    up = _scale(heights, _PLOT.bottom, _PLOT.top)
    points = [
        _Point(
            across(100 * line.tokens_saved.value),
            up(value),
            up(low),
            up(high),
            one_line(line.stop, _MOST_CHARS),
            colours[line.dispatch],
            line.front,
        )
        for line, value, low, high in found
    ]
    parts = [
        *_frame(report),
        *_axes(across, up),
        *_full_vote_line(up(whole)),
        *(_whisker(point) for point in points),
        *_labels(points, up(whole)),
        *(_marker(point) for point in points),
        *_legend(colours),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _heights(line: "Line", report: "Report") -> tuple[float, float, float]:
    """Return the height of a line's point and the ends of its bar, in percent."""
    change, whole = line.accuracy_delta, report.accuracy
    if change is None or whole is None:
        same = line.agreement
        return 100 * same.value, 100 * same.low, 100 * same.high
    return (
        100 * (whole.value + change.value),
        100 * (whole.value + change.low),
        100 * (whole.value + change.high),
    )


def _scale(values: Sequence[float], start: float, end: float) -> _Scale:
    """Return a scale that holds all values between round ticks, seven of them or so."""
    low, high = min(values), max(values)
    rough = max(high - low, 0.05) / 6
    power = 10 ** floor(log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    bottom, top = floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step
    return _Scale(bottom, top if top > bottom else bottom + step, start, end, step)


def _frame(report: "Report") -> Iterator[str]:
    what = "accuracy" if report.accuracy else "agreement with the full vote"
    title = f"What each rule keeps and what it saves: {what} against tokens"
    about = (
        f"{report.experiments:,} experiments ({report.groups:,} x {report.problems:,} problems),"
        f" {report.orders:,} orders each, against the full vote of {report.chains:,} chains;"
        " bars: 95 % of the difference"
    )
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" role="img" font-size="12" '
        'font-family="Inter, Helvetica, Arial, sans-serif">'
    )
    yield f"<title>{escape(title)}</title>"
    swaps = "".join(
        f'[{what}="{light}"]{{{what}:{dark}}}'
        for light, dark in _DARK.items()
        for what in ("fill", "stroke")
    )
    yield f"<style>@media (prefers-color-scheme:dark){{{swaps}}}</style>"
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>'
    yield _text(24, 34, title, size=17, weight="600")
    yield _text(24, 56, about, colour="#5f6368")
    yield _text(24, _PLOT.top - 10, f"{what}, %", colour="#5f6368")
    yield _text(
        (_PLOT.left + _PLOT.right) / 2, _PLOT.bottom + 40, "tokens saved, %", "middle", "#5f6368"
    )


def _axes(across: _Scale, up: _Scale) -> Iterator[str]:
    for value in up.ticks:
        y = up(value)
        yield _line(_PLOT.left, y, _PLOT.right, y, "#e8eaed")
        yield _text(_PLOT.left - 10, y + 4, up.text(value), "end", "#5f6368")
    for value in across.ticks:
        x = across(value)
        yield _line(x, _PLOT.bottom, x, _PLOT.bottom + 5, "#9aa0a6")
        yield _text(x, _PLOT.bottom + 20, across.text(value), "middle", "#5f6368")
    yield _line(_PLOT.left, _PLOT.bottom, _PLOT.right, _PLOT.bottom, "#9aa0a6")


def _full_vote_line(y: float) -> Iterator[str]:
    yield _line(_PLOT.left, y, _PLOT.right, y, "#5f6368", dash="5 4")


def _whisker(point: _Point) -> str:
    x, ends = point.x, (point.low, point.high)
    caps = "".join(_line(x - 3, y, x + 3, y, point.colour, opacity=0.45) for y in ends)
    return _line(x, point.low, x, point.high, point.colour, opacity=0.45) + caps


def _marker(point: _Point) -> str:
    fill = point.colour if point.front else "#ffffff"
    return (
        f'<circle cx="{point.x:.1f}" cy="{point.y:.1f}" r="{_RADIUS:g}" fill="{fill}" '
        f'stroke="{point.colour}" stroke-width="2"/>'
    )


def _labels(points: Sequence[_Point], level: float) -> Iterator[str]:
    """Place every label; one that must stand off its point gets a thin line to it."""
    reach = _RADIUS + 2
    taken = [_Box(p.x - reach, p.y - reach, p.x + reach, p.y + reach) for p in points]
    light = [_Box(p.x - 2, min(p.low, p.high), p.x + 2, max(p.low, p.high)) for p in points]
    light.append(_Box(_PLOT.left, level - 1, _PLOT.right, level + 1))
    # Rules that do the same under several dispatchers stand on one spot: one label tells all.
    spots = {(round(p.x), round(p.y), p.label): p for p in points}
    for point in sorted(spots.values(), key=lambda p: (p.y, p.x, p.label)):
        box = min(_places(point), key=lambda place: _cost(place, point, taken, light))
        taken.append(box)
        middle, base = (box.left + box.right) / 2, box.bottom - 4
        near = box.nearest(point.x, point.y)
        if hypot(near[0] - point.x, near[1] - point.y) > 3 * _RADIUS:
            yield _line(point.x, point.y, *near, point.colour, opacity=0.5)
        yield _text(middle, base, point.label, "middle", "#202124")


def _places(point: _Point) -> Iterator[_Box]:
    """Yield places for a label around its point, the nearest first."""
    wide = _CHAR * max(1, len(point.label)) + 4
    for ring in (2.0, 8.0, 18.0, 30.0, 44.0, 60.0, 80.0, 110.0):
        for turn in range(16):
            # From the right, alternating above and below.
            angle = (turn + 1) // 2 * (1 if turn % 2 else -1) * pi / 8
            away = _RADIUS + 2 + ring
            x = point.x + cos(angle) * (away + wide / 2)
            y = point.y + sin(angle) * (away + _LINE / 2)
            yield _Box(x - wide / 2, y - _LINE / 2, x + wide / 2, y + _LINE / 2)


def _cost(
    box: _Box, point: _Point, taken: Sequence[_Box], light: Sequence[_Box]
) -> tuple[float, float]:
    """Return what a place covers, then how far it is and how much it touches bars and lines."""
    inside = box.overlap(_Box(_PLOT.left, _PLOT.top - 4, _PLOT.right, _PLOT.bottom - 2))
    area = (box.right - box.left) * (box.bottom - box.top)
    hard = sum(box.overlap(other) for other in taken) + (area - inside)
    hard += _LINE * _crossed(point, box, taken)
    far = hypot((box.left + box.right) / 2 - point.x, 3 * ((box.top + box.bottom) / 2 - point.y))
    return round(hard, 3), far + 0.6 * sum(box.overlap(other) for other in light)


def _crossed(point: _Point, box: _Box, taken: Sequence[_Box]) -> int:
    """Return how many boxes a line from the point to its label runs through."""
    x, y = box.nearest(point.x, point.y)
    steps = [(point.x + (x - point.x) * n / 8, point.y + (y - point.y) * n / 8) for n in range(9)]
    return sum(
        other.nearest(point.x, point.y) != (point.x, point.y)
        and any(other.nearest(*step) == step for step in steps)
        for other in taken
    )


def _legend(colours: dict[str, str]) -> Iterator[str]:
    x, y = _PLOT.left, _HEIGHT - 26.0
    yield _text(x, y, "dispatch", colour="#5f6368")
    x += 66
    for name, colour in colours.items():
        text = one_line(name, _MOST_CHARS)
        yield f'<circle cx="{x:.1f}" cy="{y - 4:g}" r="{_RADIUS:g}" fill="{colour}"/>'
        yield _text(x + 11, y, text)
        x += 11 + _CHAR * len(text) + 18
    end = _PLOT.right
    yield _text(end, y - 18, "filled: on the Pareto front; dashed: the full vote", "end", "#5f6368")


def _text(
    x: float,
    y: float,
    text: str,
    anchor: str = "start",
    colour: str = "#202124",
    *,
    size: int = 12,
    weight: str = "400",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" '
        f'font-size="{size}" font-weight="{weight}">{escape(text)}</text>'
    )


def _line(
    x1: float, y1: float, x2: float, y2: float, colour: str, *, dash: str = "", opacity: float = 1
) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-opacity="{opacity:g}"{dashes}/>'
    )
