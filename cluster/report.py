"""Write runs of an evaluation as one HTML page: its own style, script and data, no other's.

The page says first what was found and how sure that is, then what it took, then problem by
problem what was answered. Numbers, pictures and tables are there without the script, which
sorts, searches, and unfolds what the data block holds.
"""

import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from votebox.cluster.markup import Html, tag
from votebox.cluster.report_data import Texts, data_block
from votebox.cluster.report_facts import Entry, Family
from votebox.cluster.report_pictures import calibration_picture, cost_picture, whisker_bar
from votebox.cluster.report_shell import section, whole_page
from votebox.cluster.report_tables import (
    groups_table,
    pairs_table,
    problems_table,
    runs_table,
    sizes_table,
)
from votebox.cluster.report_words import count, headline, interval, percent, sentences, state
from votebox.cluster.text import clean, one_line

__all__ = ["report_page"]

_NAME_CHARS: Final = 60
_HASH_CHARS: Final = 16
_OPEN: Final = 2
"""Up to so many runs, what each prompt brought in and what was run are unfolded."""


def report_page(found: Sequence[Family], texts: Texts) -> str:
    """Return the page of runs; `texts` counts what it could not read."""
    data = data_block(found, texts)
    entries = sorted((e for family in found for e in family.entries), key=lambda e: e.number)
    body = (
        tag(
            "header",
            tag("h1", "votebox evaluation report"),
            tag("p", headline(found), class_="question"),
            tag("div", *_cards(found), class_="cards"),
        ),
        *_findings(found),
        section("prompts", "Prompts, sources and models", _contributions(entries)),
        section("again", "How to get these numbers again", _origin(entries, texts)),
        *_questions(found),
    )
    foot = tag("footer", tag("p", *_method()), class_="note quiet")
    title = f"{headline(found)} votebox report"
    return whole_page(title, (tag("main", *body), foot, data), "report.js")


def _cards(found: Sequence[Family]) -> Iterator[Html]:
    """Yield the headline of each run, the most accurate of a dataset first."""
    for family in found:
        for entry in family.ranked:
            yield _card(entry, family.dataset.name if len(found) > 1 else "")


def _card(entry: Entry, dataset: str) -> Html:
    """Write the headline of a run: one number, its interval, and what it took."""
    found = entry.summary
    if found.accuracy is not None:
        figure, unit = f"{100 * found.accuracy:.1f}", "% right"
    elif found.rows:
        figure, unit = f"{100 * found.answered / found.rows:.1f}", "% answered"
    else:
        figure, unit = "\u2013", "nothing asked"
    incomplete = state(entry)
    return tag(
        "article",
        tag("h2", one_line(entry.name, _NAME_CHARS)),
        tag("p", f"on {one_line(dataset, _NAME_CHARS)}", class_="quiet") if dataset else "",
        tag("p", tag("strong", figure), " ", tag("span", unit), class_="figure"),
        tag("p", incomplete, class_="bad") if incomplete else "",
        *(tag("p", sentence) for sentence in sentences(entry)),
        class_="card",
    )


def _findings(found: Sequence[Family]) -> Iterator[Html]:
    """Yield the sections of each dataset but its problems, which are many and come last."""
    for number, family in enumerate(found, 1):
        of = _of(family, found)
        several = len(family.entries) > 1
        yield section(f"accuracy-{number}", f"Accuracy{of}", _accuracy(family))
        yield section(f"cost-{number}", f"Accuracy against tokens{of}", _cost(family))
        yield section(f"runs-{number}", f"All runs{of}", [runs_table(family)] if several else [])
        yield section(f"pairs-{number}", f"Runs against each other{of}", _pairs(family))
        yield section(f"calibration-{number}", f"Calibration{of}", _calibration(family))


def _questions(found: Sequence[Family]) -> Iterator[Html]:
    line = 1
    for number, family in enumerate(found, 1):
        title = f"Problems{_of(family, found)}"
        yield section(f"problems-{number}", title, _problems(family, line))
        line += len(family.problems)


def _of(family: Family, found: Sequence[Family]) -> str:
    """Return what tells the titles of several datasets apart."""
    name = one_line(family.dataset.name or family.dataset.path, _NAME_CHARS)
    return f": {name}" if len(found) > 1 else ""


def _accuracy(family: Family) -> Iterator[Html]:
    known = [entry for entry in family.ranked if entry.summary.accuracy is not None]
    if not known:
        if not any(entry.summary.rows for entry in family.entries):
            return  # then nobody has asked for one, either
        yield tag("p", "No reference is known for any question, so nobody can tell what is right.")
        return
    yield tag("div", *map(_bar, known), class_="chart")
    yield tag(
        "p",
        "Bars: the share of questions answered right; abstentions and errors are not right. "
        "Whiskers: 95 %, so where two overlap widely, the order may be chance. Lines: 0, 25, 50, "
        "75 and 100 %.",
        class_="note quiet",
    )


def _bar(entry: Entry) -> Html:
    found = entry.summary
    if found.accuracy is None or found.interval is None:
        return Html()
    return tag(
        "div",
        tag("span", one_line(entry.name, _NAME_CHARS), class_="name"),
        whisker_bar(found.accuracy, found.interval),
        tag(
            "span", percent(found.accuracy), tag("small", interval(found.interval)), class_="value"
        ),
        class_="row",
    )


