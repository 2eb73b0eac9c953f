"""Read from traces of real solves what questions cost, in place of what a plan assumes.

Votes and lengths are read as `votebox whatif` reads them, from a folder of traces or any table
of recorded votes. Traces also tell of programs, prompts, what stopping saved and how fast
chains were.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from votebox.cluster.capacity_questions import Questions
from votebox.plugins.answers import Policy
from votebox.plugins.whatif_files import Sheet, sheets
from votebox.plugins.whatif_groups import group
from votebox.plugins.whatif_tables import read_table

__all__ = ["recorded"]

_COLUMNS: Final = (
    "kind",
    "ended",
    "rounds",
    "executions",
    "sandbox_s",
    "prompt_tokens",
    "tokens",
    "tokens_saved",
    "start_s",
    "end_s",
)
_CUT: Final = frozenset({"aborted", "deadline", "budget"})


def recorded(where: str, policy: Policy) -> Questions:
    """Return the questions of traces or of a table of votes, as `whatif` names them.

    Raises:
        TableError: it cannot be read, or holds no chain with a token count.
    """
    grouping = group(read_table(where), policy)
    rows = [row for sheet in sheets(where, _COLUMNS, ()) for row in _rows(sheet)]
    chains = [row for row in rows if row["kind"] == "chain"]
    whole = [row for row in chains if row["ended"] not in _CUT]
    programs = sum(row["executions"] for row in whole)
    once = [row["prompt_tokens"] for row in whole if row["rounds"] == 1 and row["prompt_tokens"]]
    return Questions(
        grouping.experiments,
        f"{len(grouping.experiments):,} recorded questions",
        programs / len(whole) if whole else None,
        sum(row["sandbox_s"] for row in whole) / programs if programs else None,
        sum(once) / len(once) if once else None,
        (*grouping.notes, *_saved(rows), *_speed(chains)),
    )


def _rows(sheet: Sheet) -> Iterator[dict[str, Any]]:
    """Yield the rows of a trace; a table of votes alone has none."""
    if set(_COLUMNS) <= set(sheet.found):
        for values in zip(*(sheet.cells[name] for name in _COLUMNS), strict=True):
            yield dict(zip(_COLUMNS, values, strict=True))


def _saved(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Say what the recorded solves themselves saved, whatever rule they ran under."""
    solves = [row for row in rows if row["kind"] == "solve"]
    spent, saved = (sum(row[name] for row in solves) for name in ("tokens", "tokens_saved"))
    if not spent:
        return []
    return [f"when they were recorded, stopping saved {saved / (spent + saved):.0%} of the tokens"]


def _speed(chains: Sequence[dict[str, Any]]) -> list[str]:
    """Say how fast chains were, to be held against the plan's tokens a second."""
    timed = [row for row in chains if row["end_s"] is not None and row["start_s"] is not None]
    seconds = sum(row["end_s"] - row["start_s"] - row["sandbox_s"] for row in timed)
    if seconds <= 0:
        return []
    speed = sum(row["tokens"] for row in timed) / seconds
    return [f"when they were recorded, a chain decoded {speed:,.0f} tokens/s"]
