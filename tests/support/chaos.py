"""Ask a mortal application for solves while its parts are killed, and account for every one."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import httpx
import replicas

from votebox.cluster.keeper import descendants

PARTS: Final = {
    "model": "LLM:default",
    "jails": "Jails",
    "fork server": "Jails",
    "solver": "Solver",
    "ingress": "Ingress",
}
"""What can be killed, and the deployment it belongs to."""

End = Literal["answer", "partial", "error", "proxy", "lost", "wrong", "late"]
"""How a solve ended: with the answer, cut short and marked so, with an error that says why, with
an error of Serve's proxy, without a word, with another answer, or beyond its deadline."""

_PROXY_SAYS: Final = "Internal Server Error"

SLACK_S: Final = 15.0
"""How long beyond its deadline a solve may be told of, on a busy machine."""


@dataclass(frozen=True, slots=True)
class Told:
    """Hold what a client heard of one solve; times are of the monotonic clock, in seconds."""

    end: End
    asked_s: float
    ended_s: float
    words: str = ""


@dataclass
class Load:
    """Ask for solves from `clients` clients without pause, until told to stop.

    `open` holds when those under way were asked for, `told` what was heard of the others.
    """

    url: str
    clients: int = 4
    deadline_s: float = 30.0
    chains: int = 4
    told: list[Told] = field(default_factory=list)
    open: list[float] = field(default_factory=list)
    _over: bool = False

    async def run(self) -> None:
        """Ask until `stop`; every solve asked for is in `told` afterwards."""
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(timeout=self.deadline_s + SLACK_S, limits=limits) as http:
            await asyncio.gather(*(self._client(http, n) for n in range(self.clients)))

    def stop(self) -> None:
        """Ask for no more; solves under way go on."""
        self._over = True

    async def met(self, at_s: float) -> list[Told]:
        """Return what was heard of the solves under way at `at_s`, once all have ended."""
        limit_s = at_s + self.deadline_s + 2 * SLACK_S
        while any(asked_s < at_s for asked_s in self.open):
            if time.monotonic() > limit_s:
                raise TimeoutError(f"solves under way at a kill have not ended: {self.open}")
            await asyncio.sleep(0.05)
        return [t for t in self.told if t.asked_s < at_s < t.ended_s]

    async def until_answered(self, since_s: float, within_s: float = 120.0) -> float:
        """Return the seconds from `since_s` to the end of a solve asked for and answered since."""
        limit_s = time.monotonic() + within_s
        while True:
            found = [t.ended_s for t in self.told if t.end == "answer" and t.asked_s > since_s]
            if found:
                return min(found) - since_s
            if time.monotonic() > limit_s:
                raise TimeoutError(f"no answer within {within_s:g} s: {self.told[-3:]}")
            await asyncio.sleep(0.05)

    async def _client(self, http: httpx.AsyncClient, number: int) -> None:
        rng = random.Random(number)  # noqa: S311 - sums
        while not self._over:
            told = await self._ask(http, rng.randrange(10, 999), rng.randrange(10, 999))
            self.told.append(told)
            if told.end in {"error", "proxy", "lost"}:
                await asyncio.sleep(0.5)  # as a client that tries again would

    async def _ask(self, http: httpx.AsyncClient, a: int, b: int) -> Told:
        asked = {"question": f"What is {a} * {b}?", "recipe": "tool-loop", "chains": self.chains}
        asked_s = time.monotonic()
        self.open.append(asked_s)
        try:
            reply = await http.post(
                f"{self.url}/v1/solves", json={**asked, "deadline_s": self.deadline_s}
            )
            end, words = judged(reply, str(a * b))
        except httpx.HTTPError as e:
            end, words = "lost", f"{type(e).__name__}: {e}"
        finally:
            self.open.remove(asked_s)
        ended_s = time.monotonic()
        if ended_s - asked_s > self.deadline_s + SLACK_S:
            end = "late"
        return Told(end, asked_s, ended_s, words)


def judged(reply: httpx.Response, wanted: str) -> tuple[End, str]:
    """Return how a solve ended by its reply, and what that said."""
    if reply.status_code == httpx.codes.INTERNAL_SERVER_ERROR and reply.text == _PROXY_SAYS:
        return "proxy", "500 of Serve's proxy"
    try:
        body = reply.json()
    except ValueError:
        return "lost", f"{reply.status_code}: {reply.text[:200]!r}"
    if reply.status_code != httpx.codes.OK:
        error = body.get("error") or {}
        told = {"message", "type", "param", "code"} == set(error)
        return "error" if told else "lost", f"{reply.status_code}: {error.get('message')}"
    if body["stop_reason"] in {"deadline", "budget"}:
        return "partial", body["reason"]
    return "answer" if body["answer"] == wanted else "wrong", f"{body['answer']}"


def found(app: str, part: str, *, above: int = 0) -> list[int]:
    """Return a part's processes."""
    pids = replicas.replicas(f"{app}:{PARTS[part]}", above=above)
    if part == "fork server":
        return [pid for replica in pids for pid in descendants(replica)[1:2]]
    return pids


def kill(app: str, part: str, *, above: int = 0) -> list[int]:
    """Kill a part's processes, with SIGKILL; return which they were."""
    pids = found(app, part, above=above)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return pids


async def ask_slowly(url: str, deadline_s: float) -> End:
    """Ask for a solve whose model takes minutes; return how it ended."""
    asked = {"question": "What is 2 * 3? Think slowly.", "recipe": "tool-loop", "chains": 2}
    async with httpx.AsyncClient(timeout=deadline_s) as http:
        reply = await http.post(f"{url}/v1/solves", json={**asked, "deadline_s": deadline_s})
    return judged(reply, "6")[0]


async def until(
    what: Callable[[], Awaitable[object]],
    wanted: object,
    within_s: float = 60.0,
    note: str = "",
) -> None:
    """Wait until `what` gives `wanted`; raise TimeoutError with what it gives instead."""
    limit_s = time.monotonic() + within_s
    while (found := await what()) != wanted:
        if time.monotonic() > limit_s:
            raise TimeoutError(f"{found} after {within_s:g} s, not {wanted} {note}")
        await asyncio.sleep(0.2)


def counted(told: Sequence[Told]) -> dict[str, int]:
    """Return how many solves ended which way."""
    return dict(Counter(t.end for t in told))


async def in_flight(app: str) -> dict[str, Any]:
    """Return what the parts of an application still work on, all 0 where nothing is left."""
    from ray import serve

    def handle(deployment: str) -> Any:
        return serve.get_deployment_handle(deployment, app)

    pool = await handle("Jails").pool.remote()
    chains = await handle("Solver").record_autoscaling_stats.remote()
    return {
        "streams": await handle("LLM:default").unfinished.remote(),
        "programs": await handle("Jails").running.remote(),
        "sessions": pool["sessions"],
        "chains": sum(chains.values()),
    }
