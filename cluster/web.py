"""Talk HTTP to an app: one request, its body whole or as lines while they come.

The standard library's client, because a warm solve is mostly import time and this one
costs a tenth of a larger one. It obeys no proxy variables: an app is asked directly.
"""

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

__all__ = ["NoAnswer", "Reply", "ask"]

_CONNECT_S: Final = 10.0


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
) -> Iterator[Reply]:
    """Send one request and yield the reply; leaving the block closes the connection.

    `read_s` is the longest silence, None waits for ever.

    Raises:
        NoAnswer: nobody listens there, or it does not speak HTTP.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_CONNECT_S)
    try:
        try:
            connection.connect()
            connection.sock.settimeout(read_s)
            data = None if body is None else json.dumps(body).encode()
            headers = {"Content-Type": "application/json", "Accept": "*/*"}
            connection.request(method, parts.path or "/", data, headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException, ssl.SSLError) as e:
            raise NoAnswer(str(e) or type(e).__name__) from e
        yield Reply(response.status, response)
    finally:
        connection.close()
