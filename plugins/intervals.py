r"""Read inequalities as intervals, and compare unions of intervals with rational ends.

`x > 3` is (3, \infty) and `1 < x \le 2` is (1, 2]. Nothing is solved: the variable must
stand alone.
"""

import re
from collections.abc import Callable
from fractions import Fraction
from math import inf
from typing import Final

from votebox.plugins.brackets import balanced
from votebox.plugins.shapes import Shape

__all__ = ["INFINITE", "inequality", "spans"]

INFINITE: Final = frozenset({"\\infty", "-\\infty"})
_RELATION: Final = re.compile(
    r"(<=|>=|<|>|\u2264|\u2265|\\(?:leq?|leqslant|geq?|geqslant|lt|gt)(?![a-zA-Z]))"
)
_VARIABLE: Final = re.compile(r"[a-zA-Z](?:_(?:\w|\{\w{1,3}\}))?|\\(?:theta|alpha|beta|lambda)")
_STRICT: Final = frozenset({"<", ">", "\\lt", "\\gt"})
_LEAST, _MOST = Shape("formula", text="-\\infty"), Shape("formula", text="\\infty")

type Span = tuple[Fraction | float, int, Fraction | float, int]
"""Where an interval begins and ends; behind each a 0 or 1 that orders open and closed ends."""


def inequality(text: str, read: Callable[[str], Shape | None]) -> Shape | None:
    """Return the interval an inequality of one variable is, None when it is none.

    `read` reads its bounds.
    """
    parts = [part.strip() for part in _RELATION.split(text)]
    if len(parts) not in (3, 5) or not all(map(balanced, parts)):
        return None
    upward = [
        parts[at][:1] == "<" or parts[at][:2] in ("\\l", "\u2264") for at in range(1, len(parts), 2)
    ]
    if len(set(upward)) > 1:
        return None
    if not upward[0]:
        parts.reverse()
    if len(parts) == 3:
        parts = ["", "", *parts] if _VARIABLE.fullmatch(parts[0]) else [*parts, "", ""]
    low, first, name, last, high = parts
    if not _VARIABLE.fullmatch(name) or _VARIABLE.fullmatch(low) or _VARIABLE.fullmatch(high):
        return None
    bounds = (read(low) if low else _LEAST, read(high) if high else _MOST)
    brackets = ("[" if first and first not in _STRICT else "(") + (
        "]" if last and last not in _STRICT else ")"
    )
    if not all(bound and bound.kind in ("number", "formula") for bound in bounds):
        return None
    kept = tuple(bound for bound in bounds if bound is not None)
    return Shape("list", kept, brackets, name=name)


def spans(shape: Shape) -> list[Span] | None:
    """Return the disjoint intervals a shape is made of, in order; None if an end is no rational."""
    pieces = shape.parts if shape.kind == "union" else (shape,)
    found: list[Span] = []
    for piece in pieces:
        if piece.kind == "set":
            points = [part.value for part in piece.parts if part.value is not None]
            if len(points) < len(piece.parts):
                return None
            found += [(point, 0, point, 1) for point in points]
        elif piece.kind == "list" and len(piece.parts) == 2:
            low, high = map(_end, piece.parts)
            if low is None or high is None:
                return None
            opened = piece.text[0] == "(" and low != -inf
            closed = piece.text[1] == "]" and high != inf
            found.append((low, int(opened), high, int(closed)))
        else:
            return None
    return _merged(sorted(span for span in found if span[:2] < span[2:]))


def _end(shape: Shape) -> Fraction | float | None:
    return float(shape.text[:-6] + "inf") if shape.text in INFINITE else shape.value


def _merged(ordered: list[Span]) -> list[Span]:
    """Join spans that overlap or touch."""
    merged: list[Span] = []
    for span in ordered:
        if merged and span[:2] <= merged[-1][2:]:
            last = merged.pop()
            merged.append((*last[:2], *max(last[2:], span[2:])))
        else:
            merged.append(span)
    return merged
