"""Serve the OpenAI API: models and chat completions, of recipes and of raw models."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from votebox.deployments.backend import Backend
from votebox.deployments.desk import Claim
from votebox.deployments.failures import as_api_error
from votebox.deployments.live_solve import LiveSolve
from votebox.deployments.openai_chat import RawAsked, read_chat_request, read_raw_request
from votebox.deployments.openai_json import read_json
from votebox.deployments.openai_models import model_card, read_model
from votebox.deployments.openai_raw import RawReply
from votebox.deployments.openai_reply import Reply
from votebox.deployments.routing import caller, checked, front_of, order_for, streamed
from votebox.deployments.web import json_reply, read_body, unless_gone
from votebox.plugins import VoteboxError

__all__ = ["router"]

router = APIRouter()


@router.get("/v1/models")
async def models(request: Request) -> Response:
    """List each recipe, and each raw model, as a model."""
    catalogue = front_of(request).catalogue
    told = await catalogue.descriptions()
    data = [model_card(name, catalogue.created, text) for name, text in told.items()]
    return json_reply({"object": "list", "data": data})


@router.get("/v1/models/{model:path}")
async def one_model(request: Request, model: str) -> Response:
    """Return one model."""
    catalogue = front_of(request).catalogue
    await catalogue.is_raw(model)
    text = (await catalogue.descriptions())[model]
    return json_reply(model_card(model, catalogue.created, text))


@router.post("/v1/chat/completions")
async def chat(request: Request) -> Response:
    """Solve the last user message by the recipe that `model` names, or ask a raw model."""
    front = front_of(request)
    given = read_json(await read_body(request, front.args.max_body_bytes))
    if await front.catalogue.is_raw(read_model(given)):
        return await _raw(request, read_raw_request(given))
    asked = read_chat_request(given, request.headers)
    solve = await checked(request, asked.solve)
    fingerprint = await front.catalogue.fingerprint(solve["recipe"])
    # From here on nothing is awaited until the solve is watched: it would run for nobody.
    live = front.desk.submit(order_for(request, solve, solve["recipe"], model=asked.model))
    reply = Reply(
        asked.model,
        include_usage=asked.include_usage,
        include_reasoning=asked.include_reasoning,
        events=asked.events,
        candidates=asked.return_candidates,
        fingerprint=fingerprint,
        reply_id=f"chatcmpl-{live.id}",
        created=int(live.created),
    )
    if asked.stream:
        return streamed(request, _chunks(live, reply), front.desk.watching(live))
    with front.desk.watching(live):
        return json_reply(reply.whole(await unless_gone(request, _heard(live, reply))))


async def _heard(live: LiveSolve, reply: Reply) -> Any:
    async with aclosing(live.follow()) as batches:
        async for batch in batches:
            for _, event in batch:
                reply.hear(event)
    return await live.wait()


async def _chunks(live: LiveSolve, reply: Reply) -> AsyncGenerator[str, None]:
    yield reply.opening()
    async with aclosing(live.follow()) as batches:
        async for batch in batches:
            if told := "".join(reply.feed(event) for _, event in batch):
                yield told


async def _raw(request: Request, asked: RawAsked) -> Response:
    """Answer with what one model says, past every recipe."""
    front, key = front_of(request), caller(request).key
    reply = RawReply(
        asked.model,
        asked.sample["n"],
        include_usage=asked.include_usage,
        include_reasoning=asked.include_reasoning,
    )
    claim = front.desk.claim(key)
    if asked.stream:
        return streamed(request, _raw_chunks(front.backend, asked, reply, claim), claim)

    async def heard() -> None:
        await claim.turn()
        async with aclosing(front.backend.complete(asked.sample)) as batches:
            async for batch in batches:
                reply.hear(batch)

    with claim:
        try:
            await unless_gone(request, heard())
        except VoteboxError as e:
            raise as_api_error(e) from e
    return json_reply(reply.whole())


async def _raw_chunks(
    backend: Backend, asked: RawAsked, reply: RawReply, claim: Claim
) -> AsyncGenerator[str, None]:
    yield reply.opening()
    await claim.turn()
    async with aclosing(backend.complete(asked.sample)) as batches:
        try:
            async for batch in batches:
                if told := reply.feed(batch):
                    yield told
        except Exception as e:
            # The stream has begun: what failed becomes its last event.
            raise as_api_error(e) from e
    yield reply.end()
