"""Write rows of editing benchmarks as one HTML page: a chart, a table, all fields, cases.

Published rows and ours stand side by side. The colour of a bar comes from what the row says it
is, one model or architect and editor, never from its name.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from votebox.cluster.edit_report_cases import cases_table
from votebox.cluster.edit_report_facts import Board, EditEntry, Reference, doubts
from votebox.cluster.edit_report_tables import (
    all_fields,
    corrected_table,
    kind_words,
    points,
    rows_table,
    span,
)
from votebox.cluster.edit_rows import row_to_plain, rows_to_yaml
from votebox.cluster.markup import Html, tag
from votebox.cluster.report_data import data_element, json_line
from votebox.cluster.report_pictures import mark_bar, whisker_bar
from votebox.cluster.report_shell import section, whole_page
from votebox.cluster.report_words import count
from votebox.cluster.statistics import Interval
from votebox.cluster.text import one_line

__all__ = ["edit_report_page"]

_NAME_CHARS: Final = 60
_NAMED: Final = 4
_COLOURS: Final = {False: "c0", True: "c1"}


def edit_report_page(found: Board) -> str:
    """Return the page of rows; the same rows give the same page."""
    head = tag(
        "header",
        tag("h1", "votebox editing report"),
        tag("p", _headline(found), class_="question"),
        *(tag("p", note, class_="note") for note in _notes(found)),
    )
    body = (
        head,
        section("scores", "Exercises solved", _chart(found)),
        section("rows", "All rows", (rows_table(found),)),
        section("corrected", "Of all cases, and by role", _corrected(found)),
        section("cases", "Cases", _cases(found)),
        tag(
            "div",
            section("fields", "Every field", (all_fields(e, found) for e in found.entries)),
            class_="fields",
        ),
        section("doubts", "What does not add up", _doubts(found)),
    )
    foot = tag("footer", *(tag("p", said) for said in _method()), class_="note quiet")
    title = f"{_headline(found)} votebox editing report"
    return whole_page(title, (tag("main", *body), foot, _data(found)), "edit_report.js")


def _headline(found: Board) -> str:
    """Say how many rows there are, and of each place who is ahead and who may be as good."""
    several = len(found.places) > 1
    where = f" from {len(found.places)} places" if several else ""
    told = (_ahead(place, found, named=several) for place in found.places)
    return " ".join([f"{count(len(found.entries), 'row')}{where}.", *filter(None, told)])


def _ahead(place: Sequence[EditEntry], found: Board, *, named: bool) -> str:
    """Say who is ahead of the rows that compare; empty where there is nothing to be ahead of."""
    scored = [entry for entry in place if entry.row.pass_rate_2 is not None]
    if len(scored) < 2:
        return ""
    first = scored[0]
    where = "" if not named else f" in {_origin(first)}"
    if first.source.cases:
        where = f" of {len(scored)} runs over the same cases"
    close = [_name(found.entries[n - 1]) for n in found.ties[first.number]]
    names = ", ".join(close) if len(close) <= _NAMED else f"{len(close)} others"
    also = f", tied with {names}" if close else ""
    return f"Ahead{where}: {_name(first)}, {points(first.row.pass_rate_2)}{also}."


def _notes(found: Board) -> Iterator[str]:
    """Yield what a reader must know before comparing bars."""
    if len(found.places) > 1:
        sizes = " and ".join(f"{size:,}" for size in found.sizes)
        yield (
            f"The rows are over {sizes} cases. Scores over different exercises cannot be compared, "
            "so who is ahead or tied is told within one file, and between runs of the same cases."
        )


def _origin(entry: EditEntry) -> str:
    return one_line(entry.source.name, _NAME_CHARS)


def _name(entry: EditEntry) -> str:
    return one_line(entry.row.model, _NAME_CHARS)


def _chart(found: Board) -> Iterator[Html]:
    marks = tuple(reference.percent / 100 for reference in found.references)
    named = len({entry.source.name for entry in found.entries}) > 1
    bars = [
        _bar(entry, marks, named=named)
        for entry in found.entries
        if entry.row.pass_rate_2 is not None
    ]
    if not bars:
        yield tag("p", "No row has a pass_rate_2.")
        return
    yield _legend(found)
    yield tag("div", *bars, *map(_reference, found.references), class_="chart")
    lines = " Dashed lines: scores a text names without a row." if marks else ""
    yield tag(
        "p",
        "Bars: the share of cases solved by the last try (pass_rate_2); in the published procedure "
        "it has seen the output of the tests that score. "
        f"Whiskers: 95 %. Lines: 0, 25, 50, 75 and 100 %.{lines}",
        class_="note quiet",
    )


def _legend(found: Board) -> Html:
    """Return what each colour means, of those that are there."""
    kinds = {entry.row.paired: kind_words(entry.row) for entry in found.entries}
    keys = (
        tag("li", tag("span", "\u25a0", class_=_COLOURS[paired], aria_hidden="true"), f" {words}")
        for paired, words in sorted(kinds.items())
    )
    return tag("ul", *keys, class_="legend")


def _bar(entry: EditEntry, marks: tuple[float, ...], *, named: bool) -> Html:
    row, found = entry.row, entry.row.interval("pass_rate_2")
    ends = None if found is None else Interval(found.low / 100, found.high / 100)
    value = (row.pass_rate_2 or 0.0) / 100
    about = f"{kind_words(row)}, {_origin(entry)}" if named else kind_words(row)
    return tag(
        "div",
        tag("span", _name(entry), tag("small", about), class_="name"),
        whisker_bar(value, ends, _COLOURS[row.paired], marks),
        tag(
            "span", points(row.pass_rate_2), tag("small", span(row, "pass_rate_2")), class_="value"
        ),
        class_="row",
        data_n=entry.number,
    )


def _reference(found: Reference) -> Html:
    name = tag(
        "span", one_line(found.name, _NAME_CHARS), tag("small", "named in a text"), class_="name"
    )
    value = tag("span", f"{found.percent:g}\u00a0%", class_="value")
    return tag("div", name, mark_bar(found.percent / 100), value, class_="row reference")


def _corrected(found: Board) -> Iterator[Html]:
    table = corrected_table(found)
    if table:
        yield tag(
            "p",
            "A case that came to no end counts as not solved. Blind: the first candidate at its "
            "first try. After feedback: at the last try, with the output of tests seen. Voted: the "
            "candidate that was chosen without a look at a test that scores. Oracle: any of "
            "them. Well formed: the edits applied, exact: without tolerance.",
            class_="note quiet",
        )
        yield table


def _cases(found: Board) -> Iterator[Html]:
    table = cases_table(found)
    if table:
        words = "What became of each exercise in the runs that keep their cases."
        yield tag("p", words, class_="note quiet")
        yield table


def _doubts(found: Board) -> Iterator[Html]:
    told: dict[str, list[str]] = defaultdict(list)
    for entry in found.entries:
        for said in doubts(entry.row):
            told[said].append(_name(entry))
    if told:
        items = (
            tag("li", tag("strong", ", ".join(names)), f": {said}") for said, names in told.items()
        )
        yield tag("ul", *items, class_="note")


def _data(found: Board) -> Html:
    """Return the rows for the buttons that save them: as fields, and as the YAML they came from."""
    rows = [entry.row for entry in found.entries]
    names = [entry.source.name for entry in found.entries]
    told = {"rows": [row_to_plain(row) for row in rows], "sources": names}
    return data_element((json_line(told), json_line({"yaml": rows_to_yaml(rows)})))


def _method() -> Iterator[str]:
    yield (
        "Intervals are 95 %: those a row gives, else Wilson's over its cases. Rows of one file "
        "are tied where a pooled z test of their rates has a p of 0.05 or more; runs of the same "
        "cases where an exact test has, of how many cases each solved more often (McNemar's)."
    )
    yield (
        "Percent correct and correct edit format are the published numbers: of the cases that came "
        "to an end, and without counting edits of an editor. Numbers of all cases stand beside "
        "them where a row has them."
    )
