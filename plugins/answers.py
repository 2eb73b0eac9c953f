r"""Compare answers as mathematics: one exact rational, or None.

`canonical("\\frac{6}{4}")` and `canonical("1.5")` are the same Fraction. Pure, exact and
bounded: no input is slow and none raises. What is not surely one number (a list, a
range, plus-minus, words, a variable, a base) is None, because a wrong value casts a
vote and a miss does not. Nothing here knows where an answer was found.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, Protocol

from votebox.plugins.arithmetic import evaluate
from votebox.plugins.equivalence import alike
from votebox.plugins.expressions import equation, expression, named, read
from votebox.plugins.notation import MAX_CHARS, clean, quantity
from votebox.plugins.qualifiers import QUALIFIED, qualified, qualifiers
from votebox.plugins.shapes import Shape

__all__ = ["Key", "Policy", "canonical", "equivalent", "key", "show"]

_INTEGER: Final = re.compile(r"-?[0-9]{1,30}")
_RELATION: Final = re.compile(r"(=|\\(?:equiv|approx|implies|Rightarrow)(?![a-zA-Z]))")
_TWO_SIDES: Final = re.compile(r"\s*+-?[\d.,/]++\s++[a-zA-Z]\w*+\s*+")  # of x = 5 y = 6
_DIGIT: Final = re.compile(r"\d")
_BRACKETED: Final = re.compile(r"\([^()]*+\)")


Key = Fraction | str
"""What an answer is compared by: an exact rational, else a normalised expression."""


class Policy(Protocol):
    """Decide which answers vote, and as what; a recipe names one as `policy`.

    A policy that has `expressions = True` is also asked about answers that are no
    number, as normalised text.
    """

    @property
    def fallback(self) -> str | None:
        """Return the answer when nobody voted, None to abstain."""
        ...

    @property
    def late(self) -> str | None:
        """Return the answer when the deadline passed first, None to abstain."""
        ...

    def admit(self, canonical: Any) -> Key | None:
        """Return the value an answer votes for, None when it has no vote."""
        ...

    def order(self, value: Any) -> Any:
        """Return the sort key of a voted value; ties go to the larger."""
        ...


def canonical(text: str) -> Fraction | None:
    r"""Return the one exact rational `text` states, or None.

    >>> canonical("x = \\dfrac{84}{2}\\text{ cm}")
    Fraction(42, 1)
    >>> canonical("1,234.50")
    Fraction(2469, 2)
    >>> canonical("3 or 4") is None
    True
    """
    return _read(text) if len(text) <= MAX_CHARS else None


def key(text: str, policy: Policy) -> Key | None:
    """Return what `policy` has the answer `text` vote for, None when it has no vote."""
    value: Key | None
    if getattr(policy, "expressions", False):
        value = _number(text)
        written = expression(text) if value is None else None
        if written is not None:
            value = _number(written)
            value = written if value is None else value
    else:
        value = canonical(text)
    return None if value is None else policy.admit(value)


def show(value: Key) -> str:
    """Return a voted value as it is answered: "6576", "-7", "1/2"."""
    return str(value)


def equivalent(a: str, b: str) -> bool | None:
    r"""Return whether two answers are equal as mathematics, None when undecided.

    Two rationals are compared exactly and that is final, unless their units differ. Sets,
    tuples, intervals and matrices are compared by their elements, choice letters and
    opposites by their text, formulas by exact forms: constants, rational functions, roots,
    powers, logarithms, sines. Symmetric, pure and bounded; what is left is for the judge
    (judge.py) to ask.

    >>> equivalent("0.5", "\\frac12"), equivalent("2", "3"), equivalent("x", "y")
    (True, False, None)
    >>> equivalent("\\frac{1}{\\sqrt2}", "\\frac{\\sqrt2}{2}"), equivalent("(1, 2)", "(2, 1)")
    (True, False)
    """
    first, second = _shape(a), _shape(b)
    if first is None or second is None:
        return None
    same = alike(first, second)
    if same is None or not {first.kind, second.kind} <= QUALIFIED:
        return same
    return qualified(
        same=same, first=(first.value, qualifiers(a)), second=(second.value, qualifiers(b))
    )


def _number(text: str) -> Fraction | None:
    """Return the rational `text` states, None also for an equation: 2x+3y=5 is not 5."""
    return None if equation(text) else canonical(text)


def _shape(text: str) -> Shape | None:
    value = _number(text)
    if value is None:
        return read(text)
    return Shape("number", text=str(value), value=value, name=named(text))


@lru_cache(maxsize=4096)  # a vote reads every answer again whenever a chain ends
def _read(text: str) -> Fraction | None:
    if _INTEGER.fullmatch(text):
        return Fraction(int(text))
    cleaned = clean(text)
    return None if cleaned is None else _related(cleaned, modular="mod" in text)


def _related(text: str, *, modular: bool) -> Fraction | None:
    """Return the value at the end of a chain of relations, the exact side of an approximation.

    Parts before the last may hold anything but a list; where one is a number it must be
    the same number, unless the chain is a congruence.
    """
    parts = _RELATION.split(text)
    last = evaluate(quantity(parts[-1]))
    for part, relation in zip(parts[:-1:2], parts[1::2], strict=True):
        if "," in _BRACKETED.sub("", part) or _TWO_SIDES.fullmatch(part):
            return None
        value = evaluate(quantity(part)) if _DIGIT.search(part) else None
        if value is None or last is None or value == last:
            continue
        if relation == "\\approx":
            last = value
        elif not modular and relation == "=":
            return None
    return last
