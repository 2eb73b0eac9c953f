r"""Read an answer that is no rational: a set, an interval, a matrix, a word, a formula.

`read` takes an answer apart into a Shape whose leaves are exact rationals, words, choice
letters or formulas in one normal form (latex.py); `expression` is the text of that
shape, a key two equal answers share when they differ in notation only. What is equal by
algebra (`\frac{1}{\sqrt2}` and `\frac{\sqrt2}{2}`) has different keys: see equivalence.py.
Pure, linear and bounded; no input raises.
"""

import re
from dataclasses import replace
from functools import lru_cache
from typing import Final

from votebox.plugins.algebra import form
from votebox.plugins.arithmetic import UNIT
from votebox.plugins.brackets import balanced, parts, split
from votebox.plugins.intervals import inequality
from votebox.plugins.latex import normal
from votebox.plugins.leaves import leaf
from votebox.plugins.notation import MAX_CHARS, clean, plain, quantity
from votebox.plugins.shapes import MAX_PARTS, Shape, collected

__all__ = ["equation", "expression", "named", "read"]

_MAX_KEY: Final = 500
_MAX_PASSES: Final = 5
_MAX_NESTING: Final = 4
_FULL_STOP: Final = re.compile(r"(?<!\.)\.$")
_OUTER: Final = re.compile(
    r"\\(?:boxed|fbox|text(?:bf|it|rm)?|mathrm|mathbf(?!\{[RZNQ]\})|mbox)\s*+\{"
)
_LISTED: Final = re.compile(r"(?<![\\{]),(?=\s|\\[ ,;:]|~|\\q?quad(?![a-zA-Z]))")
_JOINED: Final = re.compile(r"(?<=\d)(?:\{,\}|,\\!)(?=\d{3})")
_BETWEEN: Final = re.compile(
    r"\\text(?:rm|normal)?\s*+\{\s*+,?\s*+(or|and)\s*+,?\s*+\}|(?<![a-zA-Z\\])(or|and)(?![a-zA-Z])"
    r"|\\(lor|land)(?![a-zA-Z])|\\q?quad(?=\s*+[a-zA-Z]\s*+=)|(?<=\d)\s++(?=[a-zA-Z]\s*+=)"
)
_INEQUALITY: Final = re.compile(r"[<>\u2264\u2265]|\\(?:leq?|geq?|lt|gt)(?![a-zA-Z])")
_MATRIX: Final = re.compile(
    r"\\begin\{([pb]?matrix|array)\}(?:\{[clr| ]*+\})?((?:[^\\]|\\(?!begin|end))*+)\\end\{\1\}"
)
_NAME: Final = re.compile(r"[a-zA-Z](?:_(?:\w|\{\w{1,3}\}))?|\\(?:theta|alpha|beta|lambda)")
_NAMED: Final = re.compile(
    rf"({_NAME.pattern}|[a-zA-Z](?:\^\{{-1\}}|')?\([a-zA-Z]\)|\([a-zA-Z](?:[,;][a-zA-Z])*+\))=(?=[^=])"
)
_IN: Final = re.compile(rf"({_NAME.pattern})\\in(?![a-zA-Z])")
# What may introduce an equation, as in l: x+y=1, and follow it.
_SAID: Final = r"\\(?:text(?:bf|it|rm|normal)?|math(?:rm|bf)|mbox)\s*+\{[^{}=]{0,80}\}"
_LABEL: Final = re.compile(
    rf"(?:{_SAID}\s*+:?|\\odot\s*+[A-Z]:|(?:\\[a-zA-Z]++|[a-zA-Z]++)(?:_(?:\w|\{{\w{{1,3}}\}}))?+:)\s*+"
)
_REMARK: Final = re.compile(rf"\s*+{_SAID}$")
_PLUS_MINUS: Final = re.compile(r"\\pm(?![a-zA-Z])")
_RUN: Final = re.compile(r"(?<![\\a-zA-Z])[A-Z]{2}")
_PAIRS: Final = frozenset({"()", "[]", "[)", "(]"})


