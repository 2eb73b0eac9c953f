r"""Decide whether two answers are equal: by exact rules, then by math-verify, within a time.

`equivalent` (answers.py) decides most pairs. What it leaves is asked of math-verify (the
extra `verify`) in processes of its own (judging.py), because it can hang, swell and crash:
one server, started with the first such pair, forks a child for each. Nothing of it runs in
this process or its event loops. A thread with a loop of its own talks to the server, so one
Judge serves any number of threads and loops.
"""

import asyncio
import atexit
import os
import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache

from votebox.plugins.answers import equivalent
from votebox.plugins.asking import askable
from votebox.plugins.judging_process import JudgingProcess

__all__ = ["Judge", "JudgeStats", "shared_judge"]

type Pair = tuple[str, str]


@dataclass(slots=True)
class JudgeStats:
    """Count what became of the pairs that `equivalent` left undecided.

    `asked` went to math-verify, of which `undecided` came to nothing; `known` had been
    decided or were being asked; `refused` were not asked for their size. `starts` counts
    the servers.
    """

    asked: int = 0
    undecided: int = 0
    known: int = 0
    refused: int = 0
    starts: int = 0


class Judge:
    """Decide pairs of answers; safe from any thread and event loop.

    `concurrency` pairs are compared at once (None: as many as there are cores) and
    `remember` are kept, the least recently used going first. Nothing is started before the
    first pair that needs it; all ends with `aclose`, `close` or this process.
    """

    _loop: asyncio.AbstractEventLoop
    _bench: "_Bench"

    def __init__(self, concurrency: int | None = None, remember: int = 10_000) -> None:
        self.stats = JudgeStats()
        self._concurrency = concurrency or len(os.sched_getaffinity(0))
        self._remember = remember
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def same(self, a: str, b: str) -> bool | None:
        """Return whether two answers are equal as mathematics, None when undecided.

        Symmetric. A pair takes 2.5 s at most, the start of the server and the pairs before
        it aside. Cancelling ends the comparison, unless someone else waits for it.
        """
        decided = equivalent(a, b)
        if decided is not None:
            return decided
        asked = self._asked(a, b)
        return None if asked is None else await asyncio.wrap_future(asked)

    def same_blocking(self, a: str, b: str) -> bool | None:
        """Return what `same` returns, for code without an event loop."""
        decided = equivalent(a, b)
        if decided is not None:
            return decided
        asked = self._asked(a, b)
        return None if asked is None else asked.result()

    async def aclose(self) -> None:
        """End the server and its children; further pairs are left undecided."""
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Do what `aclose` does, for code without an event loop."""
        with self._lock:
            self._closed = True
            thread, self._thread = self._thread, None
            if thread is None or not thread.is_alive():
                return
        asyncio.run_coroutine_threadsafe(self._bench.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        thread.join()
        atexit.unregister(self.close)

    def _asked(self, a: str, b: str) -> "Future[bool | None] | None":
        """Hand a pair to the loop that talks to the server, None when it is not to be asked."""
        pair = askable(a, b)
        if pair is None:
            self.stats.refused += 1
            return None
        with self._lock:
            if self._closed:
                return None
            self._start()
            return asyncio.run_coroutine_threadsafe(self._bench.decide(pair), self._loop)

    def _start(self) -> None:
        """Start the thread; a process forked from one that had it starts its own."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._loop = asyncio.SelectorEventLoop()  # whatever policy the process has
        self._bench = _Bench(self._concurrency, self._remember, self.stats)
        self._thread = threading.Thread(
            target=_run, args=(self._loop,), name="votebox-judge", daemon=True
        )
        self._thread.start()
        atexit.register(self.close)


@lru_cache(maxsize=1)
def shared_judge() -> Judge:
    """Return the judge of this process, for whoever brings none of their own."""
    return Judge()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


@dataclass(slots=True)
class _Asking:
    """Count who waits for the comparison of one pair."""

    task: asyncio.Task[bool | None]
    waiting: int = 0


class _Bench:
    """Remember decisions and share those under way; lives in the judge's own loop."""

    def __init__(self, concurrency: int, remember: int, stats: JudgeStats) -> None:
        self._slots = asyncio.Semaphore(concurrency)
        self._remember, self._stats = remember, stats
        self._known: OrderedDict[Pair, bool | None] = OrderedDict()
        self._asking: dict[Pair, _Asking] = {}
        self._process = JudgingProcess()

    async def decide(self, pair: Pair) -> bool | None:
        """Return what is known of a pair, or ask; nobody waiting any more ends the asking."""
        if pair in self._known:
            self._stats.known += 1
            self._known.move_to_end(pair)
            return self._known[pair]
        if pair in self._asking:
            self._stats.known += 1
        else:
            self._asking[pair] = _Asking(asyncio.create_task(self._ask(pair)))
        asking = self._asking[pair]
        asking.waiting += 1
        try:
            return await asyncio.shield(asking.task)
        finally:
            asking.waiting -= 1
            if not asking.waiting:
                asking.task.cancel()
                self._asking.pop(pair, None)

    async def _ask(self, pair: Pair) -> bool | None:
        async with self._slots:
            same = await self._process.ask(*pair)
        self._stats.starts = self._process.starts
        self._stats.asked += 1
        self._stats.undecided += same is None
        self._known[pair] = same
        while len(self._known) > self._remember:
            self._known.popitem(last=False)
        return same

    async def aclose(self) -> None:
        """End the server and wait for those who ask, who get None."""
        await self._process.aclose()
        while self._asking:
            tasks = [asking.task for asking in self._asking.values()]
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)  # who waited for them goes on
        await asyncio.sleep(0)
