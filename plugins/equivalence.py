r"""Compare two answers taken apart (expressions.py): equal, different, or undecided.

`alike` is exact: True and False are proved by arithmetic on normal forms (algebra.py) or
by structure, and everything else is None. It is symmetric, pure and bounded.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from votebox.plugins.algebra import form
from votebox.plugins.expressions import Shape
from votebox.plugins.forms import Form, same_form
from votebox.plugins.terms import Refused

__all__ = ["alike"]

_MAX_PAIRS: Final = 400
_MANY: Final = frozenset({"list", "union", "matrix", "given"})
_LEAVES: Final = frozenset({"number", "formula"})
_UNKNOWNS: Final = frozenset("abhpqruvwxyzR")


def alike(a: Shape, b: Shape) -> bool | None:
    """Return whether two shapes are the same answer, None when that is undecided."""
    if a.kind == b.kind and str(a) == str(b):
        return True
    if {a.kind, b.kind} <= _LEAVES:
        return _formulas(a.text, b.text)
    if a.kind == b.kind:
        return _same_kind(a, b)
    number, other = (a, b) if a.kind == "number" else (b, a)
    if number.kind == "number" and (
        other.kind in _MANY or (other.kind == "set" and _distinct(other.parts))
    ):
        return False
    return None


def _same_kind(a: Shape, b: Shape) -> bool | None:
    """Compare two shapes of one kind that are not written alike."""
    match a.kind:
        case "set":
            return _unordered(a.parts, b.parts)
        case "union":  # [0,1] and [0,1/2] with [1/2,1] are one set
            return True if _unordered(a.parts, b.parts) else None
        case "list":
            if a.text != b.text:
                return False if len(a.parts) == len(b.parts) == 2 else None
            return _ordered(a.parts, b.parts)
        case "matrix" | "row":
            return _ordered(a.parts, b.parts)
        case "given":
            return _ordered(a.parts, b.parts) if a.text == b.text else None
        case _:  # two words, two choices
            return False


def _ordered(a: tuple[Shape, ...], b: tuple[Shape, ...]) -> bool | None:
    if len(a) != len(b):
        return False
    return _all(alike(x, y) for x, y in zip(a, b, strict=True))


def _unordered(a: tuple[Shape, ...], b: tuple[Shape, ...]) -> bool | None:
    """Compare two sets: each element of one must be in the other."""
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


def _distinct(parts: tuple[Shape, ...]) -> bool:
    """Return whether two of `parts` are surely different."""
    return len(parts) > 1 and any(alike(parts[0], part) is False for part in parts[1:3])


def _formulas(a: str, b: str) -> bool | None:
    """Compare two expressions or two equations by their normal forms."""
    if "=" in a or "=" in b:
        return _equations(a, b)
    first, second = _form(a), _form(b)
    if first is None or second is None:
        return None
    same = same_form(first, second)
    return False if same is None and _is_other(first, second) else same


def _is_other(first: Form, second: Form) -> bool:
    """Return whether forms that differ are different functions of the same unknowns.

    Not so with a letter that may be a parameter: x^2 + C and x^2 + 1 + C are one family.
    """
    return first.symbols | second.symbols <= _UNKNOWNS and (
        first.symbols == second.symbols or not first.symbols or not second.symbols
    )


def _equations(a: str, b: str) -> bool | None:
    """Compare equations by left minus right up to a factor; a value is no equation.

    Two linear equations have the same solutions only if one is a multiple of the other.
    """
    first, second = _difference(a), _difference(b)
    if first is None and second is None:
        return None
    if first is None or second is None:
        equation, text = (first, b) if first else (second, a)
        value = _form(text) if "=" not in text else None
        return False if equation and value and not value.symbols else None
    if first.monic() == second.monic():
        return True
    return False if first.linear and second.linear else None


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
