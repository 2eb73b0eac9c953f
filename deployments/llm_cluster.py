"""Serve a model on GPUs and clusters through ray.serve.llm, with our `sample` added.

The one module that knows ray.serve.llm, which moves fast and raises ImportError where no
vLLM is installed: nothing of it is imported before a model of kind `cluster` is built.
Only its public `chat` is called, so it speaks in streamed chunks like any endpoint.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from votebox.deployments.payload import SampleRequest, pack_deltas, unpack_prompts
from votebox.deployments.sse import ReplyReader, complaint, payload, too_long
from votebox.plugins import Delta, EngineError, Prompt, PromptTooLong

if TYPE_CHECKING:
    from ray.serve import Application

__all__ = ["build_cluster_llm"]

BATCH_INTERVAL_S: Final = 0.05


def build_cluster_llm(
    name: str,
    source: str,
    *,
    engine_kwargs: Mapping[str, Any],
    tensor_parallel_size: int,
    accelerator: str | None,
    replicas: tuple[int, int],
    target_ongoing_requests: int,
    env: Mapping[str, str],
) -> "Application":
    """Return the deployment of one model.

    `accelerator` is Ray's name of a GPU type, None for any GPU, or "cpu" for none at all.
    `replicas` are the least and the most. The workers of one replica share a node
    (STRICT_PACK): tensor parallelism over a network is not what anybody wants.
    """
    from ray.serve.llm import LLMConfig, build_llm_deployment

    cpu = accelerator == "cpu"
    bundle = {"CPU": 1} if cpu else {"CPU": 1, "GPU": 1}
    least, most = replicas
    settings: dict[str, Any] = {"accelerator_config": {"kind": "cpu"}} if cpu else {}
    config = LLMConfig(
        model_loading_config={"model_id": name, "model_source": source},
        engine_kwargs={"tensor_parallel_size": tensor_parallel_size, **engine_kwargs},
        accelerator_type=None if cpu else accelerator,
        placement_group_config={"bundle_per_worker": bundle, "strategy": "STRICT_PACK"},
        deployment_config={
            # Ray's own defaults for both limits are a thousand million, under which
            # nothing ever scales up.
            "max_ongoing_requests": 4 * target_ongoing_requests,
            "autoscaling_config": {
                "min_replicas": least,
                "max_replicas": most,
                "target_ongoing_requests": target_ongoing_requests,
            },
        },
        experimental_configs={"stream_batching_interval_ms": 0},  # `sample` gathers itself
        runtime_env={"env_vars": dict(env)} if env else None,
        **settings,
    )
    return build_llm_deployment(config, deployment_cls=_server_class())


def _server_class() -> type:
    """Return LLMServer with `sample`, `abort` and `unfinished`."""
    from ray import serve
    from ray.serve.llm.deployment import LLMServer

    class SamplingServer(LLMServer):
        """Add votebox's protocol to Ray's server."""

        def _chats(self) -> dict[str, "Chats"]:
            if not hasattr(self, "_votebox_chats"):
                self._votebox_chats: dict[str, Chats] = {}
            return self._votebox_chats

        async def sample(
            self, request: SampleRequest
        ) -> AsyncGenerator[str | list[tuple[Any, ...]], None]:
            """Yield this replica's address, then batches of packed deltas."""
            stream_id, packed = request
            chats = Chats(self, self._llm_config.model_id, unpack_prompts(packed))
            self._chats()[stream_id] = chats
            try:
                yield serve.get_replica_context().replica_id.to_full_id_str()
                async for batch in chats.batches():
                    yield pack_deltas(batch)
            finally:
                del self._chats()[stream_id]
                await chats.close()

        async def abort(self, stream_id: str, chains: Sequence[int]) -> None:
            """End chains of a stream of this replica; unknown ones are ignored."""
            if stream_id in self._chats():
                self._chats()[stream_id].abort(chains)

        async def unfinished(self) -> int:
            """Return how many chains are being sampled."""
            return sum(chats.running for chats in self._chats().values())

    return SamplingServer


class Chats:
    """Run one streamed chat per prompt on an LLMServer and gather their deltas."""

    def __init__(self, server: Any, model: str, prompts: Sequence[Prompt]) -> None:
        self._server, self._model = server, model
        self._fresh: list[Delta] = []
        self._news = asyncio.Event()
        self._error: EngineError | None = None
        self._tasks = [
            asyncio.create_task(self._run(chain, prompt)) for chain, prompt in enumerate(prompts)
        ]
        for chain, task in enumerate(self._tasks):
            task.add_done_callback(partial(self._ended, chain))

    @property
    def running(self) -> int:
        """Return how many chains have not ended."""
        return sum(not task.done() for task in self._tasks)

    async def batches(self) -> AsyncGenerator[list[Delta], None]:
        """Yield batches, at most one per interval, until all chains have ended."""
        while self._fresh or self.running or self._error:
            await self._news.wait()
            self._news.clear()
            batch, self._fresh = self._fresh, []
            if batch:
                yield batch
            if self._error is not None:
                raise self._error
            if self.running:
                await asyncio.sleep(BATCH_INTERVAL_S)

    def abort(self, chains: Sequence[int]) -> None:
        """End chains; closing a chat's generator aborts its request in vLLM."""
        for chain in chains:
            self._tasks[chain].cancel()

    async def close(self) -> None:
        """End all chains."""
        self.abort(range(len(self._tasks)))
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _put(self, delta: Delta) -> None:
        self._fresh.append(delta)
        self._news.set()

    def _ended(self, chain: int, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if task.cancelled():
            self._put(Delta(chain, finish_reason="abort"))
        elif isinstance(error, EngineError):
            self._error = error
        elif error is not None:
            self._error = EngineError(self._model, f"{type(error).__name__}: {error}")
        self._news.set()

    async def _run(self, chain: int, prompt: Prompt) -> None:
        refusal = await self._chat(chain, prompt, ())
        if refusal and (too_long(refusal) or "max_tokens" in refusal):
            # Without the limit the engine gives what the context leaves.
            refusal = await self._chat(chain, prompt, ("max_tokens",))
            if refusal and too_long(refusal):
                raise PromptTooLong(self._model, refusal, "shorten the question")
        if refusal:
            raise EngineError(self._model, f"refused the request: {refusal}")

    async def _chat(self, chain: int, prompt: Prompt, without: Sequence[str]) -> str:
        """Stream one chat into deltas; return "" or the engine's reason to refuse it."""
        from ray.serve.llm.openai_api_models import ChatCompletionRequest

        request = ChatCompletionRequest(**payload(self._model, prompt, without))
        reader = ReplyReader(chain)
        replies = await self._server.chat(request)
        try:
            async for batch in replies:
                for event in batch if isinstance(batch, list) else [batch]:
                    if not isinstance(event, str):  # an ErrorResponse comes as a value
                        return complaint(event.model_dump_json().encode())
                    self._read(reader, event)
        finally:
            await replies.aclose()
        self._put(reader.end())
        return ""

    def _read(self, reader: ReplyReader, event: str) -> None:
        for line in event.splitlines():
            data = line.removeprefix("data:").strip()
            if line.startswith("data:") and data and data != "[DONE]":
                delta = reader.read(data)
                if delta is not None:
                    self._put(delta)
