"""Serve the embedded engine as a Ray Serve deployment: one replica, one process, vLLM in it.

The replica alone imports vLLM, when it starts. What it answers (`sample`, `abort`) is the
protocol that ServeEngine speaks; llm_cluster.py answers the same for GPUs.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

from ray import serve

from votebox.deployments.callers import Callers, own_name
from votebox.deployments.engine_embedded import EmbeddedEngine
from votebox.deployments.payload import SampleRequest, pack_deltas, unpack_prompts
from votebox.deployments.streams import QueueStream

__all__ = ["BATCH_INTERVAL_S", "EmbeddedLLM"]

BATCH_INTERVAL_S: Final = 0.05
"""Least time between two batches of a stream. Each batch costs two processes a message:
at 50 ms a solve of 64 chains keeps two thirds of the bare engine's speed."""


@serve.deployment(
    max_ongoing_requests=256,  # streams, not chains: vLLM does its own queueing
    ray_actor_options={"num_cpus": 1},
    health_check_timeout_s=60,  # importing vLLM can hold the interpreter for seconds
    graceful_shutdown_timeout_s=5,
)
class EmbeddedLLM:
    """Hold one embedded engine, ready once the replica is."""

    async def __init__(  # type: ignore[misc] # Serve awaits it: a replica is up when its model is
        self,
        source: str | None,
        name: str,
        engine_kwargs: Mapping[str, Any],
        trust_remote_code: bool,  # noqa: FBT001 - Serve binds by position
    ) -> None:
        self._engine = EmbeddedEngine(
            source,
            name=name,
            engine_kwargs=engine_kwargs,
            trust_remote_code=trust_remote_code,
            batch_interval_s=BATCH_INTERVAL_S,
        )
        self._streams: dict[str, QueueStream] = {}
        self._callers = Callers()
        await self._engine.start()

    async def sample(
        self, request: SampleRequest
    ) -> AsyncGenerator[str | list[tuple[Any, ...]], None]:
        """Yield this replica's address, then batches of packed deltas."""
        stream_id, packed, caller = request
        stream = self._streams[stream_id] = self._engine.sample(unpack_prompts(packed))
        try:
            with self._callers.working_for(caller):
                yield own_name()
                async for batch in stream:
                    yield pack_deltas(batch)
        finally:
            del self._streams[stream_id]
            await stream.aclose()

    async def abort(self, stream_id: str, chains: Sequence[int]) -> None:
        """End chains of a stream of this replica; unknown ones are ignored."""
        if stream_id in self._streams:
            for chain in chains:
                await self._streams[stream_id].abort(chain)

    async def unfinished(self) -> int:
        """Return how many requests the engine holds, by its own count."""
        return self._engine.unfinished

    async def check_health(self) -> None:
        """Fail once the engine is dead, so that Serve starts another replica."""
        failure = self._engine.failure
        if failure is not None:
            raise type(failure)(*failure.args)
