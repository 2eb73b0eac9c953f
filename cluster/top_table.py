"""Draw the solves of an app: a table, one solve in full, or plain lines.

Nothing here knows a terminal, a clock or HTTP. All text of the app is cleaned and shown as
plain Text, never as markup.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from votebox.cluster.live import bar
from votebox.cluster.solves import Solve, Standing
from votebox.cluster.text import clean, one_line
from votebox.cluster.top_view import Mode, View

__all__ = ["Rates", "age", "draw", "lines"]

_SPAN_S: Final = 10.0
_ID: Final = 26
_WIDE: Final = 120
_LONG: Final = 2_000
_VOTES: Final = 8
_ANSWER: Final = 30
_LATEST: Final = 250_000_000_000.0  # a datetime ends with the year 9999
_STYLES: Final[Mapping[str, str]] = {
    "running": "green",
    "queued": "yellow",
    "failed": "red",
    "cancelled": "dim",
}
# Name, alignment, and the least width of a screen that shows the column.
_COLUMNS: Final[tuple[tuple[str, JustifyMethod, int], ...]] = (
    ("id", "left", 0),
    ("age", "right", 0),
    ("status", "left", 0),
    ("recipe", "left", 100),
    ("key", "left", 120),
    ("chains", "right", 0),
    ("leader", "left", 60),
    ("tokens", "right", 90),
    ("tok/s", "right", 70),
    ("question", "left", 0),
)
_KEYS: Final = "↑↓ select · Enter details · c cancel · q quit"


@dataclass(slots=True)
class Rates:
    """Measure tokens per second over the last ten seconds of what was seen of each solve."""

    _seen: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)
    _last: Standing | None = None

    def see(self, standing: Standing) -> None:
        """Take the tokens of the solves that run; forget the others."""
        if standing is self._last:
            return
        self._last = standing
        running = {s.id: s for s in standing.solves if s.status == "running"}
        self._seen = {id_: self._seen.get(id_, deque()) for id_ in running}
        for id_, solve in running.items():
            seen = self._seen[id_]
            seen.append((standing.now, solve.tokens))
            while len(seen) > 2 and standing.now - seen[1][0] > _SPAN_S:
                seen.popleft()

    def of(self, solve: Solve, now: float) -> float | None:
        """Return a solve's tokens per second; over its whole time where too little was seen."""
        seen = self._seen.get(solve.id)
        if seen and seen[-1][0] - seen[0][0] >= 1:
            (since, before), (until, after) = seen[0], seen[-1]
            return max(0.0, (after - before) / (until - since))
        ran = solve.ran_s(now)
        return solve.tokens / ran if ran > 0 else None

    def total(self, standing: Standing) -> float:
        """Return the tokens per second of all solves that run."""
        running = (s for s in standing.solves if s.status == "running")
        return sum(self.of(s, standing.now) or 0.0 for s in running)


def age(seconds: float) -> str:
    """Return a time span in a few characters.

    >>> [age(s) for s in (7.9, 75, 3_700, 90_000)]
    ['7s', '1m15s', '1h01m', '1d01h']
    """
    whole = int(seconds) if math.isfinite(seconds) else 0
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes == 0:
        return f"{whole}s"
    if hours == 0:
        return f"{minutes}m{whole % 60:02d}s"
    return f"{hours}h{minutes % 60:02d}m" if days == 0 else f"{days}d{hours % 24:02d}h"


def draw(
    standing: Standing,
    rates: Rates,
    view: View,
    *,
    url: str = "",
    size: tuple[int, int] = (80, 24),
    details: Solve | None = None,
    trouble: str = "",
) -> RenderableType:
    """Draw the app in at most the columns and lines of `size`.

    `details` is the solve that is shown in full, `trouble` why the last look failed.
    """
    width, height = size
    room = max(1, height - 2)
    if view.mode is Mode.DETAILS:
        told = details if details is not None and details.id == view.selected else None
        body = _details(told, standing.now, width, room) if told else _dim("asking the app ...")
    else:
        body = _table(standing, rates, view, width, room)
    return Group(_head(standing, rates, url, width), _said(view, trouble, width), body)


def lines(standing: Standing, rates: Rates) -> list[str]:
    """Return the app as plain lines, one for the app and one for each solve, nothing cut."""
    rows = [[name for name, _, _ in _COLUMNS]]
    for solve in standing.solves:
        cells = _cells(solve, rates, standing.now)
        rows.append([one_line(solve.id, 200), *cells[1:-1], one_line(solve.question, 60)])
    widths = [max(len(row[n]) for row in rows) for n in range(len(_COLUMNS) - 1)]
    told = [
        "  ".join([cell.ljust(width) for cell, width in zip(row, widths, strict=False)] + row[-1:])
        for row in rows
    ]
    return [_summary(standing, rates), *(line.rstrip() for line in told)]


def _summary(standing: Standing, rates: Rates) -> str:
    return (
        f"{one_line(standing.status or 'unknown', 20)}: {standing.running} running, "
        f"{standing.queued} queued, {standing.per_minute} solves/min, "
        f"{rates.total(standing):,.0f} tokens/s"
    )


