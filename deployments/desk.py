"""Own every solve of the app: admit, queue, run, tell, cancel and remember it.

A solve that somebody waits for ends when nobody does any more; one in the background ends
by itself. What was accepted ends in a verdict or an error that can be read until it is
forgotten. Knows no HTTP and no Ray: `solve` is a function from a request to events.
"""

import asyncio
import itertools
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, Protocol, Self

from votebox.deployments.admission import Admission, Place, Refused
from votebox.deployments.failures import as_api_error
from votebox.deployments.keys import Key
from votebox.deployments.live_solve import Event, LiveSolve
from votebox.deployments.openai_errors import ApiError, key_reused, overloaded, rate_limited
from votebox.plugins.ids import new_id

__all__ = ["CANCELLED", "Claim", "Desk", "Observer", "Order"]

CANCELLED: Final = 499
"""The status of a request whose solve somebody cancelled; clients do not ask again."""

_GRACE_S: Final = 30.0
"""How long a solve with an idempotency key goes on for a client that comes back."""

_log = logging.getLogger(__name__)

Solve = Callable[[Mapping[str, Any]], AsyncGenerator[list[dict[str, Any]], None]]


class Observer(Protocol):
    """Hear what happens to solves, for metrics, logs and traces; must not raise."""

    def accepted(self, solve: LiveSolve) -> None:
        """Hear of a solve that was taken."""

    def begun(self, solve: LiveSolve) -> None:
        """Hear of a solve whose turn has come."""

    def happened(self, solve: LiveSolve, batch: Sequence[Event]) -> None:
        """Hear of events of a running solve, in order."""

    def over(self, solve: LiveSolve) -> None:
        """Hear of its end."""

    def refused(self, reason: str) -> None:
        """Hear of a request that was not taken."""


@dataclass(frozen=True, slots=True)
class Order:
    """Ask for a solve: the checked request, what it is called, and who asks.

    `idempotency` names the order among those of its key: the same again is not a new solve.
    `asked` is what a protocol wants to find beside the solve. One that is not `stored` is
    forgotten when it has ended and nobody reads it any more.
    """

    request: Mapping[str, Any]
    question: str
    recipe: str
    key: Key
    model: str | None = None
    request_id: str = ""
    background: bool = False
    idempotency: str = ""
    asked: object = None
    traceparent: str | None = None
    stored: bool = True

    @property
    def digest(self) -> str:
        """Return what two equal orders share."""
        protocol = type(self.asked).__name__  # a reply of one cannot be told by another
        told = json.dumps([self.request, self.model, self.recipe, protocol], sort_keys=True)
        return sha256(told.encode(errors="surrogatepass")).hexdigest()


class Claim:
    """Hold a place from the claim to the end of the block; `turn` waits for it to be free."""

    def __init__(self, admission: Admission, place: Place) -> None:
        self._admission, self._place = admission, place

    async def turn(self) -> None:
        """Return when the work may begin."""
        await self._place.turn

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._admission.leave(self._place)


