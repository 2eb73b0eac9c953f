"""Talk HTTP to an app: one request, its body whole or as lines while they come.

The standard library's client, because a warm solve is mostly import time and this one
costs a tenth of a larger one. It obeys no proxy variables: an app is asked directly.
The key of an app is read from the environment here and shown nowhere.
"""

import http.client
import json
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from votebox.cluster.checks import KEY_ENV
from votebox.cluster.errors import BadUsage

__all__ = ["NoAnswer", "Reply", "ask"]

_CONNECT_S: Final = 10.0
_KEY: Final = re.compile(r"[!-~]++")  # what a header can carry


class NoAnswer(Exception):
    """Say that nothing answers at an address, or that it stopped in the middle."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Hold a reply whose body is still to be read."""

    status: int
    _response: http.client.HTTPResponse

    def json(self) -> Any:
        """Return the body as JSON; raise ValueError when it is not."""
        return json.loads(self._read())

    @property
    def date_s(self) -> float | None:
        """Return the server's time, in seconds since the epoch; None where it does not tell."""
        try:
            return parsedate_to_datetime(self._response.headers["Date"]).timestamp()
        except (TypeError, ValueError):
            return None

    def lines(self) -> Iterator[str]:
        """Yield the body's lines as they come."""
        while line := self._line():
            yield line.decode("utf-8", "replace").rstrip("\r\n")

    def _line(self) -> bytes:
        try:
            return self._response.readline()
        except (OSError, http.client.HTTPException) as e:
            raise NoAnswer(f"it stopped in the middle: {e!r}") from e

    def _read(self) -> bytes:
        try:
            return self._response.read()
        except (OSError, http.client.HTTPException) as e:
            raise NoAnswer(f"it stopped in the middle: {e!r}") from e


@contextmanager
def ask(
    method: str,
    url: str,
    body: Mapping[str, Any] | None = None,
    *,
    read_s: float | None = None,
    key_env: str = KEY_ENV,
) -> Iterator[Reply]:
    """Send one request and yield the reply; leaving the block closes the connection.

    `read_s` is the longest silence, None waits for ever. The environment variable `key_env`
    holds the app's key, if it needs one.

    Raises:
        NoAnswer: nobody listens there, or it does not speak HTTP.
        BadUsage: the key cannot be sent.
    """
    headers = {"Content-Type": "application/json", "Accept": "*/*", **_authorization(key_env)}
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_CONNECT_S)
    try:
        try:
            connection.connect()
            connection.sock.settimeout(read_s)
            data = None if body is None else json.dumps(body).encode()
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, data, headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException, ssl.SSLError) as e:
            raise NoAnswer(str(e) or type(e).__name__) from e
        yield Reply(response.status, response)
    finally:
        connection.close()


def _authorization(key_env: str) -> dict[str, str]:
    key = os.environ.get(key_env, "").strip()
    if not key:
        return {}
    if not _KEY.fullmatch(key):  # said without the key, which http.client would quote
        problem = f"the key in {key_env} holds spaces, control or non-ASCII characters"
        raise BadUsage(problem, f"set {key_env} to the key alone")
    return {"Authorization": f"Bearer {key}"}
