"""Serve /v1/solves and /v1/recipes, votebox's own API: every event, every solve."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from votebox.deployments.desk import Desk
from votebox.deployments.live_solve import LiveSolve
from votebox.deployments.openai_errors import ApiError
from votebox.deployments.openai_json import DONE, read_json, server_event
from votebox.deployments.routing import caller, checked, front_of, number, order_for, streamed
from votebox.deployments.web import json_reply, read_body, unless_gone

__all__ = ["router"]

router = APIRouter()

_MOST_LISTED: Final = 1000
_STATUSES: Final = ("queued", "running", "completed", "failed", "cancelled")
_NUMBER: Final = re.compile(r"[0-9]{1,12}")


@router.post("/v1/solves")
async def submit(request: Request) -> Response:
    """Solve: wait for the verdict, stream the events, or leave it in the background."""
    front = front_of(request)
    given = read_json(await read_body(request, front.args.max_body_bytes))
    stream, background = (_flag(given, name) for name in ("stream", "background"))
    if stream and background:
        message = "stream and background exclude each other; follow /v1/solves/ID/events"
        raise ApiError(400, message, param="background")
    if given.get("recipe") is None:
        given["recipe"] = await front.catalogue.default()
    solve = await checked(request, given)
    order = order_for(request, solve, solve["recipe"], background=background)
    live = front.desk.submit(order)
    headers = {"location": f"/v1/solves/{live.id}"}
    if background:
        return json_reply(live.shown(whole=True), 202, headers)
    if stream:
        return streamed(request, _events(front.desk, live, 0), front.desk.watching(live), headers)
    with front.desk.watching(live):
        return json_reply(await unless_gone(request, live.wait()), headers=headers)


@router.get("/v1/solves")
async def listed(request: Request) -> Response:
    """List solves, the newest first."""
    limit = number(request, "limit", 20, least=1, most=_MOST_LISTED)
    status, after = request.query_params.get("status"), request.query_params.get("after")
    if status is not None and status not in _STATUSES:
        message = f"status = {status[:80]!r} is none of {', '.join(_STATUSES)}"
        raise ApiError(400, message, param="status")
    desk, key = front_of(request).desk, caller(request).key
    found = []
    for live in desk.listed(key, None if after is None else desk.find(after, key)):
        if status in (None, live.status):
            found.append(live.shown())
            if len(found) > limit:
                break
    data = found[:limit]
    return json_reply({"object": "list", "data": data, "has_more": len(found) > limit})


@router.get("/v1/solves/{solve_id}")
async def one(request: Request, solve_id: str) -> Response:
    """Return a solve with its verdict, once there is one."""
    return json_reply(_found(request, solve_id).shown(whole=True))


@router.get("/v1/solves/{solve_id}/events")
async def events(request: Request, solve_id: str) -> Response:
    """Stream the events of a solve, those of the past first."""
    live = _found(request, solve_id)
    last = request.headers.get("last-event-id", "")
    default = int(last) if _NUMBER.fullmatch(last) else 0
    after = number(request, "after", default, least=0, most=10**12)
    desk = front_of(request).desk
    return streamed(request, _events(desk, live, after), desk.watching(live))


@router.delete("/v1/solves/{solve_id}")
async def remove(request: Request, solve_id: str) -> Response:
    """Cancel a solve that has not ended, or forget one that has."""
    live, desk = _found(request, solve_id), front_of(request).desk
    if not live.over:
        await desk.cancel(live)
        return json_reply(live.shown(whole=True))
    desk.forget(live)
    return json_reply({"id": live.id, "object": "solve", "deleted": True})


@router.get("/v1/recipes")
async def recipes(request: Request) -> Response:
    """List the recipes with their drawings."""
    info = await front_of(request).catalogue.info()
    names = ("description", "chains", "rounds", "hash", "svg")
    data = [
        {"name": name, "default": name == info["default"]} | {n: told[n] for n in names}
        for name, told in info["recipes"].items()
    ]
    return json_reply({"object": "list", "data": data})


async def _events(desk: Desk, live: LiveSolve, after: int) -> AsyncGenerator[str, None]:
    """Write a solve's events as server-sent events; their ids count from 1."""
    place = desk.place(live) if live.status == "queued" else 0
    yield server_event({"type": "solve_accepted", "id": live.id, "position": place})
    async with aclosing(live.follow(after)) as batches:
        async for batch in batches:
            yield "".join(server_event(event, number=number) for number, event in batch)
    yield DONE


def _found(request: Request, solve_id: str) -> LiveSolve:
    return front_of(request).desk.find(solve_id, caller(request).key)


def _flag(given: dict[str, Any], name: str) -> bool:
    value = given.pop(name, False)
    if not isinstance(value, bool):
        raise ApiError(400, f"{name} = {str(value)[:80]!r} is neither true nor false", param=name)
    return value
