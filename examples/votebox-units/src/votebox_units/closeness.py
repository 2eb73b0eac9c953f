"""Compare measured values: `policy:units-figures` and `vote:units-close`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor, log10
from typing import Annotated

from pydantic import Field

from votebox.plugins import Candidate, Tally, VoteClass
from votebox.plugins.answers import Policy, key, show


@dataclass(frozen=True, slots=True)
class FiguresOptions:
    """Set how many significant figures count."""

    figures: Annotated[int, Field(ge=1, le=15)] = 3


class Figures:
    """Admit every number, rounded half to even to significant figures; abstain without one."""

    fallback: str | None = None
    late: str | None = None

    def __init__(self, options: FiguresOptions) -> None:
        """Take the options."""
        self._figures = options.figures

    def admit(self, canonical: Fraction) -> Fraction:
        """Return the rounded value."""
        if not canonical:
            return canonical
        # The difference of logarithms, since a quotient of long integers may overflow a float.
        places = floor(log10(abs(canonical.numerator)) - log10(canonical.denominator))
        step = Fraction(10) ** (places - self._figures + 1)
        return round(canonical / step) * step

    def order(self, value: Fraction) -> Fraction:
        """Return the sort key of a voted value; ties go to the larger."""
        return value


@dataclass(frozen=True, slots=True)
class CloseOptions:
    """Set how far values that vote as one may lie apart, as a part of the smallest of them."""

    tolerance: Annotated[float, Field(ge=0, le=0.5)] = 0.01


def close(candidates: Sequence[Candidate], policy: Policy, options: CloseOptions) -> Tally:
    """Elect the middle of the largest group of close values; each chain has its last word.

    Groups are cut from the sorted values: each begins at the smallest value left and takes
    all within the tolerance of it. Ties go to the group of the larger values.
    """
    last = {candidate.chain: candidate for candidate in candidates}
    values = {chain: key(candidate.answer, policy) for chain, candidate in last.items()}
    numbers = {chain: v for chain, v in values.items() if isinstance(v, Fraction)}
    ordered = sorted(numbers, key=lambda chain: (numbers[chain], chain))
    groups = list(_groups(ordered, numbers, Fraction(options.tolerance)))
    classes = [
        VoteClass(
            show(numbers[group[len(group) // 2]]),
            float(len(group)),
            tuple(last[chain] for chain in sorted(group)),
        )
        for group in sorted(groups, key=lambda g: (len(g), numbers[g[0]]), reverse=True)
    ]
    rejected = [candidate for chain, candidate in last.items() if chain not in numbers]
    return Tally(tuple(classes), tuple(rejected))


def _groups(
    ordered: Iterable[int], numbers: dict[int, Fraction], tolerance: Fraction
) -> Iterable[list[int]]:
    group: list[int] = []
    for chain in ordered:
        if group and numbers[chain] - numbers[group[0]] > tolerance * abs(numbers[group[0]]):
            yield group
            group = []
        group.append(chain)
    if group:
        yield group
