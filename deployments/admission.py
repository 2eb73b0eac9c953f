"""Decide who runs now, who waits and who is refused: bounded, and fair between keys.

A bounded number runs; a bounded number waits, one queue per key. When a place is free the
keys take turns, whatever the length of their queues; one that has nothing waiting may wait
even where the others fill the queue. Refusing is immediate and says when to come back. Pure
asyncio; the clock is an argument.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from votebox.deployments.keys import Key

__all__ = ["Admission", "Place", "Refused"]

_LONGEST_WAIT_S: Final = 120.0
"""Above this, OpenAI's client does not ask again at all."""

_FIRST_GUESS_S: Final = 10.0
_WEIGHT: Final = 0.1  # of the newest in the running mean of how long a place is held


class Refused(Exception):
    """Say that a request cannot be taken now, why, and when to try again (seconds)."""

    def __init__(self, reason: str, message: str, retry_after_s: float) -> None:
        super().__init__(reason, message, retry_after_s)
        self.reason, self.message, self.retry_after_s = reason, message, retry_after_s


class Place:
    """Hold a place in the queue, which becomes a place to run; it must be given back."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.began: float | None = None

    @property
    def running(self) -> bool:
        """Return whether its turn has come."""
        return self.turn.done() and not self.turn.cancelled()


class Admission:
    """Give out at most `max_running` places, with at most `max_queued` waiting.

    Beyond that one of each key may wait, so that none is shut out by the flood of another.
    """

    def __init__(
        self, max_running: int, max_queued: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._most_queued, self._clock = max_running, max_queued, clock
        self._queues: OrderedDict[str, deque[Place]] = OrderedDict()
        self._running: dict[str, int] = {}
        self._buckets: dict[str, tuple[float, float]] = {}  # tokens left, when
        self._held_s = _FIRST_GUESS_S

    @property
    def running(self) -> int:
        """Return how many places are taken."""
        return sum(self._running.values())

    @property
    def queued(self) -> int:
        """Return how many wait."""
        return sum(map(len, self._queues.values()))

    def ask(self, key: Key) -> Place:
        """Return a place for `key`, whose `turn` is done when it may run.

        Raises:
            Refused: the app's queue or a limit of the key is full.
        """
        waits = len(self._queues.get(key.name, ()))
        free = self.running < self._most and not waits and self._may_run(key)
        full = self.queued >= self._most_queued and (waits or not self._crowded(key))
        if not free and full:
            message = f"{self.running} requests run and {self.queued} wait, as many as may"
            raise Refused("queue_full", message, self._wait_s(self.queued + 1))
        if not free and key.max_queued is not None and waits >= key.max_queued:
            message = f"{waits} requests of key {key.name!r} wait, as many as may"
            raise Refused("key_queue_full", message, self._wait_s(waits + 1))
        self._take_token(key)
        place = Place(key)
        self._queues.setdefault(key.name, deque()).append(place)
        self._start_next()
        return place

    def leave(self, place: Place) -> None:
        """Give a place back, whether it ran or waited; a second time does nothing."""
        name = place.key.name
        if place.began is not None:
            self._held_s += _WEIGHT * (self._clock() - place.began - self._held_s)
            place.began = None
            self._running[name] -= 1
            if not self._running[name]:
                del self._running[name]
        elif place in self._queues.get(name, ()):
            self._queues[name].remove(place)
            place.turn.cancel()
            if not self._queues[name]:
                del self._queues[name]
        self._start_next()

    def _start_next(self) -> None:
        while self.running < self._most:
            name = next((n for n, q in self._queues.items() if self._may_run(q[0].key)), None)
            if name is None:
                return
            queue = self._queues.pop(name)
            place = queue.popleft()
            if queue:
                self._queues[name] = queue  # behind the other keys: they take turns
            if place.turn.cancelled():  # whoever waited has gone
                continue
            self._running[name] = self._running.get(name, 0) + 1
            place.began = self._clock()
            place.turn.set_result(None)

    def _crowded(self, key: Key) -> bool:
        """Return whether another key has more than one request waiting."""
        return any(len(queue) > 1 for name, queue in self._queues.items() if name != key.name)

    def _may_run(self, key: Key) -> bool:
        return key.max_running is None or self._running.get(key.name, 0) < key.max_running

    def _take_token(self, key: Key) -> None:
        """Take one of the key's requests per minute; raise Refused when none is left."""
        if key.requests_per_minute is None:
            return
        rate, burst = key.requests_per_minute / 60, max(1.0, key.requests_per_minute)
        left, when = self._buckets.get(key.name, (burst, self._clock()))
        left = min(burst, left + rate * (self._clock() - when))
        if left < 1:
            message = f"key {key.name!r} may ask {key.requests_per_minute:g} times a minute"
            raise Refused("rate", message, min((1 - left) / rate, _LONGEST_WAIT_S))
        self._buckets[key.name] = (left - 1, self._clock())

    def _wait_s(self, before: int) -> float:
        """Estimate the seconds until so many have had their turn."""
        return min(max(1.0, before * self._held_s / self._most), _LONGEST_WAIT_S)
