"""Serve a model on GPUs and clusters through ray.serve.llm, with our `sample` added.

The one module that knows ray.serve.llm, which moves fast and raises ImportError where no
vLLM is installed: nothing of it is imported before a model of kind `cluster` is built. Ray
places, starts and scales the engine; chains are sampled from vLLM's own client in it, because
Ray's `chat` would turn each token into JSON and back, and cannot go on with a reply.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from votebox.deployments.payload import SampleRequest, pack_deltas, unpack_prompts
from votebox.deployments.vllm_request import (
    logprob_statistics,
    render,
    room_for,
    sampling_params,
)
from votebox.plugins import Delta, EngineError, LogprobStats, Prompt

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
    router: Mapping[str, Any],
) -> "Application":
    """Return the deployment of one model.

    `accelerator` is Ray's name of a GPU type, None for any GPU, or "cpu" for none at all.
    `replicas` are the least and the most, `router` is Serve's option for how one is chosen. The workers of one replica share a node
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
            **router,
            "autoscaling_config": {
                "min_replicas": least,
                "max_replicas": most,
                "target_ongoing_requests": target_ongoing_requests,
            },
        },
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

        def _open_streams(self) -> dict[str, "Requests"]:
            if not hasattr(self, "_votebox_streams"):
                self._votebox_streams: dict[str, Requests] = {}
            return self._votebox_streams

        async def sample(
            self, request: SampleRequest
        ) -> AsyncGenerator[str | list[tuple[Any, ...]], None]:
            """Yield this replica's address, then batches of packed deltas."""
            stream_id, packed = request
            # The one thing of Ray's that is not public; test_llm_cluster.py holds it.
            engine: Any = self.engine
            model = self._llm_config.model_id
            prompts = unpack_prompts(packed)
            requests = Requests(engine._engine_client, model, stream_id, prompts)  # noqa: SLF001
            self._open_streams()[stream_id] = requests
            try:
                yield serve.get_replica_context().replica_id.to_full_id_str()
                async for batch in requests.batches():
                    yield pack_deltas(batch)
            finally:
                del self._open_streams()[stream_id]
                await requests.close()

        async def abort(self, stream_id: str, chains: Sequence[int]) -> None:
            """End chains of a stream of this replica; unknown ones are ignored."""
            if stream_id in self._open_streams():
                self._open_streams()[stream_id].abort(chains)

        async def unfinished(self) -> int:
            """Return how many chains are being sampled."""
            return sum(requests.running for requests in self._open_streams().values())

    return SamplingServer


class Requests:
    """Run one request per prompt on vLLM's AsyncLLM and gather what they give.

    Nothing is done per chain and batch but to join texts; a batch goes out at most every
    `BATCH_INTERVAL_S`, because each costs two processes a message.
    """

    def __init__(self, client: Any, model: str, name: str, prompts: Sequence[Prompt]) -> None:
        self._client, self._model, self._name = client, model, name
        self._fresh: dict[int, Delta] = {}
        self._news = asyncio.Event()
        self._error: EngineError | None = None
        self._tasks: list[asyncio.Task[None]] = []
        try:
            self._start(prompts)
        except EngineError as e:
            self._fail(e)

    @property
    def running(self) -> int:
        """Return how many chains have not ended."""
        return sum(not task.done() for task in self._tasks)

    async def batches(self) -> AsyncGenerator[list[Delta], None]:
        """Yield batches until all chains have ended; raise EngineError when one failed."""
        while self._fresh or self.running or self._error:
            await self._news.wait()
            self._news.clear()
            batch, self._fresh = [*self._fresh.values()], {}
            if batch:
                yield batch
            if self._error is not None:
                raise self._error
            if self.running:
                await asyncio.sleep(BATCH_INTERVAL_S)

    def abort(self, chains: Sequence[int]) -> None:
        """End chains; closing a request's generator aborts it in vLLM."""
        for chain in chains:
            self._tasks[chain].cancel()

    async def close(self) -> None:
        """End all chains."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, prompts: Sequence[Prompt]) -> None:
        tokenizer, context = self._client.get_tokenizer(), self._client.model_config.max_model_len
        rendered = [render(tokenizer, prompt) for prompt in prompts]
        room = room_for(self._model, context, rendered)
        for chain, (prompt, ids) in enumerate(zip(prompts, rendered, strict=True)):
            task = asyncio.create_task(self._run(chain, prompt, ids, room[chain]))
            task.add_done_callback(partial(self._ended, chain))
            self._tasks.append(task)

    def _put(self, delta: Delta) -> None:
        """Join what a chain gave since the last batch."""
        known = self._fresh.get(delta.chain)
        if known is not None:
            delta = replace(
                delta,
                text=known.text + delta.text,
                tokens=known.tokens + delta.tokens,
                prompt_tokens=known.prompt_tokens + delta.prompt_tokens,
                logprobs=_joined(known.logprobs, delta.logprobs),
            )
        self._fresh[delta.chain] = delta
        self._news.set()

    def _fail(self, error: EngineError) -> None:
        self._error = self._error or error
        self._news.set()

    def _ended(self, chain: int, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if task.cancelled():
            self._put(Delta(chain, finish_reason="abort"))
        elif isinstance(error, EngineError):
            self._fail(error)
        elif error is not None:
            self._fail(EngineError(self._model, f"{type(error).__name__}: {_cause(error)}"))
        self._news.set()

    async def _run(self, chain: int, prompt: Prompt, ids: list[int], room: int) -> None:
        """Stream one chain into deltas."""
        if room <= 0:  # beside chains that have room, its context is used up
            self._put(Delta(chain, prompt_tokens=len(ids), finish_reason="length"))
            return
        try:
            params = sampling_params(prompt, room)
        except ValueError as e:
            raise EngineError(self._model, f"refused the request: {e}") from e
        first = len(ids)
        outputs = self._client.generate({"prompt_token_ids": ids}, params, f"{self._name}-{chain}")
        async for output in outputs:
            piece = output.outputs[0]
            reason = piece.finish_reason if output.finished else None
            self._put(
                Delta(
                    chain,
                    piece.text,
                    len(piece.token_ids),
                    first,
                    logprobs=logprob_statistics(piece.logprobs) if piece.logprobs else None,
                    finish_reason=reason if reason in (None, "stop", "length") else "abort",
                )
            )
            first = 0


def _joined(a: LogprobStats | None, b: LogprobStats | None) -> LogprobStats | None:
    return b if a is None else a + (b or LogprobStats())


def _cause(error: BaseException) -> BaseException:
    """Return what vLLM's wrapper of a failed request hides."""
    return error.__cause__ or error
