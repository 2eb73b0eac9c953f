"""Choose what crosses the wall between solver and model replicas: small tuples.

A solve sends one request and gets thousands of deltas back; tuples of plain values
pickle several times faster than the dataclasses they stand for.
"""

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any, Final

from votebox.plugins import Delta, LogprobStats, Message, Prompt, Sampling

__all__ = ["SampleRequest", "pack_deltas", "pack_prompts", "unpack_deltas", "unpack_prompts"]

SampleRequest = tuple[str, list[tuple[Any, ...]], str]
"""A stream's id, its packed prompts, and the replica that asks, "" for others."""

TAIL: Final = (0, "", None, None, None)
"""What most deltas carry after their tokens; not sent when it is all there is."""


def pack_prompts(prompts: Sequence[Prompt]) -> list[tuple[Any, ...]]:
    """Return each prompt as (messages, sampling, seed)."""
    return [
        (
            [(m.role, m.content) for m in prompt.messages],
            astuple(prompt.sampling or Sampling()),
            prompt.seed,
        )
        for prompt in prompts
    ]


def unpack_prompts(packed: Sequence[tuple[Any, ...]]) -> list[Prompt]:
    """Return the prompts `pack_prompts` packed, without their labels."""
    return [
        Prompt(tuple(Message(*m) for m in messages), Sampling(*sampling), seed)
        for messages, sampling, seed in packed
    ]


def pack_deltas(batch: Sequence[Delta]) -> list[tuple[Any, ...]]:
    """Return each delta as a tuple of its fields, cut after its tokens where it can be."""
    packed: list[tuple[Any, ...]] = []
    for d in batch:
        stats = astuple(d.logprobs) if d.logprobs else None
        tail = (d.prompt_tokens, d.reasoning, stats, d.finish_reason, d.error)
        packed.append((d.chain, d.text, d.tokens, *(tail if tail != TAIL else ())))
    return packed


def unpack_deltas(packed: Sequence[tuple[Any, ...]]) -> list[Delta]:
    """Return the deltas `pack_deltas` packed."""
    batch: list[Delta] = []
    for chain, text, tokens, *tail in packed:
        prompt_tokens, reasoning, stats, finish_reason, error = tail or TAIL
        logprobs = LogprobStats(*stats) if stats else None
        given = (prompt_tokens, reasoning, logprobs, finish_reason, error)
        batch.append(Delta(chain, text, tokens, *given))
    return batch
