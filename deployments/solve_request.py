"""Read a request to solve, the same from HTTP, Ray Data and the CLI."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from votebox.deployments.edit_request import Names, Texts, Tries, check_folder
from votebox.deployments.messages import read_messages
from votebox.plugins import Problem, ProblemError, SolveOptions

__all__ = ["OPTIONS", "SolveRequest", "parse_request", "problem_from_messages", "say"]

OPTIONS: Final = tuple(field.name for field in fields(SolveOptions))
"""The keys of a request that override parts of a recipe."""

INJECTED: Final = frozenset({"request_id", "idx_in_batch", "batch_uuid"})
"""What Ray Data's Serve bridge adds to every request; the ids collide and mean nothing."""

_EDITING: Final = ("readonly", "tests", "tries")
"""What a request says of its files, under the names that the steps look for."""

_Number = Annotated[float, Field(allow_inf_nan=False)]


_MAX_KEYS: Final = 100


def _objects(value: object) -> object:
    """Stop at the first item that is no object: an error about each takes seconds to make."""
    if isinstance(value, list):
        wrong = next((n for n, item in enumerate(value) if not isinstance(item, Mapping)), None)
        if wrong is not None:
            told = {"number": wrong, "kind": type(value[wrong]).__name__}
            raise PydanticCustomError("objects", "item {number} is {kind}, no object", told)
    return value


class SolveRequest(BaseModel):
    """Ask for one solve. Exactly one of `question`, `text` and `messages` is given.

    `question` and `text` mean the same; `messages` are OpenAI chat messages. `recipe`
    None is the server's default. `files` make it an editing task: text by relative path, of
    which those in `readonly` are shown and stay. `tests` run on every change and are shown to
    no model, `tries` is how many changes of a chain are tested. The other fields override the
    recipe, see SolveOptions.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    question: str | None = None
    text: str | None = None
    messages: Annotated[Sequence[Mapping[str, Any]], BeforeValidator(_objects)] | None = None
    id: str = ""
    files: Texts | None = None
    readonly: Names | None = None
    tests: Texts | None = None
    tries: Tries | None = None
    recipe: str | None = None
    chains: int | None = None
    seed: int | None = None
    deadline_s: _Number | None = None
    max_total_tokens: int | None = None
    max_sandbox_s: _Number | None = None
    temperature: _Number | None = None
    max_tokens: int | None = None
    rounds: int | None = None
    trace: bool | None = None
    top_p: _Number | None = None
    top_k: int | None = None
    min_p: _Number | None = None
    repetition_penalty: _Number | None = None
    presence_penalty: _Number | None = None
    frequency_penalty: _Number | None = None
    stop_strings: Annotated[list[str], Field(fail_fast=True)] | None = None
    stop: str | None = None
    vote: str | None = None
    min_confidence: _Number | None = None
    reasoning_effort: str | None = None
    solve_id: str | None = None
    client_request: str | None = None
    dispatch: str | None = None
    pool: str | None = None
    keep_failed: bool | None = None

    def problem(self) -> Problem:
        """Return the question asked.

        Raises:
            ProblemError: none, or more than one, is given; the messages hold none; or the files
                cannot be taken.
        """
        problem = self._asked()
        metadata = {name: getattr(self, name) for name in _EDITING}
        given = {name: value for name, value in metadata.items() if value is not None}
        if not self.files:
            if given:
                named = next(iter(given))
                raise ProblemError(f"{named} is of an editing task, which has files", "add files")
            return problem
        check_folder(self.files, self.readonly or (), self.tests)
        return replace(problem, files=self.files, metadata=given)

    def _asked(self) -> Problem:
        """Return the question without files."""
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
    if len(given) > _MAX_KEYS:
        known = ", ".join(SolveRequest.model_fields)
        raise ProblemError(f"a request has {len(given):,} keys", f"known: {known}")
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


def problem_from_messages(messages: Sequence[Mapping[str, Any]], problem_id: str = "") -> Problem:
    """Return the last message, the user's, as the problem.

    What user and assistant said before are its turns. System messages, wherever they stand,
    are the caller's instructions, which a model gets behind the recipe's own.

    Raises:
        ProblemError: the last message is not the user's, or one of them cannot be read.
    """
    read = read_messages(messages)
    turns = [message for message in read if message.role != "system"]
    if all(turn.role != "user" for turn in turns):
        raise ProblemError("the messages hold no user message", "end with one, role 'user'")
    *earlier, last = turns
    if last.role != "user":
        raise ProblemError(f"the last message has role {last.role!r}", "end with one of the user")
    system = "\n\n".join(m.content for m in read if m.role == "system" and m.content)
    said = tuple(turn for turn in earlier if turn.content)
    return Problem(last.content, problem_id, turns=said, system=system)
