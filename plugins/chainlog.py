"""Keep what one chain did, finished or not, and turn it into its record."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from votebox.plugins.confidence import ConfidenceMeter
from votebox.plugins.nouns import Candidate, Completion, Prompt, Turn, Usage
from votebox.plugins.ports import Delta
from votebox.plugins.verdicts import ChainRecord, ModelCall, ProgramRun
from votebox.sandbox import Execution

__all__ = ["ChainLog", "GrowingReply"]


_WINDOW_CHARS: Final = 64  # a closing text longer than this is found when the reply ends


@dataclass(slots=True)
class GrowingReply:
    """Collect the reply to `call` while it streams; `model` is who writes it."""

    model: str
    call: ModelCall
    parts: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    tokens: int = 0
    prompt_tokens: int = 0
    meter: ConfidenceMeter | None = None
    window: str = ""
    asked: int = 0
    aborted: bool = False
    provider: str = ""
    _before: int = 0

    def ask(self) -> None:
        """Note that the engine is asked to begin the reply, or to go on with it.

        The reply so far is then part of its prompt, and is not counted again as such.
        """
        self._before = self.tokens

    @property
    def total_tokens(self) -> int:
        """Return the tokens of prompt, reply and what was put into it, each counted once."""
        return self.prompt_tokens + self.tokens

    def insert(self, text: str) -> None:
        """Append what no model wrote."""
        self.parts.append(text)
        self.window = ""

    def add(self, delta: Delta) -> None:
        """Append what the engine sent; `window` is the new text with a little before it."""
        self.parts.append(delta.text)
        self.window = self.window[-_WINDOW_CHARS:] + delta.text
        self.reasoning.append(delta.reasoning)
        self.prompt_tokens = max(self.prompt_tokens, delta.prompt_tokens - self._before)
        self.tokens += delta.tokens
        self.provider = delta.provider or self.provider
        if delta.logprobs is not None:
            self.meter = self.meter or ConfidenceMeter()
            self.meter.add(delta.logprobs)

    @property
    def text(self) -> str:
        """Return the text so far."""
        if len(self.parts) > 1:
            self.parts = ["".join(self.parts)]
        return self.parts[0] if self.parts else ""

    def completion(self, finish_reason: str) -> Completion:
        """Return the reply as a Completion that ended for `finish_reason`."""
        statistics = self.meter.value if self.meter else None
        return Completion(
            self.text,
            "".join(self.reasoning),
            finish_reason,
            Usage(prompt_tokens=self.prompt_tokens, completion_tokens=self.tokens),
            statistics.logprob if statistics else None,
            self.model,
            statistics,
            self.provider,
        )


@dataclass(slots=True)
class ChainLog:
    """Collect what a chain does; `ended` stays aborted until something better is known.

    `clock` gives the seconds since the solve's start.
    """

    index: int
    seed: int
    clock: Callable[[], float]
    ended: str = "aborted"
    label: str = ""
    error: Exception | None = None
    turns: list[Turn] = field(default_factory=list)
    calls: list[ModelCall] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)
    growing: dict[str, GrowingReply] = field(default_factory=dict)
    programs: list[str] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    runs: list[ProgramRun] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    start_s: float = 0.0
    end_s: float | None = None
    place: int | None = None

    def __post_init__(self) -> None:
        """Start the chain's time."""
        self.start_s = self.clock()

    def start_call(self, node: str, round: int, prompt: Prompt, model: str) -> GrowingReply:
        """Note that a model was asked, and return the reply to grow."""
        call = ModelCall(node, round, prompt, self.clock())
        growing = self.growing[node] = GrowingReply(model, call)
        return growing

    def end_call(self, finish_reason: str, growing: GrowingReply) -> Completion:
        """Note that a reply has ended, and return it."""
        del self.growing[growing.call.node]
        completion = growing.completion(finish_reason)
        self.calls.append(replace(growing.call, end_s=self.clock()))
        self.completions.append(completion)
        return completion

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
            calls=(*self.calls, *(reply.call for reply in self.growing.values())),
            programs=tuple(self.programs),
            executions=tuple(self.executions),
            runs=tuple(self.runs),
            candidates=tuple(self.candidates),
            error=str(self.error) if self.error else None,
            start_s=self.start_s,
            end_s=self.end_s,
            place=self.place,
        )
        return self._with_usage(record)

    def _with_usage(self, record: ChainRecord) -> ChainRecord:
        said = sum((c.usage for c in record.completions), Usage())
        lost = said.completion_tokens if record.aborted else 0
        ran = sum(e.wall_s for e in record.executions)
        usage = said + Usage(0, 0, lost, len(record.executions), ran)
        object.__setattr__(record, "usage", usage)
        return record
