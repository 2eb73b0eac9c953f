"""Measure how much of a prompt a model reads: a number at the head, and a long way to its end.

A server that cuts a prompt in silence loses its head (Ollama's default context was 2,048 tokens
for years, whatever the model takes), so a model that can repeat the number from a short prompt
and not from a long one reads less than it was sent. Where the server counts the prompt's
tokens, the count tells of a cut as well. Knows nothing of connections: `ask` asks.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from itertools import cycle, islice
from typing import Final, Literal

from votebox.plugins import Message, Prompt, PromptTooLong, Sampling

__all__ = ["ANSWER_TOKENS", "Asked", "Context", "measure_context", "probe_prompt"]

ANSWER_TOKENS: Final = 256
"""What a reply may take; a model that thinks names the number early."""

_SHORT: Final = 100
"""Words of the prompt that every model reads."""

_MARGIN: Final = 0.05
"""The share of the context left free: a word may take a little more than one token."""

_OVERHEAD: Final = 96
"""Tokens of the prompt beside the words that fill it, the chat template's among them."""

_CUT: Final = 0.75
"""A server that counts fewer tokens than this share of the words has cut the prompt."""

_HALVINGS: Final = 5

_FILLER: Final = (
    "the river runs past an old stone mill and over the long green hill where the wind and the "
    "rain have worn a road that leads down to the sea"
)
"""Words that the vocabularies of common models hold whole, with the blank before them."""

type Ask = Callable[[Prompt], Awaitable["Asked"]]


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold a reply, thinking and all; `prompt_tokens` is 0 where the server counts none."""

    text: str
    prompt_tokens: int = 0
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """Say how many tokens of a prompt were read.

    `state` is holds (at least `tokens` are read), cut (more are dropped in silence), refused
    (more are refused) or unknown: the model repeats nothing even from a short prompt.
    """

    state: Literal["holds", "cut", "refused", "unknown"]
    tokens: int
    provider: str = ""


@dataclass(frozen=True, slots=True)
class _Trial:
    state: Literal["read", "cut", "refused"]
    tokens: int
    provider: str = ""
    counted: bool = False


async def measure_context(ask: Ask, least: int) -> Context:
    """Return whether prompt and answer of `least` tokens together are read, else what is.

    Takes one prompt where they are, and at most seven; raises what `ask` raises but for
    PromptTooLong.
    """
    words = max(_SHORT, int((least - ANSWER_TOKENS) * (1 - _MARGIN)) - _OVERHEAD)
    trial = await _try(ask, words)
    if trial.state == "read":
        return Context("holds", trial.tokens, trial.provider)
    if trial.counted:
        return Context("cut", trial.tokens, trial.provider)
    if words > _SHORT:
        short = await _try(ask, _SHORT)
        if short.state == "read":
            reads = await _halved(ask, short, words)
            return Context(trial.state, reads.tokens, reads.provider)
    state: Literal["refused", "unknown"] = "refused" if trial.state == "refused" else "unknown"
    return Context(state, 0, trial.provider)


async def _halved(ask: Ask, short: _Trial, words: int) -> _Trial:
    """Return the longest prompt found that is read, between a short one and too many words."""
    best, low, high = short, _SHORT, words
    for _ in range(_HALVINGS):
        middle = (low + high) // 2
        if middle <= low:
            break
        trial = await _try(ask, middle)
        if trial.counted:
            return trial
        if trial.state == "read":
            best, low = trial, middle
        else:
            high = middle
    return best


async def _try(ask: Ask, words: int) -> _Trial:
    number = _number(words)
    try:
        asked = await ask(probe_prompt(words))
    except PromptTooLong:
        return _Trial("refused", words)
    if 0 < asked.prompt_tokens < _CUT * words:
        return _Trial("cut", asked.prompt_tokens, asked.provider, counted=True)
    tokens = asked.prompt_tokens or words
    return _Trial("read" if number in asked.text else "cut", tokens, asked.provider)


def probe_prompt(words: int) -> Prompt:
    """Return a prompt of about so many tokens that asks for the number at its head."""
    filler = " ".join(islice(cycle(_FILLER.split()), words))
    text = (
        f"Please keep this number in mind while you read on: {_number(words)}.\n\n{filler}\n\n"
        "Which number stands at the very beginning of this message? Reply with the number alone."
    )
    sampling = Sampling(temperature=0.0, max_tokens=ANSWER_TOKENS)
    return Prompt((Message("user", text),), sampling, seed=0)


def _number(words: int) -> str:
    """Return five digits that nobody guesses, others for each length."""
    return str(10_000 + int.from_bytes(sha256(str(words).encode()).digest()[:4]) % 90_000)
