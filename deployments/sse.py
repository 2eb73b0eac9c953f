"""Write chat-completion requests and read their streamed chunks, as plain values.

The OpenAI protocol as its many servers speak it; knows nothing of connections.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from votebox.plugins import Delta, LogprobStats, Prompt, Sampling
from votebox.plugins.confidence import token_statistics

__all__ = [
    "Chunk",
    "Fault",
    "ProviderFault",
    "ReplyReader",
    "complaint",
    "fault",
    "payload",
    "too_long",
    "unsupported",
]

OPTIONAL: Final = (
    "min_p",
    "top_k",
    "repetition_penalty",
    "skip_special_tokens",
    "stream_options",
    "logprobs",
    "top_logprobs",
    "include_stop_str_in_output",
    "seed",
    "presence_penalty",
    "frequency_penalty",
)
"""Fields to leave out when a server refuses them by name."""

TOO_LONG: Final = (
    "maximum context length",
    "context_length_exceeded",
    "max_model_len",
    "exceeds the available context size",  # llama.cpp's server
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Hold what an error body says, and of which provider, "" where it does not tell."""

    message: str
    provider: str = ""


class ProviderFault(ValueError):
    """Report an error that came in a stream of events, in place of text."""

    def __init__(self, found: Fault) -> None:
        super().__init__(found)
        self.found = found

    def __str__(self) -> str:
        return self.found.message


@dataclass(frozen=True, slots=True)
class Chunk:
    """Hold what one streamed event says; `usage` is (prompt, completion) tokens."""

    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    usage: tuple[int, int] | None = None
    logprobs: LogprobStats | None = None
    provider: str = ""


class ReplyReader:
    """Turn the streamed events of one chain into deltas.

    Tokens are counted one per event until the server tells its usage at the end.
    """

    def __init__(self, chain: int) -> None:
        self._chain = chain
        self._tokens = 0
        self._finish_reason: str | None = None
        self.usage: tuple[int, int] | None = None
        self.provider = ""

    def read(self, data: str) -> Delta | None:
        """Return what one event adds, None when it adds no text.

        Raises:
            ProviderFault: it reports an error.
            ValueError: it is no event.
        """
        chunk = _read_chunk(data)
        self.provider = chunk.provider or self.provider
        self._finish_reason = chunk.finish_reason or self._finish_reason
        self.usage = chunk.usage or self.usage
        if not chunk.text and not chunk.reasoning:
            return None
        self._tokens += 1
        return Delta(
            self._chain,
            chunk.text,
            1,
            reasoning=chunk.reasoning,
            logprobs=chunk.logprobs,
            provider=self.provider,
        )

    def end(self) -> Delta:
        """Return the last delta, which makes the token count what the server says.

        Raises:
            ProviderFault: the reply ended in an error.
            ValueError: the stream ended before the reply did.
        """
        if self._finish_reason == "error":  # OpenRouter's, after text that is no whole reply
            raise ProviderFault(Fault("the reply ended in an error", self.provider))
        if self._finish_reason is None:
            raise ValueError("the stream broke off before the reply's end")
        prompt_tokens, completion_tokens = self.usage or (0, self._tokens)
        return Delta(
            self._chain,
            tokens=max(0, completion_tokens - self._tokens),
            prompt_tokens=prompt_tokens,
            finish_reason="length" if self._finish_reason == "length" else "stop",
            provider=self.provider,
        )


