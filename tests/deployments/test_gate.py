"""Who comes in, over real HTTP: keys, addresses, sizes, ids."""

import asyncio
import http.client
import json
import socket
from urllib.parse import urlsplit

import httpx
import pytest
from front import front_door

from votebox.deployments.gate import Gate
from votebox.deployments.keys import KeyRing, digest

ASK = {"model": "votebox/vote", "messages": [{"role": "user", "content": "How many?"}]}
ERROR = {"message", "type", "param", "code"}


@pytest.fixture(scope="module")
def local():
    with front_door() as url:
        yield url


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "keys.toml"
    keys = {"alice": "", "bob": "", "root": "admin = true", "slow": "requests_per_minute = 1"}
    tables = [f'[keys.{n}]\nsha256 = "{digest(f"vb-{n}")}"\n{more}\n' for n, more in keys.items()]
    path.write_text("\n".join(tables))
    with front_door(keys=str(path)) as url:
        yield url


def bearer(name):
    return {"authorization": f"Bearer vb-{name}"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "vb-alice"},
        {"authorization": "Basic vb-alice"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer vb-alicE"},
        {"x-api-key": "vb-alice"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models"),
        ("POST", "/v1/chat/completions"),
        ("GET", "/v1/solves"),
        ("GET", "/v1/recipes"),
        ("GET", "/v1/nothing"),
    ],
)
def test_without_a_known_key_nothing_is_told(guarded, headers, method, path):
    reply = httpx.request(method, guarded + path, headers=headers)
    assert reply.status_code == 401
    assert set(reply.json()["error"]) == ERROR
    assert reply.json()["error"]["code"] == "invalid_api_key"
    assert reply.headers["x-request-id"]


def test_a_key_opens_the_door_and_health_needs_none(guarded):
    assert httpx.get(f"{guarded}/v1/models", headers=bearer("alice")).status_code == 200
    for path in ("/health", "/ready", "/version"):
        assert httpx.get(guarded + path).status_code == 200


def test_keys_do_not_see_each_others_solves(guarded):
    mine = httpx.post(
        f"{guarded}/v1/solves", json={"question": "q", "chains": 1}, headers=bearer("alice")
    ).json()["id"]
    for name, status in (("alice", 200), ("bob", 404), ("root", 200)):
        for path in (f"/v1/solves/{mine}", f"/v1/solves/{mine}/events"):
            reply = httpx.get(guarded + path, headers=bearer(name))
            assert reply.status_code == status
        listed = httpx.get(f"{guarded}/v1/solves", headers=bearer(name)).json()["data"]
        assert (mine in [solve["id"] for solve in listed]) == (status == 200)
    assert httpx.delete(f"{guarded}/v1/solves/{mine}", headers=bearer("bob")).status_code == 404


def test_a_rate_is_kept_and_says_when_to_come_back(guarded):
    body = {"question": "q", "chains": 1}
    first = httpx.post(f"{guarded}/v1/solves", json=body, headers=bearer("slow"))
    again = httpx.post(f"{guarded}/v1/solves", json=body, headers=bearer("slow"))
    assert (first.status_code, again.status_code) == (200, 429)
    assert again.json()["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(again.headers["retry-after"]) <= 60


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "[::2]", "localhost.evil"]
)
def test_without_keys_a_foreign_name_that_points_here_gets_nothing(local, host):
    reply = httpx.get(f"{local}/v1/models", headers={"host": host})
    assert reply.status_code == 403
    assert reply.json()["error"]["code"] == "no_api_keys"


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8000", "127.9.9.9"])
def test_names_of_this_machine_are_served(local, host):
    assert httpx.get(f"{local}/v1/models", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_without_keys_pages_of_other_sites_get_nothing(local, origin):
    reply = httpx.post(f"{local}/v1/solves", json={"question": "q"}, headers={"origin": origin})
    assert reply.status_code == 403
    assert reply.json()["error"]["code"] == "foreign_origin"


def test_our_own_page_may_ask(local):
    assert httpx.get(f"{local}/v1/models", headers={"origin": local}).status_code == 200


async def test_without_keys_another_machine_gets_nothing():
    async def app(scope, receive, send):
        raise AssertionError("let in")

    gate = Gate(app, KeyRing(), 1000, lambda visit: None)
    sent = []

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"127.0.0.1")]
    scope = {"type": "http", "method": "GET", "path": "/v1/models", "headers": headers}
    await gate({**scope, "client": ("10.1.2.3", 5000)}, None, send)
    assert sent[0]["status"] == 403


