"""Keep what one chain did, finished or not, and turn it into its record."""

from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from votebox.plugins.nouns import Candidate, Completion, LogprobStats, Turn, Usage
from votebox.plugins.ports import Delta
from votebox.plugins.verdicts import ChainRecord
from votebox.sandbox import Execution

__all__ = ["ChainLog", "GrowingReply"]


_WINDOW_CHARS: Final = 64  # a closing text longer than this is found when the reply ends


@dataclass(slots=True)
class GrowingReply:
    """Collect a reply while it streams; `model` is who writes it."""

    model: str
    parts: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    tokens: int = 0
    prompt_tokens: int = 0
    logprobs: LogprobStats | None = None
    window: str = ""
    asked: int = 0
    aborted: bool = False
    started: float = field(default_factory=monotonic)

    def add(self, delta: Delta) -> None:
        """Append what the engine sent; `window` is the new text with a little before it."""
        self.parts.append(delta.text)
        self.window = self.window[-_WINDOW_CHARS:] + delta.text
        self.reasoning.append(delta.reasoning)
        self.tokens += delta.tokens
        self.prompt_tokens += delta.prompt_tokens
        if delta.logprobs is not None:
            known = self.logprobs
            self.logprobs = delta.logprobs if known is None else known + delta.logprobs

    @property
    def text(self) -> str:
        """Return the text so far."""
        if len(self.parts) > 1:
            self.parts = ["".join(self.parts)]
        return self.parts[0] if self.parts else ""

    def completion(self, finish_reason: str) -> Completion:
        """Return the reply as a Completion that ended for `finish_reason`."""
        return Completion(
            self.text,
            "".join(self.reasoning),
            finish_reason,
            Usage(prompt_tokens=self.prompt_tokens, completion_tokens=self.tokens),
            self.logprobs.mean if self.logprobs else None,
            self.model,
        )


@dataclass(slots=True)
class ChainLog:
    """Collect what a chain does; `ended` stays aborted until something better is known."""

    index: int
    seed: int
    ended: str = "aborted"
    label: str = ""
    error: Exception | None = None
    turns: list[Turn] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)
    growing: dict[str, GrowingReply] = field(default_factory=dict)
    programs: list[str] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)

    def record(self) -> ChainRecord:
        """Return the record, with replies still streaming counted as aborted."""
        cut = (reply.completion("abort") for reply in self.growing.values())
        record = ChainRecord(
            index=self.index,
            seed=self.seed,
            label=self.label,
            ended=self.ended,
            rounds=len(self.turns),
            completions=(*self.completions, *cut),
            programs=tuple(self.programs),
            executions=tuple(self.executions),
            candidates=tuple(self.candidates),
            error=str(self.error) if self.error else None,
            usage=Usage(),
        )
        return self._with_usage(record)

    def _with_usage(self, record: ChainRecord) -> ChainRecord:
        said = sum((c.usage for c in record.completions), Usage())
        lost = said.completion_tokens if record.aborted else 0
        ran = sum(e.wall_s for e in record.executions)
        usage = said + Usage(0, 0, lost, len(record.executions), ran)
        object.__setattr__(record, "usage", usage)
        return record
