"""Run one chain's programs in the sandbox, early where a block closed before the reply did."""

import asyncio
from collections.abc import Callable, Iterable

from votebox.plugins.recipe import Node
from votebox.sandbox import Execution

__all__ = ["Programs"]

type _Key = tuple[str, str]


class Programs:
    """Start programs as soon as they are known and give each result once.

    A program that started early is the same program when the reply has ended, so its
    result is taken over; one the finished reply no longer holds is cancelled.
    """

    def __init__(self, execute: "Callable[[Node, str], asyncio.Future[Execution]]") -> None:
        self._execute = execute
        self._early: dict[_Key, asyncio.Future[Execution]] = {}

    async def start_early(self, boxes: Iterable[Node], programs: Iterable[str]) -> None:
        """Run `programs` in each sandbox node of `boxes`; drop earlier ones not among them."""
        sources = tuple(programs)
        wanted = {(box.id, source): box for box in boxes for source in sources}
        await self.drop(keep=wanted)
        for (name, source), box in wanted.items():
            if (name, source) not in self._early:
                self._early[name, source] = self._execute(box, source)

    async def run(self, box: Node, programs: list[str]) -> tuple[Execution, ...]:
        """Return the results of `programs` in order; cancelling the call kills them."""
        started: list[asyncio.Future[Execution]] = []
        for source in programs:
            known = self._early.pop((box.id, source), None)
            started.append(known if known is not None else self._execute(box, source))
        try:
            return tuple(await asyncio.gather(*started))
        finally:
            for task in started:
                task.cancel()
            await asyncio.gather(*started, return_exceptions=True)

    async def drop(self, keep: Iterable[_Key] = ()) -> None:
        """Kill programs that started early and are not among `keep`; wait until they are gone."""
        kept = set(keep)
        dropped = [self._early.pop(key) for key in list(self._early) if key not in kept]
        for task in dropped:
            task.cancel()
        if dropped:
            await asyncio.gather(*dropped, return_exceptions=True)
