"""Compute what two vote counts say about the vote's end; the formulas behind stop rules.

Pure functions of whole counts v1 >= v2 of the two largest classes, cached, since every
rule asks about the same few counts again and again.
"""

from functools import lru_cache
from math import comb, exp, lgamma, log, sqrt

__all__ = ["evidence", "log_beta", "overtaken", "preferred", "urgency"]


@lru_cache(maxsize=65_536)
def overtaken(v1: int, v2: int, m: int, a: float = 0.5) -> float:
    """Return the chance that a leader of v1 votes does not stay ahead of v2 after m more.

    The m votes are dealt between the two by the Beta(v1 + a, v2 + a) posterior, and a tie
    counts as lost: sum over k with v1 + k <= v2 + m - k of
    C(m, k) B(v1 + a + k, v2 + a + m - k) / B(v1 + a, v2 + a). Each term comes from the one
    before: t(k+1) / t(k) = (m - k) (v1 + a + k) / ((k + 1) (v2 + a + m - k - 1)).
    """
    term = log_beta(v1 + a, v2 + a + m) - log_beta(v1 + a, v2 + a)
    lost = 0.0
    for k in range((v2 + m - v1) // 2 + 1):
        lost += exp(term)
        if k < m:
            term += log((m - k) * (v1 + a + k) / ((k + 1) * (v2 + a + m - k - 1)))
    return min(lost, 1.0)


@lru_cache(maxsize=65_536)
def preferred(v1: int, v2: int) -> float:
    """Return P(theta > 1/2) for theta ~ Beta(v1 + 1, v2 + 1): P(Bin(v1 + v2 + 1, 1/2) <= v1)."""
    trials = v1 + v2 + 1
    return _at_most(v1, trials) / (1 << trials)


@lru_cache(maxsize=65_536)
def evidence(v1: int, v2: int) -> float:
    """Return the e-value of v1 against v2 votes, for "the first is no more likely".

    E = 2^(n+1) B(v1 + 1, v2 + 1) P(Beta(v1 + 1, v2 + 1) > 1/2), n = v1 + v2: the mixture of
    likelihood ratios against 1/2 over theta > 1/2, a non-negative supermartingale under the
    hypothesis (Ville's inequality makes it valid at any time; cf. arXiv 2510.17472). Infinite
    where it exceeds a float.
    """
    whole = _at_most(v1, v1 + v2 + 1)
    # B(v1+1, v2+1) = 1 / ((n + 1) C(n, v1)), and the sum is 2^(n+1) times the probability.
    try:
        return whole / ((v1 + v2 + 1) * comb(v1 + v2, v1))
    except OverflowError:
        return float("inf")


@lru_cache(maxsize=65_536)
def urgency(v1: int, v2: int, n: int) -> float:
    """Return how much one more chain may teach: P(theta < 1/2) / sqrt(n).

    theta ~ Beta(v1 + 1/2, v2 + 1/2) is the leader's part against its rival; n chains have
    ended. Questions that share a budget give the next chain to the one of highest urgency
    (`dispatch:batch-greedy`). The chance is the sum over a = v1 + 1/2, v1 + 3/2, ... of
    2^-(a + b) / (a B(a, b)), b = v2 + 1/2: the recurrence of the incomplete beta function
    in its first parameter (DLMF 8.17.20), summed until a term changes nothing.
    """
    a, b = v1 + 0.5, v2 + 0.5
    term = exp(-(a + b) * log(2) - log(a) - log_beta(a, b))
    below = 0.0
    # Since v1 >= v2 each term is less than the one before, in the end half of it.
    while below + term > below:
        below += term
        term *= (a + b) / (2 * (a + 1))
        a += 1
    return below / sqrt(max(n, 1))


def _at_most(most: int, trials: int) -> int:
    """Return the sum over k <= most of C(trials, k), each term made from the one before."""
    term = whole = 1
    for k in range(most):
        term = term * (trials - k) // (k + 1)
        whole += term
    return whole


def log_beta(x: float, y: float) -> float:
    """Return the logarithm of the Beta function."""
    return lgamma(x) + lgamma(y) - lgamma(x + y)
