"""Write programs and chains of a certificate as HTML."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from votebox.cluster.markup import Html, joined, tag
from votebox.cluster.story import Program, Ran, Said, asked, happened, steps

if TYPE_CHECKING:
    from votebox.plugins import ChainRecord, ModelCall
    from votebox.sandbox import Execution

__all__ = ["chain_links", "chain_part", "program_part"]

_LINKED: Final = 64


def chain_links(chains: Iterable[int]) -> Html:
    """Return links to chains on the page, the first ones where there are very many."""
    numbers = list(chains)
    links = [tag("a", n, href=f"#chain-{n}") for n in numbers[:_LINKED]]
    if len(numbers) > _LINKED:
        links.append(tag("span", f"and {len(numbers) - _LINKED} more"))
    return tag("span", *links, class_="chains")


def program_part(program: Program) -> Html:
    """Write a program once, with each thing it did and the chains in which it did that."""
    parts = [
        tag("p", "Written by ", _chains(program.chains)),
        tag("pre", tag("code", program.code)),
    ]
    for outcome in program.outcomes:
        several = len(program.outcomes) > 1
        where = joined((" in ", _chains(outcome.chains))) if several else ""
        parts += [tag("p", happened(outcome.execution), where), *_output(outcome.execution)]
    return tag("div", *parts, class_="program")


def chain_part(chain: "ChainRecord", place: int | None) -> Html:
    """Write a chain, folded; `place` is the class it voted for, counted from 0."""
    body = tag(
        "div",
        tag("p", _about(chain), class_="quiet"),
        tag("p", f"Failed: {chain.error}", class_="bad") if chain.error else "",
        _read(chain),
        tag("ol", *_steps(chain), class_="steps"),
        id=f"chain-{chain.index}",
        class_="inside",
    )
    return tag("details", _summary(chain, place), body, class_="chain")


def _summary(chain: "ChainRecord", place: int | None) -> Html:
    answers = ", ".join(dict.fromkeys(c.answer for c in chain.candidates))
    colour = "quiet" if place is None else f"c{min(place, 5)}"
    said = tag("span", _short(answers) or "no answer", class_=f"{'read ' * bool(answers)}{colour}")
    counted = "" if place is not None or not answers else " (no vote)"
    programs = f", {_count(len(chain.programs), 'program')}" if chain.programs else ""
    how = f"{chain.ended}, {chain.usage.completion_tokens:,} tokens{programs}"
    return tag(
        "summary",
        tag("span", f"#{chain.index}"),
        tag("span", said, counted),
        tag("span", how, class_="quiet"),
    )


def _about(chain: "ChainRecord") -> str:
    end = "cut off" if chain.end_s is None else f"{chain.end_s:.2f} s"
    stance = f"stance {chain.label}, " if chain.label else ""
    order = "" if chain.place is None else f", {_ordinal(chain.place + 1)} to end"
    models = ", ".join(dict.fromkeys(c.model for c in chain.completions if c.model))
    return (
        f"Chain {chain.index}, {stance}seed {chain.seed}, {models or 'no reply'}, from "
        f"{chain.start_s:.2f} s to {end}{order}. Ended: {chain.ended}."
    )


def _read(chain: "ChainRecord") -> Html:
    if not chain.candidates:
        return tag("p", "No answer was read in this chain.", class_="quiet")
    names = ("answer", "read by", "in", "as written")
    head = tag("tr", *(tag("th", name, scope="col") for name in names))
    rows = (
        tag(
            "tr",
            tag("td", c.answer),
            tag("td", c.source),
            tag("td", f"{c.evidence.parent or 'reply'}, round {c.evidence.round + 1}"),
            tag("td", tag("code", _short(c.evidence.text))),
        )
        for c in chain.candidates
    )
    caption = tag("caption", "Answers read in this chain")
    return tag("table", caption, tag("thead", head), tag("tbody", *rows), class_="plain")


def _steps(chain: "ChainRecord") -> Iterator[Html]:
    for step in steps(chain):
        yield tag("li", *(_said(step) if isinstance(step, Said) else _run(step)))


def _run(step: Ran) -> Iterator[Html]:
    yield tag("h3", "Program")
    yield tag("pre", tag("code", step.code))
    yield tag("p", happened(step.execution))
    yield from _output(step.execution)


def _said(step: Said) -> Iterator[Html]:
    call, said = step.call, step.completion
    times = f", {call.start_s:.2f} s to {_end(call)}" if call else ""
    round_ = f"Round {call.round + 1}: " if call else ""
    yield tag("h3", f"{round_}reply of {said.model or 'the model'}")
    yield tag(
        "p",
        f"{said.usage.completion_tokens:,} tokens{times}, ended by {said.finish_reason or 'nothing'}.",
        class_="quiet",
    )
    if call is not None and call.prompt.messages:
        yield _folded("What it was asked", _asked(call))
    if said.reasoning:
        size = f"Reasoning ({len(said.reasoning):,} characters)"
        yield _folded(size, [tag("pre", said.reasoning)])
    yield tag("pre", said.text) if said.text else tag("p", "It wrote nothing.", class_="quiet")


def _asked(call: "ModelCall") -> Iterator[Html]:
    """Write what is new in the conversation, and how the reply was sampled."""
    for message in asked(call):
        yield tag("p", message.role, class_="quiet")
        yield tag("pre", message.content)
    sampling = call.prompt.sampling
    if sampling is not None:
        how = (
            f"seed {call.prompt.seed}, temperature {sampling.temperature:g}, top_p {sampling.top_p:g}, "
            f"top_k {sampling.top_k}, min_p {sampling.min_p:g}"
        )
        yield tag("p", how, class_="quiet")


def _folded(title: str, body: Iterable[Html]) -> Html:
    return tag("details", tag("summary", title), *body)


def _output(execution: "Execution") -> Iterator[Html]:
    kind = "output" if execution.ok else "output failed"
    shown = [text for text in (execution.stdout, execution.stderr) if text.strip()]
    for text in shown:
        yield tag("pre", tag("samp", text.rstrip()), class_=kind)
    if not shown:
        yield tag("p", "It printed nothing.", class_="quiet")


def _chains(chains: tuple[int, ...]) -> Html:
    return joined((f"chain{'s' * (len(chains) != 1)} ", chain_links(chains)))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _end(call: "ModelCall") -> str:
    return "the end of the chain" if call.end_s is None else f"{call.end_s:.2f} s"


def _ordinal(number: int) -> str:
    tens = number % 100 // 10
    return f"{number}{'th' if tens == 1 else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _short(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else f"{text[:limit]} ..."
