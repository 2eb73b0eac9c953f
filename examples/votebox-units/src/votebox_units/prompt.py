"""Ask for a number with its unit: `prompt:units-ask`."""

from dataclasses import dataclass

from votebox.plugins import ChainView, Problem, Prompt
from votebox_units.quantities import KnownUnit


@dataclass(frozen=True, slots=True)
class AskOptions:
    """Name the unit to answer in."""

    unit: KnownUnit = "m"


def ask(problem: Problem, chain: ChainView, round: int, options: AskOptions) -> Prompt | None:
    """Put the question and say what the last line looks like; say nothing in later rounds."""
    if round > 0:
        return None
    system = f"Reason step by step. End with the line ANSWER: number {options.unit}"
    return Prompt.of(problem.text, system=system, label=f"units-{options.unit}")
