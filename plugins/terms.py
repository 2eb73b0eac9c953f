"""Compute exactly with sums of rational multiples of products of powers, within bounds.

Terms are a normal form. Roots of rationals are fractional powers of primes, linearly
independent over the rationals (Besicovitch 1940); pi, e and the logarithms of primes are
symbols, taken to be independent of each other and of the roots; the imaginary unit is a
symbol whose square is -1. So two constants are equal exactly when their terms are.
What is over a bound is refused before it is computed, never slow. Nothing here reads text.
"""

from fractions import Fraction
from itertools import product
from math import gcd, isqrt, lcm
from typing import Final

__all__ = [
    "CONSTANTS",
    "HALF",
    "IMAGINARY",
    "MAX_BITS",
    "ONE",
    "Arithmetic",
    "Monomial",
    "Refused",
    "Terms",
    "added",
    "constant",
    "content",
    "denested",
    "factored",
    "is_constant",
    "rational",
    "rooted",
    "scaled",
    "symbol",
]

type Monomial = tuple[tuple[str, Fraction], ...]
"""Powers of distinct symbols in order; a prime stands as its digits, its power below 1."""

type Terms = dict[Monomial, Fraction]

IMAGINARY: Final = "\\i"
"""The imaginary unit, told from a variable i by the backslash."""

CONSTANTS: Final = frozenset({"pi", "e", IMAGINARY})
"""Symbols that are no variables; primes and their logarithms ("ln 2") are further ones."""

MAX_BITS: Final = 40_000
"""The most bits of a coefficient: 12,000 digits, and 2004! has 5,749."""

ONE: Final[Terms] = {(): Fraction(1)}
HALF: Final = Fraction(1, 2)
_MAX_TERMS: Final = 64
_MAX_WORK: Final = 2_000_000  # about 50 ms
_MAX_POWER: Final = 64
_MAX_RADICAND: Final = 10**40
_PRIMES: Final = tuple(n for n in range(2, 1000) if all(n % d for d in range(2, isqrt(n) + 1)))


class Refused(Exception):
    """Say that a text has no normal form within bounds."""


class Arithmetic:
    """Multiply terms for one expression; `work` is what that may still cost."""

    def __init__(self) -> None:
        self.work = _MAX_WORK

    def times(self, a: Terms, b: Terms) -> Terms:
        """Return the product, paying for it before it is computed."""
        self.work -= len(a) * len(b) * (256 + _bits(a) + _bits(b))
        if self.work < 0:
            raise Refused
        result: Terms = {}
        for (left, x), (right, y) in product(a.items(), b.items()):
            powers = dict(left)
            for name, exponent in right:
                powers[name] = powers.get(name, Fraction(0)) + exponent
            monomial, coefficient = _collected(powers, x * y)
            result[monomial] = result.get(monomial, Fraction(0)) + coefficient
        return _checked(result)

    def power(self, base: Terms, exponent: int) -> Terms:
        """Return a power; a negative one, or a large one, of one term only."""
        if len(base) == 1:
            ((monomial, coefficient),) = base.items()
            if _bits(base) * abs(exponent) > 2 * MAX_BITS or abs(exponent) > MAX_BITS:
                raise Refused
            powers = {name: power * exponent for name, power in monomial}
            return _checked(dict([_collected(powers, coefficient**exponent)]))
        if not 0 <= exponent <= _MAX_POWER or (not base and not exponent):
            raise Refused
        value = ONE
        for _ in range(exponent):
            value = self.times(value, base)
        return value

    def rationalised(self, above: Terms, below: Terms) -> tuple[Terms, Terms]:
        """Return a fraction whose denominator is one term if conjugates make it one."""
        for _ in range(4):
            roots = [s for m in below for s in m if _is_conjugated(*s)]
            if len(below) < 2 or not roots:
                break
            conjugate = {m: -c if roots[0] in m else c for m, c in below.items()}
            above, below = self.times(above, conjugate), self.times(below, conjugate)
        if not below:
            raise Refused
        if len(below) == 1:
            return self.times(above, self.power(below, -1)), ONE
        return above, below


def constant(value: int | Fraction) -> Terms:
    """Return a rational as terms."""
    return {(): Fraction(value)} if value else {}


def symbol(name: str, power: Fraction | int = 1) -> Terms:
    """Return one symbol, or a power of it, as terms."""
    return {((name, Fraction(power)),): Fraction(1)} if power else ONE


def rational(terms: Terms) -> Fraction:
    """Return the value of terms without symbols; others are refused."""
    if not set(terms) <= {()}:
        raise Refused
    return terms.get((), Fraction(0))


