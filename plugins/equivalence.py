r"""Compare two answers taken apart (shapes.py): equal, different, or undecided.

`alike` says True and False where exact forms (algebra.py) or structure prove it, and
None for all else: what a domain, a base, a parameter or a constraint of the problem may
decide. It is symmetric, pure and bounded.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from votebox.plugins.algebra import form
from votebox.plugins.forms import Form, same_form
from votebox.plugins.intervals import INFINITE, spans
from votebox.plugins.shapes import Shape
from votebox.plugins.terms import Refused, added, is_constant, scaled

__all__ = ["alike"]

_MAX_PAIRS: Final = 400
_MANY: Final = frozenset({"list", "union", "matrix", "given"})
_OPPOSED: Final = tuple(
    frozenset(words.split())
    for words in (
        "yes no",
        "true false",
        "odd even neither",
        "rational irrational",
        "monday tuesday wednesday thursday friday saturday sunday",
        "january february march april may june july august september october november december",
    )
)
_NUMBER_SET: Final = re.compile(r"\\mathbb ?\{?[A-Z]\}?")
_NUMERAL: Final = re.compile(r"(\d[0-9A-Z]{0,60})_\{?(\d{1,2})\}?")
_LEAVES: Final = frozenset({"number", "formula"})
_UNKNOWNS: Final = frozenset("abhpqruvwxyzR")


def alike(a: Shape, b: Shape) -> bool | None:
    """Return whether two shapes are the same answer, None when that is undecided."""
    same = _compared(a, b)
    renamed = a.name and b.name and a.name != b.name
    return None if same and renamed else same


def _compared(a: Shape, b: Shape) -> bool | None:
    """Compare two shapes without an eye on their names, but for equations."""
    if a.kind == b.kind and str(a) == str(b):
        return True
    if {a.kind, b.kind} <= _LEAVES:
        return _leaves(a, b)
    if {a.kind, b.kind} == {"list", "given"}:
        return _point(a, b) if a.kind == "list" else _point(b, a)
    if "union" in (a.kind, b.kind):
        return _unions(a, b)
    if a.kind == b.kind:
        return _same_kind(a, b)
    number, other = (a, b) if a.kind == "number" else (b, a)
    if number.kind == "number" and (
        other.kind in _MANY or (other.kind == "set" and _many_or_none(other.parts))
    ):
        return False
    return None


def _same_kind(a: Shape, b: Shape) -> bool | None:
    """Compare two shapes of one kind that are not written alike."""
    match a.kind:
        case "set":
            return _unordered(a.parts, b.parts)
        case "list":
            if a.text != b.text:
                return False if len(a.parts) == len(b.parts) == 2 else None
            return _ordered(a.parts, b.parts)
        case "matrix" | "row":
            return _ordered(a.parts, b.parts)
        case "given":
            return _ordered(a.parts, b.parts) if a.text == b.text else None
        case "choice":
            return False
        case _:
            return _words(a.text, b.text)


def _words(a: str, b: str) -> bool | None:
    """Return False for two words of one closed class; others may mean the same."""
    return False if any(a in known and b in known for known in _OPPOSED) else None


def _point(point: Shape, given: Shape) -> bool | None:
    """Compare (x, y) = (1, 2) with x = 1, y = 2; a point that names nothing may be another."""
    names, known = point.name.strip("()").replace(";", ",").split(","), given.text.split()
    if sorted(names) == known and len(names) == len(point.parts):
        ordered = dict(zip(names, point.parts, strict=True))
        return _ordered(tuple(ordered[name] for name in known), given.parts)
    unnamed = not point.name and len(point.parts) == len(given.parts)
    return True if unnamed and _ordered(point.parts, given.parts) else None


def _unions(a: Shape, b: Shape) -> bool | None:
    """Compare unions: by their parts, or as sets of points where all ends are rational."""
    if a.kind == b.kind and _unordered(a.parts, b.parts):
        return True
    first, second = spans(a), spans(b)
    return None if first is None or second is None else first == second


def _ordered(a: tuple[Shape, ...], b: tuple[Shape, ...]) -> bool | None:
    if len(a) != len(b):
        return False
    return _all(alike(x, y) for x, y in zip(a, b, strict=True))


def _unordered(a: tuple[Shape, ...], b: tuple[Shape, ...]) -> bool | None:
    """Compare two sets: each element of one must be in the other."""
    if not a or not b:
        return not a and not b
    if len(a) * len(b) > _MAX_PAIRS:
        exact = all(part.kind == "number" for part in (*a, *b))
        return False if exact else None  # equal numbers are written alike
    found = [[alike(x, y) for y in b] for x in a]
    turned = [list(column) for column in zip(*found, strict=True)]
    return _all(map(_any, [*found, *turned]))


def _all(answers: Iterable[bool | None]) -> bool | None:
    """Return False if one is False, else None if one is undecided, else True."""
    seen = set(answers)
    return False if False in seen else None if None in seen else True


def _any(answers: Iterable[bool | None]) -> bool | None:
    seen = set(answers)
    return True if True in seen else None if None in seen else False


def _many_or_none(parts: tuple[Shape, ...]) -> bool:
    """Return whether two of the parts of a set are surely different, or there are none."""
    return not parts or any(alike(parts[0], part) is False for part in parts[1:3])


def _leaves(a: Shape, b: Shape) -> bool | None:
    """Compare two numbers or formulas; a named one may be an equation."""
    if ("=" in a.text) != ("=" in b.text):
        equation, other = (a, b) if "=" in a.text else (b, a)
        return _equation_or_value(equation.text, other)
    return _equations(a.text, b.text) if "=" in a.text else _formulas(a.text, b.text)


def _formulas(a: str, b: str) -> bool | None:
    """Compare two expressions by their normal forms."""
    special = _special(a, b)
    if special is not None:
        return special[0]
    first, second = _form(a), _form(b)
    if first is None or second is None:
        return None
    same = same_form(first, second)
    return False if same is None and _is_other(first, second) else same


def _is_other(first: Form, second: Form) -> bool:
    """Return whether forms that differ are different functions of one unknown.

    Not so with a letter that may be a parameter (x^2 + C and x^2 + 1 + C are one family)
    or with two unknowns, which a problem may have tied to each other.
    """
    symbols = first.symbols | second.symbols
    return len(symbols) == 1 and symbols <= _UNKNOWNS


def _special(a: str, b: str) -> tuple[bool | None] | None:
    """Compare what has no form: infinities, sets of numbers, numerals of a base; else None."""
    if a in INFINITE or b in INFINITE:
        other = _form(b if a in INFINITE else a)
        return (False if {a, b} <= INFINITE or (other and not other.symbols) else None,)
    if _NUMBER_SET.fullmatch(a) and _NUMBER_SET.fullmatch(b):
        return (False,)
    first, second = _NUMERAL.fullmatch(a), _NUMERAL.fullmatch(b)
    if not first or not second:
        return (None,) if first or second else None
    values = [_based(match[1], int(match[2])) for match in (first, second)]
    return (None if None in values else values[0] == values[1],)


def _based(digits: str, base: int) -> int | None:
    try:
        return int(digits, base) if base else None
    except ValueError:
        return None


def _equations(a: str, b: str) -> bool | None:
    """Compare equations by left minus right up to a factor.

    Two linear equations have the same solutions only if one is a multiple of the other.
    """
    first, second = _difference(a), _difference(b)
    if first is None or second is None:
        return None
    if first.monic() == second.monic():
        return True
    if not first.symbols | second.symbols <= _UNKNOWNS:
        return None
    if first.linear and second.linear:
        return False
    # Two that differ by a constant have no solution in common.
    apart = added(first.monic(), scaled(second.monic(), -1))
    return None if any(not is_constant(n) for m in apart for n, _ in m) else False


def _equation_or_value(equation: str, other: Shape) -> bool | None:
    """Compare an equation with a value: of the name it has, or of the one variable.

    An equation in several variables is no number.
    """
    first = _difference(equation)
    if first is None:
        return None
    if other.name:
        return _equations(equation, f"{other.name}={other.text}")
    value = _form(other.text)
    if value is None or value.symbols:
        return None
    if len(first.symbols) > 1:
        return False
    (name,) = first.symbols
    return _equations(equation, f"{name}={other.text}") if first.linear else None


def _difference(text: str) -> Form | None:
    """Return left minus right of an equation with a variable, None for anything else."""
    sides = [_form(side) for side in text.split("=")]
    if len(sides) != 2 or sides[0] is None or sides[1] is None:
        return None
    try:
        whole = sides[0] - sides[1]
    except Refused:
        return None
    return whole if whole.symbols else None


@lru_cache(maxsize=4096)
def _form(text: str) -> Form | None:
    return form(text)
