"""Ask an application for a solve and pass on what it tells: over HTTP, or over a pipe.

Both give the same wire events to `show` and return the verdict. Nothing here renders.
"""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from votebox.cluster.checks import KEY_ENV
from votebox.cluster.errors import BadUsage, CliError, Failed
from votebox.cluster.keeper import Charge, start_keeper
from votebox.cluster.screen import Show
from votebox.cluster.web import NoAnswer, Reply, ask

if TYPE_CHECKING:
    from votebox.cluster.runtime import RuntimeArgs

__all__ = [
    "await_ready",
    "end_keeper",
    "health",
    "listen",
    "refused",
    "runtime",
    "solve_in_runtime",
    "solve_over_http",
]

_HEALTH_S: Final = 2.0
_END_S: Final = 30.0
_SHOWN_CHARS: Final = 80
_REFUSALS: Final = frozenset({400, 401, 403, 404, 413, 422})


def solve_over_http(url: str, request: Mapping[str, Any], show: Show) -> dict[str, Any]:
    """Solve in the app at `url`; closing the connection cancels the solve there.

    Raises:
        BadUsage: the app refuses the request.
        Failed: the app cannot be reached, is overloaded, or fails.
    """
    try:
        with ask("POST", f"{url}/v1/solves", {**request, "stream": True}) as reply:
            if reply.status != HTTPStatus.OK:
                raise refused(url, reply)
            return listen(_sse(reply.lines(), url), show, f"the app at {url}")
    except NoAnswer as e:
        fix = "see `votebox status`, or start one with `votebox up`"
        raise Failed(f"the app at {url} does not answer: {e}", fix) from e


def health(url: str, timeout_s: float = _HEALTH_S) -> bool:
    """Tell whether the app at `url` answers /health with 200."""
    try:
        with ask("GET", f"{url}/health", read_s=timeout_s) as reply:
            return reply.status == HTTPStatus.OK
    except NoAnswer:
        return False


def solve_in_runtime(
    args: "RuntimeArgs", log: Path, show: Show, answered: Callable[[Mapping[str, Any]], None]
) -> None:
    """Start a runtime for one solve, call `answered` with the verdict, and end it."""
    with runtime(args, log) as (_, events):
        answered(listen(_json_lines(events), show, "the temporary app", log))


@contextmanager
def runtime(args: "RuntimeArgs", log: Path) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """Start a runtime that ends with the block, or with this process, however it dies.

    Yields its keeper and the stream of its events. `args.events_fd` is set here.
    """
    from dataclasses import replace

    reader, writer = os.pipe()
    request = os.memfd_create("request")
    os.write(request, json.dumps(dict(args.request)).encode())
    os.lseek(request, 0, os.SEEK_SET)
    told = replace(args, events_fd=writer, request={}, request_fd=request)
    charge = Charge(told.command(), pass_fds=(writer, request), parent=os.getpid())
    keeper = start_keeper(charge, log)
    os.close(writer)
    os.close(request)
    try:
        with os.fdopen(reader, "rb") as events:
            yield keeper, events
    finally:
        end_keeper(keeper)


def end_keeper(keeper: subprocess.Popen[bytes]) -> None:
    """End a keeper and all it keeps; a second Ctrl-C does not cut this short."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        keeper.terminate()
        keeper.wait(_END_S)
    except subprocess.TimeoutExpired as e:
        raise Failed(f"process {keeper.pid} does not end", f"kill it: kill -9 {keeper.pid}") from e
    finally:
        signal.signal(signal.SIGINT, before)


def listen(
    events: Iterable[Mapping[str, Any]], show: Show, who: str, log: Path | None = None
) -> dict[str, Any]:
    """Pass events to `show` until the verdict, and return it.

    Raises:
        BadUsage, Failed: as a `failed` or `error` event says, or `who` ended without a
            verdict.
    """
    for event in events:
        _raise_failed(event, log)
        if "error" in event and "type" not in event:
            raise Failed(_message(event), log=log)
        if event.get("type") == "verdict_reached" and not _is_verdict(event.get("verdict")):
            raise _strange(who, event)
        show(event)
        if event.get("type") == "verdict_reached":
            return dict(event["verdict"])
    raise Failed(f"{who} ended before the verdict", log=log)


def await_ready(events: IO[bytes], show: Show, log: Path | None = None) -> None:
    """Pass the stages of a start to `show` until the app is ready.

    Raises:
        BadUsage, Failed: it failed, or ended before it was ready.
    """
    for event in _json_lines(events):
        _raise_failed(event, log)
        if event["type"] == "ready":
            return
        show(event)
    raise Failed("the app ended before it was ready", log=log)


def _raise_failed(event: Mapping[str, Any], log: Path | None) -> None:
    if event.get("type") == "failed":
        kind = BadUsage if event["usage"] else Failed
        raise kind(event["problem"], log=None if event["usage"] else log)


def _sse(lines: Iterable[str], url: str) -> Iterator[dict[str, Any]]:
    """Read server-sent events whose data are JSON objects, until `[DONE]`."""
    for line in lines:
        if line.startswith("data:"):
            data = line.removeprefix("data:").strip()
            if data == "[DONE]":
                return
            try:
                event = json.loads(data)
            except (ValueError, RecursionError):  # nested thousands deep
                event = None
            if not isinstance(event, dict):
                raise _strange(f"the app at {url}", data)
            yield event


def _is_verdict(found: object) -> bool:
    return isinstance(found, Mapping) and "answer" in found


def _strange(who: str, said: object) -> Failed:
    text = str(said)
    shown = text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
    return Failed(f"{who} sends what is no votebox event: {shown}", "is it a votebox app?")


def _json_lines(stream: IO[bytes]) -> Iterator[dict[str, Any]]:
    for line in stream:
        yield json.loads(line)


def refused(url: str, reply: Reply) -> CliError:
    """Return the error for a reply that is none of what was asked, in the app's words."""
    try:
        said = _message(reply.json())
    except ValueError:
        said = ""
    if reply.status == HTTPStatus.UNAUTHORIZED:
        return BadUsage(said or f"the app at {url} wants a key", f"set {KEY_ENV} to one it knows")
    if reply.status in _REFUSALS:
        return BadUsage(said or f"the app at {url} refuses the request ({reply.status})")
    return Failed(f"the app at {url} answers {reply.status}: {said or 'no reason given'}")


def _message(body: Any) -> str:
    """Return the text of an error in the shape of OpenAI's API, or of any other."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, Mapping):
        return str(error.get("message") or error.get("detail") or error)
    return str(error)
