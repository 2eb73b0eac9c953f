r"""Bring an answer to the form in which math-verify may be asked about it, or refuse.

The form is the answer's key (answers.py): units, dollar signs and styles are off, because
math-verify takes a last letter for a unit and reads 3t as 3. Refused is what it would misread
and what would only cost time: powers of powers of powers, and numbers of more than 10,000
digits.
"""

import math
import re
from typing import Final

from votebox.plugins.answers import canonical, show
from votebox.plugins.expressions import equation, expression
from votebox.plugins.latex import normal
from votebox.plugins.notation import plain

__all__ = ["askable"]

MAX_DIGITS: Final = 10_000
"""The most decimal digits a number written in an answer may come to."""

_MAX_CHARS: Final = 500
_GROUPS: Final = re.compile(r"(?<=\d)(?:\\[,!;: ]|\{,\}|~)++(?=\d{3}(?!\d))")
_POWER: Final = re.compile(r"(\d++)(?:\.\d++)?[})\s]*+\^\s*+\{?\s*+-?(\d++)")
_FACTORIAL: Final = re.compile(r"(\d++)[})\s]*+!(\s*+!)?+")
_VARIABLE: Final = re.compile(r"(?<![a-zA-Z\\])(?![ei])[a-zA-Z](?![a-zA-Z])")
_COMMAND: Final = re.compile(r"\\[a-zA-Z]++")
_BASE: Final = re.compile(r"\d_(\w++|\{\w++\})")
_DERIVED: Final = re.compile(r"\\frac\{d|\\partial(?![a-z])")
_TURN: Final = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-z])")
_DEGREE: Final = re.compile(r"\^(?:\\circ(?![a-z])|\{\\circ\})")


def askable(a: str, b: str) -> tuple[str, str] | None:
    """Return what to ask about two answers, in a fixed order; None when it cannot be asked.

    A value keeps its name where the other is an equation: y = 2x is 2x - y = 0, and 2x is not.
    """
    named = bool(equation(a) or equation(b))
    first, second = _form(a, named=named), _form(b, named=named)
    if first is None or second is None or _is_misread(first, second):
        return None
    return (first, second) if first < second else (second, first)


def _is_misread(first: str, second: str) -> bool:
    """Return whether two texts differ in what math-verify drops: case, primes, bases, dy/dx."""
    both = first + " " + second
    names = {char for char in _COMMAND.sub("", both) if char.isalpha()}
    bases = [_BASE.findall(text) for text in (first, second)]
    return (
        len({name.lower() for name in names}) < len(names)
        or "'" in both
        or bool(_DERIVED.search(both))
        or (all(bases) and bases[0] != bases[1])
    )


def _form(text: str, *, named: bool) -> str | None:
    r"""Return what to ask about the answer `text`, None when it cannot or should not be.

    >>> _form("$12\\,345\\sqrt{2}$ cm", named=False)
    '12345\\sqrt{2}'
    >>> _form("9^{9^{9}}", named=False) is None
    True
    """
    if _TURN.search(text):  # a unit elsewhere, but not here
        text = _DEGREE.sub(r"\\cdot\\frac{\\pi}{180}", text)
    value = None if equation(text) else canonical(text)
    key = expression(text) if value is None else show(value)
    if named and "=" in text:
        key = normal(plain(text))
    if not key or len(key) > _MAX_CHARS:
        return None
    key = _GROUPS.sub("", key)
    return None if _is_tower(key) or _digits(key) > MAX_DIGITS else key


def _is_tower(text: str) -> bool:
    """Return whether a power stands on two more, or on one more without a variable."""
    height = _height(text)
    return height > 2 or (height == 2 and not _VARIABLE.search(text))


def _height(text: str) -> int:
    """Return how deep exponents nest, 1 for x^2 and 2 for x^y^z and x^{y^z}."""
    level = last = highest = 0  # `last` is the level of what a following ^ would raise
    raised: int | None = None
    opened: list[tuple[int, int]] = []
    for char in text.replace(" ", ""):
        if char == "^":
            raised = last + 1
            highest = max(highest, raised)
            continue
        if char in "})" and opened:
            level, last = opened.pop()
            continue
        last = level if raised is None else raised
        raised = None
        if char in "{(":
            opened.append((level, last))
            level = last
    return highest


def _digits(text: str) -> float:
    """Return about how many digits the largest written power or factorial has."""
    powers = (len(base) * float(exponent[:9]) for base, exponent in _POWER.findall(text))
    factorials = (_factorial(float(n[:9]), twice=bool(t)) for n, t in _FACTORIAL.findall(text))
    return max(*powers, *factorials, 0.0, 0.0)


def _factorial(n: float, *, twice: bool) -> float:
    digits = math.lgamma(n + 1) / math.log(10)
    return 10**digits if twice and digits < 9 else math.inf if twice else digits
