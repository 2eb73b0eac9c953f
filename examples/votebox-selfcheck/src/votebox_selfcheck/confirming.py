"""Weigh and elect checked answers: `step:selfcheck-confirm`, `select:selfcheck-confirmed`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import Field

from votebox.plugins import (
    Candidate,
    Completion,
    Evidence,
    Execution,
    PluginError,
    Prompt,
    Sampling,
    Tally,
    declare,
    in_conversation,
)
from votebox_selfcheck.reading import Correction, answer_of, passed

_STEP = "step:selfcheck-confirm"
_REVIEW = """\
Question: {question}

Proposed answer: {answer}

Is the proposed answer right? Reply with one word, YES or NO."""


@dataclass(frozen=True, slots=True)
class ConfirmOptions:
    """Set what an answer weighs, and who is asked about one without checks.

    `role` is a model of the recipe; empty asks nobody, and such an answer weighs `unchecked`.
    """

    role: str = "reasoner"
    confirmed: Annotated[float, Field(gt=0, le=100)] = 2.0
    unchecked: Annotated[float, Field(gt=0, le=100)] = 1.0
    refuted: Annotated[float, Field(gt=0, le=100)] = 0.25


@declare(takes=("completion", "edits", "executions"), gives="candidates")
async def confirm(
    inputs: Mapping[str, Any], ports: Any, options: ConfirmOptions
) -> tuple[Candidate, ...]:
    """Give the chain's answer, corrected, weighed by its checks or by a second opinion."""
    replies = [value for value in inputs.values() if isinstance(value, Completion)]
    answer = answer_of(replies[0].text) if replies else None
    if answer is None:
        return ()
    runs: list[Execution] = []
    for value in inputs.values():
        for item in value if isinstance(value, tuple) else ():
            if isinstance(item, Correction):
                answer = item.new if answer == item.old else answer
            elif isinstance(item, Execution):
                runs.append(item)
    # Not run is not refuted: a chain that failed to be checked is asked about like one without checks.
    holds = runs[-1].ok and passed(runs[-1].stdout) if runs else None
    if holds is None and options.role:
        holds = await _second_opinion(answer, ports, options)
    weight = {True: options.confirmed, False: options.refuted, None: options.unchecked}[holds]
    note = {True: "confirmed", False: "refuted", None: "unchecked"}[holds]
    evidence = Evidence(text=answer, execution=runs[-1] if runs else None, notes=(note,))
    return (Candidate(answer, "", 0, weight, evidence),)


async def _second_opinion(answer: str, ports: Any, options: ConfirmOptions) -> bool | None:
    """Return what the model says of an answer, None when it says neither yes nor no."""
    engine = ports.engines.get(options.role)
    if engine is None:
        known = ", ".join(sorted(ports.engines)) or "none"
        problem = f"asks the model of role {options.role!r}"
        raise PluginError(_STEP, problem, f"roles of this recipe: {known}")
    text = _REVIEW.format(question=ports.problem.text, answer=answer)
    asked = in_conversation(Prompt.of(text, label="selfcheck"), ports.problem)
    sampling = Sampling(temperature=0.0, max_tokens=16)
    prompt = replace(asked, sampling=sampling, seed=0)
    reply = ""
    stream = engine.sample([prompt])
    try:
        async for batch in stream:
            reply += "".join(delta.text for delta in batch)
    finally:
        await stream.aclose()
    said = reply.strip().upper()
    return True if said.startswith("YES") else False if said.startswith("NO") else None


@declare(takes=("candidates", "tally"), gives="tally")
async def confirmed(inputs: Mapping[str, Any], ports: Any, options: None) -> Tally:
    """Put the answers a check confirmed before all others, in the order of the vote before it.

    It follows a vote, whose tally it is given; the candidates of the chains say what their
    checks found. A chain counts with the last candidate it gave.
    """
    tally = next(value for value in inputs.values() if isinstance(value, Tally))
    given = [c for value in inputs.values() if not isinstance(value, Tally) for c in _flat(value)]
    last = {candidate.chain: candidate for candidate in given}
    sure = {c.chain for c in last.values() if "confirmed" in c.evidence.notes}
    ordered = sorted(tally.classes, key=lambda found: sure.isdisjoint(found.chains))
    return replace(tally, classes=tuple(ordered))


def _flat(chains: Sequence[Sequence[Candidate]]) -> Iterator[Candidate]:
    for candidates in chains:
        yield from candidates