def _head(standing: Standing, rates: Rates, url: str, width: int) -> Text:
    head = Text(f"votebox {one_line(url, 60)}  ", style="bold", no_wrap=True, overflow="ellipsis")
    head.append(_summary(standing, rates), style="not bold")
    head.truncate(width, overflow="ellipsis")
    return head


def _said(view: View, trouble: str, width: int) -> Text:
    if view.mode is Mode.CONFIRM:
        said = Text(f"cancel {one_line(view.selected, 60)}? y cancels, any other key keeps it")
        said.stylize("bold yellow")
    elif trouble:
        said = Text(one_line(trouble), style="bold red")
    elif view.note:
        said = Text(one_line(view.note), style="yellow")
    else:
        said = _dim("Esc back · q quit" if view.mode is Mode.DETAILS else _KEYS)
    said.truncate(width, overflow="ellipsis")
    return said


def _table(standing: Standing, rates: Rates, view: View, width: int, room: int) -> Table:
    """Draw the part of the table around the selected row that fits."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), width=width)
    kept = [n for n, (_, _, least) in enumerate(_COLUMNS) if width >= least]
    for name, justify, _ in (_COLUMNS[n] for n in kept):
        ratio = 1 if name == "question" else None
        table.add_column(name, justify=justify, no_wrap=True, overflow="ellipsis", ratio=ratio)
    shown = max(1, room - 1)
    first = max(0, min(view.row - shown // 2, len(standing.solves) - shown))
    for solve in standing.solves[first : first + shown]:
        cells = [Text(cell) for cell in _cells(solve, rates, standing.now)]
        cells[0] = Text(one_line(solve.id, _ID if width < _WIDE else 2 * _ID))
        cells[2].stylize(_STYLES.get(solve.status, ""))
        table.add_row(
            *(cells[n] for n in kept), style="reverse" if solve.id == view.selected else ""
        )
    if not standing.solves:
        table.add_row(*[""] * (len(kept) - 1), _dim("no solves yet"))
    return table


def _cells(solve: Solve, rates: Rates, now: float) -> list[str]:
    share, rate = solve.share, rates.of(solve, now)
    lead = "" if share is None else f"{one_line(solve.votes[0][0], 16)} {share:.0%}"
    if solve.answer is not None:
        lead = one_line(solve.answer, 16)
    return [
        one_line(solve.id, _ID),
        age(solve.age_s(now)),
        one_line(solve.status, 12),
        one_line(solve.recipe, 16),
        one_line(solve.key, 12) or "-",
        f"{solve.finished}/{solve.planned}",
        lead or "-",
        f"{solve.tokens:,}",
        "-" if rate is None else f"{rate:,.0f}",
        one_line(solve.question[:_LONG], 200),
    ]


def _details(solve: Solve, now: float, width: int, room: int) -> RenderableType:
    """Draw one solve in full, in at most `room` lines; its question comes last and is cut."""
    told = [
        Text.assemble((f"{name:<9}", "dim"), one_line(value, 2 * width))
        for name, value in _facts(solve, now)
    ]
    told += [Text(""), *_votes(solve), Text("")] if solve.votes else [Text("")]
    for line in told:
        line.truncate(width, overflow="ellipsis")
    question = Text(clean(solve.question[:_LONG])).wrap(_plain(width), width)
    return Group(*[*told, *question][:room])


def _votes(solve: Solve) -> Iterator[Text]:
    cast = sum(weight for _, weight in solve.votes) or 1
    for number, (answer, weight) in enumerate(solve.votes[:_VOTES]):
        shown = Text(one_line(answer, _ANSWER))
        shown.truncate(_ANSWER, pad=True)
        style = "green" if number == 0 else "yellow"
        yield Text.assemble(shown, " ", (bar(weight / cast, 20), style), f" {weight:g}")


def _facts(solve: Solve, now: float) -> Sequence[tuple[str, str]]:
    began = datetime.fromtimestamp(min(solve.created, _LATEST), UTC) if solve.created else None
    need = f", {solve.need} more votes would decide" if solve.need and solve.active else ""
    facts = (
        ("solve", solve.id),
        ("status", f"{solve.status}, {age(solve.age_s(now))}"),
        ("created", f"{began:%Y-%m-%d %H:%M:%S} UTC" if began else ""),
        ("recipe", solve.recipe),
        ("model", solve.model),
        ("key", solve.key),
        ("request", solve.request_id),
        ("chains", f"{solve.finished} of {solve.planned} finished, {solve.begun} begun{need}"),
        ("spent", f"{solve.tokens:,} tokens, {solve.programs} programs"),
        ("answer", solve.answer or ""),
        ("error", solve.error),
    )
    return [(name, told) for name, told in facts if told]


def _plain(width: int) -> Console:
    return Console(width=width, highlight=False, markup=False, emoji=False)


def _dim(text: str) -> Text:
    return Text(text, style="dim")
