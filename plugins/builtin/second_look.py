r"""Look again at the leading answers, behind a vote: `step:verified` and `step:genselect`.

Both take the tally of a vote and give another one. They do nothing when everybody agrees,
because then there is nothing to choose.
"""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Annotated, Any, Final

from pydantic import Field

from votebox.plugins import (
    Candidate,
    Limits,
    PluginError,
    Prompt,
    Register,
    Sampling,
    Tally,
    VoteClass,
    declare,
    hookimpl,
    in_conversation,
)
from votebox.plugins.answers import canonical, key
from votebox.plugins.builtin.boxed import last_box
from votebox.plugins.builtin.integers import last_integer
from votebox.plugins.builtin.thinking import after_thinking

_CHOOSE: Final = """\
Below are a problem and {count} solutions, numbered from 1 to {count}. They may disagree, and \
several may be wrong in the same way. Compare them critically, check the decisive steps, and \
choose the one that is most likely right. End with its number as \\boxed{{number}}.

Problem:
{problem}

{solutions}"""


@dataclass(frozen=True, slots=True)
class VerifiedOptions:
    """Set how much a confirmed program counts, and what is run again.

    `classes` leading answers are looked at, with up to `programs` programs each, of at most
    `wall_s` seconds.
    """

    lam: Annotated[float, Field(ge=0, le=100)] = 2.0
    classes: Annotated[int, Field(ge=1, le=64)] = 3
    programs: Annotated[int, Field(ge=1, le=64)] = 2
    wall_s: Annotated[float, Field(gt=0, le=3600)] = 8.0


@dataclass(frozen=True, slots=True)
class GenselectOptions:
    """Set who chooses among how many solutions, how often, and what of each it reads.

    `chars` characters of each solution's end are shown; `max_tokens` is per choice, None
    for what the context leaves.
    """

    role: str = "reasoner"
    solutions: Annotated[int, Field(ge=2, le=64)] = 16
    choices: Annotated[int, Field(ge=1, le=256)] = 8
    chars: Annotated[int, Field(ge=100, le=100_000)] = 2000
    temperature: Annotated[float, Field(ge=0, le=10)] = 0.6
    max_tokens: Annotated[int, Field(gt=0)] | None = None


@declare(takes=("tally",), gives="tally")
async def verified(inputs: Mapping[str, Tally], ports: Any, options: VerifiedOptions) -> Tally:
    """Weigh each leading answer by S (1 + lam v), v the share of its programs that confirm it.

    After arXiv 2603.27844, where lam is 2 and the first 3 answers are looked at. A program
    confirms an answer when it is run again and prints it.
    """
    tally = next(iter(inputs.values()))
    if len(tally.classes) < 2:
        return tally
    if ports.sandbox is None:
        raise PluginError("step:verified", "runs programs and there is no sandbox", "give one")
    looked = tally.classes[: options.classes]
    shares = await asyncio.gather(*[_confirmed(c, ports, options) for c in looked])
    raised = [
        replace(c, weight=c.weight * (1 + options.lam * share))
        for c, share in zip(looked, shares, strict=True)
    ]
    classes = sorted([*raised, *tally.classes[options.classes :]], key=lambda c: -c.weight)
    return replace(tally, classes=tuple(classes))


async def _confirmed(answer: VoteClass, ports: Any, options: VerifiedOptions) -> float:
    """Return the share of an answer's programs that print it again, 0 without programs."""
    programs = [*_programs(answer, ports)][: options.programs]
    limits = Limits(wall_s=options.wall_s)
    results = await asyncio.gather(*[ports.sandbox.run(p, limits=limits) for p in programs])
    wanted = {key(member.answer, ports.policy) for member in answer.members}
    confirmed = 0
    for execution in results:
        printed = last_integer(execution.stdout, "stop" if execution.ok else execution.status)
        confirmed += any(key(reading.value, ports.policy) in wanted for reading in printed)
    return confirmed / len(programs) if programs else 0.0


def _programs(answer: VoteClass, ports: Any) -> Iterable[str]:
    """Return the distinct programs that ended ok in the chains behind an answer, last first."""
    chains = {record.index: record for record in ports.chains}
    found: dict[str, None] = {}
    for number in answer.chains:
        record = chains[number]
        pairs = zip(record.programs, record.executions, strict=False)
        for program in reversed([source for source, execution in pairs if execution.ok]):
            found.setdefault(program)
            break
    return found