class Desk:
    """Take orders and keep the solves made of them.

    At most `keep` ended solves of at most `keep_chars` characters together are remembered.
    A solve with an idempotency key goes on `grace_s` seconds for a client that comes back.
    """

    def __init__(
        self,
        solve: Solve,
        admission: Admission,
        observers: tuple[Observer, ...] = (),
        *,
        keep: int = 200,
        keep_chars: int = 64 * 2**20,
        grace_s: float = _GRACE_S,
    ) -> None:
        self._solve, self.admission, self._observers = solve, admission, observers
        self._keep, self._keep_chars, self._grace_s = keep, keep_chars, grace_s
        self._solves: OrderedDict[str, LiveSolve] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._watchers: dict[str, int] = {}
        self._named: dict[tuple[str, str], tuple[str, str]] = {}  # digest and id
        self._leaving: dict[str, asyncio.TimerHandle] = {}
        self._closed = False

    def submit(self, order: Order) -> LiveSolve:
        """Accept a solve, or return the one that the same order started before.

        Raises:
            ApiError: 429, no place is free; 400, another order has this idempotency key;
                503, the app is ending.
        """
        if (known := self._same(order)) is not None:
            return known
        place = self._ask(order.key)
        live = self._accept(order)
        task = asyncio.create_task(self._run(live, place))
        self._tasks[live.id] = task
        task.add_done_callback(lambda _: self._over(live, place))
        return live

    def find(self, solve_id: str, key: Key) -> LiveSolve:
        """Return a solve of `key`; raise ApiError 404, for those of others too."""
        live = self._solves.get(solve_id)
        if live is None or not _may_see(key, live):
            message = f"there is no solve {solve_id[:64]!r}, or it is forgotten"
            raise ApiError(404, message, param="id", code="solve_not_found")
        return live

    def listed(self, key: Key, after: LiveSolve | None = None) -> Iterator[LiveSolve]:
        """Yield the solves `key` may see, the newest first; those accepted before `after`.

        The order is that of acceptance: ids of one millisecond sort by chance.
        """
        newest = iter(reversed(self._solves.values()))
        if after is not None:
            newest = itertools.islice(
                itertools.dropwhile(lambda one: one is not after, newest), 1, None
            )
        return (live for live in newest if _may_see(key, live))

    def place(self, live: LiveSolve) -> int:
        """Return how many solves of the same key wait before this one."""
        before = itertools.takewhile(lambda one: one is not live, self._solves.values())
        return sum(one.status == "queued" and one.key.name == live.key.name for one in before)

    async def cancel(self, live: LiveSolve) -> None:
        """End a solve, down to its chains and programs; return when it has ended."""
        task = self._tasks.get(live.id)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
            await asyncio.sleep(0)  # its end is noted by a callback

    def forget(self, live: LiveSolve) -> None:
        """Remove an ended solve."""
        self._solves.pop(live.id, None)
        self._named = {name: told for name, told in self._named.items() if told[1] != live.id}

    @contextmanager
    def watching(self, live: LiveSolve) -> Iterator[None]:
        """Count somebody who waits for a solve; without them it ends, see the class."""
        self._watchers[live.id] = self._watchers.get(live.id, 0) + 1
        self._stay(live)
        try:
            yield
        finally:
            self._watchers[live.id] -= 1
            if not self._watchers[live.id]:
                del self._watchers[live.id]
                self._unwatched(live)

    def claim(self, key: Key) -> "Claim":
        """Return a place for work that is no solve; raise ApiError 429."""
        return Claim(self.admission, self._ask(key))

    async def close(self) -> None:
        """End every solve."""
        self._closed = True
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _ask(self, key: Key) -> Place:
        if self._closed:
            raise overloaded("the server is ending")
        try:
            return self.admission.ask(key)
        except Refused as e:
            for observer in self._observers:
                observer.refused(e.reason)
            raise rate_limited(e.message, e.retry_after_s) from e

    def _same(self, order: Order) -> LiveSolve | None:
        if not order.idempotency:
            return None
        told = self._named.get((order.key.name, order.idempotency))
        if told is None:
            return None
        digest, solve_id = told
        if digest != order.digest:
            raise key_reused(order.idempotency)
        live, task = self._solves[solve_id], self._tasks.get(solve_id)
        ending = task is not None and task.cancelling() > 0
        if ending or live.status in ("failed", "cancelled"):
            return None
        live.stored |= order.stored
        live.background |= order.background
        if live.background:
            self._stay(live)
        return live

    def _accept(self, order: Order) -> LiveSolve:
        live = LiveSolve(
            id=new_id(datetime.now(UTC)),
            question=order.question,
            recipe=order.recipe,
            key=order.key,
            request=order.request,
            model=order.model,
            request_id=order.request_id,
            background=order.background,
            asked=order.asked,
            traceparent=order.traceparent,
            stored=order.stored,
        )
        self._solves[live.id] = live
        if order.idempotency:
            self._named[order.key.name, order.idempotency] = (order.digest, live.id)
        for observer in self._observers:
            observer.accepted(live)
        return live

    async def _run(self, live: LiveSolve, place: Place) -> None:
        await place.turn
        live.begin()
        for observer in self._observers:
            observer.begun(live)
        named = {**live.request, "solve_id": live.id, "client_request": live.request_id}
        async with aclosing(self._solve(named)) as batches:
            async for batch in batches:
                live.add(batch)
                for observer in self._observers:
                    observer.happened(live, batch)

    def _over(self, live: LiveSolve, place: Place) -> None:
        """Note the end of a solve's task, whatever it was; free its place."""
        task = self._tasks.pop(live.id)
        if (timer := self._leaving.pop(live.id, None)) is not None:
            timer.cancel()
        self.admission.leave(place)
        if task.cancelled() and live.verdict is None:
            live.end("cancelled", _cancelled(live))
        elif not task.cancelled() and (error := task.exception()) is not None:
            live.end("failed", _failed(live, error))
        elif live.verdict is None:
            live.end("failed", ApiError(500, "the solve ended without a verdict", "server_error"))
        else:
            live.end("completed")
        for observer in self._observers:
            observer.over(live)
        if live.id not in self._watchers:
            self._unwatched(live)
        self._forget_oldest()

    def _stay(self, live: LiveSolve) -> None:
        """Let a solve go on that was to end because nobody waited for it."""
        if (timer := self._leaving.pop(live.id, None)) is not None:
            timer.cancel()

    def _unwatched(self, live: LiveSolve) -> None:
        """End a solve nobody waits for, or forget it; with an idempotency key a little later."""
        task = self._tasks.get(live.id)
        named = any(solve_id == live.id for _, solve_id in self._named.values())
        loop, wait_s = asyncio.get_running_loop(), self._grace_s if named else 0.0
        if task is None:
            if not live.stored:
                loop.call_later(wait_s, self._forget_unwatched, live)
        elif not live.background:
            self._leaving[live.id] = loop.call_later(wait_s, task.cancel)
            task.add_done_callback(lambda _: self._leaving.pop(live.id, None))

    def _forget_unwatched(self, live: LiveSolve) -> None:
        if live.id not in self._watchers and not live.stored:
            self.forget(live)

    def _forget_oldest(self) -> None:
        ended = [live for live in self._solves.values() if live.over]
        chars = sum(live.size for live in ended)
        excess = len(ended) - self._keep
        for number, live in enumerate(ended[:-1]):  # the newest stays, whatever its size
            if number >= excess and chars <= self._keep_chars:
                return
            chars -= live.size
            self.forget(live)


def _cancelled(live: LiveSolve) -> ApiError:
    waited = "while it waited" if live.started is None else "while it ran"
    return ApiError(CANCELLED, f"the solve was cancelled {waited}", code="cancelled")


def _failed(live: LiveSolve, error: BaseException) -> ApiError:
    """Return why a solve failed; once it has tokens, clients are not to ask again unasked."""
    told = as_api_error(error)
    return told.after_spending() if live.progress.tokens else told


def _may_see(key: Key, live: LiveSolve) -> bool:
    return key.admin or key.name == live.key.name
