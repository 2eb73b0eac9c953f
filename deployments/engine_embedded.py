"""Serve the Engine port with vLLM running in this process.

    async with EmbeddedEngine() as engine:        # the model in the package
        stream = engine.sample(prompts)

One thread owns vLLM (stepper.py); this side belongs to one event loop. No Ray, no second
process, no port: a third of the time other ways of running vLLM take to be ready.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self

from votebox.deployments.model_source import MINI, check_model, is_mini
from votebox.deployments.stepper import Group, Stepper
from votebox.deployments.streams import QueueStream
from votebox.deployments.vllm_start import start_llm
from votebox.plugins import EngineError, EngineUnavailable, Prompt

__all__ = ["EmbeddedEngine"]

BATCH_INTERVAL_S: Final = 0.02
"""Least time between two batches of a stream: a blink for a reader, few hand-overs."""


class EmbeddedEngine:
    """Sample from a model that vLLM runs in this process.

    `source` is a model folder, a hub id, or None for the packaged model; `name` is how
    usage and traces call it. `engine_kwargs` are vLLM's own. It serves any number of
    streams at once; those opened while it starts wait for it.
    """

    def __init__(
        self,
        source: str | None = None,
        *,
        name: str = "",
        engine_kwargs: Mapping[str, Any] | None = None,
        trust_remote_code: bool = False,
        batch_interval_s: float = BATCH_INTERVAL_S,
    ) -> None:
        self.model = name or (MINI if is_mini(source) else str(source))
        self._source = source
        self._interval_s = batch_interval_s
        self._kwargs = dict(engine_kwargs or {})
        self._trust = trust_remote_code
        self._stepper: Stepper | None = None
        self._ready: asyncio.Future[None] | None = None

    @property
    def unfinished(self) -> int:
        """Return how many requests vLLM itself holds, waiting or running."""
        return self._stepper.unfinished if self._stepper else 0

    @property
    def failure(self) -> EngineError | None:
        """Return why the engine serves no more, None while it may."""
        return self._stepper.failure if self._stepper else None

    async def start(self) -> None:
        """Start the engine and wait until it is ready; the event loop keeps running.

        Raises:
            EngineError: the model or vLLM cannot be started; says why and what to do.
        """
        if self._ready is None:
            check_model(self._source)
            self._ready = asyncio.get_running_loop().create_future()
            self._stepper = Stepper(self.model, self._build, self._started(), self._interval_s)
            self._stepper.start()
        await asyncio.shield(self._ready)

    async def close(self) -> None:
        """End the thread and free the engine; open streams raise EngineUnavailable.

        An engine that is still starting cannot be interrupted: its thread ends by itself.
        """
        if self._stepper is None or self._ready is None:
            return
        self._stepper.stop()
        if self._ready.done():
            await asyncio.to_thread(self._stepper.join)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def sample(self, prompts: Sequence[Prompt]) -> QueueStream:
        """Start one chain per prompt and return their stream."""
        stepper = self._stepper
        if stepper is None:
            stream = QueueStream(len(prompts), lambda chains: None)
            stream.fail(EngineUnavailable(self.model, "is not started", "await start() first"))
            return stream
        stream = QueueStream(len(prompts), lambda chains: stepper.abort(group, chains))
        loop = asyncio.get_running_loop()
        group = Group(prompts, _from_thread(loop, stream.put), _from_thread(loop, stream.fail))
        if prompts:
            stepper.open(group)
        return stream

    def _build(self) -> Any:
        return start_llm(self.model, self._source, self._kwargs, trust_remote_code=self._trust)

    def _started(self) -> Callable[[EngineError | None], None]:
        ready = self._ready

        def settle(error: EngineError | None) -> None:
            if ready is None or ready.done():
                return
            if error is None:
                ready.set_result(None)
            else:
                ready.set_exception(error)

        return _from_thread(asyncio.get_running_loop(), settle)


def _from_thread[T](
    loop: asyncio.AbstractEventLoop, call: Callable[[T], None]
) -> Callable[[T], None]:
    """Return a function that makes `call` in the loop, from any thread."""

    def post(value: T) -> None:
        # A loop that is closed has nobody left to tell.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(call, value)

    return post
