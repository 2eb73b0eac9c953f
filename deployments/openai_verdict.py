"""Say a verdict in the words of a reply: finish reason, usage, and our own object.

A verdict is read in its wire form, see votebox.plugins.verdict_to_wire.
"""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["CUT_SHORT", "chat_usage", "finish_reason", "ours", "response_usage"]

CUT_SHORT: Final = frozenset({"deadline", "budget", "truncated"})
"""The stop reasons that mean: cut short."""

KEPT: Final = (
    "answer",
    "abstained",
    "reason",
    "stop_reason",
    "stopped_by",
    "ladder_s",
    "confidence",
    "votes",
    "recipe",
    "recipe_hash",
    "seed",
    "wall_s",
    "id",
    "files",
)
"""The keys of a verdict that the `votebox` object of a reply repeats."""

Verdict = Mapping[str, Any]


def finish_reason(verdict: Verdict) -> str:
    """Return OpenAI's word for why a reply ended: `length` where it was cut short."""
    return "length" if verdict["stop_reason"] in CUT_SHORT else "stop"


def chat_usage(verdict: Verdict) -> dict[str, Any]:
    """Return the tokens of all chains, aborted ones included, as chat completions count.

    All completion tokens are reasoning: the answer is read out of what the chains wrote,
    and no token was sampled to say it.
    """
    spent = verdict["usage"]
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {
        **{name: spent[name] for name in names},
        "prompt_tokens_details": {"cached_tokens": spent.get("cached_tokens", 0)},
        "completion_tokens_details": {"reasoning_tokens": spent["completion_tokens"]},
    }


def response_usage(verdict: Verdict) -> dict[str, Any]:
    """Return the same counts under the names of `/v1/responses`."""
    spent = verdict["usage"]
    cached = spent.get("cached_tokens", 0)
    return {
        "input_tokens": spent["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
        "output_tokens": spent["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": spent["completion_tokens"]},
        "total_tokens": spent["total_tokens"],
    }


def ours(verdict: Verdict, *, candidates: bool = False) -> dict[str, Any]:
    """Return the `votebox` object of a reply; `candidates` adds every answer read.

    `alternatives` are the answers that were voted for and not given, with their share of
    the weight. `tokens_saved` is an estimate. `seeds` are those of the chains in order;
    `trace_id` is null where no trace was kept.
    """
    spent = verdict["usage"]
    usage = {
        **spent,
        "tokens_saved": verdict["tokens_saved"],
        "sandbox_seconds": spent["sandbox_s"],
    }
    return {
        **{name: verdict[name] for name in KEPT},
        "alternatives": _alternatives(verdict),
        "usage": usage,
        "trace_id": verdict["id"] if verdict["traced"] else None,
        "seeds": [chain["seed"] for chain in verdict["chains"]],
        **({"candidates": _candidates(verdict)} if candidates else {}),
    }


def _alternatives(verdict: Verdict) -> list[dict[str, Any]]:
    whole = sum(vote["weight"] for vote in verdict["votes"])
    return [
        {
            "answer": vote["answer"],
            "weight": vote["weight"],
            "share": round(vote["weight"] / whole, 6) if whole else 0,
        }
        for vote in verdict["votes"]
        if vote["answer"] != verdict["answer"]
    ]


def _candidates(verdict: Verdict) -> list[dict[str, Any]]:
    return [candidate for chain in verdict["chains"] for candidate in chain["candidates"]]
