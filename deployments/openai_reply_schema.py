"""Describe replies as schemas, so that the OpenAPI document can name what comes back.

Each holds every field its writer writes; a field may be added without notice.
"""

from typing import Any, Literal

from pydantic import BaseModel, Field

__all__ = [
    "ChatCompletion",
    "ChatCompletionChunk",
    "ErrorReply",
    "ModelCard",
    "ModelList",
    "ResponseObject",
    "VoteboxReply",
]

FinishReason = Literal["stop", "length"]


class ErrorDetail(BaseModel):
    """Say what is wrong; `param` names the field, `code` is null where there is none."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorReply(BaseModel):
    """Hold the error of a request that failed."""

    error: ErrorDetail


class ModelCard(BaseModel):
    """Name a model, and say what it is for."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    description: str = ""


class ModelList(BaseModel):
    """List the models."""

    object: Literal["list"]
    data: list[ModelCard]


class Vote(BaseModel):
    """Hold one class of equal answers: its spellings, weight and chains."""

    answer: str
    weight: float
    chains: list[int]
    members: list[str]


class Alternative(BaseModel):
    """Hold an answer that was voted for and not given; `share` is of all weight."""

    answer: str
    weight: float
    share: float


class CandidateRead(BaseModel):
    """Hold one answer read in a chain; `complete` False where the text was cut off in it."""

    answer: str
    source: str
    chain: int
    round: int
    complete: bool


class SolveUsage(BaseModel):
    """Count what a solve took; `tokens_saved` is an estimate, times are seconds."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    chains: int
    chains_aborted: int
    aborted_tokens: int
    tokens_saved: int = Field(description="An estimate.")
    executions: int
    sandbox_seconds: float
    sandbox_s: float


class VoteboxReply(BaseModel):
    """Show the vote behind an answer."""

    id: str
    answer: str | None
    abstained: bool
    reason: str
    stop_reason: Literal[
        "consensus", "exhausted", "deadline", "budget", "truncated", "abstained", "cancelled"
    ]
    stopped_by: str | None
    confidence: float
    votes: list[Vote]
    alternatives: list[Alternative]
    usage: SolveUsage
    recipe: str
    recipe_hash: str
    seed: int
    seeds: list[int]
    trace_id: str | None
    ladder_s: float | None
    wall_s: float
    files: dict[str, str | None] = Field(
        description="The changed files of an editing task, null for a deleted one."
    )
    candidates: list[CandidateRead] = Field(default=[], description="With return_candidates.")


class PromptDetails(BaseModel):
    """Say how many tokens of the prompts came from the prefix cache, 0 where nobody counts."""

    cached_tokens: int


class CompletionDetails(BaseModel):
    """Say how many tokens are reasoning: those of a solve all are."""

    reasoning_tokens: int


class ChatUsage(BaseModel):
    """Count the tokens of all chains, aborted ones included."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


class ReplyMessage(BaseModel):
    """Hold the answer, null where the vote abstained, and what happened on the way."""

    role: Literal["assistant"]
    content: str | None
    refusal: None
    reasoning: str | None = None
    reasoning_content: str | None = None


class ReplyChoice(BaseModel):
    """Hold one choice; a solve has one."""

    index: int
    message: ReplyMessage
    logprobs: None
    finish_reason: FinishReason


class ChatCompletion(BaseModel):
    """Hold a whole reply; `votebox` is missing for raw models."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    system_fingerprint: str | None
    choices: list[ReplyChoice]
    usage: ChatUsage
    votebox: VoteboxReply | None = None


class DeltaMessage(BaseModel):
    """Hold what a chunk adds to a message."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None


class ChunkChoice(BaseModel):
    """Hold what a chunk adds to a choice."""

    index: int
    delta: DeltaMessage
    logprobs: None
    finish_reason: FinishReason | None


class EventCarried(BaseModel):
    """Carry one event of the solve, asked for by `votebox.events`."""

    event: dict[str, Any]


class ChatCompletionChunk(BaseModel):
    """Hold one chunk of a stream."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    system_fingerprint: str | None
    choices: list[ChunkChoice]
    usage: ChatUsage | None = None
    votebox: VoteboxReply | EventCarried | None = None


class SummaryText(BaseModel):
    """Hold the narration of a solve."""

    type: Literal["summary_text"]
    text: str


class ReasoningItem(BaseModel):
    """Hold what happened on the way to an answer."""

    id: str
    type: Literal["reasoning"]
    summary: list[SummaryText]
    status: Literal["in_progress", "completed", "incomplete"]


class OutputText(BaseModel):
    """Hold an answer."""

    type: Literal["output_text"]
    text: str
    annotations: list[Any]
    logprobs: list[Any]


class MessageItem(BaseModel):
    """Hold the message with the answer."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    status: Literal["in_progress", "completed", "incomplete"]
    content: list[OutputText]


class ResponseError(BaseModel):
    """Say why a response failed."""

    code: Literal["invalid_prompt", "rate_limit_exceeded", "server_error"]
    message: str


class IncompleteDetails(BaseModel):
    """Say why a response is incomplete: time or tokens ran out."""

    reason: Literal["max_output_tokens"]


class InputDetails(BaseModel):
    """Say how many tokens of the prompts came from the prefix cache, 0 where nobody counts."""

    cached_tokens: int
    cache_write_tokens: int


class ResponseUsage(BaseModel):
    """Count the tokens of all chains, aborted ones included."""

    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: CompletionDetails
    total_tokens: int


class ReasoningAsked(BaseModel):
    """Repeat what was asked of the reasoning."""

    effort: str | None
    summary: str | None


class ResponseObject(BaseModel):
    """Hold a response, on its way or ended; what was asked is repeated."""

    id: str
    object: Literal["response"]
    created_at: int
    completed_at: int | None
    status: Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]
    model: str
    output: list[ReasoningItem | MessageItem]
    error: ResponseError | None
    incomplete_details: IncompleteDetails | None
    usage: ResponseUsage | None
    background: bool
    instructions: str | None
    max_output_tokens: int | None
    metadata: dict[str, str]
    parallel_tool_calls: bool
    previous_response_id: str | None
    reasoning: ReasoningAsked
    store: bool
    temperature: float | None
    text: dict[str, Any]
    tool_choice: Literal["none", "auto"]
    tools: list[Any]
    top_p: float | None
    truncation: Literal["auto", "disabled"]
    user: str | None
    votebox: VoteboxReply | None = None
