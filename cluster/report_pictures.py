"""Draw the pictures of a report as SVG: accuracy, accuracy against tokens, calibration.

Colours are those of certificate.css, by class, so pictures follow light and dark. Bars are
laid out in percent, which leaves the size of text to the page.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import TYPE_CHECKING, Final

from votebox.cluster.markup import Html, tag
from votebox.cluster.report_facts import Entry, frontier
from votebox.cluster.text import one_line

if TYPE_CHECKING:
    from votebox.cluster.statistics import Bin, Interval

__all__ = ["calibration_picture", "cost_picture", "mark_bar", "share_bar", "whisker_bar"]

_QUARTERS: Final = (0, 25, 50, 75, 100)
_CHAR: Final = 6.4  # a wide guess of a character's width at 12 px
_LABEL_CHARS: Final = 24
_ROW: Final = 15.0


def whisker_bar(
    value: float,
    interval: "Interval | None",
    colour: str = "c0",
    marks: Iterable[float] = (),
) -> Html:
    """Return a bar from 0 to 1 with the interval of its value as a whisker, and lines at `marks`."""
    said = f"{100 * value:.1f} %"
    if interval is not None:
        said += f", from {100 * interval.low:.1f} to {100 * interval.high:.1f} %"
    return tag(
        "svg",
        *(_upright(x / 100, "grid") for x in _QUARTERS),
        tag("rect", width=f"{100 * value:.2f}%", y="18%", height="64%", class_=f"fill {colour}"),
        *(_upright(mark, "even") for mark in marks),
        *_whisker(interval),
        class_="measure",
        role="img",
        aria_label=said,
    )


def mark_bar(mark: float) -> Html:
    """Return a line alone where a bar of that value would end."""
    lines = (*(_upright(x / 100, "grid") for x in _QUARTERS), _upright(mark, "even"))
    return tag("svg", *lines, class_="measure", role="img", aria_label=f"{100 * mark:.1f} %")


def _upright(share: float, kind: str) -> Html:
    x = f"{100 * share:.2f}%"
    return tag("line", x1=x, x2=x, y1=0, y2="100%", class_=kind)


def _whisker(interval: "Interval | None") -> Iterator[Html]:
    if interval is not None:
        low, high = (f"{100 * end:.2f}%" for end in (interval.low, interval.high))
        yield tag("line", x1=low, x2=high, y1="50%", y2="50%", class_="whisker")
        for x in (low, high):
            yield tag("line", x1=x, x2=x, y1="22%", y2="78%", class_="whisker")


def share_bar(share: float, colour: str) -> Html:
    """Return a small bar that is filled up to `share`."""
    return tag(
        "svg",
        tag("rect", width="100%", height="100%", class_="rest"),
        tag("rect", width=f"{100 * share:.2f}%", height="100%", class_=f"fill {colour}"),
        class_="bar",
        role="img",
        aria_label=f"{100 * share:.1f} %",
    )


@dataclass(frozen=True, slots=True)
class _Axis:
    """Map values to pixels; values beyond an end are drawn at it."""

    low: float
    high: float
    start: float
    end: float
    step: float

    def __call__(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low)
        return self.start + (self.end - self.start) * min(max(part, 0.0), 1.0)

    @property
    def ticks(self) -> list[float]:
        count = round((self.high - self.low) / self.step)
        return [self.low + number * self.step for number in range(count + 1)]


_WIDTH, _HEIGHT = 460.0, 290.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 436.0, 12.0, 244.0


def cost_picture(entries: Sequence[Entry]) -> Html:
    """Return accuracy against tokens a problem, with the frontier; empty where none is known.

    A filled point is on the frontier: no other run is as accurate for fewer tokens.
    """
    known = [e for e in entries if e.summary.accuracy is not None and e.summary.interval]
    if not known:
        return Html()
    front = frontier(known)
    intervals = [e.summary.interval for e in known if e.summary.interval]
    tokens = [e.summary.tokens.mean for e in known]
    most, spread = max(tokens), max(tokens) - min(tokens)
    # From 0 unless that leaves no room for what differs: these are points, not bars.
    across = _axis(min(tokens) if most / 50 < spread < most / 2 else 0.0, most, _LEFT, _RIGHT)
    low, high = min(i.low for i in intervals), max(i.high for i in intervals)
    up = _axis(100 * low, 100 * high, _BOTTOM, _TOP, most=100.0)
    title = "Accuracy in percent against tokens a problem"
    return tag(
        "svg",
        tag("title", title),
        *_axes(across, up),
        _steps(front, across, up),
        *(_error(entry, across, up, on=entry in front) for entry in known),
        *(_point(entry, across, up, on=entry in front) for entry in known),
        *_labels(known, across, up),
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        role="img",
        aria_label=title,
    )


def _axis(low: float, high: float, start: float, end: float, *, most: float | None = None) -> _Axis:
    """Return an axis with up to seven round ticks that hold `low` and `high`."""
    rough = max(high - low, 1e-9 * max(1.0, abs(high)), 1.0) / 5
    power = 10.0 ** floor(log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    bottom = floor(low / step + 1e-9) * step
    top = -floor(-high / step + 1e-9) * step
    top = top if most is None else min(top, max(most, bottom + step))
    return _Axis(bottom, top if top > bottom else bottom + step, start, end, step)


def _axes(across: _Axis, up: _Axis) -> Iterator[Html]:
    for value in up.ticks:
        y = f"{up(value):.1f}"
        yield tag("line", x1=_LEFT, x2=_RIGHT, y1=y, y2=y, class_="grid")
        yield _words(_LEFT - 6, up(value) + 4, f"{value:g}", "end")
    for value in across.ticks:
        x = f"{across(value):.1f}"
        yield tag("line", x1=x, x2=x, y1=_BOTTOM, y2=_BOTTOM + 4, class_="silent")
        yield _words(across(value), _BOTTOM + 18, _short(value), "middle")
    yield _words((_LEFT + _RIGHT) / 2, _BOTTOM + 38, "tokens a problem", "middle")
    yield _words(_LEFT + 4, _TOP + 14, "accuracy, %", "start")


def _steps(front: Sequence[Entry], across: _Axis, up: _Axis) -> Html:
    path = ""
    for entry in front:
        x, y = across(entry.summary.tokens.mean), up(100 * (entry.summary.accuracy or 0.0))
        path += f"H{x:.1f}V{y:.1f}" if path else f"M{x:.1f} {y:.1f}"
    return tag("path", d=f"{path}H{_RIGHT:.1f}", class_="front")


def _error(entry: Entry, across: _Axis, up: _Axis, *, on: bool) -> Html:
    interval = entry.summary.interval
    ends = (interval.low, interval.high) if interval else (0.0, 0.0)
    low, high = (f"{up(100 * end):.1f}" for end in ends)
    x = f"{across(entry.summary.tokens.mean):.1f}"
    return tag("line", x1=x, x2=x, y1=low, y2=high, class_=f"error {'c0' if on else 'c5'}")


def _point(entry: Entry, across: _Axis, up: _Axis, *, on: bool) -> Html:
    x, y = across(entry.summary.tokens.mean), up(100 * (entry.summary.accuracy or 0.0))
    said = f"{entry.name}: {100 * (entry.summary.accuracy or 0.0):.1f} %"
    kind = "dot c0" if on else "dot off c5"
    title = tag("title", one_line(f"{said}, {entry.summary.tokens.mean:,.0f} tokens", 200))
    return tag("circle", title, cx=f"{x:.1f}", cy=f"{y:.1f}", r=4.5, class_=kind)


_Box = tuple[float, float, float, float]


def _labels(entries: Sequence[Entry], across: _Axis, up: _Axis) -> Iterator[Html]:
    """Put each name where it covers least, points first, the names put before it next."""
    spots = {
        e.number: (across(e.summary.tokens.mean), up(100 * (e.summary.accuracy or 0.0)))
        for e in entries
    }
    taken = _drawn(entries, spots, up)
    for entry in sorted(entries, key=lambda e: spots[e.number]):
        name = one_line(entry.name, _LABEL_CHARS)
        x, y = spots[entry.number]
        box = min(_places(x, y, _CHAR * len(name)), key=lambda b: _covered(b, taken))
        taken.append(box)
        yield from _leader(box, x, y)
        yield _words(box[0], box[3] - 4, name, "start", "name")


def _drawn(
    entries: Sequence[Entry], spots: Mapping[int, tuple[float, float]], up: _Axis
) -> list[_Box]:
    """Return the boxes of what names should not cover: points, whiskers, the frontier."""
    taken: list[_Box] = [(x - 6, y - 6, x + 6, y + 6) for x, y in spots.values()]
    for entry in entries:  # their whiskers
        ends = entry.summary.interval
        if ends:
            x = spots[entry.number][0]
            taken.append((x - 2, up(100 * ends.high), x + 2, up(100 * ends.low)))
    on_front = [spots[entry.number] for entry in frontier(entries)]
    for (x, y), (right, above) in zip(on_front, [*on_front[1:], (_RIGHT, _BOTTOM)], strict=True):
        taken += [(x, y - 2, right, y + 2), (right - 2, above, right + 2, y)]
    return taken


def _leader(box: _Box, x: float, y: float) -> Iterator[Html]:
    """Yield a line from a name to its point where it stands too far off to be seen as its own."""
    middle = (box[1] + box[3]) / 2
    if abs(middle - y) > _ROW:
        side = box[2] + 2 if box[2] < x else box[0] - 2
        places = {"x1": x, "y1": y, "x2": side, "y2": middle}
        yield tag("line", **{k: f"{v:.1f}" for k, v in places.items()}, class_="silent")


def _places(x: float, y: float, wide: float) -> Iterator[_Box]:
    """Yield places for a name of `wide` pixels, those above and left of its point first."""
    for away in (10.0, 0.0, 24.0, 38.0, 52.0):
        for side in (-8.0 - wide, 8.0):
            for down in (-away, away):
                left, top = x + side, y + down - _ROW / 2
                yield (left, top, left + wide, top + _ROW)


def _covered(box: _Box, taken: Iterable[_Box]) -> float:
    left, top, right, bottom = box
    inside = _both(box, (_LEFT, _TOP, _RIGHT + 8, _BOTTOM))
    return sum(_both(box, other) for other in taken) + (right - left) * (bottom - top) - inside


def _both(one: _Box, other: _Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return round(max(0.0, wide) * max(0.0, high), 3)


_SIDE, _FOOT = 200.0, 44.0
_FROM, _TO = 26.0, 184.0


def calibration_picture(bins: Sequence["Bin"], name: str) -> Html:
    """Return how often answers were right against the share of votes behind them.

    A point's area and the bar below it grow with the answers in its bin.
    """
    scale, most = _Axis(0.0, 1.0, _FROM, _TO, 0.25), max(b.count for b in bins)
    up = _Axis(0.0, 1.0, _TO, _FROM - 18, 0.25)
    title = f"Calibration of {one_line(name, 80)}: share right against share of votes"
    return tag(
        "svg",
        tag("title", title),
        *_square(scale, up),
        *(part for found in bins if found.count for part in _bin(found, scale, up, most)),
        _words((_FROM + _TO) / 2, _SIDE + _FOOT + 16, "share of votes, %", "middle"),
        viewBox=f"0 0 {_SIDE:g} {_SIDE + _FOOT + 20:g}",
        role="img",
        aria_label=title,
    )


def _square(scale: _Axis, up: _Axis) -> Iterator[Html]:
    for value in scale.ticks:
        y = f"{up(value):.1f}"
        yield tag("line", x1=_FROM, x2=_TO, y1=y, y2=y, class_="grid")
        yield _words(_FROM - 5, up(value) + 4, f"{100 * value:g}", "end")
        yield _words(scale(value), _SIDE + _FOOT + 1, f"{100 * value:g}", "middle")
    ends = {"x1": scale(0), "y1": up(0), "x2": scale(1), "y2": up(1)}
    yield tag("line", **ends, class_="even")


def _bin(found: "Bin", scale: _Axis, up: _Axis, most: int) -> Iterator[Html]:
    """Yield the point of a bin, its gap to the diagonal, and the bar that counts it."""
    said, came = found.confidence or 0.0, found.accuracy or 0.0
    x, y = f"{scale(said):.1f}", f"{up(came):.1f}"
    part = found.count / most
    words = (
        f"{found.count:,} answers with {100 * said:.0f} % of the votes: {100 * came:.0f} % right"
    )
    yield tag("line", x1=x, x2=x, y1=y, y2=f"{up(said):.1f}", class_="gap")
    yield tag(
        "circle", tag("title", words), cx=x, cy=y, r=f"{2 + 4 * part**0.5:.1f}", class_="dot c0"
    )
    left, wide = scale(found.low) + 1, scale(found.high) - scale(found.low) - 2
    high = max(1.0, 26 * part)
    yield tag(
        "rect",
        tag("title", words),
        x=f"{left:.1f}",
        width=f"{wide:.1f}",
        y=f"{_SIDE + 28 - high:.1f}",
        height=f"{high:.1f}",
        class_="count",
    )


def _words(x: float, y: float, text: str, anchor: str, kind: str = "quiet") -> Html:
    return tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, class_=kind)


def _short(value: float) -> str:
    """Return a number of tokens as an axis tells it: 1,500 as 1.5k."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:g}"
