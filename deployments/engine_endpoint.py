"""Serve the Engine port from any OpenAI-compatible HTTP endpoint.

    async with EndpointEngine("http://host:8000/v1") as engine:
        stream = engine.sample(prompts)

One streamed chat completion per chain, so that one chain can be ended alone: closing its
connection is how this protocol aborts. By its rules (endpoint_rules.py) the engine measures
the context before the first chain, and keeps what providers do wrong apart from what the model
says. Knows nothing of Ray or vLLM.
"""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Final, Self

import httpx

from votebox.deployments.endpoint_probe import Asked, Context, measure_context
from votebox.deployments.endpoint_replies import Asker, Listed, listed_models, retry_after
from votebox.deployments.endpoint_rules import EndpointRules, is_blocked
from votebox.deployments.sse import (
    ProviderFault,
    ReplyReader,
    payload,
    too_long,
    unsupported,
)
from votebox.deployments.streams import QueueStream
from votebox.plugins import Delta, EngineError, Prompt, ProviderError

__all__ = ["EndpointEngine"]

TIMEOUT: Final = httpx.Timeout(10.0, read=600.0, pool=None)
"""Seconds to connect, and between two bytes: a queue may be long, silence is not death."""

RETRIES: Final = 3
"""How often a request is made again that an endpoint is too busy for (429, 502, 503), or that
a provider failed or must not answer before its first word."""

_log = logging.getLogger(__name__)


