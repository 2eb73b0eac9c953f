"""Combine forms: sums, products, quotients, powers, roots and functions.

What has no simpler form becomes an atom, a symbol named by what it is applied to, so
that 2 sin x is twice sin x and a root of 1 + x^2 is one of x^2 + 1.
"""

import cmath
from collections.abc import Callable
from fractions import Fraction
from math import comb, factorial
from typing import Final

from votebox.plugins.forms import Atom, Form, approximated, spelled
from votebox.plugins.functions import (
    ODD,
    arcsine,
    arctangent,
    degrees,
    logarithm,
    on_unit_circle,
    sine,
    turned,
)
from votebox.plugins.terms import (
    HALF,
    IMAGINARY,
    ONE,
    Arithmetic,
    Monomial,
    Refused,
    Terms,
    added,
    constant,
    content,
    denested,
    factored,
    rational,
    rooted,
    scaled,
    symbol,
)

__all__ = ["Calculus", "number", "of_symbol"]

_VALUES: Final[dict[str, Callable[[complex], complex]]] = {
    "sin": cmath.sin,
    "cos": cmath.cos,
    "tan": cmath.tan,
    "arcsin": cmath.asin,
    "arccos": cmath.acos,
    "arctan": cmath.atan,
    "ln": cmath.log,
}
_MINUS: Final = "-1"  # as the base of (-1)^n
_TURN: Final = ((IMAGINARY, Fraction(1)), ("pi", Fraction(1)))  # of e^{i pi}
_ARC: Final = frozenset({"arcsin", "arccos", "arctan"})
_QUOTIENTS: Final = {"sin": "s1", "cos": "c1", "tan": "sc", "cot": "cs", "sec": "1c", "csc": "1s"}
_PARTS: Final = {"s": "sin", "c": "cos"}
_LARGE: Final = 100  # a sine of more has lost digits
_SMALL: Final = 1e-3
_MAX_FACTORIAL: Final = 3000
_MAX_BINOMIAL: Final = 1000


def number(value: int | Fraction) -> Form:
    """Return a rational as a form."""
    return Form(constant(value), ONE)


def of_symbol(name: str) -> Form:
    """Return a symbol as a form."""
    return Form(symbol(name), ONE)


