"""Ask an app which solves it has, what one does, and to cancel it.

What comes back is untrusted: a `Solve` holds only values of the types it says, and its
texts are cleaned where they are shown, not here. Nothing here renders.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from votebox.cluster.checks import KEY_ENV
from votebox.cluster.client import refused
from votebox.cluster.errors import BadUsage, Failed
from votebox.cluster.text import one_line
from votebox.cluster.web import NoAnswer, Reply, ask

__all__ = ["ACTIVE", "AppSolves", "Solve", "Standing", "read_solve"]

ACTIVE: Final = ("running", "queued")
"""The states of a solve that can be cancelled, the first shown first."""

_ID: Final = re.compile(r"[A-Za-z0-9][\w.:-]{0,127}+", re.ASCII)  # never a path of its own
_READ_S: Final = 10.0
_PAGE: Final = 100
_PAGES: Final = 100
_WINDOW_S: Final = 60.0
_SKEW_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Solve:
    """Describe one solve of an app, as far as its solve object makes sense.

    Times are seconds since the epoch by the app's clock, 0 for unknown. `votes` are
    (answer, weight) in order; `need` is how many more votes for the leader would decide.
    """

    id: str
    status: str
    question: str = ""
    recipe: str = ""
    key: str = ""
    model: str = ""
    request_id: str = ""
    error: str = ""
    created: float = 0.0
    started: float = 0.0
    ended: float = 0.0
    planned: int = 0
    begun: int = 0
    finished: int = 0
    tokens: int = 0
    programs: int = 0
    need: int | None = None
    votes: tuple[tuple[str, float], ...] = ()
    answer: str | None = None

    @property
    def active(self) -> bool:
        """Return whether it runs or waits."""
        return self.status in ACTIVE

    @property
    def share(self) -> float | None:
        """Return the leader's share of the votes cast, None without votes."""
        cast = sum(weight for _, weight in self.votes)
        return self.votes[0][1] / cast if cast > 0 else None

    @property
    def last_words(self) -> str:
        """Return what became of it when it was to be cancelled, cleaned."""
        name, status = one_line(self.id, 200), one_line(self.status, 40)
        return f"{name} {status}" if status == "cancelled" else f"{name} had ended ({status})"

    def age_s(self, now: float) -> float:
        """Return the seconds since it was taken on, or that it took when it has ended."""
        until = self.ended or now
        return max(0.0, until - self.created) if self.created else 0.0

    def ran_s(self, now: float) -> float:
        """Return the seconds it has run or did run."""
        return max(0.0, (self.ended or now) - self.started) if self.started else 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Show where an app stands at `now` (seconds since the epoch, by its own clock).

    `solves` are the running, then the queued, then some that have ended, newest first.
    """

    now: float
    status: str
    running: int
    queued: int
    solves: tuple[Solve, ...]

    @property
    def per_minute(self) -> int:
        """Return how many of the solves shown have ended in the last minute."""
        return sum(self.now - s.ended <= _WINDOW_S for s in self.solves if s.ended)

    @property
    def active(self) -> tuple[Solve, ...]:
        """Return the solves that run or wait."""
        return tuple(s for s in self.solves if s.active)


class AppSolves:
    """Ask the app at `url` about its solves; `key_env` names the variable with its key."""

    def __init__(self, url: str, key_env: str = KEY_ENV) -> None:
        self.url, self._key_env = url, key_env
        self._ahead_s: float | None = None

    def standing(self, now: float, ended: int) -> Standing:
        """Return where the app stands, with at most `ended` solves that have ended.

        The newest solves mostly hold all that run or wait; where they do not, those are asked
        for, too: a look once a second should cost the app little.

        `now` is this machine's time; how far the app's clock is ahead is asked once.

        Raises:
            BadUsage: the app refuses, as without a key.
            Failed: it does not answer, or is no votebox app.
        """
        ready, date_s = self._get("/ready", accept=(HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE))
        if self._ahead_s is None:
            ahead_s = 0.0 if date_s is None else date_s - now
            self._ahead_s = ahead_s if abs(ahead_s) > _SKEW_S else 0.0
        said, running, queued = (ready.get(name) for name in ("status", "running", "queued"))
        found = {s.id: s for s in self._page(limit=ended)}
        if _count(running) + _count(queued) > sum(s.active for s in found.values()):
            for status in reversed(ACTIVE):  # one that begins meanwhile is in both
                found |= {s.id: s for s in self._page(status=status)}
        ranks = {status: n for n, status in enumerate(ACTIVE)}
        newest = sorted(found.values(), key=lambda s: (s.created, s.id), reverse=True)
        order = sorted(newest, key=lambda s: ranks.get(s.status, len(ranks)))
        return Standing(
            now + self._ahead_s, _text(said), _count(running), _count(queued), tuple(order)
        )

    def active(self) -> Iterator[Solve]:
        """Yield every solve that waits or runs, those that wait first; one may come twice.

        In the other order one that begins meanwhile would be in neither list.
        """
        for status in reversed(ACTIVE):
            yield from self._pages(status)

    def get(self, solve_id: str) -> Solve:
        """Return one solve.

        Raises:
            BadUsage: there is none of that id.
        """
        return read_solve(self._get(_path(solve_id))[0])

    def cancel(self, solve_id: str) -> Solve:
        """Cancel a solve that runs or waits; return it, or the one that has ended already.

        An app forgets an ended solve that is deleted, so it is asked first.

        Raises:
            BadUsage: there is none of that id.
        """
        found = self.get(solve_id)
        if not found.active:
            return found
        return read_solve({"status": "cancelled", **self._ask("DELETE", _path(solve_id))[0]})

    def _pages(self, status: str) -> Iterator[Solve]:
        after: str | None = None
        for _ in range(_PAGES):  # an app that always has more ends here
            reply = self._list(status=status, limit=_PAGE, after=after)
            page = _solves(reply)
            yield from page
            if not page or reply.get("has_more") is not True:
                return
            after = page[-1].id

    def _page(self, status: str | None = None, limit: int = _PAGE) -> tuple[Solve, ...]:
        return _solves(self._list(status=status, limit=limit, after=None))

    def _list(self, **query: object) -> Mapping[str, Any]:
        given = urlencode({name: value for name, value in query.items() if value is not None})
        return self._get(f"/v1/solves?{given}")[0]

    def _get(
        self, path: str, accept: Sequence[int] = (HTTPStatus.OK,)
    ) -> tuple[Mapping[str, Any], float | None]:
        return self._ask("GET", path, accept)

    def _ask(
        self, method: str, path: str, accept: Sequence[int] = (HTTPStatus.OK,)
    ) -> tuple[Mapping[str, Any], float | None]:
        """Return the reply, a JSON object, and the app's time."""
        url, key_env = self.url, self._key_env
        try:
            with ask(method, f"{url}{path}", read_s=_READ_S, key_env=key_env) as reply:
                if reply.status not in accept:
                    raise refused(url, reply)
                body, date_s = _json(reply), reply.date_s
        except NoAnswer as e:
            fix = "see `votebox status`, or start one with `votebox up`"
            raise Failed(f"the app at {url} does not answer: {e}", fix) from e
        if not isinstance(body, Mapping):
            raise Failed(f"{url}{path} answers what is no JSON object", "is it a votebox app?")
        return body, date_s


