"""Measure how sure a model is while it writes, from the log-probabilities of its tokens.

The definitions are DeepConf's (Fu et al. 2025, arXiv 2508.15260): a token's confidence is
minus the mean log-probability of its most likely alternatives, a group is the mean over
a window of tokens in a row. Costs a few additions a token, and nothing where nobody asks.
"""

from array import array
from collections.abc import Sequence
from dataclasses import replace
from math import ceil, exp
from typing import Final

from votebox.plugins.nouns import Confidence, LogprobStats

__all__ = ["WINDOW", "ConfidenceMeter", "token_statistics"]

WINDOW: Final = 2048
"""Tokens of one group."""

_BOTTOM: Final = 0.1


def token_statistics(sampled: float, alternatives: Sequence[float]) -> LogprobStats:
    """Return the statistics of one token.

    Args:
        sampled: its log-probability (natural log).
        alternatives: those of the most likely tokens, itself among them or not; may be
            empty. The entropy counts these alone, and is so a lower bound.
    """
    if not alternatives:
        return LogprobStats(1, sampled, sampled)
    entropy = -sum(p * exp(p) for p in alternatives)
    confidence = -sum(alternatives) / len(alternatives)
    return LogprobStats(1, sampled, sampled, (confidence,), entropy)


class ConfidenceMeter:
    """Follow one reply: add what comes, read the statistics at any time.

    `window` is the number of tokens of a group. A reply shorter than that is one group.
    """

    def __init__(self, window: int = WINDOW) -> None:
        self._window = window
        self._stats = LogprobStats()
        self._tokens = array("d")
        self._groups = array("d")
        self._sum = self._total = 0.0

    def add(self, new: LogprobStats) -> None:
        """Add the statistics of the next tokens."""
        self._stats += replace(new, confidences=())
        for value in new.confidences:
            self._tokens.append(value)
            self._sum += value
            self._total += value
            if len(self._tokens) > self._window:
                self._sum -= self._tokens[-self._window - 1]
            if len(self._tokens) >= self._window:
                self._groups.append(self._sum / self._window)

    @property
    def running(self) -> float | None:
        """Return the mean of the group that ends here, None before there is a whole one."""
        return self._groups[-1] if self._groups else None

    @property
    def value(self) -> Confidence:
        """Return the statistics so far."""
        known, count = self._stats, len(self._tokens)
        logprob = known.mean if known.tokens else None
        if not count:
            return Confidence(known.tokens, logprob=logprob)
        mean, tail = self._total / count, self._tokens[-self._window :]
        groups = sorted(self._groups) or [mean]
        bottom = groups[: max(1, ceil(len(groups) * _BOTTOM))]
        return Confidence(
            known.tokens,
            logprob=logprob,
            mean=mean,
            tail=sum(tail) / len(tail),
            lowest=groups[0],
            bottom=sum(bottom) / len(bottom),
            entropy=known.entropy / known.tokens,
        )
