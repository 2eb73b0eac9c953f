"""Write replies of the OpenAI API from verdicts and events in wire form.

`content` carries the answer alone; what happens on the way is told as reasoning, under
both names clients read.
"""

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["Reply", "model_card", "narrate"]

LENGTH: Final = frozenset({"deadline", "budget", "truncated"})
"""The stop reasons that mean: cut short."""

OURS: Final = (
    "answer",
    "abstained",
    "reason",
    "stop_reason",
    "stopped_by",
    "ladder_s",
    "confidence",
    "votes",
    "usage",
    "recipe",
    "recipe_hash",
    "seed",
    "wall_s",
    "id",
)
"""The keys of a verdict that the `votebox` object of a reply repeats."""

Event = Mapping[str, Any]


def model_card(model: str, created: int, description: str = "") -> dict[str, Any]:
    """Return one entry of the list of models."""
    card = {"id": model, "object": "model", "created": created, "owned_by": "votebox"}
    return card | ({"description": description} if description else {})


class Reply:
    """Write one reply, whole or in chunks, under one id and time."""

    def __init__(self, model: str, *, include_usage: bool = False) -> None:
        self._head = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model,
        }
        self._include_usage = include_usage

    def whole(self, verdict: Event) -> dict[str, Any]:
        """Return the reply in one object."""
        message = {"role": "assistant", "content": verdict["answer"], "refusal": None}
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": _finish_reason(verdict),
        }
        head = {**self._head, "object": "chat.completion"}
        return {**head, "choices": [choice], "usage": _usage(verdict), "votebox": _ours(verdict)}

    def opening(self) -> str:
        """Return the first chunk: the role, at once, so that nobody times out waiting."""
        return self._chunk({"role": "assistant", "content": ""})

    def progress(self, event: Event) -> str:
        """Return the chunk that tells of an event, "" for events not worth telling."""
        told = narrate(event)
        return self._chunk({"reasoning": told, "reasoning_content": told}) if told else ""

    def closing(self, verdict: Event) -> str:
        """Return the last chunks: answer, finish reason, usage if asked for, [DONE]."""
        answer = self._chunk({"content": verdict["answer"]}) if verdict["answer"] else ""
        finish = self._chunk({}, _finish_reason(verdict), {"votebox": _ours(verdict)})
        usage = ""
        if self._include_usage:
            usage = self._event({"choices": [], "usage": _usage(verdict)})
        return f"{answer}{finish}{usage}data: [DONE]\n\n"

    def _chunk(
        self,
        delta: Mapping[str, Any],
        finish_reason: str | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        usage = {"usage": None} if self._include_usage else {}
        return self._event({"choices": [choice], **usage, **(more or {})})

    def _event(self, fields: Mapping[str, Any]) -> str:
        chunk = {**self._head, "object": "chat.completion.chunk", **fields}
        return f"data: {json.dumps(chunk)}\n\n"


def narrate(event: Event) -> str:
    """Return one line about an event, "" for those that happen too often."""
    match event["type"]:
        case "solve_started":
            models = ", ".join(event["models"])
            return f"{event['recipe']}: {event['chains']} chains of {models}\n"
        case "program_finished":
            ran = event["execution"]
            printed = (ran["stdout"].strip().splitlines() or [""])[-1][:80]
            said = f", printed {printed}" if printed else ""
            return f"chain {event['chain']} ran a program: {ran['status']}{said}\n"
        case "chain_finished":
            return f"chain {event['chain']} {event['ended']} after {event['tokens']} tokens\n"
        case "vote_changed" if event["votes"]:
            leader, weight = event["votes"][0]
            whole = sum(w for _, w in event["votes"])
            count = f"{event['finished']} of {event['planned']} chains"
            return f"leader {leader}, {weight:g} of {whole:g} votes, {count}\n"
    return ""


def _finish_reason(verdict: Event) -> str:
    return "length" if verdict["stop_reason"] in LENGTH else "stop"


def _usage(verdict: Event) -> dict[str, Any]:
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {name: verdict["usage"][name] for name in names}


def _ours(verdict: Event) -> dict[str, Any]:
    return {name: verdict[name] for name in OURS}
