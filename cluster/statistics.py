"""Estimate from few numbers, and say how sure: intervals, tests, votes of fewer chains.

Pure functions of plain numbers: this file knows nothing of runs, rows or files. What is
drawn at random takes a seed. Each function names where its formula is from.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

__all__ = [
    "Bin",
    "Interval",
    "bootstrap_mean",
    "brier",
    "ece",
    "majority_at_k",
    "mcnemar_exact",
    "pass_at_k",
    "quantile",
    "reliability",
    "wilson",
]

_LEVEL: Final = 0.95
_DRAWS: Final = 256
"""Draws made together: 4 MiB for 2,000 clusters that all differ."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Bound a number from both sides, at the level of confidence its maker says."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Bin:
    """Compare what was said with what came true, for confidences in (low, high].

    The first bin holds 0, too. `confidence` and `accuracy` are means, None in an empty bin.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


def wilson(k: float, n: float, z: float = 1.96) -> Interval:
    """Return the score interval of a share of `k` in `n`; z = 1.96 is 95 %.

    E. B. Wilson, JASA 22 (1927), p. 209. It stays within 0 and 1, also for k = 0.

    >>> found = wilson(8, 10)
    >>> round(found.low, 3), round(found.high, 3)
    (0.49, 0.943)
    """
    _check("k", k, fits=0 <= k <= n, fix=f"give 0 to n = {n}")
    if n == 0:
        return Interval(0.0, 1.0)
    share, square = k / n, z * z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    low = 0.0 if k == 0 else max(0.0, middle - half)
    return Interval(low, 1.0 if k == n else min(1.0, middle + half))


def bootstrap_mean(
    clusters: Sequence[Sequence[float]], seed: int = 0, draws: int = 2000, level: float = _LEVEL
) -> Interval:
    """Return the percentile interval of the mean of all values, whole clusters redrawn.

    A cluster holds the values of one problem: those are alike, and redrawn one by one they
    would pass for more evidence than they are. B. Efron, Annals of Statistics 7 (1979);
    clusters as in A. C. Davison and D. V. Hinkley, Bootstrap Methods (1997), section 3.8.

    >>> bootstrap_mean([[1.0], [1.0]])
    Interval(low=1.0, high=1.0)
    """
    _check("draws", draws, fits=draws >= 1, fix="give at least 1")
    _check("level", level, fits=0 < level < 1, fix="give a part between 0 and 1")
    alike = Counter((math.fsum(values), len(values)) for values in clusters if values)
    whole = alike.total()
    _check("clusters", whole, fits=whole > 0, fix="give at least one value")
    means = _redrawn(alike, draws, seed)
    outside = (1 - level) / 2
    return Interval(quantile(means, outside), quantile(means, 1 - outside))


def _redrawn(alike: Mapping[tuple[float, int], int], draws: int, seed: int) -> list[float]:
    """Return the mean of each draw of as many clusters as there are.

    A cluster is its sum and its size, and most are like many others, as right or wrong: how
    often each kind is drawn is multinomial, which takes one number a kind, not one a cluster.
    """
    import numpy as np  # here, because whoever asks for a help text needs none of it

    kinds = sorted(alike)  # in which order problems come must not matter
    counts = np.array([alike[kind] for kind in kinds])
    sums, sizes = np.array(kinds).T
    random, means, whole = np.random.default_rng(seed), [], counts.sum()
    for start in range(0, draws, _DRAWS):
        rows = min(_DRAWS, draws - start)
        drawn = random.multinomial(whole, counts / whole, rows)
        means += ((drawn @ sums) / (drawn @ sizes)).tolist()
    return means


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value below which `part` of them lie, between neighbours linearly.

    Definition 7 of R. J. Hyndman and Y. Fan, The American Statistician 50 (1996).

    >>> quantile([4, 1, 3, 2], 0.5)
    2.5
    """
    _check("part", part, fits=0 <= part <= 1, fix="give 0 to 1")
    _check("values", len(values), fits=bool(values), fix="give at least one")
    ordered = sorted(values)
    place = part * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    # A sum of both would make 0.30000000000000004 of equal neighbours.
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def mcnemar_exact(b: int, c: int) -> float:
    """Return the two-sided p of `b` pairs that went one way and `c` the other.

    Where both are equally good, the smaller count is binomial of b + c and one half. Q.
    McNemar, Psychometrika 12 (1947); the exact form of A. Edwards, ibid. 13 (1948).

    >>> mcnemar_exact(0, 5)
    0.0625
    """
    _check("b", b, fits=b >= 0, fix="give a count")
    _check("c", c, fits=c >= 0, fix="give a count")
    pairs = b + c
    ways = tail = 1  # C(pairs, 0), and the sum so far
    for i in range(1, min(b, c) + 1):
        ways = ways * (pairs - i + 1) // i
        tail += ways
    return min(1.0, 2 * tail / (1 << pairs))  # whole numbers until here: nothing overflows


