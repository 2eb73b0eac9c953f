"""Send what no client should send, and hold each reply to what a server may say.

    uv run python benchmarks/api/malformed.py --requests 10000

Bad JSON, wrong types at every path, depth, huge numbers, NaN, halves of surrogate pairs, wrong
headers, truncated bodies, wrong lengths, shapes of request smuggling, random bytes: written to
the socket as they are. A reply may be a 4xx with an error object, or the connection is closed;
what is not HTTP may get the plain 400 of the HTTP parser. Afterwards the server answers and
holds nothing.
"""

import argparse
import collections
import json
import random
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

import httpx
from serving import KEY, RECIPE, Door, open_door

__all__ = ["KINDS", "Outcome", "at_rest", "attack"]

BODIES: Final[Mapping[str, dict[str, Any]]] = {
    "/v1/chat/completions": {
        "model": f"votebox/{RECIPE}",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "6 * 7?"}]}],
        "stream": False,
        "stream_options": {"include_usage": True},
        "temperature": 1.0,
        "seed": 1,
        "max_tokens": 100,
        "stop": ["x"],
        "votebox": {"chains": 1, "deadline_s": 5.0, "trace": False},
    },
    "/v1/responses": {
        "model": f"votebox/{RECIPE}",
        "input": [{"type": "message", "role": "user", "content": "6 * 7?"}],
        "instructions": "Be short.",
        "reasoning": {"effort": "low"},
        "background": False,
        "votebox": {"chains": 1},
    },
    "/v1/solves": {
        "question": "6 * 7?",
        "chains": 1,
        "seed": 1,
        "deadline_s": 5.0,
        "stop_strings": ["x"],
        "stream": False,
    },
}

NEVER: Final[tuple[Any, ...]] = (
    {"a": {"b": 1}},
    [[1], [2]],
    10**400,
    -(10**30),
    [{"type": "image_url", "image_url": {"url": "file:///"}}],
)
"""Values that no field of the bodies takes, but for objects, which may have more keys."""

GONE_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Say what one request got: a status, "closed", or what was wrong with the reply."""

    kind: str
    sent: bytes
    told: str
    wrong: str = ""


def head(
    path: str, length: int | str | None, *more: str, method: str = "POST", key: str = KEY
) -> bytes:
    """Return the head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {key}"]
    lines += ["Content-Type: application/json", "Connection: close", *more]
    lines += [] if length is None else [f"Content-Length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def posted(path: str, body: bytes, *more: str) -> bytes:
    """Return a request with a body of the right length."""
    return head(path, len(body), *more) + body


def _bad_json(draw: random.Random, path: str) -> bytes:
    text = json.dumps(BODIES[path])
    place = draw.randrange(1, len(text))
    broken = [
        text[:place],
        text + draw.choice(["}", "]", ",", "x", "{}"]),
        text.replace(":", draw.choice(["=", "::", ""]), 1),
        text.replace('"', "'"),
        draw.choice(["", " ", "null", "[]", "1", '"text"', "true", "{", "[" * 50, "\ufeff{}"]),
        '{"model": NaN}',
        '{"seed": Infinity, "question": "x"}',
    ]
    return posted(path, draw.choice(broken).encode())


def _bytes_for_json(draw: random.Random, path: str) -> bytes:
    junk = draw.randbytes(draw.randrange(1, 200))
    text = json.dumps(BODIES[path]).encode()
    return posted(path, draw.choice([junk, b"\xff\xfe" + text, text[:5] + b"\xc3\x28" + text[5:]]))


def _wrong_type(draw: random.Random, path: str) -> bytes:
    """Put a value that cannot be right at one place of a right body."""
    body = deepcopy(BODIES[path])
    holder, key = draw.choice(list(_places(body)))
    instead = NEVER[1:] if isinstance(holder[key], dict) else NEVER
    holder[key] = draw.choice(instead)
    return posted(path, json.dumps(body).encode())


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])


def _surrogate(draw: random.Random, path: str) -> bytes:
    half = draw.choice(["\\ud800", "\\udfff", "\\ud83d", "x\\udc00y"])
    field = {"/v1/solves": "question", "/v1/responses": "input"}.get(path, "messages")
    body = {**BODIES[path], field: "HALF"}
    if field == "messages":
        body[field] = [{"role": "user", "content": "HALF"}]
    return posted(path, json.dumps(body).replace("HALF", half).encode())


