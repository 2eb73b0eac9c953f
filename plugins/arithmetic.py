r"""Evaluate one plain or LaTeX arithmetic expression exactly and within bounds.

`evaluate` takes text that answers.py has cleaned and returns a Fraction or None; it
never computes a number it cannot hold, so no input is slow. It knows + - * / ^ !,
juxtaposed factors, \frac, exact roots and \binom, and nothing about answers.
"""

import re
from collections.abc import Callable
from fractions import Fraction
from math import comb, factorial
from typing import Final

__all__ = ["MAX_DIGITS", "UNIT", "evaluate"]

MAX_DIGITS: Final = 30
"""The most digits of a numerator or denominator, intermediate results included."""

UNIT: Final = "\x01"
"""Stands for a unit; allowed behind a finished value only."""

_LIMIT: Final = 10**MAX_DIGITS
_MAX_EXPONENT: Final = 400
_MAX_NESTING: Final = 32
_NUMBER: Final = re.compile(
    r"[1-9]\d{0,2}(?:,\d{3})++(?:\.\d++)?(?![\d,])"  # 1,234,567.5
    r"|[1-9]\d{0,2}(?: \d{3})++(?:\.\d++)?(?!\d| \d)"  # 1 234 567
    r"|(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d{1,4}(?!\d))?"
)
_TIMES: Final = re.compile(r"\*(?!\*)|\\times(?![a-zA-Z])|\\cdot(?![a-zA-Z])|\\ast(?![a-zA-Z])")
_OVER: Final = re.compile(r"/|\\div(?![a-zA-Z])")
_POWER: Final = re.compile(r"\^|\*\*")
_MACRO: Final = re.compile(r"\\([cdt]?frac|nicefrac|sqrt|[dt]?binom)(?![a-zA-Z])")
_FRACTION: Final = re.compile(r"\\[cdt]?frac(?![a-zA-Z])")
_INDEX: Final = re.compile(r"\[\s*+(\d)\s*+\]")
_CLOSING: Final = {"(": ")", "{": "}"}


class _Refused(Exception):
    """Say that the text is not one number within bounds."""


def evaluate(text: str) -> Fraction | None:
    r"""Return the value of `text`, or None when it is not one number within bounds.

    >>> evaluate("2^{10} - \\frac12 \\cdot 4")
    Fraction(1022, 1)
    """
    parser = _Parser(text)
    try:
        value = parser.sum()
        parser.end()
    except (_Refused, ZeroDivisionError):
        return None
    return value


