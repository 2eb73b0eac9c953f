"""Hold the page to its promise: whatever a trace holds, only our own markup comes out."""

import math
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from contract import ok
from hypothesis import given, settings
from hypothesis import strategies as st

from votebox.cluster.certificate import certificate
from votebox.cluster.markup import Html, joined, tag
from votebox.cluster.vote_picture import LINES, vote_picture
from votebox.plugins import (
    Candidate,
    ChainRecord,
    Completion,
    Evidence,
    ModelCall,
    Problem,
    Prompt,
    Trace,
    Usage,
    Verdict,
    VoteClass,
)

OURS = frozenset(
    [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "header",
        "section",
        "footer",
        "h1",
        "h2",
        "h3",
        "p",
        "div",
        "span",
        "a",
        "dl",
        "dt",
        "dd",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "ul",
        "ol",
        "li",
        "details",
        "summary",
        "pre",
        "code",
        "samp",
        "strong",
        "figure",
        "figcaption",
        "svg",
        "line",
        "path",
        "text",
        "rect",
    ]
)
ANY = st.text(st.characters() | st.sampled_from("<>&\"'/=\x1b\u202e"), max_size=30)
TIMES = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 9)


class Outline(HTMLParser):
    """Collect elements, attributes and text; raise for an end tag that ends something else."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def made(text: str, end_s: float | None = 1.0, wall_s: float = 2.0) -> Trace:
    """Return a trace that holds `text` wherever somebody else writes."""
    ran = replace(ok(text), stderr=text, status=text)
    candidate = Candidate(text, text, 0, 1.0, Evidence(text, parent=text, execution=ran))
    chain = ChainRecord(
        index=0,
        seed=1,
        label=text,
        ended=text,
        rounds=1,
        completions=(Completion(text, text, text, Usage(), None, text),),
        programs=(text,),
        executions=(ran,),
        candidates=(candidate,),
        error=text,
        calls=(ModelCall(text, 0, Prompt.of(text, system=text), 0.0, end_s),),
        end_s=end_s,
    )
    verdict = Verdict(
        text,
        text,
        text,
        text,
        (VoteClass(text, 1.0, (candidate,)),),
        1.0,
        Usage(),
        (chain,),
        (candidate,),
        recipe=text,
        recipe_hash=text,
        wall_s=wall_s,
        id=text,
        planned=1,
    )
    return Trace(verdict, Problem(text, text, reference=text), text, (), text)


@given(text=ANY, end_s=TIMES, wall_s=st.floats(allow_nan=True, allow_infinity=True))
@settings(max_examples=150, deadline=None)
def test_any_text_anywhere_leaves_only_our_own_elements(
    text: str, end_s: float | None, wall_s: float
) -> None:
    outline = Outline()
    outline.feed(certificate(made(text, end_s, wall_s)))
    outline.close()
    assert outline.open == []
    assert outline.seen <= OURS
    assert not [name for name in outline.attributes if name.startswith("on")]
    assert not outline.attributes & {"src", "style", "srcset", "action", "formaction"}
    assert "\x1b" not in "".join(outline.said)


def test_text_comes_out_as_it_was() -> None:
    outline = Outline()
    outline.feed(certificate(made("a </pre><b onclick=x> & \"q\" 'r'")))
    assert "a </pre><b onclick=x> & \"q\" 'r'" in outline.said


def test_attributes_cannot_be_left() -> None:
    assert tag("a", "x", href='"><b>', hidden=True, title=None) == (
        '<a href="&quot;&gt;&lt;b&gt;" hidden>x</a>'
    )
    assert joined(("<b>", Html("<i></i>"), 3), " ") == "&lt;b&gt; <i></i> 3"


def election(sizes: list[int], ends: list[float]) -> Verdict:
    """Return a verdict of classes of these sizes, whose chains ended at these times."""
    chains = [ChainRecord(n, 0, "", "answered", 1, end_s=end) for n, end in enumerate(ends)]
    left, votes = iter(range(len(ends))), []
    for number, size in enumerate(sizes):
        members = tuple(Candidate(f"answer {number}" * 5, "boxed", next(left)) for _ in range(size))
        votes.append(VoteClass(f"answer {number}" * 5, float(size), members))
    plain = made("x").verdict
    return replace(plain, votes=tuple(votes), chains=tuple(chains), wall_s=max(ends, default=0.0))


@given(
    sizes=st.lists(st.integers(1, 9), max_size=9),
    step=st.floats(1e-5, 1e5),
    silent=st.integers(0, 4),
)
@settings(max_examples=100, deadline=None)
def test_the_picture_stays_in_its_frame_and_its_labels_apart(
    sizes: list[int], step: float, silent: int
) -> None:
    sizes = sorted(sizes, reverse=True)
    ends = [step * (n + 1) for n in range(sum(sizes) + silent)]
    drawn = vote_picture(election(sizes, ends))
    if not sizes:
        assert drawn == ""
        return
    svg = ET.fromstring(drawn)  # noqa: S314 - our own
    labels = [float(t.get("y", "nan")) for t in svg.iter("text") if t.get("class") != "quiet"]
    assert len(labels) == min(len(sizes), LINES)
    gaps = [b - a for a, b in zip(sorted(labels), sorted(labels)[1:], strict=False)]
    assert all(gap >= 14.9 for gap in gaps)
    numbers = [float(e.get(k, "0")) for e in svg.iter() for k in ("x", "x1", "x2", "y", "y1", "y2")]
    assert all(0 <= number <= 440 for number in numbers)
    assert len(list(svg.iter("path"))) == min(len(sizes), LINES)
    assert len([p for p in svg.iter("line") if p.get("class") == "silent"]) == silent


@pytest.mark.parametrize("wall_s", [0.0, math.inf, math.nan, -1.0])
def test_times_that_are_none_draw_nothing(wall_s: float) -> None:
    verdict = replace(election([2], [0.0, 0.0]), wall_s=wall_s)
    assert vote_picture(verdict) == ""