def _cost(family: Family) -> Iterator[Html]:
    picture = cost_picture(family.entries) if len(family.entries) > 1 else Html()
    if picture:
        words = (
            "The line joins the runs that none matches for fewer tokens; hollow points lie off "
            "it. Vertical lines: 95 %."
        )
        yield tag("figure", picture, tag("figcaption", words))


def _pairs(family: Family) -> Iterator[Html]:
    if family.pairs:
        yield tag(
            "p",
            "Over the problems both were asked. A difference, in points, is a tie where its 95 % "
            "interval (bootstrap over problems) holds 0, or where too few problems differ for an "
            "exact test (p of 0.05 or more); p is McNemar's, for each pair alone.",
            class_="note quiet",
        )
        yield pairs_table(family)


def _calibration(family: Family) -> Iterator[Html]:
    plots = [_reliability(e) for e in family.entries if e.summary.ece is not None]
    if plots:
        yield tag("div", *plots, class_="plots")
        yield tag(
            "p",
            "How often an answer was right, by the share of the votes behind it. On the dashed "
            "line a share can be taken at its word; below it, votes promise too much. Bars count "
            "the answers. ECE is the mean gap, by answer.",
            class_="note quiet",
        )


def _reliability(entry: Entry) -> Html:
    found = entry.summary
    said = f"{one_line(entry.name, _NAME_CHARS)}: ECE {found.ece or 0.0:.3f}"
    held = count(sum(b.count for b in found.calibration), "answer")
    words = tag("figcaption", tag("strong", said), f", {held}")
    return tag("figure", words, calibration_picture(found.calibration, entry.name))


def _problems(family: Family, line: int) -> Iterator[Html]:
    if not family.problems:
        yield tag("p", "Nothing was asked yet.")
        return
    yield tag(
        "noscript",
        tag(
            "p", "Votes, chains and texts of a problem unfold with JavaScript.", class_="note quiet"
        ),
    )
    yield problems_table(family, line)


def _contributions(entries: Sequence[Entry]) -> Iterator[Html]:
    for entry in entries:
        found = entry.summary
        parts = (
            groups_table("prompt", found.prompts),
            groups_table("source", found.sources),
            groups_table("model", found.models) if len(found.models) > 1 else Html(),
            sizes_table(entry),
        )
        if any(parts):
            title = one_line(entry.name, _NAME_CHARS)
            told = f"{title}: {count(found.chains, 'chain')}, {found.chains_aborted:,} cut off"
            unfolded = len(entries) <= _OPEN
            yield tag("details", tag("summary", told), *parts, open=unfolded)


def _origin(entries: Sequence[Entry], texts: Texts) -> Iterator[Html]:
    for entry in entries:
        yield from _reproduced(entry, unfolded=len(entries) <= _OPEN)
    if texts.missing:
        what = count(texts.missing, "trace")
        yield tag("p", f"{what} could not be read, the first: {texts.problem}", class_="bad")
    recipes = {e.run.head.recipe_source: e for e in entries if e.run.head.recipe_source}
    for source, entry in recipes.items():
        title = f"The recipe, {one_line(entry.run.head.recipe, _NAME_CHARS)}"
        yield tag("details", tag("summary", title), tag("pre", tag("code", source)))


def _reproduced(entry: Entry, *, unfolded: bool) -> Iterator[Html]:
    head = entry.run.head
    yield tag("h3", one_line(entry.name, _NAME_CHARS))
    if entry.command:
        command = " ".join(map(_quoted, entry.command))
        yield tag("div", tag("pre", tag("code", command)), class_="command")
    facts = {
        "Dataset": f"{head.dataset.name}, {count(head.dataset.rows, 'row')}",
        "Its SHA-256": f"{head.dataset.sha256[:_HASH_CHARS]}..."
        if head.dataset.sha256
        else "not known",
        "Recipe": f"{head.recipe} {head.recipe_hash}",
        "Models": ", ".join(head.models) or "not known",
        "Seed": f"{head.seed}, each question asked {head.repeat}\u00d7",
        "Engine": head.engine,
        "Began": _time(head.started) or "not known",
        "Ended": _time(head.ended or "") or "not yet",
        "votebox": head.votebox or "not known",
    }
    pairs = (tag("div", tag("dt", name), tag("dd", text)) for name, text in facts.items())
    told = tag("dl", *pairs, class_="facts")
    yield tag("details", tag("summary", "What was run, on what"), told, open=unfolded)


def _time(iso: str) -> str:
    """Return a time of ISO 8601 in UTC as people write it, anything else as it is."""
    day, t, clock = iso.partition("T")
    return f"{day} {clock.removesuffix('+00:00')} UTC" if t and clock.endswith("+00:00") else iso


def _quoted(word: str) -> str:
    r"""Quote a word for bash, so that what a page would hide is written out.

    >>> _quoted("a b"), _quoted("a\x1b")
    ("'a b'", "$'a\\x1b'")
    """
    if clean(word) == word:
        return shlex.quote(word)
    inner = "".join(_escaped(c) for c in word)
    return f"$'{inner}'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if clean(character) == character:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x80 else f"\\U{code:08x}"


def _method() -> Iterator[str]:
    yield (
        "Intervals are 95 %: Wilson's, or where questions were repeated a bootstrap over "
        "problems. pass@1 is the mean share of right chains, majority and pass@k are exact "
        "expectations over subsets of the chains that came to their own end."
    )
