"""Serve a model on GPUs and clusters through ray.serve.llm, with our `sample` added.

The one module that knows ray.serve.llm, which moves fast and raises ImportError where no
vLLM is installed: nothing of it is imported before a model of kind `cluster` is built. Ray
places, starts and scales the engine; chains are sampled from vLLM's own client in it, because
Ray's `chat` would turn each token into JSON and back, and cannot go on with a reply.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from votebox.deployments.batching import paced
from votebox.deployments.callers import Callers, own_name
from votebox.deployments.payload import SampleRequest, pack_deltas, unpack_prompts
from votebox.deployments.vllm_request import ChainOutput, render, room_for, sampling_params
from votebox.plugins import Delta, EngineDied, EngineError, Prompt

if TYPE_CHECKING:
    from ray.serve import Application

__all__ = ["build_cluster_llm"]

BATCH_INTERVAL_S: Final = 0.05

_LAST_WORDS_S: Final = 1.0
"""How long a replica whose engine died tells those who wait, before it ends, too."""


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
    options: Mapping[str, Any],
) -> "Application":
    """Return the deployment of one model.

    `accelerator` is Ray's name of a GPU type, None for any GPU, or "cpu" for none at all.
    `replicas` are the least and the most, `options` are further ones of Serve. The workers of
    one replica share a node (STRICT_PACK): tensor parallelism over a network is not what
    anybody wants.
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
            **options,
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
    from ray.serve.llm.deployment import LLMServer

    class SamplingServer(LLMServer):
        """Add votebox's protocol to Ray's server."""

        @cached_property
        def _votebox_streams(self) -> dict[str, "Requests"]:
            return {}

        @cached_property
        def _votebox_callers(self) -> Callers:
            return Callers()

        async def sample(
            self, request: SampleRequest
        ) -> AsyncGenerator[str | list[tuple[Any, ...]], None]:
            """Yield this replica's address, then batches of packed deltas."""
            stream_id, packed, caller = request
            # The one thing of Ray's that is not public; test_llm_cluster.py holds it.
            engine: Any = self.engine
            model = self._llm_config.model_id
            prompts = unpack_prompts(packed)
            requests = Requests(engine._engine_client, model, stream_id, prompts)  # noqa: SLF001
            self._votebox_streams[stream_id] = requests
            try:
                with self._votebox_callers.working_for(caller):
                    yield own_name()
                    async for batch in requests.batches(lambda: len(self._votebox_streams)):
                        yield pack_deltas(batch)
            except EngineDied:
                # Serve would ask after its health for half a minute, and send it chains.
                asyncio.get_running_loop().call_later(_LAST_WORDS_S, os._exit, 1)
                raise
            finally:
                del self._votebox_streams[stream_id]
                await requests.close()

        async def abort(self, stream_id: str, chains: Sequence[int]) -> None:
            """End chains of a stream of this replica; unknown ones are ignored."""
            if stream_id in self._votebox_streams:
                self._votebox_streams[stream_id].abort(chains)

        async def unfinished(self) -> int:
            """Return how many chains are being sampled."""
            return sum(requests.running for requests in self._votebox_streams.values())

    return SamplingServer


class Requests:
    """Run one request per prompt on vLLM's AsyncLLM and gather what they give.

    Nothing is done per chain and batch but to join texts; a batch goes out at most every
    `BATCH_INTERVAL_S`, or later beside many others (see `paced`), because each costs two
    processes a message. The end of a chain waits for nothing.
    """

    def __init__(self, client: Any, model: str, name: str, prompts: Sequence[Prompt]) -> None:
        self._client, self._model, self._name = client, model, name
        self._open: dict[int, ChainOutput] = {}
        self._news, self._ends = asyncio.Event(), asyncio.Event()
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

    async def batches(
        self, streams: Callable[[], int] = lambda: 1
    ) -> AsyncGenerator[list[Delta], None]:
        """Yield batches until all chains have ended; raise EngineError when one failed.

        `streams` tells how many of these there are.
        """
        while self._open or self._error:
            await self._news.wait()
            self._news.clear()
            batch = [chain.take() for chain in self._open.values() if chain.fresh]
            for delta in batch:
                if delta.finish_reason is not None:
                    del self._open[delta.chain]
            if batch:
                yield batch
            if self._error is not None:
                raise self._error
            if self.running:
                await self._pause(paced(BATCH_INTERVAL_S, streams()))

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
        for number, (prompt, ids) in enumerate(zip(prompts, rendered, strict=True)):
            chain = self._open[number] = ChainOutput(number, f"{self._name}-{number}", len(ids))
            task = asyncio.create_task(self._run(chain, prompt, ids, room[number]))
            task.add_done_callback(partial(self._ended, chain))
            self._tasks.append(task)

    async def _pause(self, seconds: float) -> None:
        """Let texts gather, but not beyond the end of a chain."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ends.wait()
        self._ends.clear()

    def _fail(self, error: EngineError) -> None:
        self._error = self._error or error
        self._news.set()
        self._ends.set()

    def _ended(self, chain: ChainOutput, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(engine_error(self._model, error))
        else:
            chain.finish_reason = chain.finish_reason or "abort"
        self._news.set()
        self._ends.set()

    async def _run(self, chain: ChainOutput, prompt: Prompt, ids: list[int], room: int) -> None:
        """Gather what one chain gives."""
        if room <= 0:  # beside chains that have room, its context is used up
            chain.finish_reason = "length"
            return
        try:
            params = sampling_params(prompt, room)
        except ValueError as e:
            raise EngineError(self._model, f"refused the request: {e}") from e
        inputs = {"prompt_token_ids": ids}
        async for output in self._client.generate(inputs, params, chain.request):
            chain.add(output, self._client)
            self._news.set()


def engine_error(model: str, error: BaseException) -> EngineError:
    """Return what a chain is told of a request that failed in vLLM."""
    if isinstance(error, EngineError):
        return error
    if type(error).__name__ == "EngineDeadError":  # vLLM's, which is not imported for its name
        return EngineDied(model, "its engine died", "another takes its place")
    return EngineError(model, f"{type(error).__name__}: {_cause(error)}")


def _cause(error: BaseException) -> BaseException:
    """Return what vLLM's wrapper of a failed request hides."""
    return error.__cause__ or error
