"""Fit the chance of being right to the confidence of a run, and say how much better it is.

Isotonic regression where there are rows enough, else Platt's two numbers. Pure; how good
the fit is, is told by cross-validation: each row by a fit that has not seen its problem.
"""

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from votebox.cluster.errors import BadUsage
from votebox.cluster.runs import Run
from votebox.cluster.statistics import brier, ece
from votebox.plugins.calibration import Calibration, logistic

__all__ = ["METHODS", "Fit", "calibrate_run", "fit_isotonic", "fit_platt"]

type Method = Literal["isotonic", "platt"]
type Point = tuple[float, float]

METHODS: Final[tuple[Method, ...]] = ("isotonic", "platt")
"""The ways to fit."""

_ENOUGH: Final = 200
"""From this many rows on isotonic regression is used; with fewer it follows the noise."""

_LEAST: Final = 20
_FOLDS: Final = 10
_SEED: Final = 0
_STEPS: Final = 100
_RIDGE: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Fit:
    """Hold a calibration and the errors before and after it, the latter cross-validated."""

    calibration: Calibration
    rows: int
    problems: int
    ece_before: float
    ece_after: float
    brier_before: float
    brier_after: float

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as JSON types."""
        return asdict(self) | {"calibration": self.calibration.to_json()}


def calibrate_run(run: Run, method: Method | None = None) -> Fit:
    """Fit a calibration to the answered rows of a run that have a reference.

    `method` None chooses by the number of rows.

    Raises:
        BadUsage: there are fewer than 20 such rows, or all are right, or all wrong.
    """
    groups: dict[str, list[Point]] = defaultdict(list)
    for row in run.rows:
        if row.answer is not None and row.correct is not None:
            groups[row.id].append((row.confidence, float(row.correct)))
    rows = [point for points in groups.values() for point in points]
    _check(run, rows)
    chosen: Method = method or ("isotonic" if len(rows) >= _ENOUGH else "platt")
    told = _cross_validated(list(groups.values()), chosen)
    said, came = [x for x, _ in rows], [y for _, y in rows]
    after, true = [x for x, _ in told], [y for _, y in told]
    head = run.head
    about = {
        "run": head.name,
        "recipe": head.recipe,
        "recipe_hash": head.recipe_hash,
        "models": list(head.models),
        "dataset": head.dataset.name,
        "rows": len(rows),
    }
    return Fit(
        _fitted(rows, chosen, about),
        len(rows),
        len(groups),
        ece(said, came) or 0.0,
        ece(after, true) or 0.0,
        brier(said, came) or 0.0,
        brier(after, true) or 0.0,
    )


def fit_isotonic(points: Iterable[Point]) -> tuple[Point, ...]:
    """Return the rising curve of least squared error through (confidence, outcome) points.

    Pool adjacent violators: neighbours that fall are merged to their mean until none does
    (M. Ayer et al., Annals of Mathematical Statistics 26, 1955). A pool is drawn by its
    first and last confidence, so that the curve is flat within and straight between pools.

    >>> fit_isotonic([(0.2, 0), (0.4, 1), (0.6, 0), (0.8, 1)])
    ((0.2, 0.0), (0.4, 0.5), (0.6, 0.5), (0.8, 1.0))
    """
    at: dict[float, list[float]] = defaultdict(list)
    for x, y in points:
        at[x].append(y)
    pools: list[tuple[float, int, float, float]] = []  # sum, count, first x, last x
    for x in sorted(at):
        pool = (math.fsum(at[x]), len(at[x]), x, x)
        while pools and pools[-1][0] * pool[1] >= pool[0] * pools[-1][1]:
            total, count, first, _ = pools.pop()
            pool = (total + pool[0], count + pool[1], first, pool[3])
        pools.append(pool)
    ends = ((x, total / n) for total, n, *edges in pools for x in dict.fromkeys(edges))
    return tuple(ends)


def fit_platt(points: Sequence[Point]) -> Point:
    """Return (a, b) of the chance 1 / (1 + exp(a x + b)) that fits the points best.

    J. Platt, Probabilistic outputs for support vector machines (1999), with his smoothed
    targets, by Newton's method as in H.-T. Lin, C.-J. Lin and R. C. Weng, Machine Learning
    68 (2007). A curve that would fall is made flat: less sure is never more often right.
    """
    right = sum(y for _, y in points)
    wrong = len(points) - right
    high, low = (right + 1) / (right + 2), 1 / (wrong + 2)
    told = [(x, high if y else low) for x, y in points]
    a, b = 0.0, math.log((wrong + 1) / (right + 1))
    loss = _loss(told, a, b)
    for _ in range(_STEPS):
        step_a, step_b = _newton(told, a, b)
        size = 1.0
        while size > 1e-10:
            new = _loss(told, a + size * step_a, b + size * step_b)
            if new < loss:
                break
            size /= 2
        else:
            break
        a, b, loss = a + size * step_a, b + size * step_b, new
    if a > 0:
        return 0.0, math.log((wrong + 1) / (right + 1))
    return a, b


def _newton(points: Sequence[Point], a: float, b: float) -> Point:
    """Return Newton's step down the negative log-likelihood at (a, b)."""
    haa = hbb = _RIDGE
    hab = ga = gb = 0.0
    for x, t in points:
        p = logistic(-(a * x + b))
        weight, gap = p * (1 - p), t - p
        haa, hab, hbb = haa + x * x * weight, hab + x * weight, hbb + weight
        ga, gb = ga + x * gap, gb + gap
    det = haa * hbb - hab * hab
    if det <= 0:
        return 0.0, 0.0
    return -(hbb * ga - hab * gb) / det, -(haa * gb - hab * ga) / det


def _loss(points: Sequence[Point], a: float, b: float) -> float:
    """Return the negative log-likelihood, in the form that does not overflow."""
    total = 0.0
    for x, t in points:
        z = a * x + b
        total += t * z + (math.log1p(math.exp(-z)) if z >= 0 else math.log1p(math.exp(z)) - z)
    return total


def _fitted(points: Sequence[Point], method: Method, about: dict[str, Any]) -> Calibration:
    if method == "platt":
        return Calibration("platt", (fit_platt(points),), about)
    return Calibration("isotonic", fit_isotonic(points), about)


def _cross_validated(groups: list[list[Point]], method: Method) -> list[Point]:
    """Return (chance, outcome) of each row, by a fit without its fold of problems."""
    order = list(groups)
    random.Random(_SEED).shuffle(order)  # noqa: S311 - statistics, not secrets
    folds = [order[number::_FOLDS] for number in range(min(_FOLDS, len(order)))]
    told = []
    for number, fold in enumerate(folds):
        rest = [p for other, held in enumerate(folds) if other != number for g in held for p in g]
        fitted = _fitted(rest, method, {})
        told += [(fitted.chance(x), y) for group in fold for x, y in group]
    return told


def _check(run: Run, rows: Sequence[Point]) -> None:
    right = sum(y for _, y in rows)
    if len(rows) < _LEAST:
        problem = f"{run.head.name} has {len(rows)} answered rows with a reference"
        raise BadUsage(problem, f"evaluate at least {_LEAST}")
    if right in (0, len(rows)):
        said = "right" if right else "wrong"
        problem = f"all {len(rows)} answers of {run.head.name} are {said}"
        raise BadUsage(problem, "evaluate problems of which some are right and some wrong")
