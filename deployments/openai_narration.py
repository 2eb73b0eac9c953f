"""Tell a solve as it happens in sentences, one a line, for those who read along.

What a model or a program wrote is shown in one short line without control characters.
"""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["Narration", "narrate", "one_line"]

LONGEST: Final = 80
"""The most characters shown of what a program printed or a chain answered."""

MAX_TOLD: Final = 100_000
"""The most characters of a narration; a solve of thousands of chains is not told whole."""

Event = Mapping[str, Any]


class Narration:
    """Tell events and keep what was told, up to 100,000 characters.

    An answer that a chain gives again, read by another source, is told once.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._size = 0
        self._answers: dict[int, str] = {}

    @property
    def text(self) -> str:
        """Return all that was told."""
        return "".join(self._lines)

    def tell(self, event: Event) -> str:
        """Return the line about an event with its line feed, "" for none."""
        line = "" if self._again(event) else narrate(event)
        if not line or self._size > MAX_TOLD:
            return ""
        self._size += len(line)
        if self._size > MAX_TOLD:
            line = "the rest is not told\n"
        self._lines.append(line)
        return line

    def _again(self, event: Event) -> bool:
        if event["type"] != "candidate_read":
            return False
        last = self._answers.get(event["chain"])
        self._answers[event["chain"]] = event["answer"]
        return bool(last == event["answer"])


def narrate(event: Event) -> str:
    """Return one line about an event, "" for those that happen too often."""
    match event["type"]:
        case "solve_accepted" if event["position"]:
            return f"waiting in the queue, position {event['position']}\n"
        case "solve_started":
            models = ", ".join(one_line(model) for model in event["models"])
            return f"{event['recipe']}: {_count(event['chains'], 'chain')} of {models}\n"
        case "program_finished":
            return f"chain {event['chain']} ran a program: {_ran(event['execution'])}\n"
        case "candidate_read":
            return f"chain {event['chain']} answers {one_line(event['answer'])}\n"
        case "chain_restarted":
            return f"chain {event['chain']} starts again: {one_line(event['problem'])}\n"
        case "chain_finished":
            tokens = _count(event["tokens"], "token")
            return f"chain {event['chain']} ended ({event['ended']}) after {tokens}\n"
        case "vote_changed" if event["votes"]:
            return _leader(event)
    return ""


def one_line(text: str) -> str:
    """Return the first 80 characters of a text without line breaks and control characters."""
    start = text[: 4 * LONGEST]
    shown = " ".join("".join(c if c.isprintable() else " " for c in start).split())
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def _ran(execution: Event) -> str:
    """Return the last line a program printed, and its status where it is not ok."""
    lines = execution["stdout"].rstrip()[-4096:].splitlines()
    printed = one_line(lines[-1]) if lines else ""
    if execution["status"] == "ok":
        return printed or "it printed nothing"
    return f"{execution['status']}, {printed}" if printed else str(execution["status"])


def _leader(event: Event) -> str:
    answer, weight = event["votes"][0]
    whole = sum(each for _, each in event["votes"])
    ended = f"{event['finished']} of {_count(event['planned'], 'chain')} ended"
    votes = "vote" if whole == 1 else "votes"
    return f"leader {one_line(answer)} with {weight:g} of {whole:g} {votes}, {ended}\n"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
