"""Write a solve as one HTML page: no script, nothing from elsewhere, all text escaped.

The page must convince somebody who doubts the answer: it says what was counted, what
decided, how likely the rest would have changed it, and shows every text behind it.
"""

from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from votebox.cluster.certificate_parts import chain_links, chain_part, program_part
from votebox.cluster.markup import Html, joined, tag
from votebox.cluster.story import deciding, ending, risk, saving, voted
from votebox.cluster.text import one_line
from votebox.cluster.vote_picture import LINES, vote_picture

if TYPE_CHECKING:
    from votebox.plugins import Candidate, Trace, Verdict, VoteClass

__all__ = ["certificate"]

_DOCTYPE: Final = Html("<!doctype html>\n")
_TITLE_CHARS: Final = 60
_WAYS: Final = 6


def certificate(trace: "Trace") -> str:
    """Return the page of a trace; chains can be unfolded, without a script."""
    verdict = trace.verdict
    places = voted(verdict)
    body = (
        tag("header", *_head(trace)),
        tag("section", *_votes(verdict), aria_labelledby="votes"),
        tag("section", *_programs(verdict), aria_labelledby="programs") if verdict.votes else "",
        tag(
            "section",
            tag("h2", "All chains", id="chains"),
            *(chain_part(chain, places.get(chain.index)) for chain in verdict.chains),
            aria_labelledby="chains",
        ),
        tag("section", *_origin(trace), aria_labelledby="origin"),
    )
    foot = tag(
        "footer",
        "A vote is evidence, not a proof: it tells what most chains of this model answered. ",
        "Where the answer matters, check the argument or the programs above.",
        class_="note",
    )
    page = tag("html", tag("head", *_meta(trace)), tag("body", tag("main", *body), foot), lang="en")
    return joined((_DOCTYPE, page, "\n"))


@cache
def _style() -> str:
    return files(__package__).joinpath("certificate.css").read_text("utf-8")


def _meta(trace: "Trace") -> Iterator[Html]:
    """Yield the head; the policy allows the one style sheet, by its hash, and nothing else."""
    style = _style()
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    yield tag("meta", charset="utf-8")
    yield tag("meta", http_equiv="Content-Security-Policy", content=policy)
    yield tag("meta", name="viewport", content="width=device-width, initial-scale=1")
    yield tag("meta", name="color-scheme", content="light dark")
    yield tag("meta", name="referrer", content="no-referrer")
    answer = "no answer" if trace.verdict.answer is None else trace.verdict.answer
    yield tag("title", one_line(f"{answer}: {trace.problem.text}", _TITLE_CHARS))
    yield tag("style", Html(style))


def _head(trace: "Trace") -> Iterator[Html]:
    verdict = trace.verdict
    yield tag("h1", "votebox answer certificate")
    yield tag("p", trace.problem.text, class_="question")
    if verdict.answer is None:
        answer = tag("p", "no answer", class_="answer none")
    else:
        answer = tag("p", verdict.answer, class_="answer")
    share = f", {verdict.confidence:.0%}" if verdict.votes else ""
    colour = "c0" if verdict.votes else "c5"
    yield tag("div", answer, tag("p", f"{verdict.reason}{share}"), class_=f"verdict {colour}")
    yield tag("p", " ".join(filter(None, (ending(verdict), risk(verdict), saving(verdict)))))
    if verdict.flip_chance and verdict.finished < verdict.planned:
        yield tag(
            "p",
            "Estimated from the two leading answers: their votes so far, a Beta(1/2, 1/2) prior "
            "on how they share the next ones, and a tie counted against the leader.",
            class_="note quiet",
        )
    yield tag("dl", *_facts(trace), class_="facts")


def _facts(trace: "Trace") -> Iterator[Html]:
    verdict, usage = trace.verdict, trace.verdict.usage
    models = dict.fromkeys(c.model for chain in verdict.chains for c in chain.completions)
    cut = sum(chain.aborted for chain in verdict.chains)
    facts = {
        "Chains": f"{len(verdict.chains)} started, {cut} cut off, {verdict.planned} planned",
        "Tokens": f"{usage.completion_tokens:,} written, {usage.prompt_tokens:,} read",
        "Programs": f"{usage.executions} run, {usage.sandbox_s:.1f} s",
        "Time": f"{verdict.wall_s:.1f} s",
        "Model": ", ".join(filter(None, models)) or "not known",
        "Recipe": f"{verdict.recipe} {verdict.recipe_hash}",
        "Seed": str(verdict.seed),
        "Asked": f"{verdict.started:%Y-%m-%d %H:%M:%S} UTC" if verdict.started else "not known",
    }
    if trace.problem.reference is not None:
        facts["Known answer"] = trace.problem.reference
    for name, value in facts.items():
        yield tag("div", tag("dt", name), tag("dd", value))


