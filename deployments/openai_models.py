"""Read chat-completion requests and say what is wrong with them as OpenAI's API does.

Unknown fields are ignored, as clients expect; fields we know and cannot honour are an
error that names them; inside our own `votebox` object every unknown key is an error.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from votebox.deployments.solve_request import SolveRequest, parse_request, say

__all__ = ["PREFIX", "ApiError", "ChatRequest", "read_chat_request", "read_json"]

PREFIX: Final = "votebox/"
"""What precedes the name of a recipe in the id of its model."""

NEUTRAL: Final[Mapping[str, tuple[Any, ...]]] = {
    "frequency_penalty": (None, 0),
    "logprobs": (None, False),
    "presence_penalty": (None, 0),
    "response_format": (None, {"type": "text"}),
    "stop": (None, [], ""),
    "tools": (None, []),
    "top_logprobs": (None, 0),
    "top_p": (None, 1),
}
"""Fields a recipe decides, with the values that ask for nothing."""

RETRY: Final[Mapping[int, Mapping[str, str]]] = {
    429: {"retry-after": "5"},
    500: {"x-should-retry": "false"},  # tokens were paid for; clients retry by themselves
    503: {"retry-after": "30"},
}
"""What a status says about asking again, as headers."""


class ApiError(Exception):
    """Report a failed request: HTTP status, and the fields of OpenAI's error object."""

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(status, message, kind, param, code)
        self.status, self.message, self.kind = status, message, kind
        self.param, self.code = param, code

    @property
    def body(self) -> dict[str, Any]:
        """Return the error object."""
        told = {"message": self.message, "type": self.kind}
        return {"error": told | {"param": self.param, "code": self.code}}

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that tell clients when to retry, or not to."""
        return dict(RETRY.get(self.status, {}))


class StreamOptions(BaseModel):
    """Say what a stream carries besides deltas."""

    include_usage: bool = False


class VoteboxOptions(BaseModel):
    """Hold what is ours in a request; the fields override the recipe."""

    model_config = ConfigDict(extra="forbid", strict=True)

    recipe: str | None = None
    chains: int | None = None
    rounds: int | None = None
    deadline_s: float | None = None
    max_total_tokens: int | None = None
    max_sandbox_s: float | None = None
    trace: bool | None = None


class ChatRequest(BaseModel):
    """Hold the fields of a chat completion that a solve heeds; others are ignored."""

    model_config = ConfigDict(extra="ignore")

    model: str
    messages: Sequence[Mapping[str, Any]]
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: int | None = None
    seed: int | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    votebox: VoteboxOptions = VoteboxOptions()

    @property
    def include_usage(self) -> bool:
        """Return whether a stream ends with a usage chunk."""
        return self.stream_options is not None and self.stream_options.include_usage

    def solve_request(self) -> SolveRequest:
        """Return the same as a request to solve; raise ProblemError."""
        options = self.votebox.model_dump(exclude_none=True)
        limit = self.max_completion_tokens
        limit = self.max_tokens if limit is None else limit
        return parse_request(
            {
                "messages": [dict(message) for message in self.messages],
                "recipe": self.model.removeprefix(PREFIX),
                "seed": self.seed,
                "temperature": self.temperature,
                "max_tokens": limit,
                **options,
            }
        )


def read_json(content: bytes) -> dict[str, Any]:
    """Return the JSON object in a body; raise ApiError 400."""
    try:
        given = json.loads(content)
    except (ValueError, RecursionError) as e:
        raise ApiError(400, f"the body is not JSON: {e}") from e
    if not isinstance(given, dict):
        raise ApiError(400, f"the body is a JSON {type(given).__name__}, not an object")
    return given


def read_chat_request(given: Mapping[str, Any]) -> ChatRequest:
    """Check a chat-completion request.

    Raises:
        ApiError: 400, naming the field.
    """
    kept = {name: value for name, value in given.items() if value is not None}
    try:
        asked = ChatRequest.model_validate(kept)
    except ValidationError as e:
        where = str(e.errors()[0]["loc"][0])
        in_ours = where == "votebox"
        problem, fix = say(e, VoteboxOptions if in_ours else ChatRequest)
        raise ApiError(400, "; ".join(filter(None, (problem, fix))), param=where) from e
    if asked.n not in (None, 1):
        fix = "a solve gives one choice: ask for votebox.chains instead"
        raise ApiError(400, f"n = {asked.n}; {fix}", param="n")
    for name, neutral in NEUTRAL.items():
        if kept.get(name) not in neutral:
            raise ApiError(400, f"{name} cannot be set: the recipe decides it", param=name)
    return asked
