"""Write the tables of a report: runs, pairs of runs, prompts and sources, problems.

Each is whole without a script; `data-v` holds what report.js sorts a cell by, `data-n` the
line of the data block that tells a problem in full, `data-f` what a filter finds it by.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from votebox.cluster.markup import Html, joined, tag
from votebox.cluster.report_cells import head_cells, number_cell, wide_table
from votebox.cluster.report_facts import Asked, Entry, Family, tied
from votebox.cluster.report_pictures import share_bar
from votebox.cluster.report_words import compared, interval, percent, points
from votebox.cluster.text import one_line

if TYPE_CHECKING:
    from votebox.cluster.evaluate_rows import EvalRow
    from votebox.cluster.summary import Group

__all__ = ["groups_table", "pairs_table", "problems_table", "runs_table", "sizes_table"]

_QUESTION_CHARS: Final = 300
_ANSWER_CHARS: Final = 40
_NAME_CHARS: Final = 60


def runs_table(family: Family) -> Html:
    """Write a line for each run, the most accurate first."""
    numbers = ("of answers", "pass@1", "abstained", "errors", "tokens each", "saved", "seconds")
    ties = ("tied with",) if family.pairs else ()
    heads = (
        *head_cells("run"),
        *head_cells("accuracy", class_="number"),
        *head_cells(*ties),
        *head_cells(*numbers, class_="number"),
    )
    rows = (tag("tr", *_run(entry, family)) for entry in family.ranked)
    return wide_table(heads, rows, "Runs", sortable=True)


def _run(entry: Entry, family: Family) -> Iterator[Html]:
    found = entry.summary
    about = f"{entry.run.head.recipe}; {', '.join(entry.run.head.models) or 'model not known'}"
    yield tag(
        "th",
        one_line(entry.name, _NAME_CHARS),
        tag("div", one_line(about, 120), class_="quiet"),
        scope="row",
        data_v=entry.name,
    )
    whisker = tag("div", interval(found.interval), class_="quiet")
    yield number_cell(percent(found.accuracy), found.accuracy, whisker)
    if family.pairs:
        close = [one_line(other.name, _NAME_CHARS) for other in tied(family, entry)]
        yield tag("td", ", ".join(close) or "none", class_="tied")
    yield number_cell(percent(found.accuracy_answered), found.accuracy_answered)
    yield number_cell(percent(found.pass_1), found.pass_1)
    yield number_cell(f"{found.abstained:,}", found.abstained)
    yield number_cell(f"{found.errors:,}", found.errors)
    yield number_cell(f"{found.tokens.mean:,.0f}", found.tokens.mean)
    yield number_cell(f"{found.tokens_saved:,}", found.tokens_saved)
    slow = tag("div", f"p95 {found.seconds.p95:.1f}", class_="quiet")
    yield number_cell(f"{found.seconds.p50:.1f}", found.seconds.p50, slow)


def pairs_table(family: Family) -> Html:
    """Write a line for each pair of runs that were asked the same problems."""
    numbers = ("problems", "only the first right", "only the second right", "difference", "p")
    heads = (*head_cells("pair"), *head_cells(*numbers, class_="number"))
    rows = (
        tag(
            "tr",
            tag("th", compared(pair), scope="row"),
            number_cell(f"{pair.shared:,}", pair.shared),
            number_cell(f"{pair.only_one:,}", pair.only_one),
            number_cell(f"{pair.only_other:,}", pair.only_other),
            number_cell(
                points(pair.difference),
                pair.difference,
                tag(
                    "div",
                    f"{points(pair.interval.low)} to {points(pair.interval.high)}",
                    class_="quiet",
                ),
            ),
            number_cell(_p(pair.p), pair.p),
        )
        for pair in family.pairs
    )
    return wide_table(heads, rows, "Pairs of runs", sortable=True)


def groups_table(kind: str, groups: Sequence["Group"]) -> Html:
    """Write what each prompt, source or model brought in; empty where there is none."""
    if not groups:
        return Html()
    heads = (
        *head_cells(kind),
        *head_cells("chains", "no answer read", class_="number"),
        tag("td"),
        *head_cells("right", "behind the answer", class_="number"),
    )
    rows = (
        tag(
            "tr",
            tag("th", one_line(group.name, _NAME_CHARS), scope="row"),
            number_cell(f"{group.chains:,}", group.chains),
            number_cell(percent(group.unreadable), group.unreadable),
            tag("td", share_bar(group.unreadable, "c1"), class_="bars"),
            number_cell(percent(group.accuracy), group.accuracy),
            number_cell(f"{group.behind:,}", group.behind),
        )
        for group in groups
    )
    return wide_table(heads, rows, f"By {kind}")


def sizes_table(entry: Entry) -> Html:
    """Write what fewer chains would have done; empty where that is not known."""
    if not entry.summary.at_k:
        return Html()
    heads = head_cells("chains", "majority right", "any right (pass@k)", class_="number")
    rows = (
        tag(
            "tr",
            tag("th", at.k, scope="row", class_="number"),
            number_cell(percent(at.majority), at.majority),
            number_cell(percent(at.passed), at.passed),
        )
        for at in entry.summary.at_k
    )
    title = "What fewer chains would have done"
    return joined((tag("h3", title), wide_table(heads, rows, title, class_="sizes")))


def problems_table(family: Family, first_line: int) -> Html:
    """Write a line for each problem with the answer of each run."""
    single = len(family.entries) == 1
    runs = ["answer"] if single else [one_line(e.name, _NAME_CHARS) for e in family.entries]
    measures = ["share", "tokens", "seconds"] if single else ["right"]
    rows = (
        tag(
            "tr",
            *_problem(asked, family.entries),
            data_n=first_line + place,
            data_f=" ".join(_flags(asked, family.entries)) or None,
        )
        for place, asked in enumerate(family.problems)
    )
    heads = (*head_cells("problem", "known", *runs), *head_cells(*measures, class_="number"))
    return wide_table(heads, rows, "Problems", sortable=True, class_="problems")


def _problem(asked: Asked, entries: Sequence[Entry]) -> Iterator[Html]:
    question = tag("div", one_line(asked.question, _QUESTION_CHARS), class_="asked")
    name = tag("span", one_line(asked.id, _NAME_CHARS), class_="id")
    yield tag("th", name, question, scope="row", data_v=one_line(asked.id, _NAME_CHARS))
    known = "\u2013" if asked.reference is None else one_line(asked.reference, _ANSWER_CHARS)
    yield tag("td", known)
    for entry in entries:
        rows = asked.rows.get(entry.number, ())
        text, kind = _answer(rows)
        yield tag("td", text, _repeated(rows), class_=kind)
    rows = tuple(row for same in asked.rows.values() for row in same)
    if len(entries) == 1:
        yield from _measures(rows)
    else:
        told = [row.correct for row in rows if row.correct is not None]
        share = sum(told) / len(told) if told else None
        yield number_cell("\u2013" if share is None else f"{sum(told)} of {len(told)}", share)


def _measures(rows: Sequence["EvalRow"]) -> Iterator[Html]:
    """Yield means over the repeats of a problem."""
    share = sum(row.confidence for row in rows) / len(rows)
    tokens = sum(row.total_tokens for row in rows) / len(rows)
    seconds = sum(row.wall_s for row in rows) / len(rows)
    yield number_cell(f"{share:.0%}", share)
    yield number_cell(f"{tokens:,.0f}", tokens)
    yield number_cell(f"{seconds:.1f}", seconds)


_MARKS: Final = {"right": "\u2713 ", "wrong": "\u2717 "}
_SAID: Final = {"right": "right: ", "wrong": "wrong: "}


def _answer(rows: Sequence["EvalRow"]) -> tuple[Html, str]:
    """Return the commonest answer with its mark, and the class of its cell."""
    if not rows:
        return joined(("not asked",)), "quiet"
    kinds = Counter((_kind(row), row.answer) for row in rows)
    (kind, answer), _ = kinds.most_common(1)[0]
    if answer is None:
        return joined(("error" if kind == "error" else "no answer",)), f"{kind} silent"
    mark = tag("span", _MARKS.get(kind, ""), aria_hidden="true")
    said = tag("span", _SAID.get(kind, ""), class_="heard")
    return joined((mark, said, one_line(answer, _ANSWER_CHARS))), kind


def _repeated(rows: Sequence["EvalRow"]) -> Html:
    if len(rows) < 2:
        return Html()
    right = [row.correct for row in rows if row.correct is not None]
    said = f"{sum(right)} of {len(right)} right" if right else f"{len(rows)} times"
    return tag("div", said, class_="quiet")


def _kind(row: "EvalRow") -> str:
    if row.error is not None:
        return "error"
    return {True: "right", False: "wrong", None: "open"}[row.correct]


def _flags(asked: Asked, entries: Sequence[Entry]) -> Iterator[str]:
    """Yield what a reader may look for: wrong, differ, abstained, error."""
    rows = [row for same in asked.rows.values() for row in same]
    if any(row.correct is False for row in rows):
        yield "wrong"
    if len({row.answer for row in rows}) > 1 and len(entries) > 1:
        yield "differ"
    if any(row.abstained for row in rows):
        yield "abstained"
    if any(row.error is not None for row in rows):
        yield "error"


def _p(value: float | None) -> str:
    if value is None:
        return "\u2013"
    return "< 0.001" if value < 1e-3 else f"{value:.3f}"
