"""Share what every route needs: the front, who asks, and orders made of requests."""

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request

from votebox.deployments.desk import Order
from votebox.deployments.failures import as_api_error
from votebox.deployments.openai_errors import ApiError, bad_field
from votebox.deployments.solve_request import parse_request
from votebox.deployments.web import EventStream
from votebox.plugins import ProblemError, RecipeError, check_problem

if TYPE_CHECKING:
    from votebox.deployments.front import Front
    from votebox.deployments.gate import Caller

__all__ = ["caller", "checked", "flag", "front_of", "number", "order_for", "streamed"]

_LONGEST_KEY: Final = 255
_NUMBER: Final = re.compile(r"[0-9]{1,12}")


def front_of(request: Request) -> "Front":
    """Return what the routes share."""
    front: Front = request.app.state.front
    return front


def caller(request: Request) -> "Caller":
    """Return who asks."""
    found: Caller = request.scope["state"]["caller"]
    return found


async def checked(request: Request, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check a request to solve as the solver will, before it is accepted; raise ApiError 400."""
    front = front_of(request)
    try:
        solve = parse_request(given)
        check_problem(solve.problem())
        solve.options()
        await front.catalogue.known_recipe(str(solve.recipe))
        fields = solve.model_dump(exclude_none=True)
        named = (solve.stop, solve.vote, solve.dispatch)
        if solve.files or any(name is not None for name in named):  # only a registry knows these
            await front.backend.check(fields)
    except (ProblemError, RecipeError) as e:
        raise as_api_error(e) from e
    return fields


def streamed(
    request: Request,
    events: AsyncGenerator[str, None],
    held: AbstractContextManager[Any],
    headers: Mapping[str, str] | None = None,
) -> EventStream:
    """Answer with server-sent events; `held` lasts as long as they do."""
    return EventStream(events, front_of(request).args.keep_alive_s, held, headers)


def order_for(
    request: Request,
    solve: Mapping[str, Any],
    recipe: str,
    *,
    model: str | None = None,
    background: bool = False,
    asked: object = None,
    stored: bool = True,
) -> Order:
    """Return the order of a checked request."""
    who = caller(request)
    problem = parse_request(solve).problem()
    return Order(
        {**solve, "recipe": recipe},
        problem.text,
        recipe,
        who.key,
        model,
        who.request_id,
        background,
        _idempotency_key(request),
        asked,
        request.headers.get("traceparent"),
        stored,
    )


def _idempotency_key(request: Request) -> str:
    """Return the caller's Idempotency-Key, "" for none; raise ApiError 400."""
    key = request.headers.get("idempotency-key", "")
    if len(key) > _LONGEST_KEY or not key.isascii() or not key.isprintable():
        message = f"Idempotency-Key is not printable ASCII of at most {_LONGEST_KEY} characters"
        raise ApiError(400, message, param="Idempotency-Key")
    return key


def number(request: Request, name: str, default: int, *, least: int, most: int) -> int:
    """Return a whole number of the query; raise ApiError 400."""
    told = request.query_params.get(name)
    if told is None:
        return default
    if not _NUMBER.fullmatch(told) or not least <= int(told) <= most:
        message = f"{name} = {told[:80]!r} is no number from {least} to {most}"
        raise bad_field(name, message)
    return int(told)


def flag(request: Request, name: str) -> bool:
    """Return a yes or no of the query, False without it; raise ApiError 400."""
    told = request.query_params.get(name, "false")
    if told not in ("true", "1", "false", "0"):
        raise bad_field(name, f"{name} = {told[:80]!r} is neither true nor false")
    return told in ("true", "1")
