"""Read requests to `/v1/responses`; what is asked is a solve, as in a chat completion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from votebox.deployments.openai_asked import REFUSALS, solve_options, with_headers
from votebox.deployments.openai_chat import ChatAsked, kept
from votebox.deployments.openai_checking import checked
from votebox.deployments.openai_errors import bad_field
from votebox.deployments.openai_schema import InputMessage, InputRefusal, ResponsesRequest

__all__ = ["ResponsesAsked", "read_responses_request"]

Turn = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ResponsesAsked(ChatAsked):
    """Hold a request for a response.

    `turns` are the messages given, without the instructions; `echo` are the fields of the
    request that the response repeats.
    """

    background: bool = False
    store: bool = True
    previous_response_id: str | None = None
    instructions: str | None = None
    turns: Sequence[Turn] = ()
    echo: Mapping[str, Any] = field(default_factory=dict)

    def after(self, earlier: Sequence[Turn]) -> "ResponsesAsked":
        """Return the same request as what follows earlier turns.

        Instructions are not carried over from turn to turn: pass the earlier responses'
        `turns` and answers, not the messages of their solves.
        """
        turns = [*earlier, *self.turns]
        return replace(self, turns=turns, solve={**self.solve, "messages": self._messages(turns)})

    def _messages(self, turns: Sequence[Turn]) -> list[Turn]:
        if self.instructions is None:
            return list(turns)
        return [{"role": "system", "content": self.instructions}, *turns]


def read_responses_request(
    given: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> ResponsesAsked:
    """Check a request for a response of a recipe; `headers` may hold `x-votebox-*`.

    Raises:
        ApiError: 400, naming the field or header.
    """
    asked = checked(ResponsesRequest, with_headers(given, headers or {}), REFUSALS)
    turns = _turns(asked)
    if all(turn["role"] != "user" for turn in turns):
        raise bad_field("input", "input: nothing in it is from the user; end with a question")
    if asked.background and asked.store is False:
        raise bad_field("store", "store = false: a background response is stored to be fetched")
    ours = asked.votebox
    read = ResponsesAsked(
        **kept(asked),
        events=bool(ours and ours.events),
        return_candidates=bool(ours and ours.return_candidates),
        background=bool(asked.background),
        store=asked.store is not False,
        previous_response_id=asked.previous_response_id,
        instructions=asked.instructions,
        turns=turns,
        echo=_echo(asked),
        solve={**solve_options(asked), **_more(asked)},
    )
    return read.after(())


def _more(asked: ResponsesRequest) -> dict[str, Any]:
    """Return the options that chat completions name otherwise."""
    effort = asked.reasoning.effort if asked.reasoning else None
    told = {"max_tokens": asked.max_output_tokens, "reasoning_effort": effort}
    return {name: value for name, value in told.items() if value is not None}


def _turns(asked: ResponsesRequest) -> list[Turn]:
    if isinstance(asked.input, str):
        return [{"role": "user", "content": asked.input}]
    messages = [item for item in asked.input if isinstance(item, InputMessage)]
    return [{"role": message.role, "content": _text(message)} for message in messages]


def _text(message: InputMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    parts = message.content
    return "".join(p.refusal if isinstance(p, InputRefusal) else p.text for p in parts)


def _echo(asked: ResponsesRequest) -> dict[str, Any]:
    """Return what a response repeats of its request; null is what the recipe decides."""
    reasoning = asked.reasoning
    return {
        "background": bool(asked.background),
        "instructions": asked.instructions,
        "max_output_tokens": asked.max_output_tokens,
        "metadata": asked.metadata or {},
        "parallel_tool_calls": asked.parallel_tool_calls is not False,
        "previous_response_id": asked.previous_response_id,
        "reasoning": {
            "effort": reasoning.effort if reasoning else None,
            "summary": reasoning.summary if reasoning else None,
        },
        "store": asked.store is not False,
        "temperature": asked.temperature,
        "text": {"format": {"type": "text"}},
        "tool_choice": asked.tool_choice or "auto",
        "tools": [],
        "top_p": asked.top_p,
        "truncation": asked.truncation or "disabled",
        "user": asked.user,
    }
