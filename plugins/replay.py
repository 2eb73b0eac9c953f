"""Replay recorded or computed replies through the Engine port, without any model.

For tests, plugin authors and what-if questions. It streams its texts in pieces and
counts what was aborted, so that a solve behaves as it does over a real engine; it knows
nothing of real time unless told to pause.
"""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from votebox.plugins.errors import EngineError
from votebox.plugins.nouns import Message, Prompt
from votebox.plugins.ports import Delta

__all__ = ["Recorded", "ReplayEngine"]


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


class ReplayEngine:
    """Answer each prompt with `reply(prompt)`: a text, a Recorded, or an error to raise.

    `piece_chars` is how many characters come in one delta. `sampled` and `aborted` list
    the prompts given and those aborted, in order.
    """

    def __init__(
        self,
        reply: Callable[[Prompt], str | Recorded],
        *,
        model: str = "replay",
        piece_chars: int = 16,
    ) -> None:
        self._reply = reply
        self._piece_chars = piece_chars
        self.model = model
        self.sampled: list[Prompt] = []
        self.aborted: list[Prompt] = []

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
        return ReplayStream(self, prompts, self._reply, self._piece_chars)


class ReplayStream:
    """Give the replies of one group of prompts in pieces, each chain on its own clock."""

    def __init__(
        self,
        engine: ReplayEngine,
        prompts: Sequence[Prompt],
        reply: Callable[[Prompt], str | Recorded],
        piece_chars: int,
    ) -> None:
        self._engine, self._prompts, self._piece_chars = engine, prompts, piece_chars
        self._reply = reply
        self._batches: asyncio.Queue[Delta | Exception] = asyncio.Queue()
        self._tasks: dict[int, asyncio.Task[None]] | None = None
        self._open = set(range(len(prompts)))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[Delta]:
        if self._tasks is None:
            self._tasks = {n: asyncio.create_task(self._write(n)) for n in self._open}
        if not self._open and self._batches.empty():
            raise StopAsyncIteration
        batch = [await self._batches.get()]
        while not self._batches.empty():
            batch.append(self._batches.get_nowait())
        for item in batch:
            if isinstance(item, Exception):
                raise item
        deltas = [item for item in batch if isinstance(item, Delta)]
        self._open -= {delta.chain for delta in deltas if delta.finish_reason}
        return deltas

    async def abort(self, chain: int) -> None:
        """End one chain with finish_reason abort."""
        if chain in self._open and self._tasks is not None:
            self._tasks[chain].cancel()
            self._engine.aborted.append(self._prompts[chain])
            self._batches.put_nowait(Delta(chain, finish_reason="abort"))

    async def aclose(self) -> None:
        """Abort every chain still writing."""
        tasks, self._tasks = self._tasks or {}, {}
        self._engine.aborted.extend(self._prompts[n] for n in sorted(self._open))
        self._open.clear()
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def _write(self, chain: int) -> None:
        try:
            made = self._reply(self._prompts[chain])
        except Exception as e:
            # The function stands for a model: whatever it raises is an engine's failure.
            self._batches.put_nowait(e)
            return
        recorded = _stopped(Recorded(made) if isinstance(made, str) else made, self._prompts[chain])
        size = self._piece_chars
        pieces = [recorded.text[i : i + size] for i in range(0, len(recorded.text), size)] or [""]
        left = recorded.tokens
        for number, piece in enumerate(pieces):
            await asyncio.sleep(recorded.pause_s)
            last = number == len(pieces) - 1
            tokens = 1 if left is None else (left if last else left // len(pieces))
            if left is not None and not last:
                left -= tokens
            self._batches.put_nowait(
                Delta(
                    chain,
                    piece,
                    tokens,
                    prompt_tokens=0 if number else recorded.prompt_tokens,
                    reasoning="" if number else recorded.reasoning,
                    finish_reason=recorded.finish_reason if last else None,
                )
            )


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
