"""Keep one solve as it happens: its events in order, for whoever watches, and its end.

Followers read from one log at their own pace, so a slow one holds nothing up and costs no
memory. Text arrives in small pieces; older pieces of one reply are joined, so that the log
of ten minutes of 64 chains stays small. Each text event carries `at`, the number of
characters of its reply before it: a reader who resumes skips what it has.
"""

import asyncio
import bisect
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from votebox.deployments.keys import Key
from votebox.deployments.openai_models import ApiError

__all__ = ["Event", "LiveSolve", "Progress", "Status"]

Status = Literal["queued", "running", "completed", "failed", "cancelled"]
Event = Mapping[str, Any]

_JOIN_S: Final = 2.0
"""How old text pieces are before they are joined, in seconds."""

_AT_ONCE: Final = 64 * 2**10
"""About how many characters a follower is given at once: what a stalled one holds."""

_QUESTION_SHOWN: Final = 2_000
"""The most characters of a question that lists repeat."""


@dataclass(slots=True)
class Progress:
    """Count what a solve did so far."""

    planned: int = 0
    started: int = 0
    finished: int = 0
    tokens: int = 0
    programs: int = 0
    need: int | None = None
    votes: Sequence[tuple[str, float]] = ()
    first_vote: float | None = None

    def add(self, event: Event) -> None:
        """Count one event."""
        match event["type"]:
            case "solve_started":
                self.planned = event["chains"]
            case "chain_started":
                self.started += 1
            case "chain_text":
                self.tokens += event["tokens"]
            case "program_finished":
                self.programs += 1
            case "chain_finished":
                self.finished += 1
            case "vote_changed":
                self.votes, self.need = event["votes"], event["need"]
                self.planned = event["planned"]
                if self.votes and self.first_vote is None:
                    self.first_vote = time.time()

    def shown(self) -> dict[str, Any]:
        """Return it as JSON types."""
        names = ("planned", "started", "finished", "tokens", "programs", "need")
        return {n: getattr(self, n) for n in names} | {"votes": [list(v) for v in self.votes]}


@dataclass(eq=False)
class LiveSolve:
    """Hold one accepted solve. Times are seconds since the epoch.

    `asked` is what a protocol keeps beside it, `traceparent` the caller's W3C trace context;
    one that is not `stored` is forgotten when it has ended and been read.
    """

    id: str
    question: str
    recipe: str
    key: Key
    request: Mapping[str, Any] = field(repr=False)
    model: str | None = None
    request_id: str = ""
    background: bool = False
    asked: object = field(default=None, repr=False)
    traceparent: str | None = None
    stored: bool = True
    created: float = field(default_factory=time.time)
    status: Status = "queued"
    started: float | None = None
    ended: float | None = None
    verdict: Event | None = field(default=None, repr=False)
    error: ApiError | None = None
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        self._log: list[tuple[int, Event]] = []
        self._joined = 0  # how much of the log is joined already
        self._joined_at = time.monotonic()
        self._told: dict[tuple[int, str, int], int] = {}  # characters of each reply
        self._chars = _chars(self.request) + len(self.question)  # of all it keeps
        self._number = 0
        self._news = asyncio.Event()

    @property
    def over(self) -> bool:
        """Return whether it has ended."""
        return self.ended is not None

    @property
    def so_far(self) -> list[Event]:
        """Return what has happened, in order."""
        return [event for _, event in self._log]

    @property
    def size(self) -> int:
        """Return about how many characters it keeps."""
        return self._chars + 200 * len(self._log)

    def add(self, batch: Sequence[Event]) -> None:
        """Append events and wake who follows."""
        for event in batch:
            self._number += 1
            told = event
            if event["type"] == "chain_text":
                which = _reply_of(event)
                told = {**event, "at": self._told.get(which, 0)}
                self._told[which] = told["at"] + len(event["text"])
                self._chars += len(event["text"])
            else:
                self._chars += _chars(event)
            if event["type"] == "verdict_reached":
                self.verdict = event["verdict"]
            self.progress.add(event)
            self._log.append((self._number, told))
        if time.monotonic() - self._joined_at > _JOIN_S:
            self._join()
        self._wake()

    def end(self, status: Status, error: ApiError | None = None) -> None:
        """Mark the end; who follows gets what is left and then nothing more."""
        self.status, self.error, self.ended = status, error, time.time()
        self._join()
        self._wake()

    def begin(self) -> None:
        """Mark that it runs."""
        self.status, self.started = "running", time.time()
        self._wake()

    async def follow(self, after: int = 0) -> AsyncGenerator[list[tuple[int, Event]], None]:
        """Yield (number, event) in lists, from behind number `after` to the end.

        Raises:
            ApiError: the solve failed or was cancelled; what happened before comes first.
        """
        sent: dict[tuple[int, str, int], int] = {}
        while True:
            start = bisect.bisect_right(self._log, after, key=lambda entry: entry[0])
            some = _some(self._log, start)
            batch = [(number, _unsent(event, sent)) for number, event in some]
            if batch:
                after = batch[-1][0]
                yield [(number, event) for number, event in batch if event is not None]
            elif self.over:
                break
            else:
                await self._news.wait()
        if self.error is not None:
            raise self.error

    async def wait(self) -> Event:
        """Return the verdict; raise ApiError when there will be none."""
        while not self.over:
            await self._news.wait()
        if self.error is not None:
            raise self.error
        if self.verdict is None:
            raise ApiError(500, "the solve ended without a verdict", "server_error")
        return self.verdict

    def shown(self, *, whole: bool = False) -> dict[str, Any]:
        """Return the solve object of the API; `whole` adds the verdict."""
        error = self.error.body["error"] if self.error else None
        told = {
            "id": self.id,
            "object": "solve",
            "status": self.status,
            "created": int(self.created),
            "started": self.started,
            "ended": self.ended,
            "question": self.question if whole else self.question[:_QUESTION_SHOWN],
            "recipe": self.recipe,
            "model": self.model,
            "answer": self.verdict["answer"] if self.verdict else None,
            "progress": self.progress.shown(),
            "key": self.key.name or None,
            "request_id": self.request_id,
            "background": self.background,
            "error": error,
        }
        return {**told, "verdict": self.verdict} if whole else told

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _join(self) -> None:
        """Join the text pieces that came since the last time."""
        self._log[self._joined :] = joined(self._log[self._joined :])
        self._joined = len(self._log)
        self._joined_at = time.monotonic()


