"""Write what became of each case of the editing benchmark, run beside run.

`data-f` holds what a filter finds a case by.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from votebox.cluster.edit_report_facts import Board, CaseOutcome, EditEntry
from votebox.cluster.markup import Html, tag
from votebox.cluster.report_cells import head_cells, wide_table
from votebox.cluster.text import one_line

__all__ = ["cases_table"]

_NAME_CHARS: Final = 120


def cases_table(found: Board) -> Html:
    """Write a line for each case with what became of it in each run; empty without cases."""
    runs = found.runs
    if not runs:
        return Html()
    held = [{(c.id, c.repeat): c for c in entry.source.cases} for entry in runs]
    keys = sorted({key for cases in held for key in cases})
    names = ["outcome"] if len(runs) == 1 else [_run_name(entry) for entry in runs]
    rows = (
        tag(
            "tr",
            tag("th", tag("span", _case_name(key), class_="id"), scope="row"),
            *(_case(cases.get(key)) for cases in held),
            data_f=" ".join(_flags([cases.get(key) for cases in held])) or None,
        )
        for key in keys
    )
    heads = head_cells("case", *names)
    return wide_table(heads, rows, "Cases", sortable=True, class_="cases")


def _run_name(entry: EditEntry) -> str:
    return one_line(f"{entry.row.model} ({entry.source.name})", _NAME_CHARS)


def _case_name(key: tuple[str, int]) -> str:
    name, repeat = key
    return one_line(name, _NAME_CHARS) + (f", repeat {repeat}" if repeat else "")


def _case(case: CaseOutcome | None) -> Html:
    """Return the cell of a case: solved at once, after feedback, or what went wrong."""
    if case is None:
        return tag("td", "not run", class_="quiet")
    if case.chains > 1:
        said, kind = _shares(case), "right" if case.voted else "wrong"
    elif case.blind:
        said, kind = "at the first try", "right"
    elif case.after_feedback:
        said, kind = "after feedback", "right"
    else:
        said, kind = one_line(case.fault, 60) or "not solved", "wrong"
    mark = tag("span", "\u2713 " if kind == "right" else "\u2717 ", aria_hidden="true")
    heard = tag("span", "solved: " if kind == "right" else "not solved: ", class_="heard")
    order = f"{case.after_feedback:.3f} {case.blind:.3f} {said}"
    return tag("td", mark, heard, said, class_=kind, data_v=order)


def _shares(case: CaseOutcome) -> str:
    """Say how many candidates solved a case, and whether the vote chose one of them."""
    right = round(case.after_feedback * case.chains)
    if not right:
        return f"none of {case.chains:,} right"
    chosen = {True: "voted right", False: "voted wrong", None: "none voted"}[case.voted]
    return f"{right:,} of {case.chains:,} right, {chosen}"


def _flags(cases: Sequence[CaseOutcome | None]) -> Iterator[str]:
    """Yield what a reader may look for: wrong, differ, voted-away."""
    known = [case for case in cases if case is not None]
    if any(not case.oracle for case in known):
        yield "wrong"
    if len({case.oracle for case in known}) > 1:
        yield "differ"
    if any(case.oracle and case.voted is False for case in known):
        yield "voted-away"
