"""Hold an expression as a quotient of exact sums, and say when two are the same.

A Form's symbols are constants (terms.py), variables, and atoms: functions and roots that
have no simpler form, named by what they are applied to. Equal forms are equal
expressions; a Form without variables and atoms that differs is a different number.
"""

import cmath
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from votebox.plugins.terms import (
    IMAGINARY,
    ONE,
    Arithmetic,
    Refused,
    Terms,
    added,
    is_constant,
    scaled,
    symbol,
)

__all__ = ["Atom", "Form", "approximated", "same_form", "spelled"]

_MAX_NAME: Final = 300
_MARGIN: Final = 1e-6
_CANCELLED: Final = 1e-3
_MAX_ATOMS: Final = 8


@dataclass(frozen=True, slots=True)
class Atom:
    """Hold what is known of an atom: its approximate value, None if it has a variable.

    Its power of `degree`, 0 if there is none, is the sum `power`: the square of a square
    root, or of a cosine, which is one less the square of the sine.
    """

    value: complex | None
    degree: int = 0
    power: Terms = field(default_factory=dict)


_UNKNOWN: Final = Atom(None)


@dataclass(frozen=True, slots=True)
class Form:
    """Hold a quotient of two sums; the denominator is not zero."""

    above: Terms
    below: Terms
    atoms: Mapping[str, Atom] = field(default_factory=dict)

    @property
    def symbols(self) -> frozenset[str]:
        """Return the variables and atoms."""
        names = {name for m in (*self.above, *self.below) for name, _ in m}
        return frozenset(name for name in names if not is_constant(name))

    @property
    def linear(self) -> bool:
        """Return whether each term holds at most one variable, to the first power."""
        symbols = self.symbols
        degrees = [[p for name, p in m if name in symbols] for m in self.above]
        return self.below == ONE and all(powers in ([], [1]) for powers in degrees)

    @property
    def value(self) -> complex | None:
        """Return the value in floating point, None of what has variables or is too large."""
        above, below = approximated(self.above, self.atoms), approximated(self.below, self.atoms)
        return None if above is None or not below else above / below

    def __sub__(self, other: "Form") -> "Form":
        arithmetic = Arithmetic()
        above = added(
            arithmetic.times(self.above, other.below),
            scaled(arithmetic.times(other.above, self.below), -1),
        )
        below = arithmetic.times(self.below, other.below)
        return Form(above, below, {**self.atoms, **other.atoms})

    def monic(self) -> Terms:
        """Return a rational multiple of the numerator that is the same for all of them."""
        return scaled(self.above, 1 / self.above[max(self.above)]) if self.above else {}


def same_form(a: Form, b: Form) -> bool | None:
    """Return whether two expressions are equal, None where that is not proved.

    Two constants that hold atoms are different if their values are: the margin is more
    than a thousand times what floating point may err by.
    """
    try:
        difference = a - b
        if not difference.above or not _reduced(difference.above, difference.atoms):
            return True
    except Refused:
        return None
    if not (a.symbols or b.symbols):
        return False
    first, second = a.value, b.value
    if first is None or second is None:
        return None
    return False if abs(first - second) > _MARGIN * max(abs(first), abs(second)) else None


def spelled(above: Terms, below: Terms = ONE) -> str:
    """Return a name for a quotient; equal sums have equal names."""
    leading = below[max(below)]
    parts = [_written(scaled(part, 1 / leading)) for part in (above, below)]
    name = parts[0] if below == ONE else "/".join(f"({part})" for part in parts)
    if len(name) > _MAX_NAME:
        raise Refused
    return name


def approximated(terms: Terms, atoms: Mapping[str, Atom]) -> complex | None:
    """Return the value of a sum in floating point, to nine digits or more.

    None of one with a variable, or whose terms cancel, or are too large for that.
    """
    values: list[complex] = []
    try:
        for monomial, coefficient in terms.items():
            value: complex = float(coefficient)
            for name, power in monomial:
                known = atoms.get(name, _UNKNOWN).value
                base = _constant_value(name) if is_constant(name) else known
                if base is None:
                    return None
                value *= base ** float(power)
            values.append(value)
        total = sum(values)
        exact = cmath.isfinite(total) and abs(total) >= _CANCELLED * sum(map(abs, values))
    except (OverflowError, ZeroDivisionError):
        return None
    return total if exact else None


def _reduced(terms: Terms, atoms: Mapping[str, Atom]) -> Terms:
    """Return a multiple of a sum in which no atom stands to the power that is known, or beyond.

    The last atom comes first: those it is made of were met before it.
    """
    arithmetic = Arithmetic()
    known_powers = [name for name, atom in atoms.items() if atom.degree]
    for name in known_powers[: -_MAX_ATOMS - 1 : -1]:
        powers: list[Fraction] = [dict(m).get(name, Fraction(0)) for m in terms]
        if any(power.denominator != 1 for power in powers):
            raise Refused
        lowest = min([Fraction(0), *powers])
        shifted = arithmetic.times(terms, symbol(name, -lowest))
        terms = {}
        for monomial, coefficient in shifted.items():
            times, left = divmod(int(dict(monomial).get(name, 0)), atoms[name].degree)
            rest = tuple(factor for factor in monomial if factor[0] != name)
            part = arithmetic.times({rest: coefficient}, symbol(name, left))
            known = arithmetic.power(atoms[name].power, times)
            terms = added(terms, arithmetic.times(part, known))
    return terms


def _constant_value(name: str) -> complex:
    if name.startswith("ln "):
        return math.log(int(name[3:]))
    known = {"pi": math.pi, "e": math.e, IMAGINARY: 1j}
    return known[name] if name in known else float(name)


def _written(terms: Terms) -> str:
    if any(max(abs(c.numerator), c.denominator) >= 10**_MAX_NAME for c in terms.values()):
        raise Refused
    return "+".join(
        "*".join([str(c), *(f"{name}^{power}" for name, power in m)])
        for m, c in sorted(terms.items())
    )
