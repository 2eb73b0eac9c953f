"""Turn any failure of a solve into the error object a client gets.

Ray's own kinds are turned into ours where handles are called (backend.py); nothing here
knows Ray.
"""

import logging
import traceback
from typing import Final

from votebox.deployments.openai_errors import ApiError, overloaded, server_error
from votebox.plugins import (
    EngineUnavailable,
    ProblemError,
    PromptTooLong,
    RecipeError,
    VoteboxError,
)

__all__ = ["as_api_error"]

_MOST_CAUSES: Final = 8

_log = logging.getLogger(__name__)


def as_api_error(error: BaseException) -> ApiError:
    """Return a failure as an ApiError.

    What is the caller's fault is told in full; what is ours by its kind, because the
    text of an unknown exception may hold anything, a question or a key. The log says where
    it came from; its text only at level DEBUG.
    """
    if isinstance(error, ApiError):
        return error
    if isinstance(error, ProblemError | RecipeError | PromptTooLong):
        param = "recipe" if isinstance(error, RecipeError) else None
        return ApiError(400, str(error), param=param)
    if isinstance(error, EngineUnavailable):
        return overloaded(str(error))
    message = str(error) if isinstance(error, VoteboxError) else type(error).__name__
    _log.error("a solve failed: %a\n%s", message, _where(error))
    _log.debug("in full:", exc_info=error)
    return server_error(f"the solve failed: {message}")


def _where(error: BaseException) -> str:
    """Return the stack of an exception and of its causes, without their texts."""
    told: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(told) < _MOST_CAUSES:
        told.append(
            f"{type(seen).__name__}, raised in\n{''.join(traceback.format_tb(seen.__traceback__))}"
        )
        seen = seen.__cause__
    return "caused by ".join(told)
