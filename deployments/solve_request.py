"""Read a request to solve, the same from HTTP, Ray Data and the CLI."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from votebox.plugins import Problem, ProblemError, SolveOptions

__all__ = ["OPTIONS", "SolveRequest", "parse_request", "problem_from_messages", "say"]

OPTIONS: Final = (
    "chains",
    "seed",
    "deadline_s",
    "max_total_tokens",
    "max_sandbox_s",
    "temperature",
    "max_tokens",
    "rounds",
    "trace",
)
"""The keys of a request that override parts of a recipe; the fields of SolveOptions."""

INJECTED: Final = frozenset({"request_id", "idx_in_batch", "batch_uuid"})
"""What Ray Data's Serve bridge adds to every request; the ids collide and mean nothing."""

Message = Mapping[str, Any]


class SolveRequest(BaseModel):
    """Ask for one solve. Exactly one of `question`, `text` and `messages` is given.

    `question` and `text` mean the same; `messages` are OpenAI chat messages. `recipe`
    None is the server's default. The other fields override the recipe, see SolveOptions.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    question: str | None = None
    text: str | None = None
    messages: Sequence[Message] | None = None
    id: str = ""
    recipe: str | None = None
    chains: int | None = None
    seed: int | None = None
    deadline_s: Annotated[float, Field(allow_inf_nan=False)] | None = None
    max_total_tokens: int | None = None
    max_sandbox_s: Annotated[float, Field(allow_inf_nan=False)] | None = None
    temperature: Annotated[float, Field(allow_inf_nan=False)] | None = None
    max_tokens: int | None = None
    rounds: int | None = None
    trace: bool | None = None

    def problem(self) -> Problem:
        """Return the question asked.

        Raises:
            ProblemError: none, or more than one, is given; or the messages hold none.
        """
        given = [n for n in ("question", "text", "messages") if getattr(self, n) is not None]
        if len(given) != 1:
            told = " and ".join(given) or "none"
            fix = "give one of question, text and messages"
            raise ProblemError(f"a request asks one question and this one has {told}", fix)
        if self.messages is not None:
            return problem_from_messages(self.messages, self.id)
        return Problem(self.question or self.text or "", self.id)

    def options(self) -> SolveOptions:
        """Return what overrides the recipe; raise ProblemError for values out of range."""
        return SolveOptions(**{name: getattr(self, name) for name in OPTIONS})


def parse_request(given: Mapping[str, Any]) -> SolveRequest:
    """Check a request from outside.

    Raises:
        ProblemError: unknown key or ill-typed value; names it.
    """
    if not isinstance(given, Mapping):
        raise ProblemError(f"a request is an object with keys, not {type(given).__name__}")
    cleaned = {key: value for key, value in given.items() if key not in INJECTED}
    try:
        return SolveRequest.model_validate(cleaned)
    except ValidationError as e:
        raise ProblemError(*say(e, SolveRequest)) from e


def say(error: ValidationError, model: type[BaseModel]) -> tuple[str, str]:
    """Return pydantic's first complaint in a line, and what to do about it."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key {where!r}", f"known: {', '.join(model.model_fields)}"
    return f"{where}: {first['msg'].lower()}, not {str(first.get('input'))[:80]!r}", ""


def problem_from_messages(messages: Sequence[Message], problem_id: str = "") -> Problem:
    """Return the last user message as the problem.

    Earlier user and assistant turns are rendered before it, because it may refer to them.
    System messages are not shown to a model: the recipe writes its own. All messages are
    kept in `metadata["messages"]`.

    Raises:
        ProblemError: there is no user message, or a part that is not text.
    """
    turns = [(str(m.get("role", "")), _text(m.get("content"))) for m in messages]
    if not turns or all(role != "user" for role, _ in turns):
        raise ProblemError("the messages hold no user message", "end with one, role 'user'")
    last = max(n for n, (role, _) in enumerate(turns) if role == "user")
    earlier = [(role, text) for role, text in turns[:last] if role in ("user", "assistant")]
    question = turns[last][1]
    if earlier:
        told = "\n".join(f"{role}: {text}" for role, text in earlier)
        question = f"Earlier in this conversation:\n{told}\n\nNow answer:\n{question}"
    kept = [{"role": role, "content": text} for role, text in turns]
    return Problem(question, problem_id, metadata={"messages": kept})


def _text(content: object) -> str:
    """Return a message's content as text: a string, text parts, or null."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, Sequence):
        raise ProblemError(f"a message's content is {type(content).__name__}", "give text")
    texts = []
    for part in content:
        if not isinstance(part, Mapping) or part.get("type") != "text":
            kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
            raise ProblemError(f"a message has a part of type {kind!r}", "give text parts only")
        if not isinstance(part.get("text"), str):
            raise ProblemError("a message has a text part without text", "give a string")
        texts.append(part["text"])
    return "".join(texts)
