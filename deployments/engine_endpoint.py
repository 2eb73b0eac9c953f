"""Serve the Engine port from any OpenAI-compatible HTTP endpoint.

    async with EndpointEngine("http://host:8000/v1") as engine:
        stream = engine.sample(prompts)

One streamed chat completion per chain, so that one chain can be ended alone: closing its
connection is how this protocol aborts. Knows nothing of Ray or vLLM.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any, Final, Self

import httpx

from votebox.deployments.sse import ReplyReader, complaint, payload, too_long, unsupported
from votebox.deployments.streams import QueueStream
from votebox.plugins import (
    Delta,
    EngineError,
    EngineUnavailable,
    Prompt,
    PromptTooLong,
)

__all__ = ["EndpointEngine"]

TIMEOUT: Final = httpx.Timeout(10.0, read=600.0, pool=None)
"""Seconds to connect, and between two bytes: a queue may be long, silence is not death."""

RETRIES: Final = 3
"""How often a request that an endpoint is too busy for (429, 503) is made again."""

MOST_WAIT_S: Final = 30.0

_log = logging.getLogger(__name__)


class EndpointEngine:
    """Sample from a chat-completions endpoint.

    `url` is the API's base, usually ending in /v1. `model` "" means the first model the
    endpoint lists. The key is read from the environment variable `key_env`, once, and
    never shown. At most `concurrency` requests run at once; more wait their turn.
    `transport` replaces the network in tests.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str = "",
        key_env: str = "OPENAI_API_KEY",
        concurrency: int = 64,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        key = os.environ.get(key_env, "")
        self._url, self._key_env = url.rstrip("/"), key_env
        self._model = model
        self.counts_chunks = False  # set once a reply came without usage: one token per chunk
        self._turns = asyncio.Semaphore(concurrency)
        self._finding = asyncio.Lock()
        self._refused: frozenset[str] = frozenset()
        self._tasks: set[asyncio.Task[None]] = set()
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            limits=httpx.Limits(max_connections=None),
            timeout=TIMEOUT,
            transport=transport,
        )

    @property
    def model(self) -> str:
        """Return the model's name; before it was discovered, the endpoint's address."""
        return self._model or self._url

    @property
    def refused(self) -> frozenset[str]:
        """Return the sampling fields the endpoint refused, which are no longer sent."""
        return self._refused

    async def start(self) -> None:
        """Ask the endpoint for its models, so that a wrong address shows at once.

        Raises:
            EngineError: unreachable, unauthorised, or without the wanted model.
        """
        await self._find_model(must_list=True)

    async def close(self) -> None:
        """End every request and close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def sample(self, prompts: Sequence[Prompt]) -> QueueStream:
        """Start one request per prompt and return their common stream."""
        tasks: list[asyncio.Task[None]] = []

        def abort(chains: Sequence[int]) -> None:
            for chain in chains:
                tasks[chain].cancel()

        stream = QueueStream(len(prompts), abort)

        def ended(chain: int, task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if task.cancelled():  # perhaps before it ran at all
                stream.put([Delta(chain, finish_reason="abort")])

        for chain, prompt in enumerate(prompts):
            task = asyncio.create_task(self._run(stream, chain, prompt))
            tasks.append(task)
            self._tasks.add(task)
            task.add_done_callback(partial(ended, chain))
        return stream

    async def _run(self, stream: QueueStream, chain: int, prompt: Prompt) -> None:
        try:
            async with self._turns:
                await self._find_model()
                async for delta in self._chat(chain, prompt):
                    stream.put([delta])
        except EngineError as e:
            stream.put([Delta(chain, error=e)])
        except httpx.HTTPError as e:
            stream.put([Delta(chain, error=self._unreachable(e))])
        except Exception as e:
            # The stream must learn of whatever else went wrong, or its reader waits for ever.
            problem = EngineError(self.model, f"failed: {type(e).__name__}: {e}")
            problem.__cause__ = e
            stream.put([Delta(chain, error=problem)])

    async def _chat(self, chain: int, prompt: Prompt) -> AsyncIterator[Delta]:
        """Yield the deltas of one chain; ask again without the fields that are refused."""
        without: set[str] = set()
        retries = 0
        while True:
            body = payload(self._model, prompt, self._refused | without)
            async with self._http.stream(
                "POST", f"{self._url}/chat/completions", json=body
            ) as reply:
                if reply.status_code == httpx.codes.OK:
                    async for delta in self._deltas(chain, reply):
                        yield delta
                    return
                message = complaint(await reply.aread())
            if reply.status_code in (429, 503) and retries < RETRIES:
                await asyncio.sleep(_retry_after(reply, retries))
                retries += 1
                continue
            if reply.status_code not in (400, 422):
                raise self._refusal(reply.status_code, message)
            if "max_tokens" in body and (too_long(message) or "max_tokens" in message):
                without.add("max_tokens")  # then the server gives what the context leaves
            elif more := unsupported(message, body):
                self._refused |= more
                _log.warning("%s refuses %s: sampling without", self._url, ", ".join(more))
            else:
                raise self._refusal(reply.status_code, message)

    async def _deltas(self, chain: int, reply: httpx.Response) -> AsyncIterator[Delta]:
        reader = ReplyReader(chain)
        try:
            async for line in reply.aiter_lines():
                data = line.removeprefix("data:").strip()
                if not line.startswith("data:") or not data:
                    continue
                if data == "[DONE]":
                    break
                delta = reader.read(data)
                if delta is not None:
                    yield delta
            self.counts_chunks |= reader.usage is None
            yield reader.end()
        except ValueError as e:
            raise EngineError(self.model, f"sent no whole chat completion: {e}") from e

    async def _find_model(self, *, must_list: bool = False) -> None:
        async with self._finding:
            if self._model and not must_list:
                return
            try:
                reply = await self._http.get(f"{self._url}/models")
            except (httpx.HTTPError, httpx.InvalidURL) as e:
                raise self._unreachable(e) from e
            listed = reply.status_code == httpx.codes.OK
            if not listed and not (self._model and reply.status_code == httpx.codes.NOT_FOUND):
                raise self._refusal(reply.status_code, complaint(reply.content))
            names = _names(reply) if listed else []
            if not names and self._model:
                return  # the endpoint lists nothing: its first reply will tell
            if not names:
                fix = "name the model (--endpoint-model); is this the API's base, ending in /v1?"
                raise EngineError(self._url, "lists no models", fix)
            if not self._model:
                self._model = names[0]
            elif self._model not in names:
                fix = f"it serves {', '.join(names[:8])}"
                raise EngineError(self._model, f"is not served at {self._url}", fix)

    def _unreachable(self, error: Exception) -> EngineUnavailable:
        why = str(error) or type(error).__name__
        fix = "check the address and that the server runs"
        problem = EngineUnavailable(self.model, f"{self._url} cannot be reached: {why}", fix)
        problem.__cause__ = error
        return problem

    def _refusal(self, status: int, message: str) -> EngineError:
        told = f"{self._url} answered {status}: {message}"
        if status in (401, 403):
            return EngineError(self.model, told, f"put a valid key into {self._key_env}")
        if status == httpx.codes.NOT_FOUND:
            fix = "check the model's name and that the URL is the API's base, ending in /v1"
            return EngineError(self.model, told, fix)
        if status in (408, 429) or status >= 500:
            return EngineUnavailable(self.model, told, "try again later")
        if too_long(message):
            return PromptTooLong(self.model, told, "shorten the question")
        if any(name in message for name in ("continue_final_message", "add_generation_prompt")):
            fix = 'it cannot go on with a reply: set turn = "fenced" on the recipe\'s sandbox node'
            return EngineError(self.model, told, fix)
        return EngineError(self.model, told)


def _retry_after(reply: httpx.Response, retries: int) -> float:
    """Return the seconds to wait: what the reply says, else 0.5, 1, 2."""
    told = reply.headers.get("retry-after", "")
    wait_s = float(told) if told.isdigit() else 0.5 * 2**retries
    return min(wait_s, MOST_WAIT_S)


def _names(reply: httpx.Response) -> list[str]:
    """Return the ids in a list of models, nothing where it is none."""
    try:
        listed: Any = reply.json()
        return [str(entry["id"]) for entry in listed["data"]]
    except (ValueError, KeyError, TypeError):
        return []