@lru_cache(maxsize=4096)  # a vote reads every answer again whenever a chain ends
def expression(text: str) -> str | None:
    r"""Return the key of an answer that is no rational, None when there is none.

    A key is its own key. A malformed text may need some passes to come to rest.

    >>> expression("x \\in \\left[0,\\tfrac12\\right)"), expression("\\textbf{(C)}")
    ('[0, 1/2)', 'C')
    """
    for _ in range(_MAX_PASSES):
        shape = read(text)
        key = "" if shape is None else str(shape)
        if not 0 < len(key) <= _MAX_KEY or not any(c.isalnum() for c in key):
            return None
        if key == text:
            return key
        text = key
    return None


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
    text = _LISTED.sub(";", _JOINED.sub("", text))
    joints = {match[1] or match[2] or match[3] for match in _BETWEEN.finditer(text)}
    if joints and _INEQUALITY.search(text):
        return _alternatives(text) if joints <= {"or", "lor"} else leaf(plain(text))
    bare = plain(_BETWEEN.sub(";", text))
    return _structure(bare, 0) if bare else None


@lru_cache(maxsize=4096)
def equation(text: str) -> tuple[str, str] | None:
    r"""Return the two sides of an equation between expressions, None for a named value.

    `2x+3y=5` is an equation; `x=5`, `P(A)=\frac12` and `AB=5` name a value. A label before
    an equation, as in `l: x+y=1`, makes no value of it.
    """
    sides = []
    if "=" in text and len(text) <= MAX_CHARS:
        bare = quantity(plain(text))
        label = _LABEL.match(bare)
        sides = normal(_REMARK.sub("", bare[label.end() :] if label else bare)).split("=")
    if len(sides) != 2 or _NAME.fullmatch(sides[0]) or _RUN.search(sides[0]):
        return None
    left, right = map(form, sides)
    if left is None or right is None or not left.symbols | right.symbols:
        return None
    return (sides[0], sides[1]) if left.symbols or not _NAME.fullmatch(sides[1]) else None


def named(text: str) -> str:
    """Return what an answer says it is the value of, as x of `x = 5`; "" if it does not."""
    found = _NAMED.match(plain(text)) if "=" in text else None
    return found[1] if found else ""


def _alternatives(text: str) -> Shape | None:
    """Read inequalities joined by "or" as a union; "and" would be what they have in common."""
    pieces = [plain(piece) for piece in _BETWEEN.sub("\n", text).split("\n")]
    shapes = [inequality(piece, leaf) for piece in pieces[: MAX_PARTS + 1]]
    names = {shape.name for shape in shapes if shape}
    if None in shapes or len(names) != 1:
        return leaf(plain(text))
    union = collected("union", shapes)
    return None if union is None else replace(union, name=names.pop())


def _structure(text: str, depth: int) -> Shape | None:
    """Read delimiter-free text with ";" or "," between the parts of a list."""
    text = _stripped(text)
    if depth > _MAX_NESTING:
        return leaf(text)
    apart = parts(text, grouped=True)
    if len(apart) > 1:
        return _several(apart, depth)
    for found in (_NAMED.match(text), _IN.match(text)):
        if found and "=" not in text[found.end() :]:
            shape = _structure(text[found.end() :], depth + 1)
            return None if shape is None else replace(shape, name=found[1])
    united = split(text.replace("\\cup", "\u222a"), "\u222a")
    if united and len(united) > 1:
        shapes = [_structure(part, depth + 1) for part in united]
        return collected("union", shapes)
    return _enclosed(text, depth) or _either(text, depth) or inequality(text, leaf) or leaf(text)


def _stripped(text: str) -> str:
    """Take off a final full stop and the dollar signs around one element."""
    text = _FULL_STOP.sub("", text.strip())
    whole = text[:1] == text[-1:] == "$" and text.count("$") == 2
    return text[1:-1].strip() if whole and len(text) > 2 else text