def _deep(draw: random.Random, path: str) -> bytes:
    depth = draw.choice([1_000, 10_000, 100_000])
    opened, closed = draw.choice([("[", "]"), ('{"a":', "}")])
    field = draw.choice(["messages", "votebox", "input", "stop", "question"])
    nested = opened * depth + "1" + closed * depth
    return posted(path, f'{{"model": "votebox/{RECIPE}", "{field}": {nested}}}'.encode())


def _huge(draw: random.Random, path: str) -> bytes:
    field = draw.choice(["seed", "chains"]) if path == "/v1/solves" else "seed"
    number = draw.choice(["9" * 5000, "1e400", "-1e999", "1" + "0" * 100, "0." + "9" * 9000 + "e9"])
    body = {name: value for name, value in BODIES[path].items() if name != field}
    return posted(path, (json.dumps(body)[:-1] + f', "{field}": {number}}}').encode())


def _wrong_headers(draw: random.Random, path: str) -> bytes:
    body = json.dumps(BODIES[path]).encode()
    return draw.choice(
        [
            head(path, len(body), key=draw.choice(["", "no", "\xe9", KEY + "x"])) + body,
            posted(path, body, "Idempotency-Key: " + "k" * 300),
            posted(path, body, "Idempotency-Key: \xe9"),
            posted(path, body, "x-request-disconnect-disabled: ?1"),
            posted(path, body, "bad header name: 1"),
            posted(path, body, ": no name"),
            posted(path, body, "x: " + "y" * 200_000),
            posted(path, b"{}", "x-votebox-chains: many"),
            head(path, 3 * 2**20) + body,
        ]
    )


def _wrong_length(draw: random.Random, path: str) -> bytes:
    """Break off before the end, or promise a length that is none."""
    body = json.dumps(BODIES[path]).encode()
    cut = body[: draw.randrange(len(body))]
    lengths = ["-1", "1e3", "0x10", "1, 2", "", "9" * 40, "+5"]
    return draw.choice(
        [
            head(path, len(body)) + cut,
            cut and head(path, len(body))[:-4],
            head(path, draw.choice(lengths)) + body,
        ]
    )


def _smuggled(draw: random.Random, path: str) -> bytes:
    """Give two lengths, or a length and chunks, or chunks that are none."""
    inner = head("/v1/solves", 0)
    chunked = "Transfer-Encoding: chunked"
    return draw.choice(
        [
            head(path, 5, chunked) + b"0\r\n\r\n" + inner,
            head(path, 6, "Content-Length: 5") + b"hello!",
            head(path, None, chunked) + b"zz\r\nhello\r\n0\r\n\r\n",
            head(path, None, chunked) + b"-5\r\nhello\r\n0\r\n\r\n",
            head(path, None, chunked) + b"ffffffffffffffffff\r\nhello",
            head(path, None, "Transfer-Encoding: chunked, identity") + b"0\r\n\r\n",
            head(path, None, "Transfer-Encoding: xchunked") + b"0\r\n\r\n",
            head(path, None, "Transfer-Encoding : chunked") + b"0\r\n\r\n",
            head(f"{path} HTTP/1.1\r\nX: y", 0),
        ]
    )


def _wrong_path(draw: random.Random, path: str) -> bytes:
    bad = draw.choice(
        [
            "/v1/../../etc/passwd",
            "/v1/solves/%00",
            "/v1/solves/..%2f..%2fx",
            "/v1/responses/resp_%ff",
            "/v1/solves?limit=-1",
            "/v1/solves?status=%f0%28",
            "/v1/models/" + "x" * 5000,
            "/page/..%2f..%2fpyproject.toml",
            "//v1//solves//x",
        ]
    )
    return head(bad, None, method="GET") if draw.random() < 0.8 else head(path, 0, method="BREW")


def _not_http(draw: random.Random, path: str) -> bytes:
    return draw.choice(
        [
            draw.randbytes(draw.randrange(1, 500)),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + draw.randbytes(32),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"\r\n" * 100,
            b"GET\x00/ HTTP/1.1\r\n\r\n",
        ]
    )


