"""Write the verdict of a solve on stdout: for people, or as one JSON object."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from votebox.cluster.live import bar
from votebox.cluster.text import clean, one_line

__all__ = ["write_file", "write_json", "write_verdict"]

_VOTE_ROWS: Final = 8


def write_json(value: Any, stream: TextIO) -> None:
    """Write `value` on one line; all but ASCII is escaped, so no terminal obeys it."""
    stream.write(json.dumps(value) + "\n")
    stream.flush()


def write_file(path: Path, text: str) -> None:
    """Write a file whole or not at all: a full disk leaves what was there.

    What is no file, as /dev/stdout, is written as it stands. Raises OSError.
    """
    target = path.resolve()  # a link stays one
    if path.is_relative_to("/dev") or (target.exists() and not target.is_file()):
        path.write_text(text, "utf-8", newline="\n")
        return
    fresh = target.with_name(f".votebox-{os.getpid()}")
    try:
        fresh.write_text(text, "utf-8", newline="\n")
        fresh.replace(target)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def write_verdict(verdict: Mapping[str, Any], stream: TextIO, look: str = "") -> None:
    """Write the answer on its own first line, then the votes, what it took, and `look`."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    answer = verdict["answer"]
    if answer is None:
        said = one_line(str(verdict["reason"] or verdict["stop_reason"]))
        console.print(Text(f"no answer: {said}", style="bold yellow"), soft_wrap=True)
    else:
        console.print(Text(clean(str(answer)), style="bold green"), soft_wrap=True)
    if verdict["votes"]:
        console.print()
        console.print(_votes(verdict))
    console.print()
    console.print(Text(_cost(verdict), style="dim"), soft_wrap=True)
    if look:
        console.print(Text(one_line(look), style="dim"), soft_wrap=True)
    stream.flush()


def _votes(verdict: Mapping[str, Any]) -> Table:
    votes = verdict["votes"]
    whole = sum(vote["weight"] for vote in votes) or 1
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column("answer", overflow="ellipsis", no_wrap=True, max_width=40)
    table.add_column("votes", justify="right")
    table.add_column("")
    table.add_column("chains", overflow="ellipsis", no_wrap=True, style="dim")
    for number, vote in enumerate(votes[:_VOTE_ROWS]):
        style = "green" if number == 0 else "yellow"
        table.add_row(
            Text(one_line(str(vote["answer"]), 200)),
            Text(f"{vote['weight']:g}"),
            Text(bar(vote["weight"] / whole, 16), style=style),
            Text(" ".join(str(chain) for chain in vote["chains"])),
        )
    if len(votes) > _VOTE_ROWS:
        table.add_row(Text(f"and {len(votes) - _VOTE_ROWS} more", style="dim"))
    return table


def _cost(verdict: Mapping[str, Any]) -> str:
    usage, saved = verdict["usage"], verdict.get("tokens_saved")
    parts = [
        f"confidence {verdict['confidence']:.0%}",
        f"{usage['chains']} chains, {usage['chains_aborted']} stopped early",
        f"{usage['executions']} programs",
        f"{usage['total_tokens']:,} tokens" + (f" ({saved:,} saved)" if saved else ""),
        f"{verdict['wall_s']:.1f} s",
        f"recipe {verdict['recipe']}, seed {verdict['seed']}",
    ]
    if verdict["stop_reason"] in ("deadline", "budget"):
        parts.insert(1, f"cut short by the {verdict['stop_reason']}")
    if verdict.get("ladder_s"):
        parts.insert(1, f"ladder below {verdict['ladder_s']:g} s")
    if verdict["stopped_by"]:
        parts.insert(1, f"stopped by {verdict['stopped_by']}")
    if verdict.get("flip_chance"):  # 0 once all chains have ended
        parts.insert(1, f"{verdict['flip_chance']:.1%} that all chains would differ")
    return one_line(" · ".join(parts))