def read_solve(given: Mapping[str, Any]) -> Solve:
    """Read a solve object; what is missing or of another type stays at its default."""
    progress = _object(given.get("progress"))
    verdict, need = _object(given.get("verdict")), progress.get("need")
    answer = verdict.get("answer")
    return Solve(
        id=_text(given.get("id")),
        status=_text(given.get("status")),
        question=_text(given.get("question")),
        recipe=_text(given.get("recipe")),
        key=_text(given.get("key")),
        model=_text(given.get("model")),
        request_id=_text(given.get("request_id")),
        error=_text(_object(given.get("error")).get("message")),
        created=_number(given.get("created")),
        started=_number(given.get("started")),
        ended=_number(given.get("ended")),
        planned=_count(progress.get("planned")),
        begun=_count(progress.get("started")),
        finished=_count(progress.get("finished")),
        tokens=_count(progress.get("tokens")),
        programs=_count(progress.get("programs")),
        need=None if need is None else _count(need),
        votes=_votes(progress.get("votes")),
        answer=answer if isinstance(answer, str) else None,
    )


def _json(reply: Reply) -> object:
    try:
        return reply.json()
    except (ValueError, RecursionError):  # nested thousands deep
        return None


def _solves(reply: Mapping[str, Any]) -> tuple[Solve, ...]:
    data = reply.get("data")
    found = data if isinstance(data, list) else []
    return tuple(read_solve(each) for each in found if isinstance(each, Mapping))


def _votes(given: object) -> tuple[tuple[str, float], ...]:
    pairs = given if isinstance(given, list) else []
    read = [(_text(p[0]), _number(p[1])) for p in pairs if isinstance(p, list) and len(p) == 2]
    return tuple(read)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> float:
    """Return a finite number of at least 0 that a double holds, else 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    return float(value) if 0 <= value < 1e15 else 0.0


def _count(value: object) -> int:
    return int(_number(value))


def _path(solve_id: str) -> str:
    if not _ID.fullmatch(solve_id):
        problem = f"{one_line(solve_id, 80)!r} is no id of a solve"
        raise BadUsage(problem, "see the ids with `votebox top --once`")
    return f"/v1/solves/{solve_id}"
