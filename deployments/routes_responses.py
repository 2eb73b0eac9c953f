"""Serve `/v1/responses`: a solve that is waited for, streamed, or left in the background."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from votebox.deployments.desk import CANCELLED
from votebox.deployments.live_solve import LiveSolve
from votebox.deployments.openai_errors import ApiError, bad_field
from votebox.deployments.openai_json import read_json
from votebox.deployments.openai_models import read_model
from votebox.deployments.openai_response import ResponseReply
from votebox.deployments.openai_responses import ResponsesAsked, Turn, read_responses_request
from votebox.deployments.routing import caller, checked, flag, front_of, number, order_for, streamed
from votebox.deployments.web import json_reply, read_body, unless_gone

__all__ = ["router"]

router = APIRouter()

_PREFIX: Final = "resp_"


@router.post("/v1/responses")
async def create(request: Request) -> Response:
    """Solve the input; `model` names the recipe."""
    front = front_of(request)
    given = read_json(await read_body(request, front.args.max_body_bytes))
    if await front.catalogue.is_raw(read_model(given)):
        message = f"model: {given['model']!r} is a raw model: ask /v1/chat/completions"
        raise bad_field("model", message)
    asked = read_responses_request(given, request.headers)
    asked = asked.after(_earlier(request, asked.previous_response_id))
    solve = await checked(request, asked.solve)
    order = order_for(
        request,
        solve,
        solve["recipe"],
        model=asked.model,
        background=asked.background,
        asked=asked,
        stored=asked.store,
    )
    live, desk = front.desk.submit(order), front.desk
    if asked.stream:
        return streamed(request, _events(live, -1), desk.watching(live))
    if asked.background:
        return json_reply(_now(live))
    with desk.watching(live):
        await unless_gone(request, live.wait())
        return json_reply(_now(live))


@router.get("/v1/responses/{response_id}")
async def one(request: Request, response_id: str) -> Response:
    """Return a response as it is, or its stream from behind event `starting_after`."""
    live, _ = _found(request, response_id)
    after = number(request, "starting_after", -1, least=0, most=10**9)
    if flag(request, "stream"):
        return streamed(request, _events(live, after), front_of(request).desk.watching(live))
    return json_reply(_now(live))


@router.get("/v1/responses/{response_id}/input_items")
async def input_items(request: Request, response_id: str) -> Response:
    """Return what was asked, as items."""
    live, asked = _found(request, response_id)
    data = [_input_item(live.id, place, turn) for place, turn in enumerate(asked.turns)]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]}
    return json_reply({"object": "list", "data": data, **ends, "has_more": False})


@router.post("/v1/responses/{response_id}/cancel")
async def cancel(request: Request, response_id: str) -> Response:
    """End a response that has not ended; return it."""
    live, _ = _found(request, response_id)
    await front_of(request).desk.cancel(live)
    return json_reply(_now(live))


@router.delete("/v1/responses/{response_id}")
async def remove(request: Request, response_id: str) -> Response:
    """Forget a response; one that has not ended is ended first."""
    live, _ = _found(request, response_id)
    desk = front_of(request).desk
    await desk.cancel(live)
    desk.forget(live)
    return json_reply({"id": _PREFIX + live.id, "object": "response", "deleted": True})


def _found(request: Request, response_id: str) -> tuple[LiveSolve, ResponsesAsked]:
    """Return a response of this caller; raise ApiError 404."""
    missing = ApiError(
        404,
        f"there is no response {response_id[:64]!r}, or it is forgotten",
        param="response_id",
        code="response_not_found",
    )
    try:
        live = front_of(request).desk.find(response_id.removeprefix(_PREFIX), caller(request).key)
    except ApiError as e:
        raise missing from e
    if not isinstance(live.asked, ResponsesAsked) or not response_id.startswith(_PREFIX):
        raise missing
    return live, live.asked


def _earlier(request: Request, response_id: str | None) -> list[Turn]:
    """Return the turns before a new response: those of the one it follows, and its answer."""
    if response_id is None:
        return []
    try:
        live, asked = _found(request, response_id)
    except ApiError as e:
        raise bad_field("previous_response_id", e.message) from e
    if live.verdict is None:
        message = f"response {response_id!r} has no answer: it is {live.status}"
        raise bad_field("previous_response_id", message)
    answer = live.verdict["answer"] or "I have no answer."
    return [*asked.turns, {"role": "assistant", "content": answer}]


def _begun(live: LiveSolve, after: int = -1) -> tuple[ResponseReply, str]:
    """Return a response before its first event, and how its stream begins."""
    asked = live.asked
    assert isinstance(asked, ResponsesAsked)  # noqa: S101 - see _found
    reply = ResponseReply(
        live.model or "",
        _PREFIX + live.id,
        asked.echo,
        include_reasoning=asked.include_reasoning,
        events=asked.events,
        candidates=asked.return_candidates,
        created=int(live.created),
        starting_after=after,
    )
    accepted = {"type": "solve_accepted", "position": 1}  # told as queued, however short it was
    return reply, reply.feed(accepted) if asked.background else reply.opening()


def _now(live: LiveSolve) -> dict[str, Any]:
    """Return a response as it is."""
    reply, _ = _begun(live)
    for event in live.so_far:
        reply.feed(event)
    if live.error is not None:
        _end(reply, live.error)
    return reply.whole()


async def _events(live: LiveSolve, after: int) -> AsyncGenerator[str, None]:
    """Write the stream of a response from behind its event number `after`."""
    reply, opening = _begun(live, after)
    if opening:
        yield opening
    try:
        async with aclosing(live.follow()) as batches:
            async for batch in batches:
                if told := "".join(reply.feed(event) for _, event in batch):
                    yield told
    except ApiError as e:
        yield _end(reply, e)


def _end(reply: ResponseReply, error: ApiError) -> str:
    return reply.cancel() if error.status == CANCELLED else reply.fail(error)


def _input_item(solve_id: str, place: int, turn: Turn) -> dict[str, Any]:
    kind = "output_text" if turn["role"] == "assistant" else "input_text"
    more: dict[str, Any] = {"annotations": []} if kind == "output_text" else {}
    return {
        "id": f"msg_{place}_{solve_id}",
        "type": "message",
        "role": turn["role"],
        "status": "completed",
        "content": [{"type": kind, "text": turn["content"], **more}],
    }
