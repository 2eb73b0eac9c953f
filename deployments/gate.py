"""Stand before the app: who asks, from where, how much, under which id.

A plain ASGI middleware, so that streams pass through untouched. A request that may not
come in costs no more than its head: its body is not read.
"""

import ipaddress
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from votebox.deployments.keys import LOCAL, Key, KeyRing
from votebox.deployments.openai_errors import ApiError, bad_key, too_large
from votebox.deployments.web import json_reply

__all__ = ["Caller", "Gate", "Visit"]

_OPEN: Final = frozenset({"/", "/health", "/ready", "/version", "/openapi.json", "/favicon.ico"})
"""Paths that tell nothing of anybody; besides them the files of the page."""

_CLIENT_GONE: Final = 499
"""The status told of a request whose client left before its reply was whole."""

_FAILED: Final = 500

_SAFE_ID: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_HOST: Final = re.compile(r"(?:\[([0-9a-f:.]++)\]|([a-z0-9.-]++))(?::[0-9]{1,5})?+", re.IGNORECASE)
"""A Host header as browsers write it: a name or an address, and perhaps a port."""

_LARGEST_HEAD: Final = 65_536
"""The most bytes of all headers together."""

_DISCONNECT: Final = "x-request-disconnect-disabled"
"""A header of Ray Serve that keeps a solve going for a client that is gone."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Tell a route who asks, under which request id."""

    key: Key
    request_id: str


@dataclass(frozen=True, slots=True)
class Visit:
    """Tell of one answered request. `route` is its template, `wall_s` the seconds it took."""

    request_id: str
    key: str
    method: str
    route: str
    status: int
    wall_s: float


class Gate:
    """Let requests through to `app` that may come in; `seen` hears of every one.

    `proxied` says that a proxy before us gives each request its id and writes it on the reply.
    """

    def __init__(
        self,
        app: ASGIApp,
        ring: KeyRing,
        max_body: int,
        seen: Callable[[Visit], None],
        *,
        proxied: bool = False,
    ) -> None:
        self._app, self._ring, self._max_body, self._seen = app, ring, max_body, seen
        self._proxied = proxied

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what may not come in; pass on the rest."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        if len(scope["path"]) > 1 and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        given = headers.get("x-request-id", "")
        request_id = given if _SAFE_ID.fullmatch(given) else uuid.uuid4().hex
        began, status, key, whole = time.monotonic(), _CLIENT_GONE, LOCAL, False

        async def answer(message: Message) -> None:
            nonlocal status, whole
            if message["type"] == "http.response.start":
                status = message["status"]
                told_id = None if self._proxied else request_id
                message = {**message, "headers": _headers(message["headers"], told_id)}
            await send(message)
            whole = message["type"] == "http.response.body" and not message.get("more_body")

        try:
            try:
                key = self._key(scope, headers)
                self._check(headers)
            except ApiError as e:
                reply = json_reply(e.body, e.status, e.headers)
                await reply(scope, receive, answer)
                return
            scope.setdefault("state", {})["caller"] = Caller(key, request_id)
            await self._app(scope, receive, answer)
        except Exception:
            whole = True  # not the client's doing, whatever was sent before
            # Starlette raises what front.py has answered with 500 and logged, and servers log
            # it once more, with its text.
            if status != _FAILED:
                status = _FAILED
                raise
        finally:
            status = status if whole else _CLIENT_GONE
            route = getattr(scope.get("route"), "path", "other")
            wall_s = time.monotonic() - began
            self._seen(Visit(request_id, key.name, scope["method"], route, status, wall_s))

    def _key(self, scope: Scope, headers: Mapping[str, str]) -> Key:
        """Return the key a request comes with; raise ApiError 401 or 403."""
        path = scope["path"]
        if path in _OPEN or path.startswith("/page/"):
            return LOCAL.model_copy(update={"admin": False})
        if not self._ring.required:
            _check_local(scope, headers)
            return LOCAL
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not bearer.strip():
            raise bad_key()
        key = self._ring.find(bearer.strip())
        if key is None:
            raise bad_key("the API key is not known here")
        return key

    def _check(self, headers: Mapping[str, str]) -> None:
        """Refuse what the head alone shows to be wrong; raise ApiError."""
        if sum(len(name) + len(value) for name, value in headers.items()) > _LARGEST_HEAD:
            raise ApiError(431, f"the headers are larger than {_LARGEST_HEAD:,} bytes")
        length = headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length[:20]) > self._max_body:
            raise too_large(self._max_body)
        if _DISCONNECT in headers:
            fix = 'ask with "background": true for a solve that goes on without you'
            raise ApiError(400, f"{_DISCONNECT} is not heeded; {fix}", param=_DISCONNECT)


def _check_local(scope: Scope, headers: Mapping[str, str]) -> None:
    """Serve nobody but this machine, and no web page of another site that runs on it.

    The Host header is looked at, because a foreign site may let its own name point here.
    """
    named = _HOST.fullmatch(headers.get("host", ""))
    host = "" if named is None else (named[1] or named[2]).lower()
    client = scope.get("client")
    if not (client is None or _loopback(client[0])) or not (host == "localhost" or _loopback(host)):
        fix = "make one with `votebox keys new NAME` and start with --keys"
        raise ApiError(
            403,
            f"this server has no API keys, so it serves its own machine only; {fix}",
            "permission_error",
            None,
            "no_api_keys",
        )
    origin = headers.get("origin")
    here = headers.get("host", "").lower()
    if origin is not None and origin.lower() not in (f"http://{here}", f"https://{here}"):
        message = f"pages of {origin[:80]!r} may not ask a server without API keys"
        raise ApiError(403, message, "permission_error", None, "foreign_origin")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _headers(given: Any, request_id: str | None) -> list[tuple[bytes, bytes]]:
    more = [] if request_id is None else [(b"x-request-id", request_id.encode())]
    if not any(name.lower() == b"x-content-type-options" for name, _ in given):
        more.append((b"x-content-type-options", b"nosniff"))
    return [*given, *more]
