"""Write one line for each request and each solve that has ended.

With VOTEBOX_LOG=json each line is a JSON object, else `name=value` words. Lines are ASCII,
whatever clients send. No line holds an API key, a reply or an error's text; the question
stands in one only where the settings ask for it, cut and escaped.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

__all__ = ["LOGGER", "Logs", "RequestLine", "SolveLine", "formatted"]

LOGGER: Final = "votebox.app"
"""The name of the logger."""

_PLAIN: Final = re.compile(r"[\w.:/{}+@-]++", re.ASCII)
_QUESTION_CHARS: Final = 200
_PROBES: Final = frozenset({"/health", "/ready", "/metrics"})


@dataclass(frozen=True, slots=True)
class RequestLine:
    """Tell of one reply: `route` is the route's template, `key` the name of the API key."""

    request_id: str
    method: str
    route: str
    status: int
    ms: int
    key: str = ""

    @property
    def worth_a_line(self) -> bool:
        """Return whether it is more than a probe that went well."""
        return self.route not in _PROBES or self.status >= 400


@dataclass(frozen=True, slots=True)
class SolveLine:
    """Tell of one solve that has ended; `ms` is from its start, `queued_ms` before that.

    `code` is the error's where there is one, `question` "" where it is not to be logged.
    """

    solve_id: str
    request_id: str
    status: str
    recipe: str
    ms: int
    queued_ms: int = 0
    key: str = ""
    stop_reason: str = ""
    chains: int = 0
    tokens: int = 0
    programs: int = 0
    code: str = ""
    question: str = ""


class Logs:
    """Write lines with `write`; `questions` lets a solve's line hold its question."""

    def __init__(
        self, write: Callable[[str], None], *, as_json: bool = False, questions: bool = False
    ) -> None:
        self._write, self._as_json, self.questions = write, as_json, questions

    @classmethod
    def from_environment(cls, *, questions: bool = False) -> Self:
        """Return logs as VOTEBOX_LOG says (json or text), on stderr.

        A logger that has a handler already, as of an embedding program, keeps it.

        Raises:
            ValueError: VOTEBOX_LOG is neither.
        """
        given = os.environ.get("VOTEBOX_LOG", "").strip().lower() or "text"
        if given not in ("json", "text"):
            raise ValueError(f"VOTEBOX_LOG is {given[:40]!r}; set it to json or text")
        logger = logging.getLogger(LOGGER)
        if not logger.handlers:
            logger.addHandler(logging.StreamHandler(sys.stderr))
            logger.propagate = False
        logger.setLevel(logging.INFO)
        return cls(
            lambda line: logger.info("%s", line), as_json=given == "json", questions=questions
        )

    def request(self, line: RequestLine) -> None:
        """Write a request's line; a probe that went well has none."""
        if line.worth_a_line:
            self._say("request", asdict(line))

    def solve(self, line: SolveLine) -> None:
        """Write a solve's line."""
        told = asdict(line)
        told["question"] = line.question[:_QUESTION_CHARS] if self.questions else ""
        self._say("solve", told)

    def _say(self, what: str, told: Mapping[str, Any]) -> None:
        self._write(formatted(datetime.now(UTC), what, told, as_json=self._as_json))


def formatted(when: datetime, what: str, told: Mapping[str, Any], *, as_json: bool) -> str:
    r"""Return one line of ASCII; what is empty is left out.

    >>> formatted(datetime(2026, 3, 14, tzinfo=UTC), "solve", {"key": "a\nb", "ms": 5}, as_json=False)
    '2026-03-14T00:00:00.000Z solve key="a\\nb" ms=5'
    """
    time = f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z"
    kept = {name: value for name, value in told.items() if value != ""}
    if as_json:
        return json.dumps({"time": time, "event": what, **kept})
    return " ".join([time, what, *(f"{name}={_word(value)}" for name, value in kept.items())])


def _word(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