def test_no_other_site_may_read_by_default_and_a_named_one_may():
    site = {"origin": "https://app.example"}
    with front_door() as url:
        reply = httpx.options(f"{url}/v1/models", headers=site)
        assert "access-control-allow-origin" not in reply.headers
    ring = {"VOTEBOX_KEYS": f"a={digest('x')}"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOTEBOX_KEYS", ring["VOTEBOX_KEYS"])
        with front_door(cors_origins=["https://app.example"]) as url:
            asked = {**site, "access-control-request-method": "POST"}
            reply = httpx.options(f"{url}/v1/chat/completions", headers=asked)
            assert reply.headers["access-control-allow-origin"] == "https://app.example"
            reply = httpx.get(f"{url}/v1/models", headers={**site, "authorization": "Bearer x"})
            assert reply.status_code == 200
            assert reply.headers["access-control-allow-origin"] == "https://app.example"
            other = httpx.get(f"{url}/v1/models", headers={"origin": "https://evil.example"})
            assert "access-control-allow-origin" not in other.headers


def test_a_large_body_is_refused_by_its_head(local):
    """Send a head that announces a gigabyte and no byte of it: the answer comes at once."""
    link = http.client.HTTPConnection(urlsplit(local).netloc, timeout=60)
    link.putrequest("POST", "/v1/chat/completions")
    link.putheader("content-length", str(2**30))
    link.endheaders()
    reply = link.getresponse()
    assert reply.status == 413
    assert set(json.loads(reply.read())["error"]) == ERROR
    link.close()


def test_a_large_body_without_a_length_is_refused_while_it_comes(local):
    def chunks():
        for _ in range(64):
            yield b" " * 2**16

    reply = httpx.post(f"{local}/v1/solves", content=chunks())
    assert reply.status_code == 413


def test_request_ids_are_kept_when_safe_and_made_when_not(local):
    assert (
        httpx.get(f"{local}/health", headers={"x-request-id": "a-1"}).headers["x-request-id"]
        == "a-1"
    )
    for unsafe in ("a b", "x" * 129, "<script>", "é".encode().decode("latin-1")):
        made = httpx.get(f"{local}/health", headers=[(b"x-request-id", unsafe.encode("latin-1"))])
        assert made.headers["x-request-id"] != unsafe
    solve = httpx.post(
        f"{local}/v1/solves",
        json={"question": "q", "chains": 1, "background": True},
        headers={"x-request-id": "mine"},
    )
    assert solve.json()["request_id"] == "mine"


def test_the_header_that_would_keep_a_solve_going_is_refused(local):
    reply = httpx.get(f"{local}/v1/models", headers={"x-request-disconnect-disabled": "?1"})
    assert reply.status_code == 400
    assert "background" in reply.json()["error"]["message"]


@pytest.mark.parametrize("key", ["x" * 256, "a\tb", "é"])
def test_odd_idempotency_keys_are_refused(local, key):
    reply = httpx.post(
        f"{local}/v1/solves",
        json={"question": "q"},
        headers=[(b"idempotency-key", key.encode())],
    )
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "Idempotency-Key"


async def test_the_same_key_and_body_is_one_solve_even_at_the_same_time(local):
    async with httpx.AsyncClient(base_url=local, timeout=60) as client:

        def ask():
            return client.post(
                "/v1/solves",
                json={"question": "once", "chains": 2},
                headers={"idempotency-key": "twice"},
            )

        first, second = await asyncio.gather(ask(), ask())
    assert first.json() == second.json()


@pytest.mark.parametrize("headers", [{"host": "[::1"}, {"origin": "http://["}])
def test_hosts_that_are_none_get_nothing(local, headers):
    reply = httpx.get(f"{local}/v1/models", headers=headers)
    assert reply.status_code == 403
    assert reply.json()["error"].keys() == ERROR


def test_headers_without_end_are_refused(local):
    reply = httpx.get(f"{local}/v1/models", headers={"x": "y" * 70_000})
    assert reply.status_code == 431
    assert reply.json()["error"].keys() == ERROR


def test_a_body_that_breaks_off_is_no_error_of_the_server(local, caplog):
    address = urlsplit(local)
    with socket.create_connection((address.hostname, address.port)) as client:
        head = f"POST /v1/solves HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 100\r\n\r\n"
        client.sendall(head.encode() + b'{"question"')
        client.shutdown(socket.SHUT_WR)
        client.recv(1000)
    assert httpx.get(f"{local}/health").status_code == 200
    assert "ClientDisconnect" not in caplog.text
