"""Speak to Serve's REST API, which is the dashboard's of a Ray cluster."""

import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
from pydantic import BaseModel, ValidationError

from votebox.cluster.errors import BadUsage, Failed
from votebox.cluster.plain_file import NotPlain, parse_json, read_text
from votebox.cluster.rollout import running_state

__all__ = ["ServeRest"]

_PATH: Final = "/api/serve/applications/"
_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 1.0
_ENDED: Final = ("DEPLOY_FAILED", "UNHEALTHY")
_MOST_MISSED: Final = 10
_MOST_BYTES: Final = 32 * 2**20
_MOST_S: Final = 120.0
"""How large an answer may be, and how long it may trickle in."""

_PLAIN: Final = {"Accept-Encoding": "identity"}  # so that the bytes counted are all there are
_TOKEN: Final = re.compile(r"[!-~]{1,8192}")
_FIX: Final = "--address is the dashboard of the head, as http://head:8265"


class _Deployment(BaseModel):
    message: str | None = None


class _Application(BaseModel):
    status: str
    message: str | None = None
    deployed_app_config: dict[str, Any] | None = None
    deployments: dict[str, _Deployment] | None = None


class _Instance(BaseModel):
    """Name what is read of Serve's answer; it holds more."""

    applications: dict[str, _Application] | None = None
    http_options: dict[str, Any] | None = None
    proxy_location: str | None = None


class ServeRest:
    """Read and change the Serve applications of the cluster whose dashboard is at `address`.

    The token of Ray is taken from RAY_AUTH_TOKEN, or the file RAY_AUTH_TOKEN_PATH.
    """

    def __init__(self, address: str, transport: httpx.BaseTransport | None = None) -> None:
        """Take `transport` in tests; raise BadUsage for a token or address that cannot be one."""
        token = _token()
        self._address = address
        try:
            self._http = httpx.Client(
                base_url=address,
                headers=_PLAIN | ({"Authorization": f"Bearer {token}"} if token else {}),
                timeout=_TIMEOUT_S,
                transport=transport,
            )
        except httpx.InvalidURL as e:
            raise BadUsage(f"--address {address!r} is no URL: {e}", "write http://HOST:PORT") from e

    def running(self) -> dict[str, Any]:
        """Return what runs, as Serve tells it; raise Failed when it cannot be asked."""
        try:
            found = parse_json(self._ask("GET"))
            _Instance.model_validate(found)
        except NotPlain as e:
            raise Failed(f"{self._address} does not answer as Serve does: {e}", _FIX) from e
        except ValidationError as e:
            first = e.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the whole"
            problem = f"{self._address} does not answer as Serve does: {where}: {first['msg']}"
            raise Failed(problem, _FIX) from e
        running: dict[str, Any] = found
        return running

    def put(self, config: Mapping[str, Any]) -> None:
        """Make `config` what shall run; raise Failed when Serve refuses it."""
        self._ask("PUT", dict(config))

    def await_running(
        self,
        name: str,
        wait_s: float,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Wait until application `name` runs as deployed; `tell` hears of each new status.

        A dashboard that starts again meanwhile is asked a few times more.

        Raises:
            Failed: it cannot start, or does not within `wait_s` seconds.
        """
        until, told, missed = clock() + wait_s, "", 0
        while True:
            try:
                status, message = running_state(self.running(), name)
                missed = 0
            except Failed:
                missed += 1
                if missed == _MOST_MISSED:
                    raise
                status, message = "not answering", ""
            if status == "RUNNING":
                return
            if status in _ENDED:
                first = message.splitlines()[-1] if message else "Serve does not say why"
                fix = "see `serve status`; what ran before still does where it can"
                raise Failed(f"application {name}: {status}: {first}", fix)
            if status != told:
                told = status
                tell(f"{name}: {status}")
            if clock() > until:
                fix = f"see `serve status`, or wait longer: --wait {2 * wait_s:g}"
                raise Failed(f"application {name}: still {status} after {wait_s:g} s", fix)
            sleep(_POLL_S)

    def _ask(self, method: str, body: Any = None) -> str:
        """Return the text of an answer with status 200; raise Failed."""
        try:
            with self._http.stream(method, _PATH, json=body) as reply:
                text = _text(reply)
        except httpx.HTTPError as e:
            raise Failed(f"{self._address} does not answer: {e or type(e).__name__}", _FIX) from e
        if reply.status_code in (401, 403):
            raise Failed(f"{self._address} refuses the token", "set RAY_AUTH_TOKEN to Ray's own")
        if reply.status_code != 200:
            said = text.strip()[:500]
            raise Failed(f"{self._address} says {reply.status_code}: {said}", _FIX)
        return text


def _text(reply: httpx.Response) -> str:
    """Return the text of an answer, of whatever server; raise Failed when it does not end."""
    data, until = bytearray(), time.monotonic() + _MOST_S
    if reply.headers.get("content-encoding", "identity") != "identity":
        raise Failed(f"{reply.url.host} packs its answer, which was not asked for", _FIX)
    for part in reply.iter_bytes():
        data += part
        if len(data) > _MOST_BYTES or time.monotonic() > until:
            bounds = f"{_MOST_BYTES:,} bytes or {_MOST_S:g} s"
            raise Failed(f"{reply.url.host} sends an answer of more than {bounds}", _FIX)
    return data.decode("utf-8", "replace")


def _token() -> str:
    """Return Ray's token, or nothing; raise BadUsage, which does not name it."""
    token, where = os.environ.get("RAY_AUTH_TOKEN", "").strip(), "RAY_AUTH_TOKEN"
    path = os.environ.get("RAY_AUTH_TOKEN_PATH", "")
    if not token and path:
        where = f"RAY_AUTH_TOKEN_PATH {path!r}"
        try:
            token = read_text(Path(path), 65_536).strip()
        except (OSError, NotPlain) as e:
            raise BadUsage(f"{where} cannot be read: {e}", "name the file") from e
    if token and not _TOKEN.fullmatch(token):
        problem = f"{where} holds {len(token):,} characters that are no token"
        raise BadUsage(problem, "give one line of letters, digits and signs, as Ray made it")
    return token
