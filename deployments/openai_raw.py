"""Write chat completions of a raw model from its deltas, whole or in chunks.

A delta is a mapping with choice, text, reasoning, tokens, prompt_tokens and finish_reason.
Thinking inside the text is told as reasoning; its tags are never part of the content.
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from votebox.deployments.openai_errors import ApiError
from votebox.deployments.openai_json import DONE, server_event
from votebox.deployments.thinking_stream import Parted, ThinkingSplitter, split_thinking

__all__ = ["RawReply"]

Delta = Mapping[str, Any]


class Choice:
    """Collect one choice: its texts, counts and end."""

    def __init__(self, *, thinks: bool) -> None:
        self.splitter = ThinkingSplitter(thinks=thinks)
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.tokens = self.thought_tokens = self.prompt_tokens = 0
        self.ended: str | None = None

    def feed(self, delta: Delta) -> Parted:
        """Take a delta; return what it adds to reasoning and content."""
        self.text.append(delta["text"])
        self.reasoning.append(delta["reasoning"])
        thought, said = self.splitter.feed(delta["text"])
        if delta["finish_reason"]:
            held_thought, held_said = self.splitter.end()
            thought, said = thought + held_thought, said + held_said
            self.ended = self._finish(delta["finish_reason"])
        self.tokens += delta["tokens"]
        self.prompt_tokens = max(self.prompt_tokens, delta["prompt_tokens"])
        if delta["reasoning"] or self.splitter.thinks:
            self.thought_tokens += delta["tokens"]
        return delta["reasoning"] + thought, said

    def _finish(self, reason: str) -> str:
        """Return why it ended; what ends inside its thinking was cut short, whoever cut it."""
        return "length" if reason == "length" or self.splitter.thinks else "stop"


class RawReply:
    """Write one reply of `n` choices under one id and time.

    Give each batch of deltas to `feed`, which returns the text of the stream, and call `end`
    after the last; or to `hear`, and call `whole`. `thinks` tells that the chat template
    opens the thinking in the prompt.
    """

    def __init__(
        self,
        model: str,
        n: int = 1,
        *,
        include_usage: bool = False,
        include_reasoning: bool = True,
        thinks: bool = False,
        reply_id: str | None = None,
        created: int | None = None,
    ) -> None:
        self._head = {
            "id": reply_id or f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()) if created is None else created,
            "model": model,
            "system_fingerprint": None,
        }
        self._include_usage, self._include_reasoning = include_usage, include_reasoning
        self._thinks = thinks
        self._choices = [Choice(thinks=thinks) for _ in range(n)]
        self._opened = False

    def hear(self, batch: Sequence[Delta]) -> None:
        """Take note of a batch for the whole reply."""
        for delta in batch:
            self._choices[delta["choice"]].feed(delta)

    def whole(self) -> dict[str, Any]:
        """Return the reply in one object."""
        choices = [self._choice(index) for index in range(len(self._choices))]
        head = {**self._head, "object": "chat.completion"}
        return {**head, "choices": choices, "usage": self._usage()}

    def opening(self) -> str:
        """Return the first chunk of each choice: its role."""
        self._opened = True
        role = {"role": "assistant", "content": ""}
        return "".join(self._chunk(index, role) for index in range(len(self._choices)))

    def feed(self, batch: Sequence[Delta]) -> str:
        """Return what the stream says about a batch; the first one opens the stream."""
        written = [] if self._opened else [self.opening()]
        for delta in batch:
            index = delta["choice"]
            choice = self._choices[index]
            thought, said = choice.feed(delta)
            added: dict[str, str] = {}
            if thought and self._include_reasoning:
                added |= {"reasoning": thought, "reasoning_content": thought}
            if said:
                added |= {"content": said}
            if added:
                written.append(self._chunk(index, added))
            if choice.ended:
                written.append(self._chunk(index, {}, choice.ended))
        return "".join(written)

    def end(self) -> str:
        """Return the end of the stream: usage if asked for, [DONE]."""
        usage = {"choices": [], "usage": self._usage()}
        return (self._event(usage) if self._include_usage else "") + DONE

    def fail(self, error: ApiError) -> str:
        """Return the event that ends a stream which failed; no [DONE] comes after it."""
        return server_event(error.body)

    def _choice(self, index: int) -> dict[str, Any]:
        choice = self._choices[index]
        thought, said = split_thinking("".join(choice.text), thinks=self._thinks)
        told = "".join(choice.reasoning) + thought or None
        message: dict[str, Any] = {"role": "assistant", "content": said, "refusal": None}
        if self._include_reasoning:
            message |= {"reasoning": told, "reasoning_content": told}
        ended = choice.ended or "stop"
        return {"index": index, "message": message, "logprobs": None, "finish_reason": ended}

    def _usage(self) -> dict[str, Any]:
        """Return the tokens; the prompt counts once, however many choices share it."""
        prompt = max(choice.prompt_tokens for choice in self._choices)
        completion = sum(choice.tokens for choice in self._choices)
        thought = sum(choice.thought_tokens for choice in self._choices)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": thought},
        }

    def _chunk(self, index: int, delta: Mapping[str, Any], finished: str | None = None) -> str:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finished}
        usage = {"usage": None} if self._include_usage else {}
        return self._event({"choices": [choice], **usage})

    def _event(self, fields: Mapping[str, Any]) -> str:
        return server_event({**self._head, "object": "chat.completion.chunk", **fields})
