r"""Random expressions, each with its LaTeX and its value to 60 digits.

An expression is a nested tuple. `latex` writes it, `value` computes it with mpmath, and
`rewritten` changes its writing but not its value by a law of arithmetic.
"""

import operator
import random
from fractions import Fraction

import mpmath

mpmath.mp.dps = 60

type Tree = tuple
"""A kind and its parts: ("number", n), ("name", x), ("add", a, b), ("sqrt", a), ..."""

ANGLES = [(0, 1), (1, 6), (1, 4), (1, 3), (1, 2), (2, 3), (3, 4), (5, 6), (1, 1), (7, 12), (1, 5)]
NAMES = ("x", "y", "n")
POINTS = [
    {"x": Fraction(17, 13), "y": Fraction(5, 7), "n": Fraction(31, 11)},
    {"x": Fraction(2, 19), "y": Fraction(23, 9), "n": Fraction(8, 3)},
]


def tree(source: random.Random, depth: int, *, variables: bool) -> Tree:
    """Return a random expression."""
    if depth == 0 or source.random() < 0.15:
        kinds = ["number"] * 5 + ["constant"] + ["name"] * (4 if variables else 0)
        match source.choice(kinds):
            case "number":
                return ("number", source.randint(1, 12))
            case "constant":
                return ("constant", source.choice(["pi", "e"]))
            case _:
                return ("name", source.choice(NAMES))
    part = lambda: tree(source, depth - 1, variables=variables)  # noqa: E731
    kind = source.choice(
        ["add", "add", "sub", "mul", "mul", "div", "power", "sqrt", "log", "trig", "raise"]
    )
    match kind:
        case "power":
            return ("power", part(), source.choice([2, 3, -1, -2]))
        case "sqrt":
            return ("sqrt", source.choice([2, 2, 3]), part())
        case "log":
            return ("log", ("number", source.randint(2, 30)))
        case "trig":
            return ("trig", source.choice(["sin", "cos"]), *source.choice(ANGLES))
        case "raise":
            base = source.choice([("number", 2), ("number", 4), ("constant", "e")])
            return ("raise", base, part())
        case _:
            return (kind, part(), part())


def rewritten(source: random.Random, t: Tree) -> Tree:
    """Return an expression of the same value, written otherwise."""
    kind, *parts = t
    new = tuple(rewritten(source, p) if isinstance(p, tuple) else p for p in parts)
    t = (kind, *new)
    if source.random() < 0.4:
        return t
    match t:
        case ("add", a, b) | ("mul", a, b):
            return (kind, b, a)
        case ("sub", a, b):
            return ("add", ("mul", ("number", -1), b), a)
        case ("div", a, b):
            return ("mul", a, ("power", b, -1))
        case ("power", a, 2):
            return ("mul", a, a)
        case ("sqrt", 2, a):
            return ("div", a, ("sqrt", 2, a))
        case ("log", ("number", n)):
            return ("div", ("log", ("number", n * n)), ("number", 2))
        case ("raise", base, a):
            return ("mul", base, ("raise", base, ("sub", a, ("number", 1))))
        case ("number", n):
            return ("div", ("number", 6 * n), ("number", 6))
    return t


def disturbed(source: random.Random, t: Tree) -> Tree:
    """Return an expression with one number or sign changed: rarely of the same value."""
    kind, *parts = t
    inner = [at for at, p in enumerate(parts) if isinstance(p, tuple)]
    if inner and source.random() < 0.8:
        at = source.choice(inner)
        parts[at] = disturbed(source, parts[at])
        return (kind, *parts)
    match t:
        case ("number", n):
            return ("number", n + 1)
        case ("add", a, b):
            return ("sub", a, b)
        case ("sub", a, b):
            return ("add", a, b)
        case ("name", _):
            return ("mul", ("number", 2), t)
    return ("add", t, ("number", 1))


WRITTEN = {
    "number": lambda n: str(n),
    "constant": lambda name: "\\pi" if name == "pi" else "e",
    "name": lambda name: name,
    "add": lambda a, b: f"{latex(a)}+{grouped(b)}",
    "sub": lambda a, b: f"{latex(a)}-{grouped(b)}",
    "mul": lambda a, b: f"{grouped(a)} \\cdot {grouped(b)}",
    "div": lambda a, b: f"\\frac{{{latex(a)}}}{{{latex(b)}}}",
    "power": lambda a, n: f"{grouped(a)}^{{{n}}}",
    "raise": lambda a, b: f"{grouped(a)}^{{{latex(b)}}}",
    "sqrt": lambda n, a: f"\\sqrt{'' if n == 2 else f'[{n}]'}{{{latex(a)}}}",
    "log": lambda a: f"\\ln({latex(a)})",
    "trig": lambda name, p, q: f"\\{name}\\frac{{{p}\\pi}}{{{q}}}",
}


def latex(t: Tree) -> str:
    """Write an expression, each operand in brackets that needs them."""
    return WRITTEN[t[0]](*t[1:])


def grouped(t: Tree) -> str:
    """Write an operand."""
    simple = t[0] in ("constant", "name") or (t[0] == "number" and t[1] >= 0)
    return latex(t) if simple else f"({latex(t)})"


def value(t: Tree, names: dict[str, Fraction]) -> mpmath.mpf | None:
    """Return the value, None where it is not real or out of range."""
    try:
        found = computed(t, names)
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    real = isinstance(found, mpmath.mpf) and mpmath.isfinite(found)
    return found if real and (not found or 1e-30 < abs(found) < 1e30) else None


def root(index: int, radicand: mpmath.mpf) -> mpmath.mpf:
    """Return the real root of what has one."""
    if radicand < 0:
        raise ValueError(radicand)
    return mpmath.root(radicand, index)


COMPUTED = {
    "number": mpmath.mpf,
    "constant": lambda name: +getattr(mpmath, name),
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "power": operator.pow,
    "raise": operator.pow,
    "sqrt": root,
    "log": mpmath.log,
    "trig": lambda name, p, q: mpmath.chop(getattr(mpmath, name)(mpmath.pi * p / q), 1e-50),
}


def computed(t: Tree, names: dict[str, Fraction]) -> mpmath.mpf:
    """Compute an expression; what is too large or small on the way is refused."""
    if t[0] == "name":
        return mpmath.mpf(names[t[1]].numerator) / names[t[1]].denominator
    parts = [computed(p, names) if isinstance(p, tuple) else p for p in t[1:]]
    if any(isinstance(p, mpmath.mpf) and p and not 1e-30 < abs(p) < 1e30 for p in parts):
        raise OverflowError(t)
    return COMPUTED[t[0]](*parts)
