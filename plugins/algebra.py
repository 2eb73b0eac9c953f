r"""Bring a constant or a polynomial to one exact normal form, within bounds.

`polynomial` reads normalised LaTeX (expressions.py) as a sum of rational multiples of
products of powers: `\frac{1}{1+\sqrt2}` and `\sqrt2-1` are the same value. Roots of
rationals become fractional powers of primes, which are linearly independent over the
rationals (Besicovitch 1940); pi and e are kept as symbols, taken to be independent of
each other and of the roots. So two constants are equal exactly when their forms are.
A text beyond that (functions, nested roots, a sum in a denominator) or over a bound is
None, never slow. Nothing here knows what an answer is.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import factorial
from typing import Final

__all__ = ["Polynomial", "polynomial"]

type Monomial = tuple[tuple[str, Fraction], ...]
"""Powers of distinct symbols in order; a prime stands as its digits, its power below 1."""

type Terms = dict[Monomial, Fraction]

_MAX_BITS: Final = 40_000  # 12,000 digits: 2004! has 5,749
_MAX_TERMS: Final = 64
_MAX_WORK: Final = 2_000_000  # about 50 ms
_MAX_POWER: Final = 64
_MAX_RADICAND: Final = 10**40
_MAX_NESTING: Final = 24
_HALF: Final = Fraction(1, 2)
_CONSTANTS: Final = frozenset({"pi", "e"})
_PRIMES: Final = tuple(n for n in range(2, 1000) if all(n % d for d in range(2, int(n**0.5) + 1)))
_GREEK: Final = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "lambda",
        "mu",
        "nu",
        "rho",
        "sigma",
        "tau",
        "phi",
        "omega",
    ]
)
_FUNCTIONS: Final = frozenset("fghFGHPQ")  # f(x) is no product
_TOKEN: Final = re.compile(
    r"\s*+(\\[a-zA-Z]++|[1-9]\d{0,2}(?:,\d{3})++(?![\d,])|\d++(?:\.\d*+)?|\.\d++|[a-zA-Z]"
    r"|[-+*/^!(){}\[\]])"
)
_WORD: Final = re.compile(r"(?<![\\a-zA-Z])[a-zA-Z]{3}|\d\s++\d")
_CLOSING: Final = {"(": ")", "{": "}", "[": "]"}
_TIMES: Final = frozenset({"*", "\\cdot", "\\times"})


class _Refused(Exception):
    """Say that the text has no normal form within bounds."""


@dataclass(frozen=True, slots=True)
class Polynomial:
    """Hold a sum in normal form; two are equal exactly when their terms are."""

    terms: Terms

    @property
    def symbols(self) -> frozenset[str]:
        """Return the variables, without pi and e."""
        names = {name for monomial in self.terms for name, _ in monomial}
        return frozenset(n for n in names if not n.isdecimal()) - _CONSTANTS

    @property
    def linear(self) -> bool:
        """Return whether each term holds at most one variable, to the first power."""
        symbols = self.symbols
        degrees = [[p for name, p in m if name in symbols] for m in self.terms]
        return all(powers in ([], [1]) for powers in degrees)

    def __sub__(self, other: "Polynomial") -> "Polynomial":
        return Polynomial(_added(self.terms, {m: -c for m, c in other.terms.items()}))

    def monic(self) -> "Polynomial":
        """Return a rational multiple of it that is the same for all of them."""
        if not self.terms:
            return self
        leading = self.terms[max(self.terms)]
        return Polynomial({m: c / leading for m, c in self.terms.items()})


def polynomial(text: str) -> Polynomial | None:
    r"""Return the normal form of `text`, or None when it has none within bounds.

    >>> polynomial("\\frac{1}{1+\\sqrt{2}}") == polynomial("\\sqrt{2}-1")
    True
    >>> polynomial("\\sin x") is None
    True
    """
    tokens = _tokens(text)
    if not tokens:
        return None
    parser = _Parser(tokens)
    try:
        terms = parser.sum()
    except (_Refused, ZeroDivisionError):
        return None
    return Polynomial(terms) if parser.at == len(tokens) else None


def _tokens(text: str) -> list[str]:
    """Return the tokens of `text`, none when it holds words or anything else."""
    tokens: list[str] = []
    at = 0
    end = len(text.rstrip())
    if _WORD.search(text):
        return []
    while at < end:
        match = _TOKEN.match(text, at)
        if not match:
            return []
        tokens.append(match[1])
        at = match.end()
    return tokens


class _Parser:
    """Descend through the tokens of one expression; `work` is what it may still cost."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.at, self.depth, self.work = tokens, 0, 0, _MAX_WORK

    def peek(self) -> str:
        """Return the next token, "" at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        """Consume the next token if it is one of `wanted`, else return ""."""
        mark = self.peek()
        if mark not in wanted:
            return ""
        self.at += 1
        return mark

    def sum(self) -> Terms:
        """Read signed products."""
        value = self.product()
        while sign := self.take("+", "-"):
            term = self.product()
            value = _sum(value, term if sign == "+" else self.times(term, _constant(-1)))
        return value

    def product(self) -> Terms:
        """Read factors: multiplied, divided, or standing side by side."""
        value = self.factor()
        divided = False
        while True:
            mark = self.peek()
            if mark in _TIMES:
                self.at += 1
                value = self.times(value, self.factor())
            elif mark == "/":
                self.at += 1
                value = self.times(value, self.inverse(self.factor()))
                divided = True
            elif not mark or mark in "+-)}]":
                return value
            elif divided:  # 1/2x means x/2 to some and 1/(2x) to others
                raise _Refused
            else:
                value = self.beside(value)

    def beside(self, value: Terms) -> Terms:
        """Read the next factor of a product without a sign; 3 1/2 is a mixed number."""
        before, mark = self.tokens[self.at - 1], self.peek()
        if (before in _FUNCTIONS and mark == "(") or mark[:1].isdecimal():
            raise _Refused
        factor = self.power()
        part = factor.get((), Fraction(0))
        if mark == "\\frac" and before.isdecimal() and set(factor) <= {()}:
            if not 0 < part < 1:
                raise _Refused
            return _sum(value, factor)
        return self.times(value, factor)

    def factor(self) -> Terms:
        """Read a signed power; a sign binds weaker than the power."""
        sign = self.take("+", "-")
        value = self.power()
        return self.times(value, _constant(-1)) if sign == "-" else value

    def power(self) -> Terms:
        """Read an atom with its factorial and its exponent."""
        value = self.atom()
        if self.take("!"):
            value = _factorial(value)
        return self.raised(value, self.nested(self.exponent)) if self.take("^") else value

    def exponent(self) -> Fraction:
        """Read a rational exponent: a group or one signed token."""
        return _rational(self.factor() if self.peek() in "+-" else self.atom())

    def atom(self) -> Terms:
        """Read a number, a symbol, a group, a fraction or a root."""
        mark = self.peek()
        if mark in ("(", "{"):
            return self.group()
        self.at += 1
        if mark[:1].isdecimal() or mark[:1] == ".":
            return _number(mark)
        if mark == "\\frac":
            above = self.braced()
            return self.times(above, self.inverse(self.braced()))
        if mark == "\\sqrt":
            return self.root()
        name = mark.lstrip("\\")
        if len(mark) == 1 and mark.isalpha():
            return {((mark, Fraction(1)),): Fraction(1)}
        if name == "pi" or name in _GREEK:
            return {((name, Fraction(1)),): Fraction(1)}
        raise _Refused

    def group(self) -> Terms:
        """Read what one pair of brackets holds."""
        closing = _CLOSING[self.take("(", "{", "[")]
        value = self.nested(self.sum)
        if not self.take(closing):
            raise _Refused
        return value

    def braced(self) -> Terms:
        """Read a macro's argument, which stands in braces."""
        if self.peek() != "{":
            raise _Refused
        return self.group()

    def root(self) -> Terms:
        r"""Read the arguments of \sqrt; an odd root of a negative number is real."""
        index = _rational(self.group()) if self.peek() == "[" else Fraction(2)
        value = self.braced()
        if index.denominator != 1 or index < 2:
            raise _Refused
        if index % 2 and len(value) == 1 and next(iter(value.values())) < 0:
            return self.times(
                self.raised(self.times(value, _constant(-1)), 1 / index), _constant(-1)
            )
        return self.raised(value, 1 / index)

    def nested[T](self, read: Callable[[], T]) -> T:
        """Call `read` one level deeper, within the cap."""
        self.depth += 1
        if self.depth > _MAX_NESTING:
            raise _Refused
        value = read()
        self.depth -= 1
        return value

    def times(self, a: Terms, b: Terms) -> Terms:
        """Return the product, paying for it before it is computed."""
        self.work -= len(a) * len(b) * (256 + _bits(a) + _bits(b))
        if self.work < 0:
            raise _Refused
        result: Terms = {}
        for (left, x), (right, y) in product(a.items(), b.items()):
            powers = dict(left)
            for name, exponent in right:
                powers[name] = powers.get(name, Fraction(0)) + exponent
            monomial, coefficient = _collected(powers, x * y)
            result[monomial] = result.get(monomial, Fraction(0)) + coefficient
        return _checked(result)

    def inverse(self, value: Terms) -> Terms:
        """Return one over `value`; square roots in a sum are conjugated away."""
        above = _constant(1)
        for _ in range(4):
            if len(value) == 1:
                break
            names = [n for m in value for n, p in m if n.isdecimal() and p == _HALF]
            if not names:
                raise _Refused
            root = (names[0], _HALF)
            conjugate = {m: -c if root in m else c for m, c in value.items()}
            above, value = self.times(above, conjugate), self.times(value, conjugate)
        if len(value) != 1:
            raise _Refused
        ((monomial, coefficient),) = value.items()
        powers = {name: -exponent for name, exponent in monomial}
        return self.times(above, dict([_collected(powers, 1 / coefficient)]))

    def raised(self, base: Terms, exponent: Fraction) -> Terms:
        """Return a power: an integer one of anything, a fractional one of one term."""
        if exponent.denominator != 1:
            return _rooted(base, exponent)
        if exponent < 0:
            return self.raised(self.inverse(base), -exponent)
        if len(base) == 1:
            ((monomial, coefficient),) = base.items()
            if _bits(base) * exponent > 2 * _MAX_BITS or exponent > _MAX_BITS:
                raise _Refused
            powers = {name: power * exponent for name, power in monomial}
            return _checked(dict([_collected(powers, coefficient ** int(exponent))]))
        if exponent > _MAX_POWER or (not base and not exponent):
            raise _Refused
        value = _constant(1)
        for _ in range(int(exponent)):
            value = self.times(value, base)
        return value


