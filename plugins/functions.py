r"""Know the exact values of functions: sines of handsome angles, logarithms of rationals.

Each function takes and returns terms, None where there is no value simpler than the
function itself. An angle is a rational multiple of pi.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Final

from votebox.plugins.terms import (
    HALF,
    IMAGINARY,
    ONE,
    Arithmetic,
    Refused,
    Terms,
    added,
    constant,
    factored,
    scaled,
    symbol,
)

__all__ = [
    "FUNCTIONS",
    "ODD",
    "arcsine",
    "arctangent",
    "degrees",
    "logarithm",
    "on_unit_circle",
    "sine",
    "turned",
]

FUNCTIONS: Final = frozenset(
    {"sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "ln", "log", "exp"}
)
"""What a formula may apply to an argument."""

ODD: Final = frozenset({"sin", "arcsin", "arctan"})
"""Functions that turn their sign with their argument's."""


def _root(number: int, over: int) -> Terms:
    powers = tuple((str(prime), HALF) for prime in factored(number))
    return {tuple(sorted(powers)): Fraction(1, over)}


_SINES: Final[dict[int, Terms]] = {
    0: {},
    15: added(_root(6, 4), scaled(_root(2, 4), -1)),
    18: added(_root(5, 4), constant(Fraction(-1, 4))),
    30: constant(HALF),
    45: _root(2, 2),
    54: added(_root(5, 4), constant(Fraction(1, 4))),
    60: _root(3, 2),
    75: added(_root(6, 4), _root(2, 4)),
    90: ONE,
}
_TANGENTS: Final[dict[int, Terms]] = {
    0: {},
    15: added(constant(2), scaled(_root(3, 1), -1)),
    30: _root(3, 3),
    45: ONE,
    60: _root(3, 1),
    75: added(constant(2), _root(3, 1)),
}


def degrees(angle: Terms) -> Fraction | None:
    """Return an angle in degrees, None of one that is no rational multiple of pi."""
    if not set(angle) <= {(("pi", Fraction(1)),)}:
        return None
    return sum(angle.values(), Fraction(0)) * 180


def turned(angle: Fraction) -> Terms:
    """Return an angle of so many degrees in radians."""
    return scaled(symbol("pi"), angle / 180)


def sine(angle: Fraction) -> Terms | None:
    """Return the sine of an angle in degrees."""
    angle %= 360
    if angle >= 180:
        value = sine(angle - 180)
        return None if value is None else scaled(value, -1)
    angle = min(angle, 180 - angle)
    return _SINES.get(int(angle)) if angle.denominator == 1 else None


def on_unit_circle(angle: Fraction) -> Terms:
    """Return e to the power of i times an angle in degrees."""
    real, imaginary = sine(angle + 90), sine(angle)
    if real is None or imaginary is None:
        raise Refused
    return added(real, Arithmetic().times(imaginary, symbol(IMAGINARY)))


def arcsine(value: Terms) -> Fraction | None:
    """Return the angle in degrees, -90 to 90, that has this sine."""
    return _angle(_SINES, value)


def arctangent(value: Terms) -> Fraction | None:
    """Return the angle in degrees, -90 to 90, that has this tangent."""
    return _angle(_TANGENTS, value)


def logarithm(value: Terms) -> Terms | None:
    """Return the natural logarithm of a product of powers of rationals and e."""
    if len(value) != 1:
        return None
    ((monomial, coefficient),) = value.items()
    if coefficient <= 0 or not all(name == "e" or name.isdecimal() for name, _ in monomial):
        return None
    result: Terms = {}
    for number, sign in ((coefficient.numerator, 1), (coefficient.denominator, -1)):
        for prime, count in factored(number).items():
            result = added(result, scaled(symbol(f"ln {prime}"), sign * count))
    for name, power in monomial:
        result = added(result, scaled(ONE if name == "e" else symbol(f"ln {name}"), power))
    return result


def _angle(table: dict[int, Terms], value: Terms) -> Fraction | None:
    find: Callable[[Terms], int | None] = lambda sought: next(  # noqa: E731
        (angle for angle, known in table.items() if known == sought), None
    )
    positive, negative = find(value), find(scaled(value, -1))
    if positive is not None:
        return Fraction(positive)
    return None if negative is None else Fraction(-negative)
