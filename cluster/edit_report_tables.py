"""Write the tables of a report on code editing: rows, and all that a row says.

Each is whole without a script; `data-n` is the number of a row, by which the script finds its
bar and what it unfolds to.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from votebox.cluster.edit_report_facts import Board, EditEntry, doubts
from votebox.cluster.edit_rows import EditRow, row_to_plain
from votebox.cluster.markup import Html, joined, tag
from votebox.cluster.report_cells import head_cells, number_cell, wide_table
from votebox.cluster.report_words import count
from votebox.cluster.text import clean, one_line

__all__ = [
    "all_fields",
    "corrected_table",
    "kind_words",
    "points",
    "rows_table",
    "span",
]

_NAME_CHARS: Final = 120
_FIELD_CHARS: Final = 4_000
_MISSING: Final = "\u2013"


def points(value: float | None) -> str:
    """Return a percent with one decimal, a dash for None."""
    return _MISSING if value is None else f"{value:.1f}\u00a0%"


def span(row: EditRow, name: str) -> str:
    """Return the 95 % interval of a percent of a row, "" where there is none."""
    found = row.interval(name)
    return f"{found.low:.1f} to {found.high:.1f}\u00a0%" if found else ""


def kind_words(row: EditRow) -> str:
    """Say in words what the colour of a row says."""
    return "architect + editor" if row.paired else "one model"


def _count(value: float | None) -> str:
    return _MISSING if value is None else f"{value:,.0f}"


def _seconds(value: float | None) -> str:
    return _MISSING if value is None else f"{value:,.1f}"


def _dollars(value: float | None) -> str:
    """Return an amount; nothing spent is 0, which nothing known is not.

    >>> _dollars(0.0), _dollars(0.1444), _dollars(63.919), _dollars(0.00002)
    ('$0', '$0.1444', '$63.92', '$2e-05')
    """
    if value is None:
        return _MISSING
    if value == 0:
        return "$0"
    return f"${value:,.2f}" if value >= 1 else f"${value:.4g}"


@dataclass(frozen=True, slots=True)
class _Measure:
    """Hold a column of numbers: its title, its field, and how a value is said.

    `always` keeps it where no row has it; `small` is a field that stands below, in percent.
    """

    title: str
    name: str
    say: Callable[[float | None], str]
    always: bool = False
    small: str = ""

    def cell(self, row: EditRow) -> Html:
        value = getattr(row, self.name)
        below = span(row, self.name) if self.say is points else ""
        if self.small:
            share = getattr(row, self.small)
            below = "" if share is None else f"exact {points(share)}"
        return number_cell(self.say(value), value, tag("div", below, class_="quiet"))


_SCORES: Final = (
    _Measure("percent correct", "pass_rate_2", points, always=True),
    _Measure("at the first try", "pass_rate_1", points),
    _Measure("correct edit format", "percent_cases_well_formed", points, always=True),
)
_COSTS: Final = (
    _Measure("cases", "test_cases", _count),
    _Measure("seconds a case", "seconds_per_case", _seconds),
    _Measure("prompt tokens", "prompt_tokens", _count),
    _Measure("completion tokens", "completion_tokens", _count),
    _Measure("cost", "total_cost", _dollars),
)
_CORRECTED: Final = (
    _Measure("blind", "blind", points),
    _Measure("after feedback", "after_feedback", points),
    _Measure("voted", "voted", points),
    _Measure("any right (oracle)", "oracle", points),
    _Measure("candidates", "voted_n", _count),
    _Measure("architect well formed", "well_formed_architect", points, small="exact_architect"),
    _Measure("editor well formed", "well_formed_editor", points, small="exact_editor"),
    _Measure("editor skipped", "editor_skipped", _count),
)
_ROLES: Final = (
    _Measure("thinking tokens", "architect_thinking_tokens", _count),
    _Measure("answer tokens", "architect_answer_tokens", _count),
    _Measure("editor tokens", "editor_completion_tokens", _count),
    _Measure("architect seconds a case", "architect_seconds_per_case", _seconds),
    _Measure("editor seconds a case", "editor_seconds_per_case", _seconds),
    _Measure("architect cost", "architect_cost", _dollars),
    _Measure("editor cost", "editor_cost", _dollars),
)


def rows_table(found: Board) -> Html:
    """Write a line for each row with the published columns; those that no row fills are left out."""
    rows = [entry.row for entry in found.entries]
    scores, costs = _used(_SCORES, rows), _used(_COSTS, rows)
    words = ["command", "edit format"]
    words += ["provider"] if any(row.provider or row.editor_provider for row in rows) else []
    ties = ["tied with"] if any(found.ties.values()) else []
    heads = (
        *head_cells("model"),
        *head_cells(*(m.title for m in scores), class_="number"),
        *head_cells(*words),
        *head_cells(*ties, *(m.title for m in costs), class_="number"),
    )
    lines = (
        tag("tr", *_cells(entry, found, scores, costs, words), data_n=entry.number)
        for entry in found.entries
    )
    return wide_table(heads, lines, "Rows", sortable=True, class_="scores")


def corrected_table(found: Board) -> Html:
    """Write what rows say beyond the published columns, beside those; empty where none does."""
    beyond = (*_CORRECTED, *_ROLES)
    entries = [e for e in found.entries if any(getattr(e.row, m.name) is not None for m in beyond)]
    if not entries:
        return Html()
    rows = [entry.row for entry in entries]
    measures = (*_SCORES[:1], *_used(beyond, rows))
    heads = (*head_cells("model"), *head_cells(*(m.title for m in measures), class_="number"))
    lines = (
        tag("tr", _named(entry), *(m.cell(entry.row) for m in measures), data_n=entry.number)
        for entry in entries
    )
    return wide_table(heads, lines, "Of all cases and by role", sortable=True, class_="beside")


def _used(measures: Iterable[_Measure], rows: Sequence[EditRow]) -> list[_Measure]:
    return [
        m for m in measures if m.always or any(getattr(row, m.name) is not None for row in rows)
    ]


def _named(entry: EditEntry) -> Html:
    name = one_line(entry.row.model, _NAME_CHARS)
    about = f"{kind_words(entry.row)}, {one_line(entry.source.name, 60)}"
    told = (tag("span", name, class_="id"), tag("div", about, class_="quiet"))
    return tag("th", *told, scope="row", data_v=name)


def _cells(
    entry: EditEntry,
    found: Board,
    scores: Iterable[_Measure],
    costs: Iterable[_Measure],
    words: Sequence[str],
) -> Iterator[Html]:
    row = entry.row
    yield _named(entry)
    yield from (measure.cell(row) for measure in scores)
    for word in words:
        yield tag("td", _worded(word, entry.row), class_=f"of-{word.replace(' ', '-')}")
    if any(found.ties.values()):
        close = len(found.ties[entry.number])
        yield number_cell(count(close, "other") if close else "none", close)
    yield from (measure.cell(row) for measure in costs)


def _worded(word: str, row: EditRow) -> Html:
    if word == "command":
        return (
            tag("code", one_line(row.command, _FIELD_CHARS)) if row.command else joined((_MISSING,))
        )
    if word == "edit format":
        return _both(row.edit_format, row.editor_edit_format)
    return _both(row.provider, row.editor_provider)


def _both(first: str | None, editor: str | None) -> Html:
    """Return what the model uses, and below it what its editor does."""
    said = one_line(first, _NAME_CHARS) if first else _MISSING
    below = tag("div", f"editor: {one_line(editor, _NAME_CHARS)}", class_="quiet") if editor else ""
    return joined((said, below))


def all_fields(entry: EditEntry, found: Board) -> Html:
    """Return all that a row says, folded; what it does not say is named, too."""
    row, close = entry.row, [found.entries[n - 1].row.model for n in found.ties[entry.number]]
    told = row_to_plain(row)
    missing = [f.name for f in fields(EditRow) if f.name not in {*told, "more", "intervals"}]
    facts = (
        tag("div", tag("dt", one_line(name, 60)), tag("dd", _value(value)))
        for name, value in told.items()
        if name != "command"
    )
    command = row.command and tag(
        "div", tag("pre", tag("code", clean(row.command)[:_FIELD_CHARS])), class_="command"
    )
    return tag(
        "details",
        tag(
            "summary",
            tag("strong", one_line(row.model, _NAME_CHARS)),
            f", {points(row.pass_rate_2)}",
        ),
        *(tag("p", doubt, class_="doubt") for doubt in doubts(row)),
        tag("p", f"Tied with {', '.join(one_line(n, 60) for n in close)}.") if close else "",
        command or "",
        tag("dl", *facts, class_="facts"),
        tag("p", f"Not measured: {', '.join(missing)}.", class_="quiet") if missing else "",
        data_n=entry.number,
    )


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{one_line(str(k), 60)} {_value(v)}" for k, v in value.items())
    if isinstance(value, list):
        return " to ".join(map(_value, value))
    return one_line(str(value), _FIELD_CHARS)
