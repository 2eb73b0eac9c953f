"""Write a comparison of two runs on stdout: the outcome, the sides, what differs."""

from typing import Final, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from votebox.cluster.compare import Comparison, Difference, Side
from votebox.cluster.evaluate_report import interval_text
from votebox.cluster.report_words import points
from votebox.cluster.text import one_line

__all__ = ["write_comparison"]

_WIDTH: Final = 100


def write_comparison(found: Comparison, stream: TextIO, most: int = 20) -> None:
    """Write who is better and how sure that is, then at most `most` problems that differ."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False, width=_WIDTH)
    console.print(Text(one_line(found.verdict), style="bold"))
    gap, sure = points(found.difference), found.interval
    ends = f"{points(sure.low)} to {points(sure.high)}"
    console.print(f"difference {gap} points, 95 % {ends}; McNemar p = {found.p:.3g}")
    counts = f"{found.both_right} both right, {found.both_wrong} both wrong"
    alone = f"{found.only_first} only the first, {found.only_second} only the second"
    console.print(f"{found.pairs} pairs of {found.problems} problems: {counts}, {alone}")
    if found.left_out:
        console.print(f"{found.left_out} rows that only one run has are left out")
    console.print()
    console.print(_sides(found.first, found.second))
    if found.differences and most:
        console.print()
        console.print(_differences(found.differences[:most]))
    if len(found.differences) > most > 0:
        console.print(f"and {len(found.differences) - most} more; --all or --json shows them")
    stream.flush()


def _sides(*sides: Side) -> Table:
    table = _table("run", "recipe")
    for column in ("accuracy", "95 %", "tokens", "seconds"):
        table.add_column(column, justify="right")
    for side in sides:
        table.add_row(
            Text(one_line(side.name, 60)),
            Text(one_line(side.recipe, 40)),
            f"{side.accuracy:.1%}",
            interval_text(side.interval),
            f"{side.tokens:,}",
            f"{side.seconds:,.0f}",
        )
    return table


def _differences(found: tuple[Difference, ...]) -> Table:
    table = _table("problem", "reference", "first", "second", "right")
    for each in found:
        name = each.id if not each.repeat else f"{each.id} (repeat {each.repeat})"
        texts = (name, each.reference, each.first, each.second)
        shown = [Text(one_line("no answer" if text is None else text, 30)) for text in texts]
        table.add_row(*shown, "first" if each.first_right else "second")
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="ellipsis", no_wrap=True, max_width=32)
    return table
