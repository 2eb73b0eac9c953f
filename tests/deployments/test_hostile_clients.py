"""What hostile and clumsy clients may not do to the front door, over real HTTP."""

import asyncio
import http.client
import logging
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from front import backend, front_door
from pydantic import ValidationError
from starlette.requests import Request

from votebox.deployments.openai_errors import ApiError
from votebox.deployments.solve_request import parse_request
from votebox.deployments.web import ClientGone, EventStream, read_body
from votebox.plugins import ProblemError


@pytest.fixture(scope="module")
def local():
    with front_door() as url:
        yield url


def ask(url, path, headers, method="GET"):
    """Send exactly these headers; return the status, the reply's headers and its body."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value.encode("latin-1"))
    connection.endheaders()
    reply = connection.getresponse()
    told = reply.status, dict(reply.getheaders()), reply.read()
    connection.close()
    return told


@pytest.mark.parametrize(
    "host", ["[", "[::1", "[::1]x", "evil@localhost", "127.0.0.1/evil", "localhost:x", "localhost."]
)
def test_a_host_that_no_browser_writes_is_refused_with_words(local, host):
    status, headers, body = ask(local, "/v1/solves", {"host": host})
    assert status == 403
    assert headers["x-request-id"]
    assert b"no_api_keys" in body


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:8000", "127.0.0.1:1", "[::1]", "[::1]:80"]
)
def test_this_machine_is_served_by_each_of_its_names(local, host):
    assert ask(local, "/v1/solves", {"host": host, "origin": f"http://{host}"})[0] == 200


@pytest.mark.parametrize("origin", ["http://[", "http://evil@localhost", "ftp://localhost", "null"])
def test_an_origin_that_is_not_this_page_is_refused_with_words(local, origin):
    status, _, body = ask(local, "/v1/solves", {"host": "localhost", "origin": origin})
    assert status == 403
    assert b"foreign_origin" in body


@pytest.mark.parametrize("path", ["/v1/solves/", "/page/app.js/", "/health/"])
def test_no_reply_sends_a_client_to_a_host_that_the_client_named(local, path):
    status, headers, _ = ask(local, path, {"host": "localhost:1"})
    assert status in (200, 404)
    assert "location" not in {name.lower() for name in headers}


def test_a_key_of_one_protocol_used_in_another_is_told_and_breaks_nothing(local):
    told = {"model": "votebox/vote"}
    headers = {"idempotency-key": "across"}
    message = {"role": "user", "content": "q"}
    chat = {**told, "messages": [message]}
    assert httpx.post(f"{local}/v1/chat/completions", json=chat, headers=headers).is_success
    reply = httpx.post(f"{local}/v1/responses", json={**told, "input": [message]}, headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "idempotency_key_reused")


async def test_a_reader_who_takes_nothing_gives_its_place_back():
    ended = []

    async def events():
        try:
            while True:
                yield "data: x\n\n"
        finally:
            ended.append("events")

    @contextmanager
    def held():
        yield
        ended.append("held")

    async def stuck(message):
        await asyncio.Event().wait()

    async def silent():
        await asyncio.Event().wait()

    stream = EventStream(events(), 15.0, held(), patience_s=0.05)
    async with asyncio.timeout(5):
        await stream({"type": "http"}, silent, stuck)
    assert ended == ["held"]  # its events never began

    sent = []

    async def once(message):
        sent.append(message)
        if len(sent) > 2:
            await asyncio.Event().wait()

    ended.clear()
    async with asyncio.timeout(5):
        await EventStream(events(), 15.0, held(), patience_s=0.05)({"type": "http"}, silent, once)
    assert ended == ["events", "held"]


async def test_a_body_that_trickles_is_not_waited_for():
    async def trickle():
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"{", "more_body": True}

    with pytest.raises(ApiError) as caught:
        await read_body(Request({"type": "http", "headers": []}, trickle), 1000, within_s=0.1)
    assert (caught.value.status, caught.value.code) == (408, "timeout")


async def test_a_client_that_leaves_within_its_body_is_gone_and_no_error_of_ours():
    async def leave():
        return {"type": "http.disconnect"}

    with pytest.raises(ClientGone):
        await read_body(Request({"type": "http", "headers": []}, leave), 1000)


MANY = [{"role": "user", "content": "a"}] * 20_000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"model": "votebox/vote", "messages": MANY}),
        ("/v1/chat/completions", {"model": "QwQ-32B", "messages": MANY}),
        ("/v1/responses", {"model": "votebox/vote", "input": MANY}),
        ("/v1/solves", {"messages": MANY}),
        ("/v1/solves", {"question": "q"} | dict.fromkeys(map(str, range(100_000)), 1)),
    ],
)
def test_a_request_of_very_many_parts_is_one_short_error(local, path, body):
    reply = httpx.post(local + path, json=body, timeout=60)
    assert reply.status_code == 400
    assert len(reply.json()["error"]["message"]) < 1000


@pytest.mark.parametrize(
    "given", [{"messages": [1] * 1000}, {"question": "q", "stop_strings": [1] * 1000}]
)
def test_of_many_wrong_items_only_the_first_costs_time(given):
    with pytest.raises(ProblemError) as caught:
        parse_request(given)
    cause = caught.value.__cause__
    assert isinstance(cause, ValidationError)
    assert cause.error_count() == 1


def test_a_conversation_kept_here_does_not_grow_without_end(local):
    asked = {"model": "votebox/vote", "input": MANY[:1999]}
    first = httpx.post(f"{local}/v1/responses", json=asked, timeout=60).json()["id"]
    asked = {"model": "votebox/vote", "input": "more", "previous_response_id": first}
    reply = httpx.post(f"{local}/v1/responses", json=asked, timeout=60)
    assert (reply.status_code, "2,001 messages" in reply.text) == (400, True)


class Leaking:
    """Fails with an exception whose text holds the request and forges a line of the log."""

    def __init__(self) -> None:
        self._whole = backend()

    async def info(self):
        return await self._whole.info()

    async def solve_events(self, request):
        said = f"cannot read {request}\nFORGED line"
        raise RuntimeError(said)
        yield

    complete = solve_events


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/solves", {"question": "a private question"}),
        (
            "/v1/chat/completions",
            {"model": "QwQ-32B", "messages": [{"role": "user", "content": "a private question"}]},
        ),
    ],
)
def test_what_fails_inside_puts_no_question_into_reply_or_log(path, body, caplog):
    with front_door(Leaking()) as url:
        reply = httpx.post(url + path, json=body)
    assert (reply.status_code, "RuntimeError" in reply.text) == (500, True)
    logged = "\n".join(map(logging.Formatter().format, caplog.records))
    assert "solve_events" in logged  # where it failed is told
    for text in (reply.text, logged):
        assert "private" not in text
        assert "FORGED" not in text
