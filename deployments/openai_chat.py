"""Read chat-completion requests, to recipes and to raw models.

Unknown fields are ignored, as clients expect; fields we know and cannot honour are an
error that names them; inside our own `votebox` object every unknown key is an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from votebox.deployments.openai_asked import (
    REFUSALS,
    sampling_of,
    seed_of,
    solve_options,
    stops_of,
    with_headers,
)
from votebox.deployments.openai_checking import checked
from votebox.deployments.openai_errors import bad_field
from votebox.deployments.openai_schema import (
    AssistantMessage,
    ChatRequest,
    Message,
    RefusalPart,
    Shared,
    TextPart,
)

__all__ = ["ChatAsked", "RawAsked", "read_chat_request", "read_raw_request"]


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold what a request says about its reply, and what to keep beside it."""

    model: str
    stream: bool = False
    include_usage: bool = False
    include_reasoning: bool = True
    user: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class ChatAsked(Asked):
    """Hold a request to a recipe; `solve` has the fields of SolveRequest."""

    events: bool = False
    return_candidates: bool = False
    solve: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RawAsked(Asked):
    """Hold a request to a raw model; `sample` says what to sample."""

    sample: Mapping[str, Any] = field(default_factory=dict)


def read_chat_request(
    given: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> ChatAsked:
    """Check a chat completion of a recipe; `headers` may hold `x-votebox-*`.

    Raises:
        ApiError: 400, naming the field or header.
    """
    asked = checked(ChatRequest, with_headers(given, headers or {}), REFUSALS)
    if asked.n not in (None, 1):
        fix = "a solve gives one choice: ask for votebox.chains instead"
        raise bad_field("n", f"n = {asked.n}; {fix}")
    if all(message.role != "user" for message in asked.messages):
        raise bad_field("messages", "messages: none is from the user; end with one, role 'user'")
    ours = asked.votebox
    limit = {"max_tokens": _limit(asked)} if _limit(asked) else {}
    effort = {"reasoning_effort": asked.reasoning_effort} if asked.reasoning_effort else {}
    return ChatAsked(
        **_common(asked),
        events=bool(ours and ours.events),
        return_candidates=bool(ours and ours.return_candidates),
        solve={
            "messages": [_plain(message) for message in asked.messages],
            **solve_options(asked),
            **limit,
            **effort,
        },
    )


def read_raw_request(given: Mapping[str, Any]) -> RawAsked:
    """Check a chat completion of a raw model.

    `sample` gets the keys model, messages, n, sampling (by the names of Sampling) and seed.

    Raises:
        ApiError: 400, naming the field.
    """
    asked = checked(ChatRequest, given, REFUSALS)
    if asked.votebox is not None and asked.votebox.model_dump(exclude_none=True):
        message = f"votebox: {asked.model!r} is a raw model; ask a model named votebox/RECIPE"
        raise bad_field("votebox", message)
    if asked.reasoning_effort is not None:
        message = "reasoning_effort: a raw model has none to set; ask a model named votebox/RECIPE"
        raise bad_field("reasoning_effort", message)
    told = {"max_tokens": _limit(asked), "stop": stops_of(asked) or None}
    sampling = {name: value for name, value in told.items() if value is not None}
    sample = {
        "model": asked.model,
        "messages": [_raw(message) for message in asked.messages],
        "n": asked.n or 1,
        "sampling": {**sampling_of(asked), **sampling},
        "seed": seed_of(asked),
    }
    return RawAsked(**_common(asked), sample=sample)


def _common(asked: ChatRequest) -> dict[str, Any]:
    options = asked.stream_options
    return {**kept(asked), "include_usage": bool(options and options.include_usage)}


def kept(asked: Shared) -> dict[str, Any]:
    """Return the fields of Asked that every kind of request has."""
    return {
        "model": asked.model,
        "stream": bool(asked.stream),
        "include_reasoning": asked.include_reasoning is not False,
        "user": asked.user,
        "metadata": asked.metadata or {},
        "request_id": asked.request_id,
    }


def _limit(asked: ChatRequest) -> int | None:
    """Return the most tokens of one reply of a chain; the newer name wins."""
    both = (asked.max_completion_tokens, asked.max_tokens)
    return next((limit for limit in both if limit is not None), None)


def _raw(message: Message) -> dict[str, str]:
    """Return a message for a chat template, which knows `system` but not `developer`."""
    plain = _plain(message)
    return plain | ({"role": "system"} if plain["role"] == "developer" else {})


def _plain(message: Message) -> dict[str, str]:
    """Return a message with its content as one text."""
    text = text_of(message.content)
    if isinstance(message, AssistantMessage):
        text = text or message.refusal or ""
    return {"role": message.role, "content": text}


def text_of(content: str | Sequence[TextPart | RefusalPart] | None) -> str:
    """Return the content of a message as one text."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(p.refusal if isinstance(p, RefusalPart) else p.text for p in content)
