"""Compare two answers as math-verify reads them: by their values, then by its own rules.

What can be compared by numbers is decided by them: 50 digits, at fixed points where there
are variables. math-verify rounds to an absolute precision, so that it takes 1/2004! for
1/2006!; what it calls equal must also be close. It has the last word on sets, relations
and whatever has no value.

Runs in a child of judging.py and nowhere else: nothing here is bounded.
"""

from random import Random
from typing import Any, Final

__all__ = ["compare"]

_DIGITS: Final = 50  # e^(pi sqrt 163) is an integer to 30
_SAME: Final = 1e-40
_NEAR: Final = 1e-5  # of a value that one side writes as a decimal
_SMALL: Final = 1e-20  # beyond, and above 1e20, what differs may hide behind the digits
_POINTS: Final = 4  # where two formulas must agree to be one


def compare(a: str, b: str) -> bool | None:
    """Return whether two texts are equal as mathematics, None when that is undecided.

    Unbounded in time and memory; symmetric: math-verify takes one side for the gold answer,
    so it is asked both ways and must say the same.
    """
    first, second = _parsed(a), _parsed(b)
    if first is None or second is None or _is_undefined(first, second):
        return None
    told = True if first == second else numeric(first, second)
    if told is not None:
        return told
    said = {_verified(first, second), _verified(second, first)}
    return said.pop() if len(said) == 1 else None


def _parsed(text: str) -> Any:
    r"""Return the one expression of `text`, None when it has none."""
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse

    written = NormalizationConfig(malformed_operators=True, nits=True)  # 3t keeps its t
    config = LatexExtractionConfig(boxed_match_priority=0, normalization_config=written)
    found = parse(
        f"\\boxed{{{text}}}",
        extraction_config=[config],
        fallback_mode="no_fallback",
        extraction_mode="first_match",
        parsing_timeout=None,
    )
    return found[0] if found and not isinstance(found[0], str) else None


def _is_undefined(*expressions: Any) -> bool:
    """Return whether one holds a division by zero, which equals any other; 12:00 is one."""
    from sympy import nan, zoo

    return any(e.has(nan, zoo) for e in expressions)


def _verified(gold: Any, target: Any) -> bool | None:
    from math_verify import verify

    try:
        same: bool = verify(
            gold, target, allow_set_relation_comp=True, timeout_seconds=None, raise_on_error=True
        )
    except Exception:  # sympy raises anything; an error is no verdict
        return None
    return same


def numeric(a: Any, b: Any) -> bool | None:
    """Compare two sympy expressions by their values, None where those tell nothing."""
    try:
        return _numeric(a, b)
    except Exception:  # sympy raises anything; no value is no verdict
        return None


def _numeric(a: Any, b: Any) -> bool | None:
    import sympy

    a, b = _unnamed(a, b)
    a, b = (e.doit() if isinstance(e, sympy.MatrixExpr) else e for e in (a, b))
    if isinstance(a, sympy.Eq) and isinstance(b, sympy.Eq):
        return _equations(a.lhs - a.rhs, b.lhs - b.rhs)
    if isinstance(a, sympy.FiniteSet) and isinstance(b, sympy.FiniteSet):
        return _members(a.args, b.args)
    if isinstance(a, sympy.Interval) and isinstance(b, sympy.Interval):
        ends = [_numeric(a.start, b.start), _numeric(a.end, b.end)]
        return _all([*ends, (a.left_open, a.right_open) == (b.left_open, b.right_open)])
    if isinstance(a, sympy.MatrixBase) and isinstance(b, sympy.MatrixBase):
        same = zip(a.flat(), b.flat(), strict=False)
        return _all([a.shape == b.shape, *(_numeric(x, y) for x, y in same)])
    if isinstance(a, sympy.Expr) and isinstance(b, sympy.Expr):
        return _values(a, b)
    return None


def _unnamed(a: Any, b: Any) -> tuple[Any, Any]:
    """Return x = 5 and y as 5 and y, and x = 5 and x = 6 as 5 and 6."""
    from sympy import Eq

    named = [isinstance(e, Eq) and e.lhs.is_Symbol for e in (a, b)]
    if all(named) and a.lhs == b.lhs and a.lhs not in a.rhs.free_symbols | b.rhs.free_symbols:
        return a.rhs, b.rhs
    if named[0] and not b.is_Relational:
        return a.rhs, b
    if named[1] and not a.is_Relational:
        return a, b.rhs
    return a, b


