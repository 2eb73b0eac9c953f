"""Put a question into the conversation it was asked in, and refuse what cannot be asked.

The one place where the caller's earlier turns and instructions come into a prompt, so that a
prompt provider words its question alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from votebox.plugins.errors import ProblemError
from votebox.plugins.nouns import Message, Problem, Prompt

__all__ = ["MAX_QUESTION_CHARS", "check_problem", "check_texts", "in_conversation"]

MAX_QUESTION_CHARS: Final = 100_000
"""The most characters a question may have, with all that was said before it."""

_SPOKEN: Final = ("user", "assistant")


def check_problem(problem: Problem) -> None:
    """Refuse a problem that is empty, too long or not text; raise ProblemError."""
    if not problem.text.strip():
        raise ProblemError("the question is empty", "write a question")
    for turn in problem.turns:
        if turn.role not in _SPOKEN:
            fix = "earlier turns are of user and assistant"
            raise ProblemError(f"an earlier turn has role {turn.role!r:.80}", fix)
    check_texts([problem.text, problem.system, *(turn.content for turn in problem.turns)])


def check_texts(texts: Sequence[str]) -> None:
    """Refuse texts that are too long together, or not text; raise ProblemError."""
    chars = sum(map(len, texts))
    if chars > MAX_QUESTION_CHARS:
        whole = "" if len([text for text in texts if text]) == 1 else " with what was said before"
        problem = f"the question has {chars:,} characters{whole}"
        raise ProblemError(problem, f"give at most {MAX_QUESTION_CHARS:,}")
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as e:
            bad = text[e.start]
            problem = f"the question holds {bad!r} at {e.start}, which is not a character"
            raise ProblemError(problem, "remove it") from e


def in_conversation(prompt: Prompt, problem: Problem) -> Prompt:
    """Return a recipe's prompt as it is asked behind the caller's turns and instructions.

    The turns come before the prompt's last user turn, so behind its system message and its
    examples. The instructions come behind its system message, or are one where it has none.
    Where there are turns, neighbours of one role become one, because many chat templates take
    user and assistant by turns only. A prompt of a problem that has neither stays as it is.

    >>> asked = Problem("And 3?", turns=(Message("user", "Is 2 prime?"), Message("assistant", "Yes")))
    >>> [m.content for m in in_conversation(Prompt.of("And 3?", system="Answer."), asked).messages]
    ['Answer.', 'Is 2 prime?', 'Yes', 'And 3?']
    """
    messages = prompt.messages
    if problem.turns:
        last = max((n for n, m in enumerate(messages) if m.role == "user"), default=len(messages))
        messages = tuple(_joined((*messages[:last], *problem.turns, *messages[last:])))
    if problem.system:
        messages = _instructed(messages, problem.system)
    return prompt if messages is prompt.messages else replace(prompt, messages=messages)


def _joined(messages: Iterable[Message]) -> list[Message]:
    """Return the messages with neighbours of one role joined by an empty line."""
    joined: list[Message] = []
    for message in messages:
        text = message.content
        if joined and joined[-1].role == message.role:
            text = f"{joined.pop().content}\n\n{text}"
        joined.append(Message(message.role, text))
    return joined


def _instructed(messages: tuple[Message, ...], system: str) -> tuple[Message, ...]:
    if messages and messages[0].role == "system":
        whole = f"{messages[0].content}\n\nInstructions of the caller:\n{system}"
        return (Message("system", whole), *messages[1:])
    return (Message("system", system), *messages)
