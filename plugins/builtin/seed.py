r"""Reproduce the Kaggle AIMO-2 pipeline for QwQ-32B, its faults included.

Recipe `aimo-qwq` must vote as that pipeline did, so these rules are exact and do not
grow: `\boxed{-7}` reads 7, `\boxed{1,234}` reads 234 and `\boxed{\frac{84}{2}}` reads
84. The other built-ins mend all of it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf
from typing import Final

from votebox.plugins import (
    Candidate,
    ChainView,
    Problem,
    Prompt,
    Reading,
    Register,
    Tally,
    declare,
    hookimpl,
)
from votebox.plugins.answers import Policy, canonical, show
from votebox.plugins.builtin.texts import MODULO_SENTENCE, SEED_STANCES
from votebox.plugins.builtin.votes import count

_BLOCK: Final = re.compile(r"```python(.*?)```", re.DOTALL)
_BOX: Final = "\\boxed{"
# A whole number, or a decimal so that its digits are not taken for one.
_PRINTED: Final = re.compile(r"(?:(?<![\w)])-)?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class SeedPythonOptions:
    """Choose whether `code:seed-python` gives one program of all blocks or one of each."""

    join: bool = True


def stances(
    problem: Problem,
    chain: ChainView,
    round: int,
    options: None = None,
) -> Prompt | str | None:
    """Give chain i stance i modulo five; later, nudge a chain that wrote no Python.

    The question is followed by a newline and the modulo sentence. A reply of round r
    without Python is answered by the text of stance (r + 1) modulo five.
    """
    if round == 0:
        number = chain.index % len(SEED_STANCES)
        return Prompt.of(
            f"{problem.text}\n{MODULO_SENTENCE}",
            system=SEED_STANCES[number],
            label=f"stance-{number + 1}",
        )
    if chain.turns and chain.turns[-1].executions:
        return None
    return SEED_STANCES[round % len(SEED_STANCES)]


def python(text: str, finish_reason: str | None, options: SeedPythonOptions) -> list[Reading]:
    """Read every text between ```python and the next three backticks, stripped.

    The opening is a prefix, so `python3` yields a program that begins with 3. Joined by
    a blank line unless told otherwise.
    """
    blocks = [
        Reading(block[1].strip(), (block.start(1), block.end(1))) for block in _BLOCK.finditer(text)
    ]
    if not options.join or not blocks:
        return blocks
    program = "\n\n".join(block.value for block in blocks)
    return [Reading(program, (blocks[0].span[0], blocks[-1].span[1]))] if program else []


def boxed(text: str, finish_reason: str | None, options: None = None) -> list[Reading]:
    r"""Read each `\boxed{` up to the first closing brace of its line, modulo 1000.

    Content that is all digits is that integer, else its last run of digits; a box
    without digits is skipped. All boxes of a reply vote.
    """
    found = []
    for start, end in _boxes(text):
        runs = re.findall(r"\d+", text[start:end])
        if runs:
            found.append(Reading(_modulo(runs[-1]), (start, end)))
    return found


def _boxes(text: str) -> Iterator[tuple[int, int]]:
    """Yield the content spans of boxes that close on their own line, in linear time."""
    close = line_end = -1  # the next of each; searched again only once passed
    box = text.find(_BOX)
    while box >= 0:
        start = box + len(_BOX)
        if close < start:
            close = _find(text, "}", start)
        if line_end < start:
            line_end = _find(text, "\n", start)
        if close < line_end:
            yield start, close
            start = close + 1
        box = text.find(_BOX, start)


def _find(text: str, mark: str, start: int) -> int:
    found = text.find(mark, start)
    return len(text) if found < 0 else found


def printed(text: str, finish_reason: str | None, options: None = None) -> list[Reading]:
    """Read the last integer a successful program printed, modulo 1000.

    A sign counts, so -7 is 993 modulo 1000; a decimal is an integer only when all its
    places are zero, and is passed over otherwise.
    """
    if finish_reason != "stop":
        return []
    last: re.Match[str] | None = None
    for match in _PRINTED.finditer(text):
        if not match[0].partition(".")[2].strip("0"):
            last = match
    return [Reading(_modulo(last[0].partition(".")[0]), last.span())] if last else []


def _modulo(digits: str) -> str:
    """Return an integer's text modulo 1000, from its last digits: it may be very long."""
    value = int(digits.lstrip("-")[-3:])
    return str((-value if digits.startswith("-") else value) % 1000)


class SeedPolicy:
    """Admit integers a with 1 < a < 999 that are no multiple of 100; 49 when none votes."""

    fallback: str | None = "49"
    late: str | None = "210"

    def __init__(self, options: None = None) -> None:
        """Take no options."""

    def admit(self, canonical: Fraction) -> Fraction | None:
        """Return an integer of the range."""
        fits = canonical.denominator == 1 and 1 < canonical < 999 and canonical % 100 > 0
        return canonical if fits else None

    def order(self, value: Fraction) -> Fraction:
        """Return the sort key of a voted value; ties go to the larger."""
        return value


@declare(most=inf)
def vote(candidates: Sequence[Candidate], policy: Policy, options: None = None) -> Tally:
    """Let every candidate vote, several of a chain too; the result is modulo 1000."""
    tally = count(candidates, policy, lambda _: 1.0)
    return replace(
        tally,
        classes=tuple(replace(c, answer=_wrapped(c.answer)) for c in tally.classes),
    )


def _wrapped(answer: str) -> str:
    value = canonical(answer)
    return answer if value is None else show(value % 1000)


@hookimpl
def register_prompts(register: Register) -> None:
    """Register the pipeline's prompts."""
    register("prompt:seed-stances", stances)


@hookimpl
def register_extractors(register: Register) -> None:
    """Register the pipeline's reading of code, boxes and output."""
    register("code:seed-python", python, options=SeedPythonOptions)
    register("extract:seed-boxed", boxed)
    register("extract:seed-printed", printed)


@hookimpl
def register_votes(register: Register) -> None:
    """Register the pipeline's selection."""
    register("policy:seed", SeedPolicy)
    register("vote:seed", vote)