KINDS: Final[Mapping[str, Callable[[random.Random, str], bytes]]] = {
    "bad JSON": _bad_json,
    "no text": _bytes_for_json,
    "wrong type": _wrong_type,
    "half a surrogate pair": _surrogate,
    "deep": _deep,
    "huge number": _huge,
    "wrong header": _wrong_headers,
    "wrong length": _wrong_length,
    "smuggling": _smuggled,
    "wrong path": _wrong_path,
    "not HTTP": _not_http,
}

PARSER: Final = frozenset({"wrong header", "wrong length", "smuggling", "wrong path", "not HTTP"})
"""Kinds that the HTTP parser may refuse by itself, in plain text."""

BROKEN_OFF: Final = frozenset({"wrong length", "smuggling", "not HTTP"})
"""Kinds whose client ends in the middle; others wait for what comes."""


def attack(door: Door, requests: int, seed: int) -> Iterator[Outcome]:
    """Send so many requests, of each kind in turn, and yield what became of them."""
    draw = random.Random(seed)
    kinds, paths = list(KINDS), list(BODIES)
    for number in range(requests):
        kind = kinds[number % len(kinds)]
        sent = KINDS[kind](draw, draw.choice(paths))
        yield _judged(kind, sent, _exchange(door.address, sent, broken_off=kind in BROKEN_OFF))


def _exchange(address: tuple[str, int], sent: bytes, *, broken_off: bool) -> bytes | None:
    """Return all that comes back until the connection closes, None if it does not."""
    received = bytearray()
    with socket.create_connection(address, timeout=GONE_S) as connection:
        try:
            connection.sendall(sent)
            if broken_off:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                received += piece
        except ConnectionError:
            return bytes(received)  # closed before all was read: what it said counts
        except TimeoutError:
            return None
    return bytes(received)


def _judged(kind: str, sent: bytes, reply: bytes | None) -> Outcome:
    if reply is None:
        return Outcome(kind, sent, "hangs", f"no end within {GONE_S:g} s")
    if not reply:
        return Outcome(kind, sent, "closed")
    first, _, rest = reply.partition(b"\r\n\r\n")
    status = first.split(b" ")[1].decode()
    if not status.startswith("4"):
        return Outcome(kind, sent, status, f"answered {reply[:300]!r}")
    plain = kind in PARSER and b"text/plain" in first
    return Outcome(kind, sent, status, "" if plain else _not_an_error(rest))


def _not_an_error(body: bytes) -> str:
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return f"no error object: {body[:200]!r}"
    if error.keys() != {"message", "type", "param", "code"} or not error["message"]:
        return f"another error object: {error}"
    return ""


def at_rest(door: Door, within_s: float = 20) -> str:
    """Return "" once the server answers and holds nothing, else what it holds."""
    end = time.monotonic() + within_s
    while True:
        ready = httpx.get(f"{door.url}/ready").json()
        held = (ready["running"], ready["queued"], door.counted.streams, door.counted.programs)
        if held == (0, 0, 0, 0):
            asked = {"question": "6 * 7?", "chains": 1}
            reply = httpx.post(f"{door.url}/v1/solves", json=asked, headers=door.headers)
            return "" if reply.json()["answer"] == "42" else reply.text
        if time.monotonic() > end:
            return f"running, queued, streams, programs: {held}"
        time.sleep(0.05)


def main() -> int:
    """Run it and print what each kind got."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began, bad = time.monotonic(), []
    told: dict[str, collections.Counter[str]] = {kind: collections.Counter() for kind in KINDS}
    with open_door(pause_s=0.001) as door:
        for outcome in attack(door, given.requests, given.seed):
            told[outcome.kind][outcome.told] += 1
            if outcome.wrong:
                bad.append(outcome)
        held = at_rest(door)
    for kind, counts in told.items():
        print(f"{kind:24}", dict(counts.most_common()))
    for outcome in bad[:20]:
        print("WRONG", outcome.kind, outcome.wrong, outcome.sent[:500])
    print(f"{given.requests} requests, {len(bad)} wrong, {time.monotonic() - began:.0f} s")
    print("afterwards:", held or "it answers and holds nothing")
    return bool(bad or held)


if __name__ == "__main__":
    sys.exit(main())