def payload(model: str, prompt: Prompt, without: Collection[str] = ()) -> dict[str, Any]:
    """Return the body of a streamed request for one chain.

    Sampling values that are neutral are not sent, nor the fields in `without`.
    """
    given = prompt.sampling or Sampling()
    neutral = Sampling()
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": m.role, "content": m.content} for m in prompt.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": given.temperature,
        "top_p": given.top_p,
    }
    if prompt.seed is not None:
        body["seed"] = prompt.seed
    for name in ("max_tokens", "min_p", "top_k", "repetition_penalty", "skip_special_tokens"):
        if getattr(given, name) != getattr(neutral, name):
            body[name] = getattr(given, name)
    for name in ("presence_penalty", "frequency_penalty"):
        if getattr(given, name):
            body[name] = getattr(given, name)
    if given.stop:
        body["stop"] = list(given.stop)
        body["include_stop_str_in_output"] = given.include_stop_str_in_output
    if prompt.messages and prompt.messages[-1].role == "assistant":
        # vLLM's and SGLang's words for a reply that goes on.
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    if given.logprobs or given.top_logprobs:
        body |= {"logprobs": True, "top_logprobs": given.top_logprobs}
    unset = ("include_stop_str_in_output", "top_logprobs")
    return {k: v for k, v in body.items() if k not in without and (k not in unset or v)}


def unsupported(message: str, body: Mapping[str, Any]) -> set[str]:
    """Return the optional fields of `body` that an error message names."""
    return {name for name in OPTIONAL if name in body and name in message}


def too_long(message: str) -> bool:
    """Return whether an error message says that prompt and reply exceed the context."""
    return any(sign in message for sign in TOO_LONG)


def _read_chunk(data: str) -> Chunk:
    """Return what one event says.

    Raises:
        ProviderFault: it reports an error.
        ValueError: it is not JSON, or not an event.
    """
    event = json.loads(data)
    if not isinstance(event, dict):
        raise ValueError(f"{data[:80]!r} is not an object")  # noqa: TRY004 - of JSON, not Python
    provider = _name(event.get("provider"))
    if event.get("error"):
        found = fault(data.encode())
        raise ProviderFault(replace(found, provider=found.provider or provider))
    choices = event.get("choices") or []
    usage = event.get("usage") or {}
    counted = (usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0)
    if not choices:
        return Chunk(usage=counted if usage else None, provider=provider)
    delta = choices[0].get("delta") or {}
    said = delta.get("content") or ""
    # vLLM and OpenRouter write `reasoning`, DeepSeek and older servers the longer name.
    thought = delta.get("reasoning") or delta.get("reasoning_content") or ""
    if not isinstance(said, str) or not isinstance(thought, str):
        raise ValueError(f"{data[:80]!r} holds no text")  # noqa: TRY004 - of JSON, not Python
    return Chunk(
        text=said,
        reasoning=thought,
        finish_reason=choices[0].get("finish_reason"),
        usage=counted if usage else None,
        logprobs=_logprobs(choices[0].get("logprobs")),
        provider=provider,
    )


def complaint(content: bytes) -> str:
    """Return the message in an error body, whatever its shape, in one line."""
    return fault(content).message


def fault(content: bytes) -> Fault:
    """Return what an error body says, whatever its shape.

    OpenRouter writes who failed and what that said into the error's `metadata`
    (https://openrouter.ai/docs/api-reference/errors).
    """
    text = content.decode(errors="replace")
    try:
        told: Any = json.loads(text)
    except (ValueError, RecursionError):
        told = text
    meta: Any = {}
    for key in ("error", "detail", "message"):
        if isinstance(told, dict) and key in told:
            told = told[key]
            if isinstance(told, dict):
                meta = told.get("metadata") or {}
                told = told.get("message", told)
            break
    meta = meta if isinstance(meta, dict) else {}
    more = f": {meta['raw']}" if meta.get("raw") else ""
    message = " ".join(f"{told}{more}".split())[:500]
    return Fault(message or "no reason given", _name(meta.get("provider_name")))


def _name(given: Any) -> str:
    """Return the name of a provider, in one line; "" for what is none."""
    return " ".join(given.split())[:200] if isinstance(given, str) else ""


def _logprobs(given: Any) -> LogprobStats | None:
    entries = (given or {}).get("content") or []
    return sum(map(_token, entries), LogprobStats()) if entries else None


def _token(entry: Mapping[str, Any]) -> LogprobStats:
    top = [float(other["logprob"]) for other in entry.get("top_logprobs") or ()]
    return token_statistics(float(entry["logprob"]), top)