def _votes(verdict: "Verdict") -> Iterator[Html]:
    yield tag("h2", "The vote", id="votes")
    if not verdict.votes:
        yield tag("p", "Nobody voted.")
    else:
        names = (("answer", ""), ("votes", "number"), ("share", "bars"), ("chains", ""))
        head = tag("tr", *(tag("th", n, scope="col", class_=c or None) for n, c in names))
        whole = sum(vote.weight for vote in verdict.votes) or 1.0
        rows = (_vote(vote, n, vote.weight / whole) for n, vote in enumerate(verdict.votes))
        yield tag("table", tag("thead", head), tag("tbody", *rows))
    picture = vote_picture(verdict)
    if picture:
        words = (
            "The vote by time: the chains behind each answer, as they ended. "
            "Small marks stand for chains that ended without a vote."
        )
        yield tag("figure", picture, tag("figcaption", words))
    if verdict.rejected:
        yield tag("h3", "Answers that were read but not admitted to the vote")
        yield tag("ul", *(tag("li", *_rejected(candidate)) for candidate in verdict.rejected))


def _vote(vote: "VoteClass", number: int, share: float) -> Html:
    colour = f"c{min(number, LINES)}"
    ways = [w for w in dict.fromkeys(m.answer for m in vote.members) if w != vote.answer]
    also = f"written {', '.join(ways[:_WAYS])}{', ...' * (len(ways) > _WAYS)}" if ways else ""
    answer = tag("td", tag("strong", vote.answer, class_=colour), *_lines(also))
    bar = tag(
        "svg",
        tag("rect", width="100%", height="100%", class_="rest"),
        tag("rect", width=f"{100 * share:.2f}%", height="100%", class_=f"fill {colour}"),
        class_="bar",
        role="img",
        aria_label=f"{share:.0%}",
    )
    return tag(
        "tr",
        answer,
        tag("td", f"{vote.weight:g}", class_="number"),
        tag("td", bar, class_="bars"),
        tag("td", chain_links(vote.chains)),
    )


def _lines(text: str) -> Iterator[Html]:
    if text:
        yield tag("div", text, class_="quiet")


def _rejected(candidate: "Candidate") -> Iterator[object]:
    yield tag("code", one_line(candidate.answer, 200))
    yield f" by {candidate.source} in chain "
    yield chain_links((candidate.chain,))


def _programs(verdict: "Verdict") -> Iterator[Html]:
    yield tag("h2", "Programs behind the answer", id="programs")
    programs = deciding(verdict)
    decided = [program for program in programs if program.decided]
    others = [program for program in programs if not program.decided]
    if not decided:
        yield tag("p", "No program printed the answer.")
    for program in decided:
        yield program_part(program)
    if others:
        title = f"Other programs of the chains behind the answer: {len(others)}"
        yield tag("details", tag("summary", title), *map(program_part, others))


def _origin(trace: "Trace") -> Iterator[Html]:
    verdict = trace.verdict
    yield tag("h2", "Where it comes from", id="origin")
    yield tag(
        "p",
        f"Solve {verdict.id}, by votebox {trace.votebox}. To read the replies, run the programs and "
        "take the vote again, from the trace that this page was made of: ",
        tag("code", f"votebox replay {verdict.id}"),
    )
    if trace.plugins:
        names = (("plugin", "use"), ("from", "origin"), ("version", "version"))
        head = tag("tr", *(tag("th", title, scope="col") for title, _ in names))
        rows = (tag("tr", *(tag("td", getattr(p, n)) for _, n in names)) for p in trace.plugins)
        table = tag("table", tag("thead", head), tag("tbody", *rows), class_="plain")
        yield tag("details", tag("summary", f"Plugins: {len(trace.plugins)}"), table)
    if trace.recipe_toml:
        title = f"The recipe, {verdict.recipe}"
        yield tag("details", tag("summary", title), tag("pre", tag("code", trace.recipe_toml)))
