"""Write what `votebox whatif` found: tables for people, or one JSON object."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from votebox.cluster.result import write_json
from votebox.cluster.text import one_line

if TYPE_CHECKING:
    from votebox.plugins.whatif_audit import Audit
    from votebox.plugins.whatif_summary import Estimate, Line, Report

__all__ = ["as_json", "write_report"]

_DIGITS: Final = 6
_MOST_PAIRS: Final = 12
_WIDE: Final = 124
_LEGEND: Final = (
    "*  on the Pareto front of accuracy, tokens saved and makespan",
    "makespan: of launching all chains at once, decoded at the same speed",
    "[]: 95 %, bootstrap over problems; change: paired with the full vote",
)


def as_json(report: "Report", audit: "Audit | None", notes: Sequence[str], stream: TextIO) -> None:
    """Write everything as one object; numbers have six decimals."""
    whole = {**asdict(report), "notes": list(notes)}
    if audit is not None:
        whole["audit"] = asdict(audit)
    write_json(_rounded(whole), stream)


def write_report(report: "Report", audit: "Audit | None", stream: TextIO) -> None:
    """Write the table of rules, the best first, and the audit."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    # A file has no width; a narrow terminal gets no intervals rather than cut numbers.
    wide = not console.is_terminal or console.width >= _WIDE
    if wide:
        console.width = max(console.width, _WIDE)
    console.print(Text(_head(report)), soft_wrap=True)
    console.print()
    console.print(_lines(report, wide=wide))
    console.print()
    for text in _LEGEND[: 3 if wide else 2]:
        console.print(Text(text, style="dim"), soft_wrap=True)
    if audit is not None:
        console.print()
        _write_audit(audit, console)
    stream.flush()


def _head(report: "Report") -> str:
    accuracy = f"accuracy {_percent(report.accuracy)}, " if report.accuracy else ""
    return (
        f"{report.experiments:,} experiments ({report.groups} x {report.problems} problems),"
        f" {report.orders:,} orders, seed {report.seed}\n"
        f"full vote of {report.chains}: {accuracy}{report.tokens:,.0f} tokens a question,"
        f" the longest chain {report.makespan:,.0f}"
    )


def _lines(report: "Report", *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("", "stop", "dispatch"):
        table.add_column(name, no_wrap=True)
    for name in ("accuracy", "change", "same answer", "samples", "saved", "makespan"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in report.lines:
        style = "" if line.front else "dim"
        cells = ("*" if line.front else "", one_line(line.stop, 40), one_line(line.dispatch, 40))
        table.add_row(*(Text(cell, style=style) for cell in (*cells, *_numbers(line, wide=wide))))
    return table


def _numbers(line: "Line", *, wide: bool) -> tuple[str, ...]:
    change, saved = line.accuracy_delta, line.tokens_saved
    return (
        _percent(line.accuracy) if line.accuracy else "-",
        _points(change, wide=wide) if change else "-",
        _percent(line.agreement),
        f"{line.samples:.2f}",
        f"{100 * saved.value:.1f} %"
        + (f" [{100 * saved.low:.1f}, {100 * saved.high:.1f}]" if wide else ""),
        f"{line.makespan.value:.2f}" if line.makespan else "-",
    )


def _points(change: "Estimate", *, wide: bool) -> str:
    interval = f" [{100 * change.low:+.2f}, {100 * change.high:+.2f}]" if wide else ""
    return f"{100 * change.value:+.2f}{interval}"


def _write_audit(audit: "Audit", console: Console) -> None:
    console.print(
        Text(
            f"diversity over {audit.problems} problems, votes of {audit.chains} chains:"
            f" mixed {100 * audit.mixed:.2f} %, error correlation within {_told(audit.rho_within)},"
            f" between {_told(audit.rho_between)}; mixed chains count for"
            f" {_told(audit.effective)} independent ones"
        ),
        soft_wrap=True,
    )
    console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("prompt or model", no_wrap=True)
    for name in ("chains", "errors", "rho", "effective N", "alone", "gain, points"):
        table.add_column(name, justify="right", no_wrap=True)
    for voice in audit.voices:
        cells = (
            one_line(voice.label, 40),
            f"{voice.recorded:,}",
            f"{100 * voice.error:.1f} %",
            _told(voice.rho),
            _told(voice.effective),
            f"{100 * voice.alone:.2f} %",
            f"{100 * voice.gain:+.2f}",
        )
        table.add_row(*map(Text, cells))
    console.print(table)
    known = [(pair.rho, pair) for pair in audit.pairs if pair.rho is not None]
    if known:
        console.print()
        for rho, pair in sorted(known, key=lambda found: found[0])[:_MOST_PAIRS]:
            names = f"{one_line(pair.a, 40)} and {one_line(pair.b, 40)}"
            console.print(Text(f"{rho:5.2f}  {names}", style="dim"))
        rest = len(known) - _MOST_PAIRS
        if rest > 0:
            console.print(
                Text(f"and {rest} pairs that go together more; --json has all", style="dim")
            )


def _percent(estimate: "Estimate") -> str:
    return f"{100 * estimate.value:.2f} %"


def _told(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
