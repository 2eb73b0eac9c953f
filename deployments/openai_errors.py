"""Say what went wrong as OpenAI's API does: a status, an error object, when to ask again.

The statuses and names are those openai-python maps to its exceptions. It retries 408, 409,
429 and every 5xx by itself unless `x-should-retry: false` says otherwise, and obeys
`Retry-After` up to 120 seconds; above that it does not retry at all.
"""

import math
from typing import Any, Final

__all__ = [
    "ApiError",
    "bad_field",
    "bad_key",
    "key_reused",
    "model_not_found",
    "overloaded",
    "rate_limited",
    "server_error",
    "timed_out",
    "too_large",
]

MAX_RETRY_S: Final = 120
"""The longest Retry-After that clients obey, in seconds."""

WAIT_S: Final = {429: 5.0, 503: 30.0}
"""When to ask again where the raiser does not know, in seconds by status."""


class ApiError(Exception):
    """Report a failed request: HTTP status, and the fields of OpenAI's error object.

    `retry_after_s` tells when to ask again (rounded up to whole seconds, at most 120);
    `spent` True that tokens were paid for, so that clients do not ask again by themselves.
    """

    def __init__(  # noqa: PLR0917 - exceptions travel by position (pickle)
        self,
        status: int,
        message: str,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        spent: bool = False,  # noqa: FBT001, FBT002 - as above
    ) -> None:
        super().__init__(status, message, kind, param, code, retry_after_s, spent)
        self.status, self.message, self.kind = status, message, kind
        self.param, self.code = param, code
        self.retry_after_s, self.spent = retry_after_s, spent

    def after_spending(self) -> "ApiError":
        """Return the same error where tokens were paid for before it."""
        told = (self.status, self.message, self.kind, self.param, self.code, self.retry_after_s)
        return ApiError(*told, spent=True)

    @property
    def body(self) -> dict[str, Any]:
        """Return the error object."""
        told = {"message": self.message, "type": self.kind}
        return {"error": told | {"param": self.param, "code": self.code}}

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that tell clients when to retry or not to, or how to come in."""
        if self.spent or self.status == 500:  # what failed inside has mostly been paid for
            return {"x-should-retry": "false"}
        wait = WAIT_S.get(self.status) if self.retry_after_s is None else self.retry_after_s
        if wait is None:
            return {"www-authenticate": "Bearer"} if self.status == 401 else {}
        return {"retry-after": str(max(1, math.ceil(min(wait, MAX_RETRY_S))))}


def bad_field(param: str, message: str) -> ApiError:
    """Return the error about one field of a request, named by its dotted path."""
    return ApiError(400, message, param=param)


def bad_key(message: str = "give a key: Authorization: Bearer KEY") -> ApiError:
    """Return the error about a key that is missing or unknown."""
    return ApiError(401, message, "authentication_error", code="invalid_api_key")


def model_not_found(model: str, known: str) -> ApiError:
    """Return the error about an unknown model; `known` lists those there are."""
    message = f"there is no model {model[:200]!r}; known: {known}"
    return ApiError(404, message, param="model", code="model_not_found")


def timed_out(message: str) -> ApiError:
    """Return the error about a request that did not come whole in time; nothing was spent.

    A solve that runs out of time is no error: its reply says so, see openai_verdict.py.
    """
    return ApiError(408, message, "timeout", code="timeout")


def key_reused(key: str) -> ApiError:
    """Return the error about an idempotency key that came with another body before.

    It is a 400, because clients retry a 409 by themselves.
    """
    message = f"the idempotency key {key[:80]!r} came with another request: use a new one"
    return ApiError(400, message, param="Idempotency-Key", code="idempotency_key_reused")


def too_large(limit: int) -> ApiError:
    """Return the error about a body of more than `limit` bytes."""
    return ApiError(413, f"the body is larger than {limit:,} bytes")


def rate_limited(message: str, retry_after_s: float) -> ApiError:
    """Return the error about a full queue or a key at its limit."""
    code = "rate_limit_exceeded"
    return ApiError(429, message, "rate_limit_error", code=code, retry_after_s=retry_after_s)


def overloaded(message: str, retry_after_s: float | None = None) -> ApiError:
    """Return the error about capacity that is not there yet, or not any more."""
    kind, code = "server_error", "overloaded"
    return ApiError(503, message, kind, code=code, retry_after_s=retry_after_s)


def server_error(message: str) -> ApiError:
    """Return the error about our own fault; tokens were spent."""
    return ApiError(500, message, "server_error", spent=True)
