"""Say the numbers of a report: percents, counts, the sentences above the pictures.

Pure; names are shortened but not escaped, so who writes them as HTML does that.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from votebox.cluster.report_facts import Entry, Family, tied
from votebox.cluster.text import one_line

if TYPE_CHECKING:
    from votebox.cluster.report_facts import Pair
    from votebox.cluster.statistics import Interval

__all__ = [
    "compared",
    "count",
    "headline",
    "interval",
    "percent",
    "points",
    "sentences",
    "state",
]

_NAME_CHARS: Final = 60
_NAMED: Final = 3
"""As many runs as a sentence can name."""


def percent(share: float | None) -> str:
    """Return a share in percent with one decimal, a dash for None."""
    return "\u2013" if share is None else f"{100 * share:.1f}\u00a0%"


def count(number: int, what: str, many: str = "") -> str:
    """Return a number and the noun in its form.

    >>> count(1, "row"), count(2_000, "row"), count(0, "reply", "replies")
    ('1 row', '2,000 rows', '0 replies')
    """
    return f"{number:,} {what if number == 1 else many or f'{what}s'}"


def interval(found: "Interval | None") -> str:
    """Return an interval of shares in percent, "" for None."""
    return f"{100 * found.low:.1f} to {100 * found.high:.1f}\u00a0%" if found else ""


def points(gap: float) -> str:
    """Return a difference of shares in points, with its sign; what rounds to nought has none.

    >>> points(0.125), points(-0.0), points(-0.0004)
    ('+12.5', '0.0', '0.0')
    """
    told = f"{100 * gap:+.1f}"
    return told[1:] if told[1:] == "0.0" else told


def headline(families: Sequence[Family]) -> str:
    """Say in a sentence what the report finds, over all of its runs."""
    entries = [entry for family in families for entry in family.entries]
    if len(entries) == 1:
        return _single(entries[0])
    where = f" on {len(families)} datasets" if len(families) > 1 else ""
    opening = f"{len(entries)} runs{where}."
    return " ".join([opening, *filter(None, map(_leader, families))])


def _single(entry: Entry) -> str:
    found = entry.summary
    if not found.rows:
        return "Nothing was asked yet."
    if found.accuracy is None:
        answers = f"{found.answered:,} of {count(found.rows, 'question')} answered"
        return f"{answers}; how many are right is not known, because no reference is."
    return f"{found.right:,} of {count(found.asked, 'question')} answered right."


def _leader(family: Family) -> str:
    """Say which run of a family is ahead, and who could be."""
    first, *others = family.ranked
    accuracy = first.summary.accuracy
    if accuracy is None or not others:
        return ""
    close = [one_line(entry.name, _NAME_CHARS) for entry in tied(family, first)]
    also = f", tied with {_listed(close)}" if close else ""
    where = one_line(family.dataset.name, _NAME_CHARS) or "the dataset"
    return f"Ahead on {where}: {one_line(first.name, _NAME_CHARS)}, {percent(accuracy)}{also}."


def sentences(entry: Entry) -> Iterator[str]:
    """Yield what a run did, took and left open, a sentence each."""
    found = entry.summary
    if found.interval is not None:
        right = f"{found.right:,} of {found.asked:,} right"
        ends = interval(found.interval).replace(" to ", " and ")
        yield f"{right}; the true share lies between {ends} (95 %)."
    elif found.rows:
        yield f"{found.answered:,} of {found.rows:,} answered; no reference is known."
    if found.abstained:
        rest = found.accuracy_answered
        also = f"; of its answers {percent(rest)} were right" if rest is not None else ""
        yield f"It abstained {_times(found.abstained)} ({percent(found.abstained / found.rows)}){also}."
    if found.errors:
        yield f"{count(found.errors, 'question')} ended in an error."
    if found.tokens.total:
        whole = count(int(found.tokens.total), "token")
        yield f"It took {whole}, {found.tokens.mean:,.0f} a question."
    yield from _saving(entry)


def _saving(entry: Entry) -> Iterator[str]:
    saved = entry.summary.tokens_saved
    spent = sum(row.completion_tokens for row in entry.run.rows)
    if saved:
        share = saved / (saved + spent)
        yield f"Stopping early saved an estimated {count(saved, 'token')}, {share:.0%} of the full votes."


def state(entry: Entry) -> str:
    """Say what is not whole about a run, "" where it is."""
    head = entry.run.head
    asked = head.dataset.rows if head.limit is None else min(head.limit, head.dataset.rows)
    parts = [f"shard {head.shard}"] if head.shard else []
    if head.ended is None:
        planned = "" if head.shard else f" of {asked * head.repeat:,}"
        parts.append(f"not finished: {entry.summary.rows:,}{planned} rows")
    return ", ".join(parts)


def compared(pair: "Pair") -> str:
    """Say who of two runs is ahead, or that nobody can tell."""
    verb = "is tied with" if pair.tied else "is better than"
    return f"{pair.one.name} {verb} {pair.other.name}"


def _listed(names: Sequence[str]) -> str:
    if len(names) > _NAMED + 1:
        names = [*names[:_NAMED], f"{len(names) - _NAMED} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"
