"""A real HTTP server that is an endpoint with a context of its own, providers, and manners."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from fake_app import Answer, serving

__all__ = ["Endpoint", "serving"]


def repeats(text: str) -> str:
    """Reply as a model that reads: with the first number of five digits that it sees."""
    words = (word.strip(".,") for word in text.split())
    return next((word for word in words if len(word) == 5 and word.isdigit()), "none")


@dataclass
class Endpoint:
    """Answer chat completions; words are tokens.

    Of a prompt longer than `context` words the head is dropped, or it is refused. `providers`
    answer in turn, the last one from then on; one that the request ignores never does.
    """

    reply: Callable[[Mapping[str, Any]], str] | None = None
    context: int = 1_000_000
    refuses: bool = False
    counts: bool = True
    model: Mapping[str, Any] = field(default_factory=lambda: {"id": "fake"})
    providers: tuple[str, ...] = ()
    failing: Mapping[str, Any] = field(default_factory=dict)
    bodies: list[Mapping[str, Any]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __call__(self, what: str, body: Mapping[str, Any]) -> Answer:
        if what.endswith("/models"):
            return 200, {"object": "list", "data": [self.model]}
        with self._lock:  # requests come in threads of their own
            self.bodies.append(body)
            provider = self._provider(body)
        words = " ".join(m["content"] for m in body["messages"]).split()
        if len(words) > self.context and self.refuses:
            message = f"This model's maximum context length is {self.context} tokens."
            return 400, {"error": {"message": message}}
        seen = words[-self.context :]
        text = self.reply(body) if self.reply else repeats(" ".join(seen))
        return 200, self._events(text, len(seen), provider)

    def _provider(self, body: Mapping[str, Any]) -> str:
        ignored = body.get("provider", {}).get("ignore", [])
        left = [name for name in self.providers if name not in ignored]
        return left[min(len(self.bodies), len(left)) - 1] if left else ""

    def _events(self, text: str, tokens: int, provider: str) -> Iterator[Mapping[str, Any]]:
        named = {"provider": provider} if provider else {}
        if provider in self.failing:
            yield from ({**named, **event} for event in self.failing[provider])
            return
        said = {"index": 0, "delta": {"content": text}, "finish_reason": None}
        yield {**named, "choices": [said]}
        yield {**named, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        if self.counts:
            yield {"choices": [], "usage": {"prompt_tokens": tokens, "completion_tokens": 1}}
