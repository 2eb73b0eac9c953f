"""Replay recorded or computed replies through the Engine port, without any model.

For tests, plugin authors and what-if questions. It streams its texts in pieces and
counts what was aborted, so that a solve behaves as it does over a real engine; it knows
nothing of real time unless told to pause.
"""

import asyncio
import heapq
import json
import math
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from votebox.plugins.errors import EngineError
from votebox.plugins.nouns import Completion, Message, Prompt
from votebox.plugins.ports import Delta
from votebox.plugins.recipe import Recipe
from votebox.plugins.recordfile import Timed, read_replies
from votebox.plugins.verdicts import ModelCall, Verdict

__all__ = ["Recorded", "ReplayEngine"]

_PIECES: Final = 64  # of a reply whose own pieces are not known


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


type _Answer = Callable[[Prompt], str | Recorded | Timed]


class ReplayEngine:
    """Answer each prompt with `reply(prompt)`: a text, a Recorded, a Timed, or an error to raise.

    `piece_chars` is how many characters come in one delta. At `speed` 2 a reply takes half its
    time, at 0 none. `sampled` and `aborted` list the prompts given and those aborted, in order.
    """

    def __init__(
        self,
        reply: _Answer,
        *,
        model: str = "replay",
        piece_chars: int = 16,
        speed: float = 1.0,
    ) -> None:
        if not 0 <= speed < math.inf:
            raise EngineError(model, f"cannot replay at speed {speed!r}", "give 0 or more")
        self._reply = reply
        self.piece_chars, self.speed = piece_chars, speed
        self.model = model
        self.sampled: list[Prompt] = []
        self.aborted: list[Prompt] = []

    @classmethod
    def from_recording(cls, path: str | Path, *, speed: float = 1.0) -> Self:
        """Replay what a RecordingEngine saved: to the same messages and seed, the same pieces.

        Each piece comes as long after the call as it did then. What was recorded several
        times for the same prompt comes in that order, the last again and again. A prompt
        that was not recorded is an EngineError, and so is the end of a reply that was cut
        off: nobody knows how it would have gone on.

        Raises:
            EngineError: the file cannot be read or is no recording.
        """
        try:
            model, replies = read_replies(Path(path))
        except ValueError as e:
            raise EngineError("replay", str(e), "record a solve anew") from e
        return cls(_known(model, replies), model=model, speed=speed)

    @classmethod
    def from_verdict(cls, verdict: Verdict, recipe: Recipe, *, speed: float = 1.0) -> Self:
        """Replay the replies of a verdict, which may be a trace's.

        It knows when each reply began and ended, so the text comes evenly in between; all
        else is as in `from_recording`.

        Raises:
            EngineError: its recipe runs programs inside of replies, which cannot be told apart.
        """
        model = next((c.model for chain in verdict.chains for c in chain.completions), "replay")
        for node in recipe.nodes.values():
            if node.kind == "sandbox" and node.options.turn == "inline":
                problem = (
                    f"node {node.id!r} of recipe {recipe.name!r} runs programs inside of replies"
                )
                raise EngineError(model, problem, "record such a solve with a RecordingEngine")
        replies = [
            (call.prompt, _spread(completion, call, chain.end_s or verdict.wall_s))
            for chain in verdict.chains
            for call, completion in zip(chain.calls, chain.completions, strict=True)
        ]
        return cls(_known(model, replies), model=model, speed=speed)

    @classmethod
    def from_file(cls, path: str | Path, *, model: str = "replay") -> Self:
        """Replay a JSON Lines file of objects with `messages`, `text` and Recorded's fields.

        Replies recorded for the same messages are given in the order of the file; a
        prompt that was not recorded is an EngineError.

        Raises:
            EngineError: the file cannot be read or a line is no recording.
        """
        known: dict[tuple[Message, ...], deque[Recorded]] = defaultdict(deque)
        for messages, recorded in _read(Path(path), model):
            known[messages].append(recorded)

        def reply(prompt: Prompt) -> Recorded:
            if not known[prompt.messages]:
                start = prompt.messages[-1].content[:80]
                problem = f"has no recorded reply left for a prompt ending in {start!r}"
                raise EngineError(model, problem, "record more chains or ask for fewer")
            return known[prompt.messages].popleft()

        return cls(reply, model=model)

    def sample(self, prompts: Sequence[Prompt]) -> "ReplayStream":
        """Start one chain per prompt."""
        self.sampled.extend(prompts)
        return ReplayStream(self, prompts, self._reply)


class ReplayStream:
    """Give the replies of one group of prompts in pieces, each chain on its own clock.

    A batch holds what came at the same time, at most one piece of each chain.
    """

    def __init__(self, engine: "ReplayEngine", prompts: Sequence[Prompt], reply: _Answer) -> None:
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
        return _cut_up(_stopped(recorded, prompt), self._engine.piece_chars)

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


def _known(model: str, replies: Iterable[tuple[Prompt, Timed]]) -> _Answer:
    """Return the function that answers a prompt with what is known for it."""
    known: dict[tuple[tuple[Message, ...], int | None], deque[Timed]] = defaultdict(deque)
    for prompt, timed in replies:
        known[prompt.messages, prompt.seed].append(timed)

    def reply(prompt: Prompt) -> Timed:
        found = known.get((prompt.messages, prompt.seed))
        if found is None:
            start = prompt.messages[-1].content[:80]
            problem = f"has no recording of seed {prompt.seed} and a prompt ending in {start!r}"
            raise EngineError(model, problem, "solve with the seed and recipe of the recording")
        return found.popleft() if len(found) > 1 else found[0]

    return reply


def _spread(completion: Completion, call: ModelCall, chain_end_s: float) -> Timed:
    """Return a reply whose pieces come evenly until its end, or that of its chain."""
    spent, cut = completion.usage, call.end_s is None
    took_s = (chain_end_s if call.end_s is None else call.end_s) - call.start_s
    chars = max(1, math.ceil(len(completion.text) / _PIECES))
    pieces = max(1, math.ceil(len(completion.text) / chars))
    recorded = Recorded(
        completion.text,
        completion.reasoning,
        "" if cut else completion.finish_reason or "stop",
        spent.completion_tokens,
        spent.prompt_tokens,
        took_s / pieces,
    )
    return Timed(tuple(_cut_up(recorded, chars)), took_s if cut else None)


def _timeline(timed: Timed, model: str) -> Sequence[tuple[float, Delta]]:
    """Return the pieces of a recorded reply; one that was cut off ends with an error."""
    if timed.end_s is None:
        return timed.deltas
    said = sum(delta.tokens for _, delta in timed.deltas)
    problem = f"its recording ends here: the reply was cut off after {said} tokens"
    error = EngineError(model, problem, "record a solve that lets its chains finish")
    return (*timed.deltas, (timed.end_s, Delta(0, error=error)))


def _cut_up(recorded: Recorded, chars: int) -> Sequence[tuple[float, Delta]]:
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


def _read(path: Path, model: str) -> Iterable[tuple[tuple[Message, ...], Recorded]]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise EngineError(model, f"recording {str(path)!r} cannot be read: {e}") from e
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            data: Mapping[str, Any] = json.loads(line)
            fields = {k: v for k, v in data.items() if k not in ("messages", "seed")}
            yield Prompt(tuple(data["messages"])).messages, Recorded(**fields)
        except (ValueError, TypeError, KeyError, AttributeError) as e:
            problem = f"line {number} of {str(path)!r} is no recording: {type(e).__name__}: {e}"
            raise EngineError(model, problem, "write messages and text") from e
