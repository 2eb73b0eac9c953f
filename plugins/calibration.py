"""Turn a confidence, the leader's share of the votes, into a chance of being right.

A mapping fitted on a run with references (`votebox calibrate`) and read from its JSON.
Pure; it never falls where the confidence rises.
"""

import json
import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from votebox.plugins.errors import ProblemError

__all__ = ["Calibration", "logistic", "read_calibration"]

_FORMAT: Final = 1
_MOST_CHARS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Calibration:
    """Map a confidence to a chance, both from 0 to 1.

    `isotonic` goes straight from point to point and is flat outside of them: `points` are
    (confidence, chance) pairs, both rising. `platt` is 1 / (1 + exp(a x + b)) with a <= 0,
    `points` = ((a, b),). `about` tells where it was fitted: free text by name.
    """

    method: Literal["isotonic", "platt"]
    points: tuple[tuple[float, float], ...]
    about: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Refuse points that are no such mapping; raise ProblemError."""
        if not self.points or any(not math.isfinite(v) for point in self.points for v in point):
            raise ProblemError("a calibration without finite points", "fit it anew")
        if self.method == "platt":
            if len(self.points) != 1 or self.points[0][0] > 0:
                raise ProblemError(f"points {self.points!r:.80} are no rising curve", "fit it anew")
            return
        pairs = zip(self.points, self.points[1:], strict=False)
        rising = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairs)
        if not rising or any(not 0 <= v <= 1 for point in self.points for v in point):
            raise ProblemError("the points do not rise from 0 to 1", "fit it anew")

    def chance(self, confidence: float) -> float:
        """Return the chance that an answer of this confidence is right.

        >>> Calibration("isotonic", ((0.25, 0.25), (0.75, 1.0)), {}).chance(0.5)
        0.625
        """
        if self.method == "platt":
            ((a, b),) = self.points
            return logistic(-(a * confidence + b))
        place = bisect_right(self.points, confidence, key=lambda point: point[0])
        if place == 0:
            return self.points[0][1]
        if place == len(self.points):
            return self.points[-1][1]
        (left, low), (right, high) = self.points[place - 1 : place + 1]
        return low + (high - low) * (confidence - left) / (right - left)

    def least(self, chance: float) -> float | None:
        """Return the least confidence of at least this chance, None where there is none.

        As the mapping never falls, `SolveOptions(min_confidence=mapping.least(0.8))` abstains
        below a chance of 0.8; wherever that is solved, nothing else has to know the mapping.

        >>> Calibration("isotonic", ((0.25, 0.25), (0.75, 1.0)), {}).least(0.625)
        0.5
        """
        if self.chance(0.0) >= chance:
            return 0.0
        if self.chance(1.0) < chance:
            return None
        low, high = 0.0, 1.0
        # Halving, not an inverse: what is returned must reach the chance as `chance` rounds.
        while low < (middle := (low + high) / 2) < high:
            low, high = (low, middle) if self.chance(middle) >= chance else (middle, high)
        return high

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that `read_calibration` reads."""
        points = [list(point) for point in self.points]
        kept = {"format": _FORMAT, "method": self.method, "points": points}
        return kept | {"about": dict(self.about)}


def read_calibration(path: str | Path) -> Calibration:
    """Return the calibration in a file; raise ProblemError saying what is wrong with it."""
    fix = "write one: votebox calibrate RUN -o FILE"
    try:
        with Path(path).open(encoding="utf-8") as file:
            return _read(json.loads(file.read(_MOST_CHARS)))
    except OSError as e:
        raise ProblemError(f"calibration {path}: {e.strerror}", fix) from e
    except ProblemError as e:
        raise ProblemError(f"calibration {path}: {e.problem}", fix) from e
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as e:
        raise ProblemError(f"{path} holds no calibration: {e}", fix) from e


def _read(told: Any) -> Calibration:
    if told["format"] != _FORMAT or told["method"] not in ("isotonic", "platt"):
        raise ValueError(f"format {told['format']!r:.40}, method {told['method']!r:.40}")
    points = tuple((float(x), float(y)) for x, y in told["points"])
    return Calibration(told["method"], points, dict(told["about"]))


def logistic(x: float) -> float:
    """Return 1 / (1 + exp(-x)), which overflows nowhere."""
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    grown = math.exp(x)
    return grown / (1 + grown)