class EndpointEngine:
    """Sample from a chat-completions endpoint.

    `url` is the API's base, usually ending in /v1. `model` "" means the first model the
    endpoint lists. The key is read from the environment variable `key_env` ("": none is
    sent), once, and never shown. At most `concurrency` requests run at once; more wait their
    turn. `rules` say how it is asked; their sampling is for the solver to take. `context` is what
    was measured, None before. `transport` replaces the network in tests.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str = "",
        key_env: str = "OPENAI_API_KEY",
        concurrency: int = 64,
        rules: EndpointRules | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._key_env, self._key = key_env, _key(url, key_env)
        self._url = url.rstrip("/")
        self._model = model
        self._rules = rules or EndpointRules()
        self.context: Context | None = None
        self.counts_chunks = False  # set once a reply came without usage: one token per chunk
        self._turns = asyncio.Semaphore(concurrency)
        self._finding = asyncio.Lock()
        self._measuring = asyncio.Lock()
        self._refused: frozenset[str] = frozenset()
        self._tasks: set[asyncio.Task[None]] = set()
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            limits=httpx.Limits(max_connections=None),
            timeout=TIMEOUT,
            transport=transport,
        )

    @property
    def model(self) -> str:
        """Return the model's name; before it was discovered, the endpoint's address."""
        return self._model or self._url

    @property
    def running(self) -> int:
        """Return how many chains it samples now."""
        return len(self._tasks)

    @property
    def sampling(self) -> Mapping[str, Any]:
        """Return the fields of Sampling that go before a recipe's."""
        return self._rules.sampling

    @property
    def refused(self) -> frozenset[str]:
        """Return the sampling fields the endpoint refused, which are no longer sent."""
        return self._refused

    async def start(self) -> None:
        """Ask the endpoint for its models and measure the context, so that faults show at once.

        Raises:
            ContextTooSmall: it reads less than the rules ask for.
            EngineError: unreachable, unauthorised, or without the wanted model.
        """
        await self._find_model(must_list=True)
        await self._check_context()

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
                await self._check_context()
                async for delta in self._chat(chain, prompt):
                    stream.put([delta])
        except EngineError as e:
            stream.put([Delta(chain, error=e)])
        except httpx.HTTPError as e:
            stream.put([Delta(chain, error=self._asker.unreachable(e))])
        except Exception as e:
            # The stream must learn of whatever else went wrong, or its reader waits for ever.
            told = self._asker.hidden(f"failed: {type(e).__name__}: {e}")
            problem = EngineError(self.model, told)
            problem.__cause__ = e
            stream.put([Delta(chain, error=problem)])

    @property
    def _asker(self) -> Asker:
        return Asker(self.model, self._url, self._key_env, self._key)

    async def _chat(self, chain: int, prompt: Prompt) -> AsyncIterator[Delta]:
        """Yield the deltas of one chain; ask again after a provider that failed in silence.

        One that has said something already cannot be asked again: its words are delivered.
        """
        blocked: list[str] = []
        begun, failed = False, 0
        while True:
            try:
                async with aclosing(self._reply(chain, prompt, blocked)) as deltas:
                    async for delta in deltas:
                        begun = begun or bool(delta.text or delta.reasoning)
                        yield delta
                    return
            except ProviderError as e:
                if begun or failed >= RETRIES:
                    raise
                failed += 1
                _log.warning("%s, asking again", e)
                yield Delta(chain, provider=e.provider, setback=e.problem)
                if is_blocked(e.provider, self._rules.block):
                    blocked.append(e.provider)
                else:
                    await asyncio.sleep(0.1 * 2**failed)

    async def _reply(
        self, chain: int, prompt: Prompt, blocked: Collection[str]
    ) -> AsyncGenerator[Delta, None]:
        """Yield the deltas of one request; make it again without the fields that are refused."""
        without: set[str] = set()
        retries = 0
        while True:
            left_out = self._refused | without
            more = self._rules.request(blocked)
            body = payload(self._model, prompt, left_out)
            body |= {name: value for name, value in more.items() if name not in left_out}
            async with self._http.stream(
                "POST", f"{self._url}/chat/completions", json=body
            ) as reply:
                if reply.status_code == httpx.codes.OK:
                    async for delta in self._deltas(chain, reply):
                        yield delta
                    return
                found = self._asker.told(await reply.aread())
            if reply.status_code in (429, 502, 503) and retries < RETRIES:
                await asyncio.sleep(retry_after(reply, retries))
                retries += 1
                continue
            message = found.message
            if reply.status_code not in (400, 422):
                raise self._asker.refusal(reply.status_code, found)
            if "max_tokens" in body and (too_long(message) or "max_tokens" in message):
                without.add("max_tokens")  # then the server gives what the context leaves
            elif refused := unsupported(message, body):
                self._refused |= refused
                _log.warning("%s refuses %s: sampling without", self._url, ", ".join(refused))
            else:
                raise self._asker.refusal(reply.status_code, found)

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
                if is_blocked(reader.provider, self._rules.block):
                    raise self._asker.blocked(reader.provider)
                if delta is not None:
                    yield delta
            self.counts_chunks |= reader.usage is None
            yield reader.end()
        except ProviderFault as e:
            raise self._asker.failed(e.found) from e
        except ValueError as e:
            told = self._asker.hidden(f"sent no whole chat completion: {e}")
            raise EngineError(self.model, told) from e

    async def _find_model(self, *, must_list: bool = False) -> None:
        async with self._finding:
            if self._model and not must_list:
                return
            try:
                reply = await self._http.get(f"{self._url}/models")
            except (httpx.HTTPError, httpx.InvalidURL) as e:
                raise self._asker.unreachable(e) from e
            listed = reply.status_code == httpx.codes.OK
            if not listed and not (self._model and reply.status_code == httpx.codes.NOT_FOUND):
                raise self._asker.refusal(reply.status_code, self._asker.told(reply.content))
            self._choose(listed_models(reply) if listed else [])

    def _choose(self, served: Sequence[Listed]) -> None:
        """Take the model among those served; none may be listed where one is named."""
        names = [one.name for one in served]
        if not names and self._model:
            return  # the endpoint lists nothing: its first reply will tell
        if not names:
            fix = "name the model (--endpoint-model); is this the API's base, ending in /v1?"
            raise EngineError(self._url, "lists no models", fix)
        if self._model and self._model not in names:
            fix = f"it serves {', '.join(names[:8])}"
            raise EngineError(self._model, f"is not served at {self._url}", fix)
        self._model = self._model or names[0]
        told = served[names.index(self._model)].context
        if 0 < told < self._rules.context_min:
            listed = Context("refused", told)
            raise self._asker.too_small(listed, self._rules.context_min)

    async def _check_context(self) -> None:
        """Measure the context where the rules ask for that, once; refuse one too small."""
        least = self._rules.context_min
        if not least or not self._rules.probe:
            return
        async with self._measuring:
            if self.context is None:
                try:
                    self.context = await measure_context(self._ask, least)
                except httpx.HTTPError as e:
                    raise self._asker.unreachable(e) from e
                if self.context.state == "unknown":
                    told = "the context is not measured: it repeats no number from a prompt"
                    _log.warning("model %s at %s: %s", self.model, self._url, told)
        if self.context.state in ("cut", "refused"):
            raise self._asker.too_small(self.context, least)

    async def _ask(self, prompt: Prompt) -> Asked:
        """Return the whole reply to a prompt, thinking and all."""
        text, tokens, provider = "", 0, ""
        async for delta in self._chat(0, prompt):
            text += delta.reasoning + delta.text
            tokens, provider = tokens + delta.prompt_tokens, delta.provider or provider
        return Asked(text, tokens, provider)


def _key(url: str, key_env: str) -> str:
    """Return the key in an environment variable, "" where it is not set.

    Raises:
        EngineError: it cannot stand in a header; the key is not shown.
    """
    key = os.environ.get(key_env, "").strip() if key_env else ""
    if key.isascii() and key.isprintable():
        return key
    problem = f"the key in {key_env} holds characters that no header takes"
    raise EngineError(url, problem, f"set {key_env} anew, without line breaks")