def pass_at_k(n: int, c: int, k: int) -> float:
    """Return the chance that of `k` drawn from `n` samples, `c` of them right, one is right.

    The unbiased estimate of M. Chen et al., arXiv 2107.03374 (2021), section 2.1.

    >>> pass_at_k(4, 1, 2)
    0.5
    """
    _check("c", c, fits=0 <= c <= n, fix=f"give 0 to n = {n}")
    _check("k", k, fits=1 <= k <= n, fix=f"give 1 to n = {n}")
    return 1 - math.comb(n - c, k) / math.comb(n, k)


def majority_at_k(counts: Sequence[int], right: Collection[int], blank: int, k: int) -> float:
    """Return the chance that `k` chains, drawn from all there are, elect a right answer.

    `counts` are the votes of each answer, `right` the places of the right ones, `blank` the
    chains without a vote; leaders that tie share the chance. Exact: the draws in which an
    answer has j votes and no other has more are counted by a product of polynomials, one
    factor sum over i <= j of C(votes, i) x^i for each other answer; those with fewer than j
    votes cannot lead and are, by Vandermonde's identity, one pool with the blanks.

    >>> majority_at_k([3, 1], {0}, 0, 2)  # half of the draws are 2:0, half a tie
    0.75
    """
    whole = sum(counts) + blank
    _check("k", k, fits=1 <= k <= whole, fix=f"give 1 to the {whole} chains there are")
    led = Fraction(0)  # no float holds C(1280, 640)
    for place in right:
        votes = counts[place]
        others = [count for other, count in enumerate(counts) if other != place]
        for j in range(1, min(votes, k) + 1):
            led += math.comb(votes, j) * _led(others, blank, k - j, j)
    return float(led / math.comb(whole, k))


def reliability(
    confidences: Sequence[float], outcomes: Sequence[float], bins: int = 10
) -> tuple[Bin, ...]:
    """Return `bins` of equal width over confidences from 0 to 1; outcomes are 0 or 1.

    C. Guo et al., On Calibration of Modern Neural Networks (ICML 2017), section 2.
    """
    _check("bins", bins, fits=bins >= 1, fix="give at least 1")
    held: list[list[tuple[float, float]]] = [[] for _ in range(bins)]
    for said, came in zip(confidences, outcomes, strict=True):
        _check("confidence", said, fits=0 <= said <= 1, fix="give 0 to 1")
        held[max(0, math.ceil(said * bins) - 1)].append((said, came))
    return tuple(
        Bin(
            number / bins,
            (number + 1) / bins,
            len(pairs),
            math.fsum(said for said, _ in pairs) / len(pairs) if pairs else None,
            math.fsum(came for _, came in pairs) / len(pairs) if pairs else None,
        )
        for number, pairs in enumerate(held)
    )


def ece(confidences: Sequence[float], outcomes: Sequence[float], bins: int = 10) -> float | None:
    """Return the expected calibration error: the mean of |accuracy - confidence|, by bin.

    Bins weigh by what they hold; None of nothing. Guo et al. (2017), equation 3.

    >>> ece([0.75, 0.75], [1, 0])
    0.25
    """
    if not confidences:
        return None
    table = reliability(confidences, outcomes, bins)
    gaps = (
        found.count * abs(found.accuracy - found.confidence)
        for found in table
        if found.accuracy is not None and found.confidence is not None
    )
    return math.fsum(gaps) / len(confidences)


def brier(confidences: Sequence[float], outcomes: Sequence[float]) -> float | None:
    """Return the mean square of outcome minus confidence, None of nothing.

    G. W. Brier, Monthly Weather Review 78 (1950), halved as is usual for two outcomes.
    """
    if not confidences:
        return None
    pairs = zip(confidences, outcomes, strict=True)
    return math.fsum((came - said) ** 2 for said, came in pairs) / len(confidences)


def _led(others: Sequence[int], blank: int, left: int, j: int) -> Fraction:
    """Count the draws of `left` more chains in which no other answer has more than j votes.

    A draw in which t others have j, too, counts 1 / (t + 1): `ways[t]` counts those, as a
    polynomial whose m-th coefficient is of m chains. A polynomial is one whole number, its
    coefficients `bits` apart (Kronecker substitution): products take C's time, not Python's.
    """
    rivals = [votes for votes in others if votes >= j]
    pool = blank + sum(votes for votes in others if votes < j)
    bits = pool + sum(rivals) + 1  # no coefficient passes C(all, m), and so 2 ** all
    mask = (1 << bits * (left + 1)) - 1
    ways = [_packed((math.comb(pool, m) for m in range(left + 1)), bits)]
    for votes in rivals:
        behind = _packed((math.comb(votes, i) for i in range(min(j, left + 1))), bits)
        equal = math.comb(votes, j)
        fewer = [way * behind & mask for way in ways]
        tied = [(way * equal << bits * j) & mask for way in ways]
        ways = [a + b for a, b in zip([*fewer, 0], [0, *tied], strict=True)]
    return sum((Fraction(way >> bits * left, t + 1) for t, way in enumerate(ways)), Fraction(0))


def _packed(coefficients: Iterable[int], bits: int) -> int:
    return sum(value << bits * m for m, value in enumerate(coefficients))


def _check(name: str, value: object, *, fits: bool, fix: str) -> None:
    if not fits:
        raise ValueError(f"{name} = {value!r}; {fix}")
