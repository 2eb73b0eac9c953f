r"""Read an answer that is no rational: a set, an interval, a matrix, a word, a formula.

`read` takes an answer apart into a Shape whose leaves are exact rationals, words, choice
letters or formulas in one normal form (latex.py); `expression` is the text of that
shape, a key two equal answers share when they differ in notation only. What is equal by
algebra (`\frac{1}{\sqrt2}` and `\frac{\sqrt2}{2}`) has different keys: see equivalence.py.
Pure, linear and bounded; no input raises.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final, Literal

from votebox.plugins.algebra import form
from votebox.plugins.arithmetic import UNIT, evaluate
from votebox.plugins.latex import normal
from votebox.plugins.notation import MAX_CHARS, clean, plain, quantity

__all__ = ["Kind", "Shape", "equation", "expression", "read"]

type Kind = Literal[
    "number", "choice", "word", "formula", "set", "list", "union", "matrix", "row", "given"
]

_MAX_KEY: Final = 500
_MAX_NESTING: Final = 4
_MAX_PARTS: Final = 200
_STYLED: Final = re.compile(
    r"\\(?:text|math|operator)(?:bf|rm|it|sf|tt|normal|name)?\s*+\{([^{}]*+)\}|\\(?:mbox|bm)\s*+\{([^{}]*+)\}"
)
_OUTER: Final = re.compile(r"\\(?:boxed|fbox|text(?:bf|it|rm)?|mathrm|mathbf|mbox)\s*+\{")
_LETTER: Final = re.compile(r"\(?\s*+([A-J])\s*+[).:]?")
_PLAIN_STYLE: Final = re.compile(r"\\(?:math(?:bf|rm|it|sf|tt|normal)|boldsymbol)\s*+\{([^{}]*+)\}")
_WORDS: Final = re.compile(r"[a-zA-Z]++(?:[' -][a-zA-Z]++)*+")
_LONG: Final = re.compile(r"[a-zA-Z]{3}")
_SHORT: Final = frozenset({"yes", "no", "odd", "even", "true"})
_LISTED: Final = re.compile(r"(?<![\\{]),(?=\s|\\[ ,;:]|~|\\q?quad(?![a-zA-Z]))")
_JOINED: Final = re.compile(r"(?<=\d)(?:\{,\}|,\\!)(?=\d{3})")
_BETWEEN: Final = re.compile(
    r"\\text(?:rm|normal)?\s*+\{\s*+,?\s*+(?:or|and)\s*+,?\s*+\}|(?<![a-zA-Z\\])(?:or|and)(?![a-zA-Z])"
    r"|\\(?:lor|land)(?![a-zA-Z])|\\q?quad(?=\s*+[a-zA-Z]\s*+=)"
)
_GROUPED: Final = re.compile(r"-?[1-9]\d{0,2}(?:,\d{3})++(?:\.\d++)?")
_MATRIX: Final = re.compile(
    r"\\begin\{([pb]?matrix|array)\}(?:\{[clr| ]*+\})?((?:[^\\]|\\(?!begin|end))*+)\\end\{\1\}"
)
_NAME: Final = re.compile(r"[a-zA-Z](?:_(?:\w|\{\w{1,3}\}))?|\\(?:theta|alpha|beta|lambda)")
_NAMED: Final = re.compile(
    rf"(?:{_NAME.pattern}|[a-zA-Z]\([a-zA-Z]\)|\([a-zA-Z](?:[,;][a-zA-Z])*+\))=(?=[^=])"
)
_IN: Final = re.compile(rf"(?:{_NAME.pattern})\\in(?![a-zA-Z])")
_RUN: Final = re.compile(r"(?<![\\a-zA-Z])[A-Z]{2}")
_OPENING: Final = {"(": 1, "[": 1, "{": 1, "\\{": 2}
_PAIRS: Final = frozenset({"()", "[]", "[)", "(]"})


@dataclass(frozen=True, slots=True)
class Shape:
    r"""Hold one answer taken apart.

    A leaf has `text` (and `value`, if a number); the rest have `parts`. `text` of a list
    is its two brackets: (1, 2) is a point as well as an open interval. The parts of a set
    and a union are in a fixed order; those of `given` are the values of the names in
    `text`, in order of the names.
    """

    kind: Kind
    parts: tuple["Shape", ...] = ()
    text: str = ""
    value: Fraction | None = None

    def __str__(self) -> str:
        inner = [str(part) for part in self.parts]
        match self.kind:
            case "set":
                return f"\\{{{', '.join(inner)}\\}}"
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


@lru_cache(maxsize=4096)  # a vote reads every answer again whenever a chain ends
def expression(text: str) -> str | None:
    r"""Return the key of an answer that is no rational, None when there is none.

    >>> expression("x \\in \\left[0,\\tfrac12\\right)"), expression("\\textbf{(C)}")
    ('[0, 1/2)', 'C')
    """
    shape = read(text)
    key = "" if shape is None else str(shape)
    return key if 0 < len(key) <= _MAX_KEY and any(c.isalnum() for c in key) else None


def read(text: str) -> Shape | None:
    """Take an answer apart, None when it is empty, over-long or malformed."""
    if len(text) > MAX_CHARS:
        return None
    if "\\\\begin" in text:  # escaped once more, as in JSON
        text = text.replace("\\\\", "\\")
    text = _unwrapped(text)
    if "matrix}" in text or "array}" in text:
        matrix = _matrix(text)
        if matrix:
            return matrix
    marked = _BETWEEN.sub(";", _LISTED.sub(";", _JOINED.sub("", text)))
    bare = plain(marked)
    return _structure(bare, 0) if bare else None


@lru_cache(maxsize=4096)
def equation(text: str) -> tuple[str, str] | None:
    r"""Return the two sides of an equation between expressions, None for a named value.

    `2x+3y=5` is an equation; `x=5`, `P(A)=\frac12` and `AB=5` name a value.
    """
    sides = normal(plain(text)).split("=") if "=" in text and len(text) <= MAX_CHARS else []
    if len(sides) != 2 or _NAME.fullmatch(sides[0]) or _RUN.search(sides[0]):
        return None
    left, right = map(form, sides)
    if left is None or right is None or not left.symbols | right.symbols:
        return None
    return (sides[0], sides[1]) if left.symbols or not _NAME.fullmatch(sides[1]) else None


def _structure(text: str, depth: int) -> Shape | None:
    """Read delimiter-free text with ";" or "," between the parts of a list."""
    text = _stripped(text)
    if depth > _MAX_NESTING:
        return _leaf(text)
    parts = _parts(text, grouped=True)
    if len(parts) > 1:
        return _several(parts, depth)
    for named in (_NAMED.match(text), _IN.match(text)):
        if named and "=" not in text[named.end() :]:
            return _structure(text[named.end() :], depth + 1)
    united = _split(text.replace("\\cup", "\u222a"), "\u222a")
    if united and len(united) > 1:
        shapes = [_structure(part, depth + 1) for part in united]
        return _joined("union", shapes) if all(shapes) else None
    return _enclosed(text, depth) or _either(text, depth) or _leaf(text)


def _parts(text: str, *, grouped: bool) -> list[str]:
    """Return the parts of a list, the text itself when it is none.

    A comma before a blank has become ";", and where there is one 1,234 is one number.
    """
    parts = _split(text, ";") or [text]
    grouped = grouped or len(parts) > 1
    return [p for part in parts for p in (_split(part, ",", grouped=grouped) or [part])]


def _stripped(text: str) -> str:
    """Take off a final full stop and the dollar signs around one element."""
    text = text.strip().rstrip(".")
    whole = text[:1] == text[-1:] == "$" and text.count("$") == 2
    return text[1:-1].strip() if whole and len(text) > 2 else text


def _several(parts: list[str], depth: int) -> Shape | None:
    """Read a list without brackets: values of named variables, else a set."""
    parts = [_stripped(part) for part in parts]
    if _is_mixed(parts):
        return _leaf(", ".join(parts))
    named = dict(part.split("=", 1) for part in sorted(parts) if _NAMED.match(part))
    if len(named) < len(parts) or any("=" in value for value in named.values()):
        return _set(parts, depth)
    shapes = [_structure(value, depth + 1) for value in named.values()]
    kept = tuple(shape for shape in shapes if shape is not None)
    return Shape("given", kept, " ".join(named)) if len(kept) == len(parts) else None


def _is_mixed(parts: list[str]) -> bool:
    """Return whether a bare list is one quantity of several units, as in 3 hours, 20 minutes."""
    units = {re.sub(r"[\d., /]++", "", part) for part in parts}
    return len(units) > 1 and all(UNIT in (clean(part) or "") for part in parts)


def _set(parts: list[str], depth: int) -> Shape | None:
    shapes: list[Shape | None] = []
    for part in parts:
        shape = _structure(part, depth + 1)
        shapes += shape.parts if shape and shape.kind == "set" and "\\pm" in part else (shape,)
    return _joined("set", shapes)


def _joined(kind: Kind, shapes: list[Shape | None]) -> Shape | None:
    """Return an unordered shape: its parts in order, each once."""
    known = {str(shape): shape for shape in shapes if shape is not None}
    if len(shapes) > _MAX_PARTS or None in shapes or not known:
        return None
    ordered = sorted(known.values(), key=lambda s: (s.value is None, s.value or 0, str(s)))
    return Shape(kind, tuple(ordered))


def _enclosed(text: str, depth: int) -> Shape | None:
    """Read what one pair of brackets encloses: a set, a tuple, an interval, a group."""
    opening = next((o for o in ("\\{", "(", "[") if text.startswith(o)), "")
    closing = next((c for c in ("\\}", ")", "]") if text.endswith(c)), "")
    if not opening or not closing or (opening == "\\{") != (closing == "\\}"):
        return None
    inner = text[len(opening) : -len(closing)]
    if not _balanced(inner):
        return None
    parts = _parts(inner, grouped=False)
    if not parts:
        return None
    if opening == "\\{":
        return _set(parts, depth)
    if len(parts) == 1:
        return _structure(inner, depth + 1) if opening + closing == "()" else None
    shapes = [_structure(part, depth + 1) for part in parts]
    kept = tuple(shape for shape in shapes if shape is not None)
    if len(kept) != len(parts) or opening + closing not in _PAIRS:
        return None
    return Shape("list", kept, opening + closing)


def _either(text: str, depth: int) -> Shape | None:
    """Read both values of one plus-minus sign."""
    text = text.replace("\u00b1", "\\pm ")
    if text.count("\\pm") != 1 or "\\mp" in text:
        return None
    before, after = (part.strip() for part in text.split("\\pm"))
    plus = f"{before}+{after}" if before else after
    return _joined("set", [_structure(plus, depth + 1), _structure(f"{before}-{after}", depth + 1)])


def _matrix(text: str) -> Shape | None:
    """Read a matrix of any bracket, at most behind a name."""
    found = _MATRIX.search(text)
    if not found or not re.fullmatch(
        r"[$\s]*+(?:[a-zA-Z]\s*+=)?\s*+(?:\\left\s*+[(\[])?\s*+", text[: found.start()]
    ):
        return None
    if not re.fullmatch(r"\s*+(?:\\right\s*+[)\]])?[\s$.]*+", text[found.end() :]):
        return None
    rows = []
    for line in found[2].strip().removesuffix("\\\\").split("\\\\"):
        cells = [_structure(plain(cell), 1) if cell.strip() else None for cell in line.split("&")]
        kept = tuple(cell for cell in cells if cell is not None)
        if len(kept) != len(cells) or len(kept) > _MAX_PARTS:
            return None
        rows.append(Shape("row", kept))
    return Shape("matrix", tuple(rows)) if len({len(r.parts) for r in rows}) == 1 else None


def _leaf(text: str) -> Shape | None:
    """Read what has no parts: a number, a choice, a word, a formula."""
    text = quantity(text).strip()
    cleaned = clean(text)
    value = None if cleaned is None else evaluate(quantity(cleaned))
    if value is not None:
        return Shape("number", text=str(value), value=value)
    styled = _STYLED.sub(lambda m: m[1] or m[2] or "", text).strip()
    letter = _LETTER.fullmatch(styled)
    if letter:
        return Shape("choice", text=letter[1])
    words = " ".join(styled.split()).strip(" .,:;'")
    if _WORDS.fullmatch(words) and _is_prose(words, wrapped=styled != text):
        return Shape("word", text=words.casefold())
    if cleaned is not None and UNIT in cleaned:
        cleaned = cleaned.rstrip(UNIT + " ")
        text = text if UNIT in cleaned else cleaned
    written = normal(plain(_PLAIN_STYLE.sub(r"{\1}", text))).removeprefix("+")
    return Shape("formula", text=written) if written else None


def _is_prose(words: str, *, wrapped: bool) -> bool:
    """Return whether letters are words, and no product of variables or function."""
    if "\\" in normal(words):
        return False
    if wrapped:
        return len(words) > 1
    return words.casefold() in _SHORT or (len(words) > 3 and bool(_LONG.search(words)))


def _unwrapped(text: str) -> str:
    """Take off boxes, styles and dollar signs around the whole answer, a few deep."""
    for _ in range(4):
        text = text.strip().rstrip(".")
        if text.startswith("$") and text.endswith("$") and "$" not in text.strip("$"):
            text = text.strip("$").strip()
        opening = _OUTER.match(text)
        if not opening or not text.endswith("}") or not _balanced(text[opening.end() : -1]):
            return text
        text = text[opening.end() : -1]
    return text


def _balanced(text: str) -> bool:
    """Return whether no bracket of `text` closes one before it, whatever its sort."""
    return _split(text, "") is not None


def _split(text: str, separator: str, *, grouped: bool = False) -> list[str] | None:
    """Return the parts between separators outside all brackets, None if they do not match.

    Brackets of intervals need not be of one sort. `grouped` keeps the commas of 1,234.
    """
    depth = start = at = 0
    parts = []
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
            char = "(" if text[at : at + 1] == "{" else ")" if text[at : at + 1] == "}" else ""
        number = (
            _GROUPED.match(text, at) if grouped and not depth and char in "-123456789" else None
        )
        if number and text[number.end() : number.end() + 1] not in (",", "."):
            at = number.end()
            continue
        if char and char in "([{":
            depth += 1
        elif char and char in ")]}":
            depth -= 1
        elif char and char == separator and not depth:
            parts.append(text[start:at])
            start = at + 1
        if depth < 0:
            return None
        at += 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()] if not depth else None
