"""Stream replies that are known already, each piece at its time.

A real engine's stream with nothing behind it: chains side by side, batches, aborts.
"""

import asyncio
import heapq
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from votebox.plugins.errors import EngineError
from votebox.plugins.nouns import Prompt
from votebox.plugins.ports import Delta
from votebox.plugins.recordfile import Timed

if TYPE_CHECKING:
    from votebox.plugins.replay import ReplayEngine

__all__ = ["Answer", "Recorded", "ReplayStream", "cut_up"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """Hold one recorded reply.

    `tokens` None counts one token per piece sent; `pause_s` waits before each piece.
    """

    text: str
    reasoning: str = ""
    finish_reason: str = "stop"
    tokens: int | None = None
    prompt_tokens: int = 0
    pause_s: float = 0.0


type Answer = Callable[[Prompt], str | Recorded | Timed]
"""What gives the reply to a prompt."""


class ReplayStream:
    """Give the replies of one group of prompts in pieces, each chain on its own clock.

    A batch holds what came at the same time, at most one piece of each chain.
    """

    def __init__(self, engine: "ReplayEngine", prompts: Sequence[Prompt], reply: Answer) -> None:
        self._engine, self._prompts, self._reply = engine, prompts, reply
        self._clock = asyncio.get_running_loop().time
        self._start = self._clock()
        self._due: list[tuple[float, int, int, Delta]] | None = None  # a heap
        self._open = set(range(len(prompts)))
        self._ended: list[int] = []
        self._woken = asyncio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[Delta]:
        due = self._due = self._written() if self._due is None else self._due
        while due and due[0][2] not in self._open:
            heapq.heappop(due)
        if not self._ended and not due:
            raise StopAsyncIteration
        if not self._ended:
            await self._sleep(due[0][0])
        if self._ended:
            return [Delta(self._ended.pop(0), finish_reason="abort")]
        return self._batch(due)

    async def abort(self, chain: int) -> None:
        """End one chain with finish_reason abort."""
        if chain in self._open:
            self._open.remove(chain)
            self._ended.append(chain)
            self._engine.aborted.append(self._prompts[chain])
            self._woken.set()

    async def aclose(self) -> None:
        """Abort every chain still writing."""
        self._engine.aborted.extend(self._prompts[n] for n in sorted(self._open))
        self._open.clear()
        self._ended.clear()
        self._woken.set()

    def _written(self) -> list[tuple[float, int, int, Delta]]:
        """Ask for all replies; return when each piece is due, as a heap."""
        heap: list[tuple[float, int, int, Delta]] = []
        for chain in sorted(self._open):
            pieces = self._pieces(self._prompts[chain])
            heap += [(at, n, chain, replace(d, chain=chain)) for n, (at, d) in enumerate(pieces)]
        heapq.heapify(heap)
        return heap

    def _pieces(self, prompt: Prompt) -> Sequence[tuple[float, Delta]]:
        try:
            made = self._reply(prompt)
        except Exception as e:
            # The function stands for a model: whatever it raises is an engine's failure.
            model = self._engine.model
            told = f"failed: {type(e).__name__}: {e}"
            return [
                (0.0, Delta(0, error=e if isinstance(e, EngineError) else EngineError(model, told)))
            ]
        if isinstance(made, Timed):
            return _timeline(made, self._engine.model)
        recorded = Recorded(made) if isinstance(made, str) else made
        return cut_up(_stopped(recorded, prompt), self._engine.piece_chars)

    async def _sleep(self, at: float) -> None:
        """Wait until `at` seconds of the recording, or an abort; let others run in any case."""
        speed = self._engine.speed
        left_s = self._start + at / speed - self._clock() if speed else 0.0
        if left_s <= 0:
            await asyncio.sleep(0)
            return
        with suppress(TimeoutError):
            self._woken.clear()
            await asyncio.wait_for(self._woken.wait(), left_s)

    def _batch(self, due: list[tuple[float, int, int, Delta]]) -> Sequence[Delta]:
        batch: dict[int, Delta] = {}
        at = due[0][0] if due else 0.0
        while due and due[0][0] == at and due[0][2] not in batch:
            _, _, chain, delta = heapq.heappop(due)
            if chain in self._open:
                batch[chain] = delta
        for chain, delta in batch.items():
            if delta.finish_reason or delta.error:
                self._open.discard(chain)
        return list(batch.values())


def _timeline(timed: Timed, model: str) -> Sequence[tuple[float, Delta]]:
    """Return the pieces of a recorded reply; one that was cut off ends with an error."""
    if timed.end_s is None:
        return timed.deltas
    said = sum(delta.tokens for _, delta in timed.deltas)
    problem = f"its recording ends here: the reply was cut off after {said} tokens"
    error = EngineError(model, problem, "record a solve that lets its chains finish")
    return (*timed.deltas, (timed.end_s, Delta(0, error=error)))


def cut_up(recorded: Recorded, chars: int) -> Sequence[tuple[float, Delta]]:
    """Return the pieces of a reply, `chars` characters each, `pause_s` before each."""
    text = recorded.text
    pieces = [text[i : i + chars] for i in range(0, len(text), chars)] or [""]
    tokens = [1] * len(pieces)
    if recorded.tokens is not None:
        each = recorded.tokens // len(pieces)
        tokens = [each] * (len(pieces) - 1)
        tokens.append(recorded.tokens - sum(tokens))
    deltas = [Delta(0, piece, count) for piece, count in zip(pieces, tokens, strict=True)]
    first, prompted = deltas[0], recorded.prompt_tokens
    deltas[0] = replace(first, prompt_tokens=prompted, reasoning=recorded.reasoning)
    deltas[-1] = replace(deltas[-1], finish_reason=recorded.finish_reason or None)
    return [((n + 1) * recorded.pause_s, delta) for n, delta in enumerate(deltas)]


def _stopped(recorded: Recorded, prompt: Prompt) -> Recorded:
    """Return a reply as far as the prompt's stop texts let it come."""
    given = prompt.sampling
    ends = (
        [(at, stop) for stop in given.stop if (at := recorded.text.find(stop)) >= 0]
        if given
        else []
    )
    if given is None or not ends:
        return recorded
    at, stop = min(ends)
    kept = at + len(stop) * given.include_stop_str_in_output
    return replace(recorded, text=recorded.text[:kept], finish_reason="stop")