def _several(listed: list[str], depth: int) -> Shape | None:
    """Read a list without brackets: values of named variables, else a set."""
    listed = [_stripped(part) for part in listed]
    if len(listed) > MAX_PARTS:
        return None
    if _is_mixed(listed):
        return leaf(", ".join(listed))
    given = dict(part.split("=", 1) for part in sorted(listed) if _NAMED.match(part))
    if len(given) < len(listed) or any("=" in value for value in given.values()):
        shape = _set(listed, depth)  # 1/2 or 0.5 is one value said twice
        return shape.parts[0] if shape and len(shape.parts) == 1 else shape
    shapes = [_structure(value, depth + 1) for value in given.values()]
    kept = tuple(shape for shape in shapes if shape is not None)
    return Shape("given", kept, " ".join(given)) if len(kept) == len(listed) else None


def _is_mixed(listed: list[str]) -> bool:
    """Return whether a bare list is one quantity of several units, as in 3 hours, 20 minutes."""
    units = {re.sub(r"[\d., /]++", "", part) for part in listed}
    return len(units) > 1 and all(UNIT in (clean(part) or "") for part in listed)


def _set(listed: list[str], depth: int) -> Shape | None:
    if len(listed) > MAX_PARTS:
        return None
    shapes: list[Shape | None] = []
    for part in listed:
        shape = _structure(part, depth + 1)
        shapes += (
            shape.parts if shape and shape.kind == "set" and _PLUS_MINUS.search(part) else (shape,)
        )
    return collected("set", shapes)


def _enclosed(text: str, depth: int) -> Shape | None:
    """Read what one pair of brackets encloses: a set, a tuple, an interval, a group."""
    opening = next((o for o in ("\\{", "(", "[") if text.startswith(o)), "")
    closing = next((c for c in ("\\}", ")", "]") if text.endswith(c)), "")
    if not opening or not closing or (opening == "\\{") != (closing == "\\}"):
        return None
    inner = text[len(opening) : -len(closing)]
    if not balanced(inner):
        return None
    apart = parts(inner, grouped=False)
    if opening == "\\{":
        return _set(apart, depth) if inner.strip() else Shape("set")
    if len(apart) == 1:
        return _structure(inner, depth + 1) if opening + closing == "()" else None
    if len(apart) > MAX_PARTS or opening + closing not in _PAIRS:
        return None
    shapes = [_structure(part, depth + 1) for part in apart]
    kept = tuple(shape for shape in shapes if shape is not None)
    return Shape("list", kept, opening + closing) if len(kept) == len(apart) else None


def _either(text: str, depth: int) -> Shape | None:
    """Read both values of one plus-minus sign."""
    text = text.replace("\u00b1", "\\pm ")
    pieces = _PLUS_MINUS.split(text)
    if len(pieces) != 2 or "\\mp" in text:
        return None
    before, after = (part.strip() for part in pieces)
    plus = f"{before}+{after}" if before else after
    signs = (plus, f"{before}-{after}")
    return collected("set", [_structure(part, depth + 1) for part in signs])


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
        if len(kept) != len(cells) or len(kept) > MAX_PARTS:
            return None
        rows.append(Shape("row", kept))
    return Shape("matrix", tuple(rows)) if len({len(r.parts) for r in rows}) == 1 else None


def _unwrapped(text: str) -> str:
    """Take off boxes, styles and dollar signs around the whole answer, a few deep."""
    for _ in range(4):
        text = _FULL_STOP.sub("", text.strip())
        if text.startswith("$") and text.endswith("$") and "$" not in text.strip("$"):
            text = text.strip("$").strip()
        opening = _OUTER.match(text)
        if not opening or not text.endswith("}") or not balanced(text[opening.end() : -1]):
            return text
        text = text[opening.end() : -1]
    return text
