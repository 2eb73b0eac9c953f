"""Write responses, the objects and streams of `/v1/responses`, from the events of a solve.

A response has a reasoning item, whose summary tells the solve as it happens, and a message
item with the answer alone, which is missing where there is none.
"""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from votebox.deployments.openai_errors import ApiError
from votebox.deployments.openai_json import server_event
from votebox.deployments.openai_narration import Narration
from votebox.deployments.openai_verdict import CUT_SHORT, ours, response_usage

__all__ = ["ResponseReply"]

Event = Mapping[str, Any]


class ResponseReply:
    """Write one response; it is as far as the events given to `feed`.

    `echo` is that of the request, `created` a Unix time in seconds. The same events under
    the same id and time give the same stream, so that it can be given again: of the events
    numbered up to `starting_after` nothing is written then.
    """

    def __init__(
        self,
        model: str,
        response_id: str,
        echo: Mapping[str, Any],
        *,
        include_reasoning: bool = True,
        events: bool = False,
        candidates: bool = False,
        created: int | None = None,
        starting_after: int = -1,
    ) -> None:
        self._head = {
            "id": response_id,
            "object": "response",
            "created_at": int(time.time()) if created is None else created,
            "model": model,
        }
        self._echo = dict(echo)
        self._include_reasoning = include_reasoning
        self._events, self._candidates = events, candidates
        self._narration = Narration()
        self._number, self._starting_after = 0, starting_after
        self._status = "queued"
        self._thinking: str | None = None  # status of the reasoning item, None before it
        self._answer: str | None = None
        self._verdict: Event | None = None
        self._error: ApiError | None = None
        self._opened = False

    @property
    def status(self) -> str:
        """Return queued, in_progress, completed, incomplete, failed or cancelled."""
        return self._status

    def whole(self, verdict: Event | None = None) -> dict[str, Any]:
        """Return the response as it is now; a verdict, where given, ends it first."""
        if verdict is not None:
            self.feed({"type": "verdict_reached", "verdict": verdict})
        return self._object()

    def feed(self, event: Event) -> str:
        """Return what the stream says about an event; the first one opens the stream."""
        return "".join(self._opening()) + "".join(self._progress(event))

    def opening(self) -> str:
        """Return the first event, to be sent at once."""
        return "".join(self._opening())

    def fail(self, error: ApiError) -> str:
        """End the response as failed; return the end of the stream."""
        self._error = error
        opening = "".join(self._opening())
        return opening + "".join(self._close("failed"))

    def cancel(self) -> str:
        """End the response as cancelled; return the end of the stream.

        OpenAI's streams know no event of this name: clients take `response.failed`, whose
        response says that it was cancelled.
        """
        opening = "".join(self._opening())
        return opening + "".join(self._close("cancelled"))

    def _opening(self) -> Iterator[str]:
        if not self._opened:
            self._opened = True
            yield self._state("response.created")

    def _progress(self, event: Event) -> Iterator[str]:
        kind = event["type"]
        if kind == "solve_accepted":
            if event["position"]:
                yield self._state("response.queued")
            return
        if self._status == "queued":
            self._status = "in_progress"
            yield self._state("response.in_progress")
        if kind == "verdict_reached":
            yield from self._conclude(event["verdict"])
            return
        told = self._narration.tell(event) if self._include_reasoning else ""
        if told:
            yield from self._think(told, event)
        elif self._events:
            yield self._event("votebox.event", {"votebox": {"event": event}})

    def _think(self, told: str, event: Event) -> Iterator[str]:
        if self._thinking is None:
            self._thinking = "in_progress"
            empty = {"id": self._item("rs"), "type": "reasoning", "summary": []}
            item = {**empty, "status": "in_progress"}
            yield self._event("response.output_item.added", {"output_index": 0, "item": item})
            yield self._summary("part.added", part={"type": "summary_text", "text": ""})
        more = {"votebox": {"event": event}} if self._events else {}
        yield self._summary("text.delta", delta=told, **more)

    def _conclude(self, verdict: Event) -> Iterator[str]:
        self._verdict = verdict
        status = "incomplete" if verdict["stop_reason"] in CUT_SHORT else "completed"
        if verdict["stop_reason"] == "cancelled":
            status = "cancelled"
        yield from self._end_thinking("completed")
        if verdict["answer"] is not None:
            yield from self._say(verdict["answer"])
        yield from self._close(status)

    def _end_thinking(self, status: str) -> Iterator[str]:
        if self._thinking != "in_progress":
            return
        self._thinking = status
        text = self._narration.text
        yield self._summary("text.done", text=text)
        yield self._summary("part.done", part={"type": "summary_text", "text": text})
        done = {"output_index": 0, "item": self._output()[0]}
        yield self._event("response.output_item.done", done)

    def _say(self, answer: str) -> Iterator[str]:
        place = {"output_index": len(self._output())}
        inside = {**place, "item_id": self._item("msg"), "content_index": 0}
        item = {**self._message(answer), "status": "in_progress", "content": []}
        yield self._event("response.output_item.added", {**place, "item": item})
        yield self._event("response.content_part.added", {**inside, "part": _text("")})
        said = {**inside, "logprobs": []}
        yield self._event("response.output_text.delta", {**said, "delta": answer})
        yield self._event("response.output_text.done", {**said, "text": answer})
        yield self._event("response.content_part.done", {**inside, "part": _text(answer)})
        self._answer = answer
        yield self._event("response.output_item.done", {**place, "item": self._message(answer)})

    def _close(self, status: str) -> Iterator[str]:
        yield from self._end_thinking("incomplete")
        self._status = status
        yield self._state(f"response.{'failed' if status == 'cancelled' else status}")

    def _summary(self, kind: str, **fields: Any) -> str:
        place = {"item_id": self._item("rs"), "output_index": 0, "summary_index": 0}
        return self._event(f"response.reasoning_summary_{kind}", {**place, **fields})

    def _state(self, kind: str) -> str:
        return self._event(kind, {"response": self._object()})

    def _event(self, kind: str, fields: Mapping[str, Any]) -> str:
        number = self._number
        self._number += 1
        if number <= self._starting_after:
            return ""
        return server_event({"type": kind, "sequence_number": number, **fields}, kind)

    def _object(self) -> dict[str, Any]:
        verdict = self._verdict
        cut = {"reason": "max_output_tokens"} if self._status == "incomplete" else None
        done = {
            "status": self._status,
            "error": _error(self._error) if self._error else None,
            "incomplete_details": cut,
            "completed_at": self._completed_at(),
            "output": self._output(),
            "usage": response_usage(verdict) if verdict else None,
        }
        own = {"votebox": ours(verdict, candidates=self._candidates)} if verdict else {}
        return {**self._head, **self._echo, **done, **own}

    def _completed_at(self) -> int | None:
        """Return when the verdict was reached, by its own clock."""
        if self._verdict is None or self._status != "completed":
            return None
        started = self._verdict["started"]
        began = datetime.fromisoformat(started).timestamp() if started else self._head["created_at"]
        return int(began + self._verdict["wall_s"])

    def _output(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        if self._thinking is not None:
            summary = [{"type": "summary_text", "text": self._narration.text}]
            head = {"id": self._item("rs"), "type": "reasoning"}
            items.append({**head, "summary": summary, "status": self._thinking})
        if self._answer is not None:
            items.append(self._message(self._answer))
        return items

    def _message(self, answer: str) -> dict[str, Any]:
        head = {"id": self._item("msg"), "type": "message", "role": "assistant"}
        return {**head, "status": "completed", "content": [_text(answer)]}

    def _item(self, kind: str) -> str:
        return f"{kind}_{self._head['id']}"


def _text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _error(error: ApiError) -> dict[str, Any]:
    """Return a response's error; its codes are few: not ours to serve, full, or our fault."""
    codes = {400: "invalid_prompt", 429: "rate_limit_exceeded"}
    return {"code": codes.get(error.status, "server_error"), "message": error.message}
