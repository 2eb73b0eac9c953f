"""Streams over real HTTP when little is said: comments keep them open."""

import asyncio
import time

import httpx
import pytest
from front import backend, front_door

from votebox.deployments.openai_models import ApiError
from votebox.deployments.web import EventStream

CHAT = {
    "model": "votebox/vote",
    "messages": [{"role": "user", "content": "How many?"}],
    "stream": True,
    "seed": 1,
    "votebox": {"chains": 8},
}
RAW = {**CHAT, "model": "QwQ-32B"}
del RAW["votebox"]


def first_comment(url, body):
    """Return how many data events a stream has sent before its first keep-alive."""
    data, began = 0, time.monotonic()
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=30) as reply:
        assert reply.status_code == 200
        for line in reply.iter_lines():
            if line == ": keep-alive":
                return data
            data += line.startswith("data: ")
            if time.monotonic() - began > 20:
                break
    raise AssertionError(f"{data} events and no keep-alive")


def test_a_stream_without_narration_is_kept_open_while_the_chains_write():
    # The chains write every 20 ms: the solve is never silent, only its stream is.
    with front_door(backend(pause_s=0.02), keep_alive_s=0.3) as url:
        assert first_comment(url, {**CHAT, "include_reasoning": False}) == 1


def test_a_raw_stream_is_kept_open_while_it_waits_for_its_turn():
    with front_door(backend(pause_s=5.0), keep_alive_s=0.1, max_running=1) as url:
        httpx.post(f"{url}/v1/solves", json={"question": "How many?", "background": True})
        assert first_comment(url, RAW) == 1


async def sent_by(events, *, leave_after):
    """Send a stream to a reader who goes away after so many pieces; return what was sent."""
    sent, gone = [], asyncio.Event()

    async def send(message):
        sent.append(message.get("body"))
        if len(sent) > leave_after:
            gone.set()
            await asyncio.sleep(60)  # the reader's window is full

    async def receive():
        await gone.wait()
        return {"type": "http.disconnect"}

    async with asyncio.timeout(10):
        await EventStream(events, 0.01)({"type": "http"}, receive, send)
    return sent


@pytest.mark.parametrize("leave_after", [1, 2])
async def test_a_reader_who_leaves_while_something_is_sent_ends_what_was_on_its_way(leave_after):
    closed = []

    async def events():
        try:
            yield "data: 1\n\n"
            await asyncio.sleep(60)
        finally:
            closed.append(True)

    await sent_by(events(), leave_after=leave_after)
    assert closed == [True]


async def test_an_error_is_the_last_event():
    async def events():
        yield "data: 1\n\n"
        raise ApiError(500, "it broke", "server_error")

    sent = await sent_by(events(), leave_after=100)
    assert b"it broke" in sent[-2]
    assert sent[-1] == b""
