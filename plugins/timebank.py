"""Share one span of time among many questions; unused time returns to later ones.

The bank deals in wall seconds until its end, so time lost between questions is lost to the
bank, too. It knows nothing of solves: a share is a deadline to give to one.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Final

from votebox.plugins.errors import ProblemError

__all__ = ["TimeBank", "TimeShare"]

_ROUNDING: Final = 1e-9  # of a quotient: 0.3 s hold three questions of 0.1 s


@dataclass(frozen=True, slots=True)
class TimeShare:
    """Give question `number` (from 0) `deadline_s` seconds, until `until` of the clock."""

    number: int
    deadline_s: float
    until: float


class TimeBank:
    """Deal `total_s` seconds, from now on, to `questions` of which `at_once` run side by side.

    Be L the seconds left and n the questions not drawn yet. The next share is

        (1 - reserve) * C / n    where C = L + for each other lane its seconds still free
        L                        when n = 1

    kept between `least_s` and `most_s`, and small enough that every later question can
    still have `least_s`; never above L. A lane is free from the end of its share on, or at
    once when that is settled: so unused time returns, and what `reserve` keeps of each equal
    part goes to the last questions. A question beyond those announced counts as the last.

    `questions` None means that nobody knows: then each gets `most_s`, until only `reserve`
    of the total is left, which is dealt in shares of `least_s`.

    Not for several threads. `clock` gives seconds.

    >>> now = 0.0
    >>> bank = TimeBank(100, 4, reserve=0.2, clock=lambda: now)
    >>> first = bank.draw()
    >>> first.deadline_s
    20.0
    >>> now = 4.0
    >>> bank.settle(first)
    >>> round(bank.draw().deadline_s, 6)  # 0.8 * 96 / 3: three share the 16 s not used
    25.6
    """

    def __init__(
        self,
        total_s: float,
        questions: int | None = None,
        *,
        reserve: float = 0.1,
        least_s: float = 1.0,
        most_s: float = math.inf,
        at_once: int = 1,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        _check("total_s", total_s, 0 < total_s < math.inf, "seconds above 0")
        _check("questions", questions, questions is None or questions >= 1, "at least 1, or None")
        _check("reserve", reserve, 0 <= reserve < 1, "a part from 0 to below 1")
        _check("least_s", least_s, 0 < least_s < math.inf, "seconds above 0")
        _check("most_s", most_s, most_s >= least_s, f"at least least_s, {least_s:g}")
        _check("at_once", at_once, at_once >= 1, "at least 1")
        if questions is None and most_s == math.inf:
            raise ProblemError("most_s is not given", "say it where questions is None")
        self._questions, self._reserve = questions, reserve
        self._least_s, self._most_s, self._at_once = least_s, most_s, at_once
        self._total_s, self._clock = total_s, clock
        self._end = clock() + total_s
        self._open: dict[int, TimeShare] = {}
        self._lanes = asyncio.Semaphore(at_once)
        self.drawn = 0

    @property
    def left_s(self) -> float:
        """Return the seconds until the bank's end, never below 0."""
        return max(0.0, self._end - self._clock())

    def draw(self) -> TimeShare:
        """Return the share of the next question, without waiting for a lane."""
        now = self._clock()
        left = max(0.0, self._end - now)
        if self._questions is None:
            held = self._reserve * self._total_s
            seconds = min(self._most_s, max(self._least_s, left - held), left)
        else:
            seconds = self._part(left, max(1, self._questions - self.drawn))
        share = TimeShare(self.drawn, seconds, now + seconds)
        self._open[share.number] = share
        self.drawn += 1
        return share

    def settle(self, share: TimeShare) -> None:
        """Give back what a share has left; one that is settled already has nothing."""
        self._open.pop(share.number, None)

    @asynccontextmanager
    async def question(self) -> AsyncGenerator[TimeShare]:
        """Wait for a free lane, draw a share and settle it at the end."""
        async with self._lanes:
            share = self.draw()
            try:
                yield share
            finally:
                self.settle(share)

    def _part(self, left: float, questions: int) -> float:
        """Return the next share when `questions` are to come, this one among them."""
        now = self._end - left
        others = [max(0.0, self._end - max(now, share.until)) for share in self._open.values()]
        others += [left] * (self._at_once - 1 - len(others))
        fair = left
        if questions > 1:
            fair = (1 - self._reserve) * (left + sum(others)) / questions
        held = (min(free / self._least_s + _ROUNDING, questions) for free in others)
        seats = sum(map(math.floor, held))
        to_seat = max(0, questions - 1 - seats)  # later ones, on this lane
        most = max(self._least_s, left - to_seat * self._least_s)
        return min(max(fair, self._least_s), most, self._most_s, left)


def _check(name: str, value: object, fits: bool, fix: str) -> None:  # noqa: FBT001 - a verdict
    if not fits:
        raise ProblemError(f"{name} = {value!r}", f"give {fix}")
