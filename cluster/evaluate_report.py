"""Write the summary of a run on stdout: a short table for people."""

from typing import Final, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from votebox.cluster.runs import RunHead
from votebox.cluster.statistics import Interval
from votebox.cluster.summary import AtK, Group, Summary
from votebox.cluster.text import one_line

__all__ = ["interval_text", "write_summary"]

_WIDTH: Final = 100


def write_summary(head: RunHead, summary: Summary, stream: TextIO) -> None:
    """Write what a run came to; then its prompts and its sources, where there are several."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False, width=_WIDTH)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _lines(head, summary):
        if value:
            table.add_row(name, Text(one_line(value)))
    console.print(table)
    for name, groups in (("prompt", summary.prompts), ("source", summary.sources)):
        if len(groups) > 1:
            console.print()
            console.print(_groups(name, groups))
    stream.flush()


def _lines(head: RunHead, summary: Summary) -> list[tuple[str, str]]:
    tokens, seconds = summary.tokens, summary.seconds
    repeat = f", {head.repeat} times each" if head.repeat > 1 else ""
    saved = f", {summary.tokens_saved:,} saved" if summary.tokens_saved else ""
    error = "" if summary.ece is None else f"ECE {summary.ece:.3f}"
    return [
        ("run", f"{head.dataset.name}, recipe {head.recipe}, {', '.join(head.models)}"),
        ("problems", f"{summary.problems:,}{repeat}"),
        ("accuracy", _accuracy(summary)),
        ("abstained", _abstained(summary)),
        ("errors", f"{summary.errors:,}" if summary.errors else ""),
        ("one chain", "" if summary.pass_1 is None else f"{summary.pass_1:.1%}"),
        ("k chains", "; ".join(map(_at_k, summary.at_k[1:]))),
        ("tokens", f"{tokens.total:,.0f}, {tokens.mean:,.0f} a problem{saved}"),
        ("seconds", f"{seconds.p50:.1f} at the median, {seconds.p95:.1f} at 95 %"),
        ("chains", f"{summary.chains:,}, {summary.chains_aborted:,} stopped early"),
        ("confidence", error),
    ]


def _accuracy(summary: Summary) -> str:
    if summary.accuracy is None:
        return "unknown: the data set has no answers"
    share = f"{summary.accuracy:.1%} ({summary.right:,} of {summary.asked:,})"
    return f"{share}, 95 % {interval_text(summary.interval)}"


def _abstained(summary: Summary) -> str:
    if not summary.abstained:
        return ""
    rest = summary.accuracy_answered
    right = "" if rest is None else f"; {rest:.1%} of the answered ones are right"
    return f"{summary.abstained:,}{right}"


def _at_k(found: AtK) -> str:
    return f"{found.k}: vote {found.majority:.1%}, any {found.passed:.1%}"


def interval_text(interval: Interval | None) -> str:
    """Return both ends as shares."""
    return "" if interval is None else f"{interval.low:.1%} to {interval.high:.1%}"


def _groups(name: str, groups: tuple[Group, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(name, overflow="ellipsis", no_wrap=True, max_width=40)
    for column in ("chains", "right", "unreadable", "behind the answer"):
        table.add_column(column, justify="right")
    for group in groups:
        right = "" if group.accuracy is None else f"{group.accuracy:.1%}"
        row = (f"{group.chains:,}", right, f"{group.unreadable:.1%}", f"{group.behind:,}")
        table.add_row(Text(one_line(group.name, 60)), *row)
    return table
