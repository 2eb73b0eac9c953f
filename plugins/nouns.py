"""Define what flows through a solve: the nouns of votebox, as frozen values.

Values only grow: a Candidate holds the evidence it was read from, a Tally its
candidates, a Verdict its tally and chains, so any answer explains itself. Nothing
here knows an engine, a sandbox or a plugin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from votebox.sandbox import Execution

if TYPE_CHECKING:
    from votebox.plugins.patches import Patch

__all__ = [
    "Candidate",
    "ChainView",
    "Completion",
    "Confidence",
    "Evidence",
    "LogprobStats",
    "Message",
    "Problem",
    "Prompt",
    "Reading",
    "Sampling",
    "Stripped",
    "Turn",
    "Usage",
]


@dataclass(frozen=True, slots=True)
class Message:
    """Hold one chat message; `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Problem:
    """State one question.

    `files` maps relative names to contents for code-editing tasks; `reference` is the
    known answer, never shown to a model; `metadata` is carried through untouched.
    `turns` are what user and assistant said before the question, in order, and `system` is
    what the caller tells the model apart from it; the solver puts both into every prompt
    of the recipe (conversation.py).
    """

    text: str
    id: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    reference: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    turns: tuple[Message, ...] = ()
    system: str = ""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Say how an engine samples one reply.

    The names and meanings are vLLM's. `max_tokens` None means all the context leaves;
    an engine cuts a larger value to what the context leaves. `logprobs` True asks for
    statistics of the sampled tokens' log-probabilities, `top_logprobs` (at most 20) for
    those of as many alternatives of each token, too. `include_stop_str_in_output` keeps
    the text of `stop` at which a reply ended.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    skip_special_tokens: bool = True
    logprobs: bool = False
    include_stop_str_in_output: bool = False
    top_logprobs: int = 0


@dataclass(frozen=True, slots=True)
class Prompt:
    """Ask a model for one reply.

    A last message of role assistant is the beginning of the reply, which goes on from there
    and is delivered without it. `messages` accepts Message values or role/content mappings and is stored as a tuple
    of Message. `sampling` and `seed` None mean "as the recipe and the solver say".
    `label` names the stance or wording in contribution counts.
    """

    messages: tuple[Message, ...]
    sampling: Sampling | None = None
    seed: int | None = None
    label: str = ""

    def __post_init__(self) -> None:
        """Turn role/content mappings into Message values."""
        given: Sequence[Message | Mapping[str, str]] = self.messages
        made = tuple(m if isinstance(m, Message) else Message(**m) for m in given)
        object.__setattr__(self, "messages", made)
        if self.sampling is not None and not isinstance(self.sampling, Sampling):
            raise TypeError(f"sampling is {type(self.sampling).__name__}, not Sampling")
        if self.seed is not None and not isinstance(self.seed, int):
            raise TypeError(f"seed is {type(self.seed).__name__}, not int")

    @classmethod
    def of(cls, user: str, *, system: str = "", label: str = "") -> "Prompt":
        """Build the common prompt: an optional system message and one user turn."""
        head = (Message("system", system),) if system else ()
        return cls((*head, Message("user", user)), label=label)


@dataclass(frozen=True, slots=True)
class LogprobStats:
    """Sum up the log-probabilities (natural log) of sampled tokens.

    Where alternatives were asked for, `confidences` holds the token confidence (see
    Confidence) of each token in order, and `entropy` the sum of their entropies in nats.
    """

    tokens: int = 0
    total: float = 0.0
    lowest: float = 0.0
    confidences: tuple[float, ...] = ()
    entropy: float = 0.0

    def __add__(self, other: "LogprobStats") -> "LogprobStats":
        if not self.tokens or not other.tokens:
            return self if self.tokens else other
        return LogprobStats(
            self.tokens + other.tokens,
            self.total + other.total,
            min(self.lowest, other.lowest),
            self.confidences + other.confidences,
            self.entropy + other.entropy,
        )

    @property
    def mean(self) -> float:
        """Return the mean log-probability per token, 0.0 when there is none."""
        return self.total / self.tokens if self.tokens else 0.0


@dataclass(frozen=True, slots=True)
class Usage:
    """Count what was spent, aborted chains included. Times are seconds."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    aborted_tokens: int = 0
    executions: int = 0
    sandbox_s: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.aborted_tokens + other.aborted_tokens,
            self.executions + other.executions,
            self.sandbox_s + other.sandbox_s,
        )

    @property
    def total_tokens(self) -> int:
        """Return prompt plus completion tokens."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Completion:
    """Hold one reply of a model.

    `finish_reason` is stop, length or abort; None while the reply still streams.
    `reasoning` is thinking the engine delivered apart from `text`. `confidence` is the
    mean log-probability of its tokens where the recipe asked for it, `statistics` all that
    was measured. `provider` names who served the model behind an endpoint, "" where nobody
    told.
    """

    text: str
    reasoning: str = ""
    finish_reason: str | None = None
    usage: Usage = Usage()
    confidence: float | None = None
    model: str = ""
    statistics: "Confidence | None" = None
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Stripped:
    """Part one reply into `reasoning` and `content`, the final text.

    `truncated` says that the thinking never ended, so that there is no final text.
    """

    reasoning: str
    content: str
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """Report one thing an extractor read in a text.

    `value` is the answer as written, or the program source for a `code` extractor.
    `span` is where it stands: (start, end) character offsets into the text read.
    `complete` is False when the construct was cut off.
    """

    value: str
    span: tuple[int, int] = (0, 0)
    complete: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Say where a candidate was read.

    `text` is the span as written. `parent` is the node whose value was read, `round`
    counts from 0, `execution` is set when a program's output was read, `patch`
    when the answer is a change of files.
    """

    text: str = ""
    span: tuple[int, int] = (0, 0)
    complete: bool = True
    parent: str = ""
    round: int = 0
    execution: Execution | None = None
    notes: tuple[str, ...] = ()
    patch: "Patch | None" = None


@dataclass(frozen=True, slots=True)
class Confidence:
    """Sum up how sure a model was of the `tokens` of its replies; None where nobody told.

    `logprob` is the mean log-probability (natural log) of the sampled tokens and `entropy`
    the mean entropy in nats. The others are of the token confidence of DeepConf (Fu et al.
    2025), minus the mean log-probability of a token's most likely alternatives: `mean` over
    all tokens, `tail` over the last 2048, `lowest` the least mean of 2048 tokens in a row,
    `bottom` the mean of the lowest tenth of those means.
    """

    tokens: int
    logprob: float | None = None
    mean: float | None = None
    tail: float | None = None
    lowest: float | None = None
    bottom: float | None = None
    entropy: float | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """Hold one answer a chain gave.

    `answer` is the text as read (a vote canonicalises it), `source` the node that read
    it, `chain` the chain's number, `weight` what it counts in a weighted vote.
    `confidence` is the model's in the chain's replies so far, None where it was not asked.
    """

    answer: str
    source: str
    chain: int
    weight: float = 1.0
    evidence: Evidence = Evidence()
    confidence: Confidence | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """Hold what one round of one chain produced, as a prompt provider sees it.

    `values` maps each finished node of the round to its value.
    """

    round: int
    values: Mapping[str, Any]

    @property
    def completions(self) -> tuple[Completion, ...]:
        """Return the replies of this round in node order."""
        return tuple(v for v in self.values.values() if isinstance(v, Completion))

    @property
    def executions(self) -> tuple[Execution, ...]:
        """Return the program results of this round in node order."""
        found: list[Execution] = []
        for value in self.values.values():
            items = value if isinstance(value, tuple) else (value,)
            found.extend(item for item in items if isinstance(item, Execution))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class ChainView:
    """Show a chain to a prompt provider.

    `index` counts from 0, `planned` is the number of chains of the solve, `seed` is
    this chain's own seed, `turns` are its finished rounds, `inputs` the values of the
    node's parents (empty for a prompt at the root of the recipe).
    """

    index: int
    planned: int = 1
    seed: int = 0
    turns: tuple[Turn, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)

    def __index__(self) -> int:
        """Let the view stand for its number, so `stances[chain]` works."""
        return self.index