def joined(entries: Sequence[tuple[int, Event]]) -> list[tuple[int, Event]]:
    """Join texts of one reply where nothing of that chain came between.

    Joined text stands where its last piece stood, so that numbers stay in order.
    """
    result: dict[int, Event] = {}
    last: dict[int, int] = {}  # the number of each chain's last text
    for number, event in entries:
        if event["type"] != "chain_text":
            last.pop(event.get("chain", -1), None)
            result[number] = event
            continue
        before = result.get(last.get(event["chain"], -1))
        text = event
        if before is not None and _reply_of(before) == _reply_of(event):
            both = {name: before[name] + event[name] for name in ("text", "tokens")}
            text = {**before, **both}
            del result[last[event["chain"]]]
        result[number] = text
        last[event["chain"]] = number
    return list(result.items())


def _some(log: Sequence[tuple[int, Event]], start: int) -> Sequence[tuple[int, Event]]:
    """Return entries from `start` on, as many as may be given at once but at least one."""
    chars = 0
    for end in range(start, len(log)):
        chars += _chars(log[end][1])
        if chars > _AT_ONCE:
            return log[start : end + 1]
    return log[start:]


def _chars(value: object) -> int:
    """Count the characters of all texts in plain types, however deep they are."""
    chars, left = 0, [value]
    while left:
        here = left.pop()
        if isinstance(here, str):
            chars += len(here)
        elif isinstance(here, Mapping):
            left.extend(here.values())
        elif isinstance(here, Sequence):
            left.extend(here)
    return chars


def _reply_of(event: Event) -> tuple[int, str, int]:
    return event["chain"], event["node"], event["round"]


def _unsent(event: Event, sent: dict[tuple[int, str, int], int]) -> Event | None:
    """Return an event without text that this follower has already, None if nothing is left."""
    if event["type"] != "chain_text":
        return event
    which = _reply_of(event)
    have, at = sent.get(which, 0), event["at"]
    sent[which] = max(have, at + len(event["text"]))
    if have <= at:
        return event
    text = event["text"][have - at :]
    return {**event, "text": text, "at": have} if text else None
