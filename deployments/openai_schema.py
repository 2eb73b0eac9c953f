"""Describe requests of the OpenAI API as schemas, for checking them and for the OpenAPI document.

A field that nothing here can honour is in the schema with the values that ask for nothing,
so that the document tells the truth. Types are as strict as OpenAI's: "5" is no number.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from votebox.deployments.edit_request import Names, Texts, Tries
from votebox.deployments.messages import MAX_MESSAGES
from votebox.plugins.recipe import MAX_CHAINS

__all__ = [
    "MAX_CHOICES",
    "AssistantMessage",
    "ChatRequest",
    "InputMessage",
    "InputRefusal",
    "Message",
    "Part",
    "RefusalPart",
    "ResponsesRequest",
    "Shared",
    "TextPart",
    "VoteboxOptions",
]

MAX_CHOICES: Final = 128
"""The most choices of one request to a raw model; OpenAI's own limit."""

MAX_ITEMS: Final = 2 * MAX_MESSAGES
"""The most items of an input: messages, and the reasoning between them."""

MAX_KEYS: Final = 100
MAX_TOKENS: Final = 2**31 - 1


def _never(value: bool) -> bool:  # noqa: FBT001 - a validator's signature
    if value:
        raise PydanticCustomError("only_false", "Input should be false")
    return value


def _unicode(text: str) -> str:
    """Pass text that UTF-8 can hold; a tokenizer fails on half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError as e:
        raise PydanticCustomError("string_unicode", "the text is no Unicode") from e
    return text


def _few(value: object) -> object:
    """Refuse an object of many keys at once: an error about each takes seconds to make."""
    if isinstance(value, dict) and len(value) > MAX_KEYS:
        raise PydanticCustomError("too_many_keys", "Input has more than 100 keys")
    return value


Few = BeforeValidator(_few)
Text = Annotated[str, AfterValidator(_unicode)]
Never = Annotated[bool, Field(json_schema_extra={"const": False}), AfterValidator(_never)]
Empty = Annotated[list[Any], Field(max_length=0)]
Nothing = Annotated[dict[str, Any], Field(max_length=0)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Tokens = Annotated[int, Field(ge=1, le=MAX_TOKENS)]
Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]
Label = Annotated[Text, Field(max_length=512)]
StopText = Annotated[Text, Field(min_length=1, max_length=1000)]

Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Label],
    Field(max_length=16, description="Stored with the solve."),
    Few,
]
ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


Includable = Literal[
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
]
"""Parts of items that no reply here has; asking for them asks for nothing."""


class Strict(BaseModel):
    """Take JSON types as they are; ignore what is not named."""

    model_config = ConfigDict(strict=True, extra="ignore")


class TextPart(Strict):
    """Hold text in a list of parts."""

    type: Literal["text"]
    text: Text


class RefusalPart(Strict):
    """Hold what an assistant said instead of an answer."""

    type: Literal["refusal"]
    refusal: Text


Part = Annotated[TextPart | RefusalPart, Field(discriminator="type")]


class AskingMessage(Strict):
    """Hold a message to the model."""

    role: Literal["system", "developer", "user"]
    content: Text | Annotated[list[TextPart], Field(fail_fast=True)]


class AssistantMessage(Strict):
    """Hold an earlier reply; its `reasoning` is not shown again."""

    role: Literal["assistant"]
    content: Text | Annotated[list[Part], Field(fail_fast=True)] | None = None
    refusal: Text | None = None
    tool_calls: Empty | None = None
    function_call: None = None


Message = Annotated[AskingMessage | AssistantMessage, Field(discriminator="role")]


class VoteboxOptions(Strict):
    """Hold what is ours in a request: it overrides the recipe. Unknown keys are an error."""

    model_config = ConfigDict(strict=True, extra="forbid")

    recipe: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    chains: Annotated[int, Field(ge=1, le=MAX_CHAINS)] | None = None
    rounds: Annotated[int, Field(ge=1, le=64)] | None = None
    deadline_s: Seconds | None = None
    max_total_tokens: Annotated[int, Field(ge=1, le=2**53)] | None = None
    max_sandbox_s: Seconds | None = None
    stop: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    vote: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    min_confidence: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    events: bool | None = None
    return_candidates: bool | None = None
    trace: bool | None = None
    files: Texts | None = None
    readonly: Names | None = None
    tests: Texts | None = None
    tries: Tries | None = None


class TextFormat(Strict):
    """Ask for plain text."""

    type: Literal["text"]


class StreamOptions(Strict):
    """Say what a stream carries besides deltas."""

    include_usage: bool | None = None


class Shared(Strict):
    """Hold what both kinds of request have in common, vLLM's extras included."""

    model: Annotated[str, Field(min_length=1, max_length=512)]
    stream: bool | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    top_k: Annotated[int, Field(ge=-1, le=MAX_TOKENS)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=2, allow_inf_nan=False)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: (
        Annotated[Text, Field(max_length=1000)]
        | Annotated[list[StopText], Field(max_length=4, fail_fast=True)]
        | None
    ) = None
    user: Label | None = None
    metadata: Metadata | None = None
    store: bool | None = None
    request_id: Label | None = None
    include_reasoning: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=0)] | None = None
    tools: Empty | None = None
    tool_choice: Literal["none", "auto"] | None = None
    chat_template_kwargs: Nothing | None = None
    thinking_token_budget: None = None
    cache_salt: None = None
    votebox: Annotated[VoteboxOptions, Few] | None = None


class Reasoning(Strict):
    """Say how hard to think, and how to tell of it, which is always told."""

    effort: ReasoningEffort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None


class TextOptions(Strict):
    """Say what form the text has."""

    format: TextFormat | None = None


class InputText(Strict):
    """Hold text of one item of an input, whoever wrote it."""

    type: Literal["input_text", "output_text"]
    text: Text


class InputRefusal(Strict):
    """Hold what an assistant said instead of an answer."""

    type: Literal["refusal"]
    refusal: Text


InputPart = Annotated[InputText | InputRefusal, Field(discriminator="type")]


class InputMessage(Strict):
    """Hold a message of an input, or one of an earlier output."""

    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: Text | Annotated[list[InputPart], Field(fail_fast=True)]


class InputReasoning(Strict):
    """Hold the reasoning of an earlier output, which is not shown again."""

    type: Literal["reasoning"]


InputItem = InputMessage | InputReasoning


class ResponsesRequest(Shared):
    """Ask for a response of a recipe."""

    input: (
        Text | Annotated[list[InputItem], Field(min_length=1, max_length=MAX_ITEMS, fail_fast=True)]
    )
    instructions: Text | None = None
    previous_response_id: Label | None = None
    max_output_tokens: Tokens | None = None
    background: bool | None = None
    reasoning: Reasoning | None = None
    text: TextOptions | None = None
    include: Annotated[list[Includable], Field(max_length=20, fail_fast=True)] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    parallel_tool_calls: bool | None = None
    conversation: None = None
    prompt: None = None


class ChatRequest(Shared):
    """Ask for a chat completion; `n` above 1 is for raw models, `votebox` for recipes."""

    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_MESSAGES, fail_fast=True)]
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES)] | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    reasoning_effort: ReasoningEffort | None = None
    logprobs: Never | None = None
    response_format: TextFormat | None = None
    functions: Empty | None = None
    function_call: Literal["none", "auto"] | None = None
    logit_bias: Nothing | None = None
    modalities: Annotated[list[Literal["text"]], Field(fail_fast=True)] | None = None
    audio: None = None
    web_search_options: None = None