class _Parser:
    """Descend through one expression from left to right; `at` is the next character."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Skip blanks and consume `pattern` if it stands here."""
        self.peek()
        match = pattern.match(self.text, self.at)
        if match:
            self.at = match.end()
        return match

    def peek(self) -> str:
        """Skip blanks and return the next character, "" at the end."""
        char = self.text[self.at : self.at + 1]
        while char.isspace():
            self.at += 1
            char = self.text[self.at : self.at + 1]
        return char

    def end(self) -> None:
        """Require the end, behind at most some units."""
        while self.peek() == UNIT:
            self.at += 1
        if self.peek():
            raise _Refused

    def sum(self) -> Fraction:
        """Read terms joined by + and -."""
        value = self.product()
        while (sign := self.peek()) and sign in "+-":
            self.at += 1
            term = self.product()
            value = _bounded(value + term if sign == "+" else value - term)
        return value

    def product(self) -> Fraction:
        """Read factors: multiplied, divided, or standing side by side."""
        value = self.factor()
        divided = False
        while True:
            mark = self.peek()
            if not mark or mark not in "*/\\(":
                return value
            if self.take(_TIMES):
                value = _bounded(value * self.factor())
            elif self.take(_OVER):
                value = _bounded(value / self.factor())
                divided = True
            elif mark == "(" or _MACRO.match(self.text, self.at):
                if divided:  # 6/2(3) means 9 to some and 1 to others
                    raise _Refused
                value = _bounded(value * self.power())
            else:
                return value

    def factor(self) -> Fraction:
        """Read a signed power; a sign binds weaker than the power."""
        sign = self.peek()
        if sign not in ("+", "-"):
            return self.power()
        self.at += 1
        value = self.power()
        return -value if sign == "-" else value

    def power(self) -> Fraction:
        """Read an atom with its factorial and its exponent."""
        value = self.atom()
        mark = self.peek()
        if mark == "!":  # a second one is refused: 3!! is 3 to some and 720 to others
            self.at += 1
            value = _factorial(value)
        elif mark not in ("^", "*"):
            return value
        if not self.take(_POWER):
            return value
        exponent = self.nested(self.factor)
        if self.text[self.at - 1] == "!":  # 2^3! is 64 to some and 40320 to others
            raise _Refused
        return _raised(value, exponent)

    def atom(self) -> Fraction:
        """Read a number, a group, a fraction, a root or a binomial."""
        opening = self.peek()
        if opening in _CLOSING:
            return self.group(opening)
        if opening == "\\" and (macro := self.take(_MACRO)):
            return self.macro(macro[1])
        number = self.take(_NUMBER)
        if not number:
            raise _Refused
        value = _number(number[0])
        return self.mixed(value) if number[0].isdecimal() and self.take(_FRACTION) else value

    def group(self, opening: str) -> Fraction:
        """Read what one pair of brackets holds."""
        self.at += 1
        value = self.nested(self.sum)
        if self.peek() != _CLOSING[opening]:
            raise _Refused
        self.at += 1
        return value

    def macro(self, name: str) -> Fraction:
        r"""Read the arguments of \frac, \sqrt or \binom."""
        if name == "sqrt":
            index = self.take(_INDEX)
            radicand = self.group("(") if self.peek() == "(" else self.argument()
            return _root(radicand, int(index[1]) if index else 2)
        first, second = self.argument(), self.argument()
        if name.endswith("frac"):
            return _bounded(first / second)
        whole = first.denominator == second.denominator == 1
        if not whole or not 0 <= second <= first <= 1000:
            raise _Refused
        return _bounded(Fraction(comb(int(first), int(second))))

    def mixed(self, whole: Fraction) -> Fraction:
        r"""Read 3\frac12 as three and a half; refuse a part that is not proper."""
        part = self.macro("frac")
        if not 0 < part < 1:
            raise _Refused
        return _bounded(whole + part)

    def argument(self) -> Fraction:
        r"""Read a macro's argument: a group, or one digit as in \frac12."""
        opening = self.peek()
        if opening == "{":
            return self.group(opening)
        if not opening.isdecimal():
            raise _Refused
        self.at += 1
        return Fraction(int(opening))

    def nested(self, read: Callable[[], Fraction]) -> Fraction:
        """Call `read` one level deeper, within the cap."""
        self.depth += 1
        if self.depth > _MAX_NESTING:
            raise _Refused
        value = read()
        self.depth -= 1
        return value


def _bounded(value: Fraction) -> Fraction:
    if abs(value.numerator) >= _LIMIT or value.denominator > _LIMIT:
        raise _Refused
    return value


def _number(text: str) -> Fraction:
    """Return the exact value of a number token, decimals and exponents included."""
    if text.isdecimal() and len(text) <= MAX_DIGITS:
        return Fraction(int(text))
    mantissa, _, exponent = text.lower().replace(",", "").replace(" ", "").partition("e")
    digits = len(mantissa.strip("0."))
    if digits > MAX_DIGITS + 1 or abs(int(exponent or 0)) > 2 * MAX_DIGITS:
        raise _Refused
    whole, _, places = mantissa.partition(".")
    places = places.rstrip("0")
    if len(places) > MAX_DIGITS:
        raise _Refused
    value = Fraction(int((whole.lstrip("0") + places) or "0"), 10 ** len(places))
    return _bounded(value * Fraction(10) ** int(exponent or 0))


def _factorial(value: Fraction) -> Fraction:
    if value.denominator != 1 or not 0 <= value <= 25:
        raise _Refused
    return Fraction(factorial(int(value)))


def _raised(base: Fraction, exponent: Fraction) -> Fraction:
    """Return a power whose size was estimated before it is computed."""
    if exponent.denominator != 1 or abs(exponent) > _MAX_EXPONENT or base == exponent == 0:
        raise _Refused
    bits = max(abs(base.numerator).bit_length(), base.denominator.bit_length())
    if (bits - 1) * abs(exponent) > _LIMIT.bit_length():
        raise _Refused
    return _bounded(base ** int(exponent))


def _root(value: Fraction, index: int) -> Fraction:
    """Return the exact root of a rational that has one; of a negative one only an odd root."""
    if index < 2 or (value < 0 and index % 2 == 0):
        raise _Refused
    top, bottom = _whole_root(abs(value.numerator), index), _whole_root(value.denominator, index)
    root = Fraction(top if value >= 0 else -top, bottom)
    if root**index != value:
        raise _Refused
    return root


def _whole_root(number: int, index: int) -> int:
    """Return the whole number whose power of `index` is nearest to `number` from below."""
    low, high = 0, 1 << (number.bit_length() // index + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**index <= number else (low, middle)
    return low
