"""Step vLLM's engine in one thread that owns it, for many streams at once.

The thread takes commands from an inbox between steps, so nobody else ever touches the
engine. What a step produced is gathered per stream and handed over at most once per
interval, because each hand-over costs the event loop more than the tokens do.
"""

import itertools
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from votebox.deployments.batching import paced
from votebox.deployments.vllm_request import ChainOutput, render, room_for, sampling_params
from votebox.deployments.vllm_start import release_llm
from votebox.plugins import (
    Delta,
    EngineError,
    EngineUnavailable,
    Prompt,
)

if TYPE_CHECKING:
    from vllm.outputs import RequestOutput
    from vllm.v1.engine.llm_engine import LLMEngine

__all__ = ["Group", "Stepper"]


class Group:
    """Name one stream to the stepper: where its batches and its error go.

    Both functions are called in the stepping thread and must not block.
    """

    def __init__(
        self,
        prompts: Sequence[Prompt],
        put: Callable[[Sequence[Delta]], None],
        fail: Callable[[EngineError], None],
    ) -> None:
        self.prompts, self.put, self.fail = prompts, put, fail
        self.chains: dict[int, ChainOutput] = {}
        self.due_s = 0.0


class Stepper:
    """Own vLLM's engine in a thread of its own.

    `build` makes the engine, in that thread. `started` is called there once, with None
    or the error that kept it from starting. `interval_s` is the least time between two
    batches of a stream, where there are few (see `paced`); the first batch and the ends of
    chains do not wait for it.
    """

    def __init__(
        self,
        model: str,
        build: Callable[[], "LLMEngine"],
        started: Callable[[EngineError | None], None],
        interval_s: float,
    ) -> None:
        self._model, self._build, self._started = model, build, started
        self._interval_s = interval_s
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._requests: dict[str, tuple[Group, ChainOutput]] = {}
        self._groups: set[Group] = set()
        self._ids = itertools.count()
        self._state = threading.Lock()  # guards failure against a command posted too late
        self.failure: EngineError | None = None
        self._stopping = False
        self._llm: Any = None
        self.unfinished = 0  # requests in the engine, by its own count after the last step
        self._thread = threading.Thread(target=self._run, name="votebox-engine", daemon=True)

    def start(self) -> None:
        """Start the thread, which starts the engine."""
        self._thread.start()

    def open(self, group: Group) -> None:
        """Start the chains of a group; a dead engine fails it at once.

        What was under way when the engine died may be why it did, and has its error. What
        comes later is not: to ask again, of the engine that follows, is the right answer.
        """
        with self._state:
            if self.failure is None:
                self._groups.add(group)
                self._inbox.put(lambda: self._open(group))
                return
        gone = EngineUnavailable(self._model, self.failure.problem, self.failure.fix)
        gone.__cause__ = self.failure.__cause__
        group.fail(gone)

    def abort(self, group: Group, chains: Sequence[int]) -> None:
        """End chains of a group; each gets a last delta with reason abort."""
        self._inbox.put(lambda: self._abort(group, chains))

    def stop(self) -> None:
        """End the thread after the step under way; open streams fail."""
        self._stopping = True
        self._inbox.put(lambda: None)

    def join(self) -> None:
        """Wait until the thread has ended; blocks."""
        self._thread.join()

    def _run(self) -> None:
        try:
            self._llm = self._build()
        except BaseException as e:
            # Whoever waits for the start must hear of it, whatever was raised.
            told = e if isinstance(e, EngineError) else self._unbuilt(e)
            self._die(told)
            self._started(told)
            return
        self._started(None)
        problem: EngineError = EngineUnavailable(self._model, "its engine was closed")
        try:
            while not self._stopping:
                self._serve()
        except BaseException as e:
            # Whatever kills the thread, no stream may hang.
            problem = EngineError(self._model, f"its engine died: {type(e).__name__}: {e}")
            problem.__cause__ = e
        self.unfinished = 0
        self._die(problem)
        release_llm(self._llm)
        self._llm = None

    def _unbuilt(self, error: BaseException) -> EngineError:
        problem = EngineError(self._model, f"cannot start: {type(error).__name__}: {error}")
        problem.__cause__ = error
        return problem

    def _serve(self) -> None:
        """Obey what came in, waiting for it when idle; then step once and hand over."""
        busy = self._llm.has_unfinished_requests()
        if not busy:
            self._inbox.get()()
        while True:
            try:
                self._inbox.get_nowait()()
            except queue.Empty:
                break
        if self._llm.has_unfinished_requests():
            for output in self._llm.step():
                self._gather(output)
        self.unfinished = self._llm.get_num_unfinished_requests()
        self._hand_over()

    def _open(self, group: Group) -> None:
        try:
            tokenizer = self._llm.get_tokenizer()
            rendered = [render(tokenizer, prompt) for prompt in group.prompts]
            room = room_for(self._model, self._llm.model_config.max_model_len, rendered)
            for number, (prompt, ids) in enumerate(zip(group.prompts, rendered, strict=True)):
                chain = ChainOutput(number, f"{next(self._ids)}", len(ids))
                if room[number] > 0:
                    self._add(group, chain, prompt, ids, room[number])
                else:  # beside chains that have room, its context is used up
                    chain.finish_reason = "length"
                group.chains[number] = chain
        except EngineError as e:
            self._drop(group, e)
        except Exception as e:
            # A refused request is its stream's misfortune, not the engine's death.
            problem = EngineError(self._model, f"refused the request: {type(e).__name__}: {e}")
            problem.__cause__ = e
            self._drop(group, problem)

    def _add(
        self, group: Group, chain: ChainOutput, prompt: Prompt, ids: list[int], room: int
    ) -> None:
        from vllm.inputs.engine import tokens_input

        params = sampling_params(prompt, room)
        self._llm.add_request(chain.request, tokens_input(ids), params)
        self._requests[chain.request] = (group, chain)

    def _drop(self, group: Group, problem: EngineError) -> None:
        self._abort(group, list(group.chains))
        self._groups.discard(group)
        group.fail(problem)

    def _abort(self, group: Group, chains: Sequence[int]) -> None:
        running = [c for n in chains if (c := group.chains.get(n)) and c.finish_reason is None]
        for chain in running:
            chain.finish_reason = "abort"
            self._requests.pop(chain.request, None)
        group.due_s = 0.0
        if running:
            self._llm.abort_request([chain.request for chain in running])

    def _gather(self, output: "RequestOutput") -> None:
        if output.request_id not in self._requests:
            return  # aborted while this step was under way
        group, chain = self._requests[output.request_id]
        chain.add(output, self._llm)
        if output.finished:
            del self._requests[output.request_id]
            group.due_s = 0.0

    def _hand_over(self) -> None:
        now_s = time.monotonic()
        with self._state:  # others open groups meanwhile
            due = [group for group in self._groups if now_s >= group.due_s]
        for group in due:
            batch = [chain.take() for chain in group.chains.values() if chain.fresh]
            if batch:
                group.due_s = now_s + paced(self._interval_s, len(self._groups))
                group.put(batch)
            for delta in batch:
                if delta.finish_reason is not None:
                    del group.chains[delta.chain]
            if not group.chains and batch:
                self._groups.discard(group)

    def _die(self, problem: EngineError) -> None:
        with self._state:
            self.failure = problem
            groups, self._groups = self._groups, set()
        for group in groups:
            group.fail(_again(problem))


def _again(error: EngineError) -> EngineError:
    """Return a copy to raise: one exception raised in many places grows without end."""
    copy = type(error)(*error.args)
    copy.__cause__ = error.__cause__
    return copy
