"""Ask one model for replies, past every recipe: the Engine port as it is.

What a raw model's own endpoint does, over any engine. Knows nothing of votes, HTTP or Ray.
"""

import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from votebox.deployments.messages import read_messages
from votebox.deployments.solve_request import say
from votebox.plugins import (
    Delta,
    Engine,
    ProblemError,
    Prompt,
    check_texts,
    read_sampling,
)
from votebox.plugins.seeds import derive_seed

__all__ = ["MAX_CHOICES", "CompletionRequest", "complete"]

MAX_CHOICES: Final = 128
"""The most replies one request may ask for."""


class CompletionRequest(BaseModel):
    """Ask the model `model` for `n` replies to the same messages.

    `messages` are OpenAI chat messages; a last one of role assistant is the beginning of the
    reply. `sampling` holds fields of Sampling. The first choice is sampled with `seed` itself,
    each further one with a seed of its own derived from it; None draws one.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str
    messages: Annotated[Sequence[Mapping[str, Any]], Field(min_length=1)]
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES)] = 1
    sampling: Mapping[str, Any] = {}
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None

    def prompts(self) -> list[Prompt]:
        """Return what the engine is asked, choice by choice; raise ProblemError."""
        messages = read_messages(self.messages)
        check_texts([message.content for message in messages])
        sampling = read_sampling(self.sampling)
        seed = secrets.randbits(31) if self.seed is None else self.seed
        seeds = (derive_seed(seed, number) if number else seed for number in range(self.n))
        return [Prompt(messages, sampling, each) for each in seeds]


async def complete(
    engines: Mapping[str, Engine], request: Mapping[str, Any]
) -> AsyncGenerator[list[dict[str, Any]], None]:
    """Yield batches of what the replies to `request` gain, until each has ended.

    An item has `choice` (from 0), `text`, `reasoning`, `tokens` and `prompt_tokens` (both are
    to be added up) and `finish_reason`, which is stop or length in a choice's last item and
    None before. `engines` holds models by name. Closing it aborts what still runs.

    Raises:
        ProblemError: the request is wrong, or names no model there is.
        EngineError: the model failed.
    """
    try:
        asked = CompletionRequest.model_validate(request)
    except ValidationError as e:
        raise ProblemError(*say(e, CompletionRequest)) from e
    engine = engines.get(asked.model)
    if engine is None:
        known = ", ".join(sorted(engines)) or "none"
        raise ProblemError(f"there is no model {asked.model!r:.80}", f"known: {known}")
    stream = engine.sample(asked.prompts())
    try:
        async for batch in stream:
            yield [_item(delta) for delta in batch]
    finally:
        await stream.aclose()


def _item(delta: Delta) -> dict[str, Any]:
    if delta.error is not None:
        raise delta.error
    return {
        "choice": delta.chain,
        "text": delta.text,
        "reasoning": delta.reasoning,
        "tokens": delta.tokens,
        "prompt_tokens": delta.prompt_tokens,
        "finish_reason": delta.finish_reason,
    }
