"""A votebox app and an OpenAI-compatible server, each answered by a plain function."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any]
"""A status, and a body: a JSON value, or an iterator of server-sent events."""


@contextmanager
def serving(
    answer: Callable[[str, Mapping[str, Any]], Answer],
    headers: list[Mapping[str, str]] | None = None,
) -> Iterator[str]:
    """Serve on a free port; `answer` takes "METHOD /path" and the body. Yield the URL.

    The headers of each request are added to `headers`.
    """

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            if headers is not None:
                headers.append(dict(self.headers))
            status, value = answer(f"{self.command} {self.path}", body)
            self.send_response(status)
            if isinstance(value, Iterator):
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                for event in value:
                    self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
                    self.wfile.flush()
                self.wfile.write(b"data: [DONE]\n\n")
                return
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(value).encode())

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - the names http.server calls

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def app(events: Iterable[Mapping[str, Any]]) -> Callable[[str, Mapping[str, Any]], Answer]:
    """Answer as an app that is well and solves everything with `events`."""
    kept = list(events)

    def answer(what: str, body: Mapping[str, Any]) -> Answer:
        return (200, iter(kept)) if what == "POST /v1/solves" else (200, {"status": "ok"})

    return answer


def chat_model(reply: Callable[[Mapping[str, Any]], str]) -> Callable[..., Answer]:
    """Answer as an OpenAI-compatible server with one model called fake."""

    def answer(what: str, body: Mapping[str, Any]) -> Answer:
        if what.endswith("/models"):
            return 200, {"object": "list", "data": [{"id": "fake", "object": "model"}]}
        text = reply(body)
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "fake"}
        said = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
        end = {"index": 0, "delta": {}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
        return 200, iter(
            [
                {**chunk, "choices": [said]},
                {**chunk, "choices": [end]},
                {**chunk, "choices": [], "usage": usage},
            ]
        )

    return answer
