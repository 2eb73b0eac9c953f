"""Replay recorded or computed replies through the Engine port, without any model.

For tests, plugin authors and what-if questions. It streams its texts in pieces and
counts what was aborted, so that a solve behaves as it does over a real engine; it knows
nothing of real time unless told to pause.
"""

import json
import math
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from votebox.plugins.errors import EngineError
from votebox.plugins.nouns import Completion, Message, Prompt
from votebox.plugins.recipe import Recipe
from votebox.plugins.recordfile import Timed, read_replies
from votebox.plugins.replaystream import Answer, Recorded, ReplayStream, cut_up
from votebox.plugins.verdicts import ModelCall, Verdict

__all__ = ["Recorded", "ReplayEngine"]

_PIECES: Final = 64  # of a reply whose own pieces are not known


class ReplayEngine:
    """Answer each prompt with `reply(prompt)`: a text, a Recorded, a Timed, or an error to raise.

    `piece_chars` is how many characters come in one delta. At `speed` 2 a reply takes half its
    time, at 0 none. `sampled` and `aborted` list the prompts given and those aborted, in order.
    """

    def __init__(
        self,
        reply: Answer,
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


def _known(model: str, replies: Iterable[tuple[Prompt, Timed]]) -> Answer:
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
    return Timed(tuple(cut_up(recorded, chars)), took_s if cut else None)


def _read(path: Path, model: str) -> Iterable[tuple[tuple[Message, ...], Recorded]]:
    try:
        lines = path.read_text("utf-8").split("\n")  # JSON texts may hold other separators
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
