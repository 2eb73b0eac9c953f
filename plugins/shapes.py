r"""Hold an answer taken apart: what it is made of, and the text that is its key.

Nothing here reads text (expressions.py) or compares (equivalence.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

__all__ = ["MAX_PARTS", "Kind", "Shape", "collected"]

type Kind = Literal[
    "number", "choice", "word", "formula", "set", "list", "union", "matrix", "row", "given"
]

MAX_PARTS: Final = 200
"""The most parts of an answer; what has more is none."""


@dataclass(frozen=True, slots=True)
class Shape:
    r"""Hold one answer taken apart.

    A leaf has `text` (and `value`, if a number); the rest have `parts`. `text` of a list
    is its two brackets: (1, 2) is a point as well as an open interval. The parts of a set
    and a union are in a fixed order; those of `given` are the values of the names in
    `text`, in order of the names. `name` is what the answer says it is the value of, as x
    of `x = 5`; it is no part of the key.
    """

    kind: Kind
    parts: tuple["Shape", ...] = ()
    text: str = ""
    value: Fraction | None = None
    name: str = ""

    def __str__(self) -> str:
        inner = [str(part) for part in self.parts]
        match self.kind:
            case "set":
                return f"\\{{{', '.join(inner)}\\}}" if inner else "\\emptyset"
            case "list":
                return f"{self.text[0]}{', '.join(inner)}{self.text[1]}"
            case "union":
                return "\\cup ".join(inner)
            case "matrix":
                return f"\\begin{{pmatrix}}{'\\\\ '.join(inner)}\\end{{pmatrix}}"
            case "row":
                return " & ".join(inner)
            case "given":
                return ", ".join(map("=".join, zip(self.text.split(), inner, strict=True)))
            case _:
                return self.text


def collected(kind: Kind, shapes: Sequence[Shape | None]) -> Shape | None:
    """Return an unordered shape: its parts in order, each once; None if a part is None."""
    known = {str(shape): shape for shape in shapes if shape is not None}
    if len(shapes) > MAX_PARTS or None in shapes or not known:
        return None
    ordered = sorted(known.values(), key=lambda s: (s.value is None, s.value or 0, str(s)))
    return Shape(kind, tuple(ordered))
