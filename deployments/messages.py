"""Read the messages of OpenAI's chat API into ours; what cannot be honoured is refused.

A system message of either name (`system`, `developer`) is one of role system.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from votebox.plugins import Message, ProblemError

__all__ = ["MAX_MESSAGES", "read_messages"]

MAX_MESSAGES: Final = 2000
"""The most messages of a request: each is looked at many times, for every chain anew."""

ROLES: Final[Mapping[str, str]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
"""The roles that may speak, and what they are to us."""


def read_messages(given: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    """Return the messages, their text parts joined.

    Raises:
        ProblemError: too many of them; a role that nothing here speaks for, a call of a tool,
            or a part that is not text; names it.
    """
    if len(given) > MAX_MESSAGES:
        fix = f"give at most {MAX_MESSAGES:,}: leave out or join the oldest"
        raise ProblemError(f"the conversation has {len(given):,} messages", fix)
    return tuple(_read(message) for message in given)


def _read(given: Mapping[str, Any]) -> Message:
    role = given.get("role")
    if not isinstance(role, str) or role not in ROLES:
        fix = f"give one of {', '.join(ROLES)}"
        raise ProblemError(f"a message has role {role!r:.80}", fix)
    if given.get("tool_calls"):
        raise ProblemError(f"a message of role {role!r} calls tools", "send its text alone")
    return Message(ROLES[role], _text(given.get("content")))


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
            raise ProblemError(f"a message has a part of type {kind!r:.80}", "give text parts only")
        if not isinstance(part.get("text"), str):
            raise ProblemError("a message has a text part without text", "give a string")
        texts.append(part["text"])
    return "".join(texts)
