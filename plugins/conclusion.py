"""Conclude a solve: the answer and its reason, and what stopping early saved and risked.

Pure functions of the vote and the records, which a recount (recounting.py) shares.
"""

from collections.abc import Sequence
from typing import Final

from votebox.plugins.answers import Policy
from votebox.plugins.chances import overtaken
from votebox.plugins.verdicts import ChainRecord, StopReason
from votebox.plugins.voting import Tally, VoteState

__all__ = ["CUT_SHORT", "answered", "flip_chance", "tokens_saved"]

CUT_SHORT: Final = frozenset({"deadline", "budget"})
"""The reasons to end a solve after which unfinished chains are heard, too."""


def answered(
    tally: Tally,
    why: StopReason,
    records: Sequence[ChainRecord],
    policy: Policy,
    min_confidence: float | None = None,
) -> tuple[str | None, str, StopReason]:
    """Return the answer, its reason in words, and why the solve ended.

    Where the leader's share of the votes is below `min_confidence` there is no answer.
    """
    answer, reason, why = _answered(tally, why, records, policy)
    if answer is None or min_confidence is None or tally.share >= min_confidence:
        return answer, reason, why
    doubt = f"a share of {tally.share:.3g}, and {min_confidence:g} is asked for"
    return None, f"{reason}: {doubt}", "abstained"


def _answered(
    tally: Tally, why: StopReason, records: Sequence[ChainRecord], policy: Policy
) -> tuple[str | None, str, StopReason]:
    leader = tally.leader
    if leader is not None:
        cast = sum(c.weight for c in tally.classes)
        return leader.answer, f"{leader.weight:g} of {cast:g} votes", why
    unheard = not any(record.candidates for record in records)
    answer = policy.late if why == "deadline" and unheard else None
    answer = policy.fallback if answer is None else answer
    reason = _nobody(why, heard=not unheard)
    if answer is not None:
        return answer, f"{reason}; the policy answers {answer}", why
    if why in CUT_SHORT:
        return None, reason, why
    cut = bool(records) and all(record.ended == "length" for record in records)
    return None, reason, "truncated" if cut else "abstained"


def _nobody(why: StopReason, *, heard: bool) -> str:
    """Say why nobody voted."""
    if heard:
        return "the policy admits none of the answers read"
    if why == "deadline":
        return "the deadline passed before a chain answered"
    if why == "budget":
        return "the budget ran out before a chain answered"
    return "no chain gave a readable answer"


def flip_chance(state: VoteState) -> float | None:
    """Return the chance that all planned chains would have elected another answer.

    None where nobody voted or chains weigh differently.
    """
    v1, v2 = state.lead
    if v1 < 1 or state.chain_weight != 1 or v1 % 1 or v2 % 1:
        return None
    return overtaken(int(v1), int(v2), state.left) if state.left else 0.0


def tokens_saved(records: Sequence[ChainRecord], planned: int) -> int:
    """Return the completion tokens not spent, as far as the finished chains tell."""
    spent = sum(record.usage.completion_tokens for record in records)
    finished = [r.usage.completion_tokens for r in records if r.place is not None]
    if not finished:
        return 0
    return max(0, round(sum(finished) / len(finished) * planned) - spent)
