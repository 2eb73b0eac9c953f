"""Read what an endpoint answers that is no reply: refusals, lists of models, waiting times.

Knows nothing of connections; who asked is an `Asker`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from votebox.deployments.endpoint_probe import Context
from votebox.deployments.sse import Fault, fault, too_long
from votebox.plugins import (
    ContextTooSmall,
    EngineError,
    EngineUnavailable,
    PromptTooLong,
    ProviderError,
)

__all__ = ["Asker", "Listed", "listed_models", "retry_after"]

MOST_WAIT_S: Final = 30.0

_SLIGHT: Final = 3
"""As many characters of a key stand in many words."""

_CUT: Final = 8
"""As many characters at the end of a text are the beginning of a key, at which it was cut."""

_CONTEXT_KEYS: Final = ("max_model_len", "context_length", "context_window")
"""What vLLM and SGLang, OpenRouter, and Groq call a model's context in their lists."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Say who was asked, for errors: the model, the endpoint's URL, the key and its variable."""

    model: str
    url: str
    key_env: str
    key: str = ""

    def told(self, content: bytes) -> Fault:
        """Return what an error body says, without the key, which some servers repeat."""
        found = fault(content)
        return Fault(self.hidden(found.message), self.hidden(found.provider))

    def hidden(self, text: str) -> str:
        """Return a text without the key, nor the beginning of one at which the text was cut."""
        if len(self.key) <= _SLIGHT:
            return text
        text = text.replace(self.key, f"[{self.key_env}]")
        sizes = range(len(self.key) - 1, _CUT - 1, -1)
        cut = next((n for n in sizes if text.endswith(self.key[:n])), 0)
        return f"{text[:-cut]}[{self.key_env}]" if cut else text

    def unreachable(self, error: Exception) -> EngineUnavailable:
        """Return the error for an endpoint that does not answer."""
        why = self.hidden(str(error)) or type(error).__name__
        fix = "check the address and that the server runs"
        problem = EngineUnavailable(self.model, f"{self.url} cannot be reached: {why}", fix)
        problem.__cause__ = error
        return problem

    def refusal(self, status: int, found: Fault) -> EngineError:
        """Return the error for a reply of another status than 200."""
        told = f"{self.url} answered {status}: {found.message}"
        if status in (401, 403):
            fix = f"put a valid key into {self.key_env}" if self.key_env else _NAME_A_KEY
            return EngineError(self.model, told, fix)
        if status == httpx.codes.NOT_FOUND:
            fix = "check the model's name and that the URL is the API's base, ending in /v1"
            return EngineError(self.model, told, fix)
        if status in (408, 429) or status >= 500:
            if found.provider:
                return self.failed(found, f"{self.url} answered {status}: ")
            return EngineUnavailable(self.model, told, "try again later")
        if too_long(found.message):
            return PromptTooLong(self.model, told, "shorten the question")
        if any(n in found.message for n in ("continue_final_message", "add_generation_prompt")):
            fix = 'it cannot go on with a reply: set turn = "fenced" on the recipe\'s sandbox node'
            return EngineError(self.model, told, fix)
        return EngineError(self.model, told)

    def failed(self, found: Fault, lead: str = "") -> ProviderError:
        """Return the error for a provider that failed."""
        provider = self.hidden(found.provider)
        who = f"provider {provider}" if provider else "the endpoint"
        problem = f"{lead}{who} failed: {self.hidden(found.message)}"
        return ProviderError(self.model, problem, "try again later", provider)

    def blocked(self, provider: str) -> ProviderError:
        """Return the error for a provider that must not answer and did."""
        problem = f"provider {provider} answered, which is on the block list"
        fix = "name providers it may use: provider.only, or provider.ignore"
        return ProviderError(self.model, problem, fix, provider)

    def too_small(self, context: Context, least: int) -> ContextTooSmall:
        """Return the error for a model that reads fewer tokens than it has to."""
        how = "drops the rest in silence" if context.state == "cut" else "refuses more"
        who = f"provider {context.provider}" if context.provider else self.url
        read = f"{who} reads about {context.tokens:,} and {how}"
        problem = f"prompt and answer are to have {least:,} tokens, but {read}"
        fix = "raise the server's context (Ollama: num_ctx), block the provider, or lower"
        return ContextTooSmall(self.model, problem, f"{fix} context_min")


_NAME_A_KEY: Final = "name the variable with its key: key_env"


@dataclass(frozen=True, slots=True)
class Listed:
    """Hold what an endpoint says of one of its models; `context` 0 where it does not tell."""

    name: str
    context: int = 0


def listed_models(reply: httpx.Response) -> list[Listed]:
    """Return the models in a list, none where it is no list."""
    try:
        entries: Any = reply.json()
        return [Listed(str(entry["id"]), _context(entry)) for entry in entries["data"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def retry_after(reply: httpx.Response, retries: int) -> float:
    """Return the seconds to wait: what the reply says, else 0.5, 1, 2."""
    told = reply.headers.get("retry-after", "")
    wait_s = float(told) if told.isascii() and told.isdigit() else 0.5 * 2**retries
    return min(wait_s, MOST_WAIT_S)


def _context(entry: Mapping[str, Any]) -> int:
    found = [entry[k] for k in _CONTEXT_KEYS if isinstance(entry.get(k), int) and entry[k] > 0]
    return min(found, default=0)