def _equations(a: Any, b: Any) -> bool | None:
    """Compare a = 0 and b = 0: multiples of each other, or linear and different."""
    if _values(a / b, (a / b).subs(dict.fromkeys((a / b).free_symbols, 2))):
        return True
    symbols = a.free_symbols | b.free_symbols
    linear = all(e.is_polynomial() and e.as_poly(*symbols).total_degree() == 1 for e in (a, b))
    return False if linear else None


def _members(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool | None:
    """Compare two sets: each element of one must be in the other."""
    found = [[_numeric(x, y) for y in b] for x in a]
    turned = [list(column) for column in zip(*found, strict=True)]
    return _all([_any(row) for row in (*found, *turned)])


def _all(told: list[bool | None]) -> bool | None:
    return False if False in told else None if None in told else True


def _any(told: list[bool | None]) -> bool | None:
    return True if True in told else None if None in told else False


def _values(a: Any, b: Any) -> bool | None:
    """Compare two expressions at points: constants at one, formulas where both are real.

    A decimal near the other's value is for math-verify to judge, which rounds to six
    places; so is what has the name of a word.
    """
    import sympy

    symbols = sorted(a.free_symbols | b.free_symbols, key=str)
    if any(len(str(s)) > 1 and str(s).isalpha() for s in symbols) or _is_percent(a, b):
        return None
    decimal = a.has(sympy.Float) or b.has(sympy.Float)
    a, b = _exact(a), _exact(b)
    symbols = [s for s in symbols if str(s) != "i"]
    imaginary = not symbols or a.has(sympy.I) or b.has(sympy.I)
    agreed = 0
    for point in _points(symbols):
        x, y = _value(a, point), _value(b, point)
        if x is None or y is None or not (imaginary or x.imag == y.imag == 0):
            continue
        far = abs(x - y) / max(abs(x), abs(y)) if x != y else 0
        if far > _SAME:
            return None if decimal and far < _NEAR else False
        agreed += _SMALL < abs(x) < 1 / _SMALL or x == 0
    return True if agreed >= (_POINTS if symbols else 1) else None


def _is_percent(*expressions: Any) -> bool:
    from sympy import UnevaluatedExpr

    return any(e.has(UnevaluatedExpr) for e in expressions)


def _exact(expression: Any) -> Any:
    """Return it with decimals as rationals, i as the imaginary unit, sums summed up."""
    from sympy import Derivative, Float, I, Integral, Limit, Product, Rational, Sum

    if expression.has(Derivative, Integral, Limit, Product, Sum):
        expression = expression.doit()
    decimals = {f: Rational(str(f)) for f in expression.atoms(Float)}
    units = {s: I for s in expression.free_symbols if str(s) == "i"}
    return expression.xreplace(decimals | units)


def _points(symbols: list[Any]) -> list[dict[Any, Any]]:
    """Return where to compare: sizes 0.1 to 200, first with all variables positive."""
    from sympy import Rational

    if not symbols:
        return [{}]
    random = Random(1729)  # noqa: S311, fixed points and no secret
    points = []
    for number in range(10):
        sizes = [Rational(round(1000 * 10 ** random.uniform(-1, 2.3)), 997) for _ in symbols]
        signs = [random.choice((1, -1)) if number > 4 else 1 for _ in symbols]
        points.append({s: z * x for s, z, x in zip(symbols, signs, sizes, strict=True)})
    return points


def _value(expression: Any, point: dict[Any, Any]) -> Any:
    """Return the value as a complex of 50 digits, None where it has none so exact."""
    import mpmath  # type: ignore[import-untyped]

    mpmath.mp.dps = _DIGITS + 10
    parts = expression.evalf(_DIGITS, subs=point).as_real_imag()
    if not all(part.is_Number and part.is_finite for part in parts):
        return None
    values = [p.num if p.is_Float else mpmath.mpf(p.p) / p.q for p in parts]
    # sympy tells the bits it is sure of nowhere else.
    exact = [not p.is_Float or p == 0 or p._prec > 3 * _DIGITS for p in parts]  # noqa: SLF001
    if not any(exact):
        return None
    # What cancels leaves a value of no digits; beside an exact one it is zero.
    size = max(abs(v) for v, known in zip(values, exact, strict=True) if known)
    for number in (0, 1):
        if not exact[number]:
            if not abs(values[number]) < _SAME * size:
                return None
            values[number] = mpmath.mpf(0)
    return mpmath.mpc(*values)