@declare(takes=("tally",), gives="tally")
async def genselect(inputs: Mapping[str, Tally], ports: Any, options: GenselectOptions) -> Tally:
    """Let a model read solutions side by side and choose, several times; most chosen wins.

    GenSelect (NVIDIA 2025). Each choice sees another draw of solutions, of every answer by
    turns, the leading ones first. A reply that names no number chooses nothing; ties keep
    the order of the vote.
    """
    tally = next(iter(inputs.values()))
    if len(tally.classes) < 2:
        return tally
    engine = ports.engines.get(options.role)
    if engine is None:
        known = ", ".join(sorted(ports.engines)) or "none"
        problem = f"asks the model of role {options.role!r}"
        raise PluginError("step:genselect", problem, f"roles of this recipe: {known}")
    draws = [_draw(tally, options, turn, ports.problem.text) for turn in range(options.choices)]
    sampling = Sampling(temperature=options.temperature, max_tokens=options.max_tokens)
    prompts = [
        replace(_ask(draw, ports, options), sampling=sampling, seed=seed) for seed, draw in draws
    ]
    chosen = [0] * len(tally.classes)
    for (_, draw), reply in zip(draws, await _replies(engine, prompts), strict=True):
        number = _number(reply, len(draw))
        if number is not None:
            chosen[draw[number][0]] += 1
    if not any(chosen):
        return tally
    order = sorted(range(len(chosen)), key=lambda at: -chosen[at])
    return replace(
        tally,
        classes=tuple(replace(tally.classes[at], weight=float(chosen[at])) for at in order),
    )


type _Draw = tuple[int, list[tuple[int, Candidate]]]


def _draw(tally: Tally, options: GenselectOptions, turn: int, problem: str) -> _Draw:
    """Return a seed and the solutions one choice sees: (class, member), shuffled."""
    chance = random.Random(f"{turn}:{problem}")  # noqa: S311 - repeatable, not secret
    members = [chance.sample(c.members, len(c.members)) for c in tally.classes]
    by_turns = (
        (at, member)
        for row in zip_longest(*members)
        for at, member in enumerate(row)
        if member is not None
    )
    drawn = [one for one, _ in zip(by_turns, range(options.solutions), strict=False)]
    chance.shuffle(drawn)
    return chance.getrandbits(31), drawn


def _ask(draw: Sequence[tuple[int, Candidate]], ports: Any, options: GenselectOptions) -> Prompt:
    texts = {record.index: _final_text(record, options.chars) for record in ports.chains}
    solutions = "\n\n".join(
        f"Solution {number}:\n{texts[member.chain]}"
        for number, (_, member) in enumerate(draw, start=1)
    )
    text = _CHOOSE.format(count=len(draw), problem=ports.problem.text, solutions=solutions)
    return in_conversation(Prompt.of(text, label="genselect"), ports.problem)


def _final_text(record: Any, chars: int) -> str:
    """Return the end of what a chain said last, without its thinking where it says more."""
    text = record.completions[-1].text if record.completions else ""
    said = text[after_thinking(text) :].strip() or text.strip()
    return said if len(said) <= chars else f"[...] {said[-chars:]}"


async def _replies(engine: Any, prompts: Sequence[Prompt]) -> list[str]:
    texts = [""] * len(prompts)
    stream = engine.sample(prompts)
    try:
        async for batch in stream:
            for delta in batch:
                texts[delta.chain] += delta.text
    finally:
        await stream.aclose()
    return texts


def _number(reply: str, most: int) -> int | None:
    """Return the solution a reply names, counted from 0."""
    box = last_box(reply, after_thinking(reply))
    number = canonical(box.value) if box else None
    if number is None or number.denominator != 1 or not 1 <= number <= most:
        return None
    return int(number) - 1


@hookimpl
def register_steps(register: Register) -> None:
    """Register the steps."""
    register("step:verified", verified, options=VerifiedOptions)
    register("step:genselect", genselect, options=GenselectOptions)