def added(a: Terms, b: Terms) -> Terms:
    """Return the sum."""
    result = dict(a)
    for monomial, coefficient in b.items():
        result[monomial] = result.get(monomial, Fraction(0)) + coefficient
    return _checked(result)


def scaled(terms: Terms, factor: Fraction | int) -> Terms:
    """Return a rational multiple."""
    return _checked({m: c * factor for m, c in terms.items()})


def content(terms: Terms) -> Fraction:
    """Return the positive rational whose quotient has whole coefficients without a common factor."""
    return Fraction(
        gcd(*(c.numerator for c in terms.values())),
        lcm(*(c.denominator for c in terms.values())),
    )


def is_constant(name: str) -> bool:
    """Return whether a symbol is a known number."""
    return name.isdecimal() or name in CONSTANTS or name.startswith("ln ")


def rooted(base: Terms, exponent: Fraction) -> Terms:
    """Return a fractional power of one positive term.

    A variable must stand to the first power: the root of x squared is not x.
    """
    if len(base) != 1 or exponent.denominator > 12:
        raise Refused
    ((monomial, coefficient),) = base.items()
    variables = [p for n, p in monomial if not is_constant(n)]
    imaginary = any(n == IMAGINARY for n, _ in monomial)
    if coefficient <= 0 or imaginary or len(variables) > 1 or any(abs(p) != 1 for p in variables):
        raise Refused
    powers = {name: power * exponent for name, power in monomial}
    for number, sign in ((coefficient.numerator, 1), (coefficient.denominator, -1)):
        for prime, count in factored(number).items():
            powers[str(prime)] = powers.get(str(prime), Fraction(0)) + sign * count * exponent
    return _checked(dict([_collected(powers, Fraction(1))]))


def denested(radicand: Terms) -> Terms | None:
    """Return the root of a + b as a sum of two roots, where b is a root and both exist.

    With d the root of a^2 - b^2, the root is that of (a + d)/2 plus or minus that of
    (a - d)/2 (Euclid, Elements X, 54).
    """
    primes = all(name.isdecimal() for m in radicand for name, _ in m)
    if len(radicand) != 2 or () not in radicand or not primes:
        return None
    a = radicand[()]
    ((monomial, coefficient),) = [(m, c) for m, c in radicand.items() if m]
    squared = Arithmetic().power({monomial: coefficient}, 2)
    if a <= 0 or not set(squared) <= {()}:
        return None
    inner = a * a - squared[()]
    d = Fraction(isqrt(max(inner.numerator, 0)), isqrt(inner.denominator))
    if d * d != inner:
        return None
    first, second = (rooted(constant((a + s * d) / 2), HALF) for s in (1, -1))
    return added(first, second if coefficient > 0 else scaled(second, -1))


def factored(number: int) -> dict[int, int]:
    """Return the prime factors of a number that has at most one above a thousand."""
    if number > _MAX_RADICAND:
        raise Refused
    factors: dict[int, int] = {}
    for prime in _PRIMES:
        if number < prime:
            break
        while number % prime == 0:
            number //= prime
            factors[prime] = factors.get(prime, 0) + 1
    if number >= _PRIMES[-1] ** 2:
        raise Refused
    return factors | ({number: 1} if number > 1 else {})


def _is_conjugated(name: str, power: Fraction) -> bool:
    """Return whether a sign before this symbol is turned by a conjugation."""
    return name == IMAGINARY or (name.isdecimal() and power == HALF)


def _checked(terms: Terms) -> Terms:
    """Return `terms` without zeros, within bounds."""
    kept = {m: c for m, c in terms.items() if c}
    if len(kept) > _MAX_TERMS or _bits(kept) > MAX_BITS:
        raise Refused
    return kept


def _bits(terms: Terms) -> int:
    """Return the length of the longest numerator or denominator."""
    return max(
        (c.numerator.bit_length() + c.denominator.bit_length() for c in terms.values()), default=0
    )


def _collected(powers: dict[str, Fraction], coefficient: Fraction) -> tuple[Monomial, Fraction]:
    """Return a monomial whose primes have powers below one, the rest in the coefficient."""
    kept = []
    for name, exponent in powers.items():
        left = exponent
        if name.isdecimal():
            whole = exponent.numerator // exponent.denominator
            if abs(whole) * int(name).bit_length() > MAX_BITS:
                raise Refused
            coefficient *= Fraction(int(name)) ** whole
            left = exponent - whole
        elif name == IMAGINARY:
            if exponent.denominator != 1:
                raise Refused
            coefficient *= -1 if exponent % 4 > 1 else 1
            left = exponent % 2
        if left:
            kept.append((name, left))
    return tuple(sorted(kept)), coefficient
