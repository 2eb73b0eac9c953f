"""Write chat completions from the events of a solve, whole or in chunks.

`content` carries the answer alone; what happens on the way is told as reasoning, under
both names clients read. Events and verdicts come in wire form.
"""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from votebox.deployments.openai_errors import ApiError
from votebox.deployments.openai_json import DONE, server_event
from votebox.deployments.openai_narration import Narration
from votebox.deployments.openai_verdict import chat_usage, finish_reason, ours

__all__ = ["Reply"]

Event = Mapping[str, Any]


class Reply:
    """Write one reply under one id and time.

    Give each event to `feed`, which returns the text of the stream, "" for events that
    add nothing; or to `hear`, and then the verdict to `whole`. `fingerprint` is the hash of
    the recipe; without it only a verdict tells. `created` is a Unix time in seconds.
    """

    def __init__(
        self,
        model: str,
        *,
        include_usage: bool = False,
        include_reasoning: bool = True,
        events: bool = False,
        candidates: bool = False,
        fingerprint: str | None = None,
        reply_id: str | None = None,
        created: int | None = None,
    ) -> None:
        self._head = {
            "id": reply_id or f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()) if created is None else created,
            "model": model,
        }
        self._include_usage, self._include_reasoning = include_usage, include_reasoning
        self._events, self._candidates = events, candidates
        self._fingerprint = fingerprint
        self._narration = Narration()
        self._opened = False

    def hear(self, event: Event) -> None:
        """Take note of an event for the whole reply."""
        self._narration.tell(event)

    def whole(self, verdict: Event) -> dict[str, Any]:
        """Return the reply in one object."""
        told = self._narration.text or None
        reasoning = {"reasoning": told, "reasoning_content": told}
        message = {"role": "assistant", "content": verdict["answer"], "refusal": None}
        choice = {
            "index": 0,
            "message": message | (reasoning if self._include_reasoning else {}),
            "logprobs": None,
            "finish_reason": finish_reason(verdict),
        }
        return {
            **self._head,
            "object": "chat.completion",
            "system_fingerprint": verdict["recipe_hash"],
            "choices": [choice],
            "usage": chat_usage(verdict),
            "votebox": self._ours(verdict),
        }

    def feed(self, event: Event) -> str:
        """Return what the stream says about an event; the first one opens the stream."""
        opening = "" if self._opened else self.opening()
        if event["type"] == "verdict_reached":
            return opening + self.closing(event["verdict"])
        return opening + self.progress(event)

    def opening(self) -> str:
        """Return the first chunk: the role, at once, so that nobody times out waiting."""
        self._opened = True
        return self._chunk({"role": "assistant", "content": ""})

    def progress(self, event: Event) -> str:
        """Return the chunk that tells of an event, "" for events not worth telling."""
        told = self._narration.tell(event) if self._include_reasoning else ""
        delta = {"reasoning": told, "reasoning_content": told} if told else {}
        if self._events:
            return self._chunk(delta, more={"votebox": {"event": event}})
        return self._chunk(delta) if delta else ""

    def closing(self, verdict: Event) -> str:
        """Return the last chunks: answer, finish reason, usage if asked for, [DONE]."""
        self._fingerprint = verdict["recipe_hash"]
        answer = self._chunk({"content": verdict["answer"]}) if verdict["answer"] else ""
        finish = self._chunk({}, finish_reason(verdict), {"votebox": self._ours(verdict)})
        usage = ""
        if self._include_usage:
            usage = self._event({"choices": [], "usage": chat_usage(verdict)})
        return f"{answer}{finish}{usage}{DONE}"

    def fail(self, error: ApiError) -> str:
        """Return the event that ends a stream which failed; no [DONE] comes after it."""
        return server_event(error.body)

    def _ours(self, verdict: Event) -> dict[str, Any]:
        return ours(verdict, candidates=self._candidates)

    def _chunk(
        self,
        delta: Mapping[str, Any],
        finished: str | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finished}
        usage = {"usage": None} if self._include_usage else {}
        return self._event({"choices": [choice], **usage, **(more or {})})

    def _event(self, fields: Mapping[str, Any]) -> str:
        head = {**self._head, "object": "chat.completion.chunk"}
        return server_event({**head, "system_fingerprint": self._fingerprint, **fields})
