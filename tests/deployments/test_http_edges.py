"""What clients, probes and proxies do at the edges of HTTP, over real HTTP."""

import asyncio
import gzip
import json
import re
import socket
import time

import httpx
import pytest
from front import backend, front_door
from starlette.requests import Request

from votebox.deployments.catalogue import Catalogue
from votebox.deployments.openai_models import ApiError
from votebox.deployments.web import read_body

ASK = {"question": "How many?", "chains": 4, "seed": 1}
CHAT = {"model": "votebox/vote", "messages": [{"role": "user", "content": "How many?"}], "seed": 1}


@pytest.fixture(scope="module")
def door():
    with front_door(backend(pause_s=0.002)) as url:
        yield url


def message(reply):
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error["message"]


@pytest.mark.parametrize("path", ["/health", "/ready", "/version", "/metrics", "/"])
def test_a_probe_may_ask_for_the_head_alone(door, path):
    head, whole = httpx.head(door + path), httpx.get(door + path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]


@pytest.mark.parametrize("path", ["/v1/models/", "/v1/solves/", "/health/", "/v1/recipes//"])
def test_a_slash_at_the_end_changes_nothing(door, path):
    with_slash, without = (httpx.get(door + p) for p in (path, path.rstrip("/")))
    assert with_slash.status_code == without.status_code == 200
    assert with_slash.json().get("object") == without.json().get("object")


def test_a_chat_may_be_posted_with_a_slash_at_the_end(door):
    reply = httpx.post(f"{door}/v1/chat/completions/", json=CHAT, timeout=60)
    assert (reply.status_code, reply.json()["object"]) == (200, "chat.completion")


@pytest.mark.parametrize(
    ("path", "fix"),
    [
        ("/chat/completions", "did you mean '/v1/chat/completions'"),
        ("/v1/v1/responses", "did you mean '/v1/responses'"),
        ("/v1/embeddings", "/openapi.json"),
    ],
)
def test_a_wrong_base_url_is_told_the_right_one(door, path, fix):
    reply = httpx.post(door + path, json=CHAT)
    assert reply.status_code == 404
    assert repr(path) in message(reply)
    assert fix in message(reply)


def test_a_wrong_method_is_told_which_there_are(door):
    reply = httpx.put(f"{door}/v1/models", json={})
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET")
    assert message(reply) == "'/v1/models' does not take PUT"


def test_a_compressed_body_is_refused_by_name(door):
    packed = gzip.compress(json.dumps(CHAT).encode())
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    reply = httpx.post(f"{door}/v1/chat/completions", content=packed, headers=headers)
    assert reply.status_code == 415
    assert "'gzip'" in message(reply)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (json.dumps(CHAT).encode(), "application/json; charset=utf-8"),
        (json.dumps(CHAT).encode(), "application/x-www-form-urlencoded"),
        (json.dumps(CHAT).encode("utf-16"), "application/json; charset=utf-16"),
        (b"\xef\xbb\xbf" + json.dumps(CHAT).encode(), "text/plain"),
    ],
)
def test_json_is_read_under_any_content_type(door, content, kind):
    url, headers = f"{door}/v1/chat/completions", {"content-type": kind}
    reply = httpx.post(url, content=content, headers=headers, timeout=60)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize("headers", [{"host": "[", "origin": "x"}, {"origin": "http://["}])
def test_names_that_make_no_sense_are_foreign(door, headers):
    assert httpx.get(f"{door}/v1/models", headers=headers).status_code == 403


def sent(url, *requests):
    """Send requests in one piece over one connection; return the statuses."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as wire:
        wire.sendall(b"".join(requests))
        got = b""
        while got.count(b"HTTP/1.1 ") < len(requests) and (piece := wire.recv(65536)):
            got += piece
    return re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", got)


def test_requests_that_do_not_wait_for_the_reply_before_are_answered_in_order(door):
    body = json.dumps(ASK).encode()
    solve = b"POST /v1/solves HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    nothing = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert sent(door, solve + body, nothing, solve + body) == [b"200", b"404", b"200"]


async def test_a_body_that_never_comes_whole_is_given_up():
    asked = iter([{"type": "http.request", "body": b"{", "more_body": True}])

    async def receive():
        return next(asked, None) or await asyncio.sleep(60)

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    with pytest.raises(ApiError, match="1 bytes had come") as caught:
        await read_body(request, 100, within_s=0.05)
    assert (caught.value.status, caught.value.code) == (408, "timeout")


def disconnects(url):
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return sum(float(x.split()[1]) for x in lines if x.startswith("votebox_disconnects_total "))


def test_a_client_that_leaves_in_its_body_or_its_stream_has_left():
    with front_door(backend(pause_s=5.0)) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as wire:
            head = b"POST /v1/solves HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{"
            wire.sendall(head)
            time.sleep(0.2)
        with httpx.stream("POST", f"{url}/v1/solves", json={**ASK, "stream": True}) as reply:
            next(reply.iter_lines())
        began = time.monotonic()
        while disconnects(url) < 2 and time.monotonic() - began < 20:
            time.sleep(0.05)
        text = httpx.get(f"{url}/metrics").text
    assert 'votebox_http_requests_total{route="/v1/solves",status="499"} 2.0' in text


async def test_unknown_names_do_not_ask_the_solvers_each_time():
    asked, now = [], [100.0]

    class Solvers:
        async def info(self):
            asked.append(now[0])
            return {"default": "vote", "recipes": {}, "models": ["QwQ-32B"]}

    catalogue = Catalogue(Solvers(), clock=lambda: now[0])
    for _ in range(10):
        with pytest.raises(ApiError, match="there is no model"):
            await catalogue.is_raw("nope")
        now[0] += 1.0
    assert asked == [100.0, 106.0]