def _constant(value: int | Fraction) -> Terms:
    return {(): Fraction(value)} if value else {}


def _number(mark: str) -> Terms:
    digits = mark.replace(",", "")
    if len(digits) > 1000:
        raise _Refused
    return _constant(Fraction(digits + "0" if digits.endswith(".") else digits))


def _sum(a: Terms, b: Terms) -> Terms:
    return _checked(_added(a, b))


def _added(a: Terms, b: Terms) -> Terms:
    result = dict(a)
    for monomial, coefficient in b.items():
        result[monomial] = result.get(monomial, Fraction(0)) + coefficient
    return {m: c for m, c in result.items() if c}


def _checked(terms: Terms) -> Terms:
    """Return `terms` without zeros, within bounds."""
    kept = {m: c for m, c in terms.items() if c}
    if len(kept) > _MAX_TERMS or _bits(kept) > _MAX_BITS:
        raise _Refused
    return kept


def _bits(terms: Terms) -> int:
    """Return the length of the longest numerator or denominator."""
    return max(
        (c.numerator.bit_length() + c.denominator.bit_length() for c in terms.values()), default=0
    )


def _rational(terms: Terms) -> Fraction:
    if not set(terms) <= {()}:
        raise _Refused
    return terms.get((), Fraction(0))


def _collected(powers: dict[str, Fraction], coefficient: Fraction) -> tuple[Monomial, Fraction]:
    """Return a monomial whose primes have powers below one, the rest in the coefficient."""
    kept = []
    for name, exponent in powers.items():
        left = exponent
        if name.isdecimal():
            whole = exponent.numerator // exponent.denominator
            if abs(whole) * int(name).bit_length() > _MAX_BITS:
                raise _Refused
            coefficient *= Fraction(int(name)) ** whole
            left = exponent - whole
        if left:
            kept.append((name, left))
    return tuple(sorted(kept)), coefficient


