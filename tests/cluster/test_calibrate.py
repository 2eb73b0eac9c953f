"""Fit chances to confidences: by brute force, by the gradient, and on made-up runs."""

import itertools
import json
import math
import random
from pathlib import Path

import pytest
from evaluated import made, row

from votebox.cluster.calibrate import calibrate_run, fit_isotonic, fit_platt
from votebox.cluster.checks import least_share
from votebox.cluster.errors import BadUsage
from votebox.cluster.runs import Run
from votebox.plugins import Calibration, ProblemError, read_calibration


def overconfident(count: int, seed: int = 1) -> Run:
    """Make a run whose answers of confidence c are right with the chance c squared."""
    rng = random.Random(seed)  # noqa: S311 - made-up data
    said = [rng.choice((0.25, 0.5, 0.75, 1.0)) for _ in range(count)]
    rows = (
        row(f"p{n}", right=rng.random() < c * c * 0.9, confidence=c) for n, c in enumerate(said)
    )
    return made(*rows)


def squares(points: list[tuple[float, float]], curve: dict[float, float]) -> float:
    return sum((y - curve[x]) ** 2 for x, y in points)


@pytest.mark.parametrize("seed", range(5))
def test_no_rising_curve_on_a_grid_fits_better_than_the_isotonic_one(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - made-up data
    xs = [0.1, 0.3, 0.5, 0.7, 0.9]
    points = [(rng.choice(xs), float(rng.random() < 0.5)) for _ in range(25)]
    curve = Calibration("isotonic", fit_isotonic(points), {})
    xs = sorted({x for x, _ in points})
    fitted = {x: curve.chance(x) for x in xs}
    assert [fitted[x] for x in xs] == sorted(fitted[x] for x in xs)
    grid = [n / 12 for n in range(13)]
    best = min(
        squares(points, dict(zip(xs, curve, strict=True)))
        for curve in itertools.combinations_with_replacement(grid, len(xs))
    )
    assert squares(points, fitted) <= best + 1e-9


def test_the_gradient_is_zero_where_platt_ends() -> None:
    points = [(0.2, 0.0)] * 6 + [(0.2, 1.0)] * 2 + [(0.9, 1.0)] * 9 + [(0.9, 0.0)] * 3
    a, b = fit_platt(points)
    assert a < 0
    high, low = 12 / 13, 1 / 11  # Platt's targets for 11 right and 9 wrong
    residual = [((high if y else low) - 1 / (1 + math.exp(a * x + b)), x) for x, y in points]
    assert sum(r for r, _ in residual) == pytest.approx(0, abs=1e-6)
    assert sum(r * x for r, x in residual) == pytest.approx(0, abs=1e-6)


def test_a_curve_that_would_fall_is_flat() -> None:
    a, b = fit_platt([(0.2, 1.0)] * 10 + [(0.9, 0.0)] * 10)
    assert (a, b) == (0.0, 0.0)
    assert fit_isotonic([(0.2, 1.0), (0.9, 0.0)]) == ((0.2, 0.5), (0.9, 0.5))


@pytest.mark.parametrize(("count", "method"), [(1000, "isotonic"), (190, "platt")])
def test_a_calibration_makes_an_overconfident_vote_honest(count: int, method: str) -> None:
    fit = calibrate_run(overconfident(count))
    assert fit.calibration.method == method
    assert fit.ece_before > 0.15
    assert fit.ece_after < 0.7 * fit.ece_before
    assert fit.brier_after < fit.brier_before
    for said in (0.25, 0.5, 0.75, 1.0):
        near = 0.06 if count == 1000 else 0.2
        assert fit.calibration.chance(said) == pytest.approx(said * said * 0.9, abs=near)
    json.dumps(fit.to_json(), allow_nan=False)


def test_too_few_or_one_sided_rows_are_refused() -> None:
    with pytest.raises(BadUsage, match="has 5 answered rows"):
        calibrate_run(overconfident(5))
    with pytest.raises(BadUsage, match="all 30 answers of demo are right"):
        calibrate_run(made(*(row(f"p{n}", right=True) for n in range(30))))


@pytest.mark.parametrize(
    "mapping",
    [
        Calibration("isotonic", ((0.25, 0.1), (0.5, 0.1), (0.75, 0.8)), {}),
        Calibration("isotonic", ((0.5, 0.4),), {}),
        Calibration("platt", ((-7.0, 4.0),), {}),
        Calibration("platt", ((0.0, -1.0),), {}),
    ],
)
def test_to_abstain_below_a_chance_is_to_abstain_below_the_least_share(
    mapping: Calibration,
) -> None:
    for hundredth in range(101):
        chance = hundredth / 100
        least = mapping.least(chance)
        for said in (n / 64 for n in range(65)):
            assert (mapping.chance(said) >= chance) == (least is not None and said >= least)


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    mapping = calibrate_run(overconfident(300)).calibration
    path = tmp_path / "c.json"
    path.write_text(json.dumps(mapping.to_json()))
    assert read_calibration(path) == mapping
    assert mapping.about["rows"] == 300
    least = mapping.least(0.5)
    assert least_share(0.5, str(path)) == least
    assert least_share(0.3, None) == 0.3
    with pytest.raises(BadUsage, match="no vote is right with that chance"):
        least_share(0.999, str(path))
    with pytest.raises(BadUsage, match="--calibration needs --min-confidence"):
        least_share(None, str(path))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"format": 2, "method": "platt", "points": [[-1, 0]], "about": {}}',
        '{"format": 1, "method": "magic", "points": [[-1, 0]], "about": {}}',
        '{"format": 1, "method": "platt", "points": [[1, 0]], "about": {}}',
        '{"format": 1, "method": "platt", "points": [], "about": {}}',
        '{"format": 1, "method": "isotonic", "points": [[0, 1], [1, 0]], "about": {}}',
        '{"format": 1, "method": "isotonic", "points": [[0, NaN]], "about": {}}',
        '{"format": 1, "method": "isotonic", "points": [[0, 2]], "about": {}}',
    ],
)
def test_what_is_no_calibration_is_refused_with_the_way_to_make_one(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(ProblemError, match="write one: votebox calibrate"):
        read_calibration(path)
