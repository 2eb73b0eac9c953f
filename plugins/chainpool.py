"""Share one budget of chains among the questions under way, wherever the next helps most.

A question that joins brings the average to the bank and starts `first` chains; each further
chain is asked for. The pool knows no table and no total, so it works on a stream of any
length: what it gives never exceeds the average for each question that has joined. It knows
nothing of solves either: it sees two vote counts and says yes or no.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from votebox.plugins.chances import urgency
from votebox.plugins.errors import ProblemError

__all__ = ["ChainPool", "ChainPools", "ChainShare", "Sharing"]

_MOST_POOLS: Final = 64
"""Pools remembered by name; the one joined longest ago is forgotten first."""


@runtime_checkable
class Sharing(Protocol):
    """Mark the options of a dispatcher whose questions share `average` chains a question."""

    @property
    def average(self) -> float:
        """Return the chains a question, on average."""
        ...

    @property
    def first(self) -> int:
        """Return the chains each question has before it competes."""
        ...


class ChainPool:
    """Give chains to the open questions, `average` for each that has joined.

    Up to half of the open questions wait, so that there are some to choose from. When one
    more waits, the next chain goes to the most urgent (`chances.urgency`); where the bank is
    empty, the least urgent ends with the votes it has. That makes room for a new question,
    which fills the bank again. Ties go to the question that joined first.

    Not for several threads.

    >>> async def two() -> list[bool]:
    ...     pool = ChainPool(3.5, 3)
    ...     clear, close = pool.join(), pool.join()  # one chain is left for both
    ...     asked = asyncio.gather(clear.more(3, 0, 3), close.more(2, 1, 3))
    ...     await asyncio.sleep(0)
    ...     close.leave()  # it has had its chain
    ...     return await asked
    >>> asyncio.run(two())
    [False, True]
    """

    def __init__(self, average: float, first: int) -> None:
        """Raise ProblemError where `average` does not hold the first chains."""
        if not first <= average:
            problem = f"questions that start with {first} chains cannot average {average:g}"
            raise ProblemError(problem, f"give {first} or more, or a smaller first")
        self.average, self.first = average, first
        self.bank = 0.0
        self.joined = 0
        self._open: set[int] = set()
        self._waiting: dict[int, _Wait] = {}

    def join(self) -> "ChainShare":
        """Return the part of a new question, which may start `first` chains at once."""
        share = ChainShare(self, self.joined)
        self.joined += 1
        self._open.add(share.number)
        self.bank += self.average - self.first
        return share

    async def ask(self, number: int, worth: float) -> bool:
        """Wait for one more chain; return False where the question has to end."""
        heard: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[number] = _Wait(worth, -number, heard)
        self._serve()
        try:
            return await heard
        finally:
            self._waiting.pop(number, None)

    def leave(self, number: int) -> None:
        """End a question's part; one that has left already changes nothing."""
        self._open.discard(number)
        self._waiting.pop(number, None)
        self._serve()

    def _serve(self) -> None:
        while self._waiting and 2 * len(self._waiting) > len(self._open):
            more = self.bank >= 1
            choose = max if more else min
            number = choose(self._waiting, key=self._waiting.__getitem__)
            heard = self._waiting.pop(number).heard
            if heard.done():  # its solve was cancelled in the meantime
                continue
            heard.set_result(more)
            if more:
                self.bank -= 1
            else:
                self._open.discard(number)


@dataclass(frozen=True, slots=True, order=True)
class _Wait:
    """Hold a question that waits: the greater is the more urgent, then the earlier."""

    worth: float
    place: int
    heard: "asyncio.Future[bool]" = field(compare=False)


@dataclass(frozen=True, slots=True)
class ChainShare:
    """Be one question's part in a pool."""

    pool: ChainPool
    number: int

    async def more(self, v1: float, v2: float, ended: int) -> bool:
        """Wait for one more chain; return False where the question has to end.

        `v1` and `v2` are the two largest votes, of which whole ones count, and `ended` the
        chains that have ended.
        """
        return await self.pool.ask(self.number, urgency(int(v1), int(v2), ended))

    def leave(self) -> None:
        """Take no more part; may be repeated."""
        self.pool.leave(self.number)


class ChainPools:
    """Hold the pools that questions join by name."""

    def __init__(self) -> None:
        self._pools: dict[tuple[str, float, int], ChainPool] = {}

    def join(self, name: str, sharing: Sharing) -> ChainShare:
        """Return a part in the pool of that name and terms, a new one where there is none.

        Raises:
            ProblemError: the average does not hold the first chains.
        """
        key = (name, sharing.average, sharing.first)
        pool = self._pools.pop(key, None) or ChainPool(sharing.average, sharing.first)
        self._pools[key] = pool  # now the last that would be forgotten
        while len(self._pools) > _MOST_POOLS:
            del self._pools[next(iter(self._pools))]
        return pool.join()
