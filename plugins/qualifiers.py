r"""Say what a text adds to its number: a unit, a modulus.

The number reader (notation.py) leaves both out, since a problem asks for one unit; two
answers that name different ones are compared with an eye on them. Pure and linear.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

__all__ = ["QUALIFIED", "Qualifiers", "qualified", "qualifiers"]

QUALIFIED: Final = frozenset({"number", "formula"})
"""Kinds of answers that may have a unit."""

_ANGULAR: Final = re.compile(r"\\?(?:sin|cos|tan|cot|sec|csc)")
_MODULUS: Final = re.compile(r"\\?p?mod\s*+\{?\s*+(\d{1,30})")
_PERCENT: Final = re.compile(r"%|\\?percent(?![a-z])")
_DEGREE: Final = re.compile(r"\\circ|\u00b0|\\degrees?(?![a-zA-Z])|(?<![a-z])degrees?(?![a-z])")
_CURRENCY: Final = re.compile(r"\\\$|^\$(?=[^$]*+$)|[€£¥]|(?<![a-z])(?:dollars?|euros?)(?![a-z])")
_WORD: Final = re.compile(
    r"\\(?:text|mathrm|textrm|textnormal|mbox|hbox)\s*+\{([^{}]*+)\}|(?<=[\d\s}])([a-zA-Z]{2,}+)(?=\s*+\.?\s*+$)"
)
_LETTERS: Final = re.compile(r"[a-z]++")
_SAME: Final = {
    "centimeter": "cm",
    "centimetre": "cm",
    "meter": "m",
    "metre": "m",
    "kilometer": "km",
    "kilometre": "km",
    "millimeter": "mm",
    "millimetre": "mm",
    "hour": "h",
    "hr": "h",
    "hrs": "h",
    "minute": "min",
    "second": "s",
    "sec": "s",
    "foot": "ft",
    "feet": "ft",
    "inch": "in",
    "inche": "in",
    "mile": "mi",
    "gram": "g",
    "kilogram": "kg",
    "square": "",
    "cubic": "",
    "sq": "",
    "unit": "",
    "per": "",
}


@dataclass(frozen=True, slots=True)
class Qualifiers:
    """Hold what a text adds to its number; `unit` is "" and `modulus` 0 if it adds none."""

    unit: str
    modulus: int


_NONE: Final = Qualifiers("", 0)


def qualifiers(text: str) -> Qualifiers:
    r"""Return the unit and the modulus a short text names.

    >>> qualifiers("5\\text{ cm}^2").unit, qualifiers("x \\equiv 2 \\pmod{5}").modulus
    ('cm', 5)
    """
    if text.isdecimal() or _ANGULAR.search(text):  # a degree belongs to the sine's argument
        return _NONE
    modulus = _MODULUS.search(text)
    if modulus:
        return Qualifiers("", int(modulus[1]))
    for unit, pattern in (("%", _PERCENT), ("degree", _DEGREE), ("$", _CURRENCY)):
        if pattern.search(text):
            return Qualifiers(unit, 0)
    words = " ".join(
        match[1] or match[2] or "" for match in _WORD.finditer(text.rpartition("=")[2])
    )
    names = [_singular(word) for word in _LETTERS.findall(words.lower())]
    return Qualifiers(" ".join(name for name in names if name), 0)


def qualified(
    *,
    same: bool,
    first: tuple[Fraction | None, Qualifiers],
    second: tuple[Fraction | None, Qualifiers],
) -> bool | None:
    """Return whether two answers are equal, `same` being what holds of them unqualified.

    Congruences of one modulus are equal by their remainder. Of two units nothing is said,
    nor of 50 % and 0.5, nor of degrees and radians.
    """
    (x, a), (y, b) = first, second
    if a == b == _NONE:
        return same
    if a.modulus or b.modulus:
        return _congruent(same=same, first=(x, a.modulus), second=(y, b.modulus))
    if a.unit == b.unit:
        return same
    if a.unit and b.unit:
        return None
    if same or x is None or y is None:
        return None if not same and "degree" in (a.unit, b.unit) else same
    part, whole = (x, y) if a.unit == "%" else (y, x)
    return None if "%" in (a.unit, b.unit) and part == 100 * whole else False


def _congruent(
    *, same: bool, first: tuple[Fraction | None, int], second: tuple[Fraction | None, int]
) -> bool | None:
    (x, m), (y, n) = first, second
    if m and n and m != n:
        return False
    if same or x is None or y is None:
        return same
    near = (x - y) % max(m, n) == 0
    return near if m == n else None if near else False


def _singular(word: str) -> str:
    word = word.removesuffix("s") if len(word) > 2 else word
    return _SAME.get(word, word)