class Calculus:
    """Combine the parts of one expression; `atoms` are those met so far."""

    def __init__(self) -> None:
        self.arithmetic = Arithmetic()
        self.atoms: dict[str, Atom] = {}

    def plus(self, a: Form, b: Form) -> Form:
        """Return the sum."""
        if a.below == b.below:
            return Form(added(a.above, b.above), a.below)
        times = self.arithmetic.times
        above = added(times(a.above, b.below), times(b.above, a.below))
        return Form(above, times(a.below, b.below))

    def times(self, a: Form, b: Form) -> Form:
        """Return the product."""
        times = self.arithmetic.times
        return Form(times(a.above, b.above), times(a.below, b.below))

    def over(self, a: Form, b: Form) -> Form:
        """Return the quotient, with roots conjugated out of the denominator."""
        if not b.above:
            raise Refused
        times = self.arithmetic.times
        above, below = times(a.above, b.below), times(a.below, b.above)
        return Form(*self.arithmetic.rationalised(above, below))

    def power(self, base: Form, exponent: Form) -> Form:
        """Return a power; its exponent is a rational or a sum without denominator."""
        if exponent.below != ONE:
            raise Refused
        if not set(exponent.above) <= {()}:
            return self.exponential(base, exponent.above)
        value = rational(exponent.above)
        if value.denominator != 1:
            return self.fractional(base, value)
        if value < 0:
            return self.power(self.over(number(1), base), number(-value))
        power, whole = self.arithmetic.power, int(value)
        return Form(power(base.above, whole), power(base.below, whole))

    def root(self, radicand: Form, index: int) -> Form:
        """Return a root; an odd one of a negative number is real, a square root imaginary."""
        single = len(radicand.above) == 1 and radicand.below == ONE
        negative = single and next(iter(radicand.above.values())) < 0
        if not negative:
            return self.fractional(radicand, Fraction(1, index))
        turned_over = self.fractional(self.negative(radicand), Fraction(1, index))
        if index % 2:
            return self.negative(turned_over)
        if index == 2 and not radicand.symbols:
            return self.times(turned_over, of_symbol(IMAGINARY))
        raise Refused

    def negative(self, form: Form) -> Form:
        """Return the form with its sign turned."""
        return Form(scaled(form.above, -1), form.below)

    def fractional(self, base: Form, exponent: Fraction) -> Form:
        """Return a fractional power: exact, denested, or of an atom."""
        if not base.above:
            if exponent < 0:
                raise Refused
            return number(0)
        try:
            above, below = rooted(base.above, exponent), rooted(base.below, exponent)
            return self.over(Form(above, ONE), Form(below, ONE))
        except Refused:
            if exponent.denominator > 12:
                raise
        nested = denested(base.above) if base.below == ONE and exponent == HALF else None
        if nested is not None:
            return Form(nested, ONE)
        return self.rooted_atom(base, exponent)

    def rooted_atom(self, base: Form, exponent: Fraction) -> Form:
        """Return a power of an atom, the root of what has none; its content is drawn out."""
        factor = content(base.above) / content(base.below)
        above = scaled(base.above, 1 / content(base.above))
        below = scaled(base.below, 1 / content(base.below))
        index = exponent.denominator
        value = Form(above, below, self.atoms).value
        known = None if value is None or value.imag or value.real < 0 else value.real ** (1 / index)
        name = f"\\sqrt[{index}]{{{spelled(above, below)}}}"
        square = above if below == ONE else {}
        atom = of_symbol(self.atom(name, Atom(known, index if square else 0, square)))
        power = self.power(atom, number(exponent.numerator))
        return self.times(power, Form(rooted(constant(factor), exponent), ONE))

    def atom(self, name: str, atom: Atom) -> str:
        """Keep what is known of an atom; return its name."""
        self.atoms[name] = atom
        return name

    def exponential(self, base: Form, exponent: Terms) -> Form:
        """Return a power whose exponent holds symbols, as powers of primes and symbols."""
        if base.below != ONE or not base.above:
            raise Refused
        result = ONE
        for name, power in _factors(base.above):
            for monomial, coefficient in exponent.items():
                part = self.raised(name, monomial, power * coefficient)
                result = self.arithmetic.times(result, part)
        return Form(result, ONE)

    def raised(self, name: str, monomial: Monomial, power: Fraction) -> Terms:
        """Return a symbol or prime raised to one term of an exponent."""
        if name == _MINUS and power.denominator != 1:
            raise Refused
        if not monomial:
            if name == _MINUS:
                return constant(-1 if power % 2 else 1)
            return self.arithmetic.times(ONE, symbol(name, power))
        if name == "e" and monomial == _TURN:
            return on_unit_circle(power * 180)
        ((first, degree), *rest) = monomial
        if name == "e" and not rest and degree == 1 and first.startswith("ln "):
            return self.arithmetic.times(ONE, symbol(first[3:], power))
        terms: Terms = {monomial: Fraction(1)}
        base, exponent = (approximated(t, self.atoms) for t in (symbol(name), terms))
        value = None if base is None or exponent is None or name == _MINUS else base**exponent
        return symbol(self.atom(f"{name}^{{{spelled(terms)}}}", Atom(value)), power)

    def function(self, name: str, argument: Form) -> Form:
        """Return a function's value if it is known, else an atom."""
        if argument.below == ONE:
            known = self.known(name, argument.above)
            if known is not None:
                return known
        if name == "exp":
            return self.power(of_symbol("e"), argument)
        if name in _QUOTIENTS and name not in ("sin", "cos"):
            above, below = (self.trigonometric(part, argument) for part in _QUOTIENTS[name])
            return self.over(above, below)
        leading = argument.above[max(argument.above)] if argument.above else 1
        if leading < 0 and (name in ODD or name == "cos"):
            mirrored = self.function(name, self.negative(argument))
            return self.negative(mirrored) if name in ODD else mirrored
        value = Form(argument.above, argument.below, self.atoms).value
        applied = f"{{{spelled(argument.above, argument.below)}}}"
        known_value = None if value is None else _applied(_VALUES[name], value)
        if name != "cos":
            return of_symbol(self.atom(f"\\{name}{applied}", Atom(known_value)))
        sine_of = self.function("sin", argument)
        squared = added(ONE, scaled(self.arithmetic.power(sine_of.above, 2), -1))
        return of_symbol(self.atom(f"\\cos{applied}", Atom(known_value, 2, squared)))

    def trigonometric(self, part: str, argument: Form) -> Form:
        """Return the sine, the cosine or one."""
        return number(1) if part == "1" else self.function(_PARTS[part], argument)

    def known(self, name: str, argument: Terms) -> Form | None:
        """Return the exact value of a function, None where there is none."""
        if name in _ARC:
            angle = arctangent(argument) if name == "arctan" else arcsine(argument)
            turn = None if angle is None else 90 - angle if name == "arccos" else angle
            return None if turn is None else Form(turned(turn), ONE)
        if name == "ln":
            value = logarithm(argument)
            return None if value is None else Form(value, ONE)
        angle = degrees(argument)
        if angle is None or name not in _QUOTIENTS:
            return None
        sines = {"s": sine(angle), "c": sine(angle + 90), "1": ONE}
        above, below = (sines[part] for part in _QUOTIENTS[name])
        if above is None or below is None:
            return None
        return self.over(Form(above, ONE), Form(below, ONE))

    def logarithm(self, base: Form | None, argument: Form) -> Form:
        """Return a logarithm; one whose base is not written has a factor nobody knows."""
        value = self.function("ln", argument)
        if base is None:
            return self.times(value, of_symbol(self.atom("\\log", Atom(None))))
        return self.over(value, self.function("ln", base))

    def factorial(self, form: Form) -> Form:
        """Return a factorial."""
        value = rational(form.above)
        if form.below != ONE or value.denominator != 1 or not 0 <= value <= _MAX_FACTORIAL:
            raise Refused
        return number(factorial(int(value)))

    def binomial(self, form: Form, other: Form) -> Form:
        """Return a binomial coefficient of numbers."""
        above, below = rational(form.above), rational(other.above)
        if not form.below == other.below == ONE or above.denominator * below.denominator != 1:
            raise Refused
        if not 0 <= below <= above <= _MAX_BINOMIAL:
            raise Refused
        return number(comb(int(above), int(below)))


def _factors(base: Terms) -> list[tuple[str, Fraction]]:
    """Return a base as powers of primes and symbols; a sum is a symbol of its own."""
    if len(base) > 1:
        return [(f"({spelled(base)})", Fraction(1))]
    ((monomial, coefficient),) = base.items()
    if coefficient < 0 and (monomial or coefficient != -1):
        raise Refused
    if any(name == IMAGINARY for name, _ in monomial):
        raise Refused
    signs = [(_MINUS, Fraction(1))] if coefficient < 0 else []
    primes = [
        (str(prime), Fraction(sign * count))
        for number, sign in ((abs(coefficient.numerator), 1), (coefficient.denominator, -1))
        for prime, count in factored(number).items()
    ]
    return [*signs, *primes, *monomial]


def _applied(apply: Callable[[complex], complex], value: complex) -> complex | None:
    """Return a function's value where floating point gives nine digits of it, else None."""
    try:
        result = apply(value)
    except (ValueError, OverflowError, ZeroDivisionError):
        return None
    return result if abs(value) <= _LARGE and abs(result) >= _SMALL else None