def _rooted(base: Terms, exponent: Fraction) -> Terms:
    """Return a fractional power of one positive term.

    A variable must stand to the first power: the root of x squared is not x.
    """
    if len(base) != 1 or exponent.denominator > 12:
        raise _Refused
    ((monomial, coefficient),) = base.items()
    variables = [p for n, p in monomial if not n.isdecimal() and n not in _CONSTANTS]
    if coefficient <= 0 or len(variables) > 1 or any(abs(p) != 1 for p in variables):
        raise _Refused
    powers = {name: power * exponent for name, power in monomial}
    for number, sign in ((coefficient.numerator, 1), (coefficient.denominator, -1)):
        for prime, count in _factored(number).items():
            powers[str(prime)] = powers.get(str(prime), Fraction(0)) + sign * count * exponent
    return _checked(dict([_collected(powers, Fraction(1))]))


def _factored(number: int) -> dict[int, int]:
    """Return the prime factors of a number that has at most one above a thousand."""
    if number > _MAX_RADICAND:
        raise _Refused
    factors: dict[int, int] = {}
    for prime in _PRIMES:
        while number % prime == 0:
            number //= prime
            factors[prime] = factors.get(prime, 0) + 1
    if number >= _PRIMES[-1] ** 2:
        raise _Refused
    return factors | ({number: 1} if number > 1 else {})


def _factorial(terms: Terms) -> Terms:
    value = _rational(terms)
    if value.denominator != 1 or not 0 <= value <= 3000:
        raise _Refused
    return _constant(factorial(int(value)))
