"""Simulate queues by discrete events: a clock, servers in a row, and servers that share.

The kernel of simulate.py, which knows what the queues stand for; here are only times and work.
tests/cluster/test_queues.py holds it to what is proved of M/M/1, M/M/c and M/G/1-PS.
"""

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Clock", "Job", "Places", "Servers", "Sharing"]

type Action = Callable[..., None]


class Clock:
    """Run actions in the order of their times; of equal times the first planned goes first."""

    def __init__(self) -> None:
        self.now = 0.0
        self.steps = 0
        self._planned: list[tuple[float, int, Action, tuple[Any, ...]]] = []
        self._number = 0

    def after(self, seconds: float, action: Action, *args: Any) -> None:
        """Plan an action."""
        self._number += 1
        heapq.heappush(self._planned, (self.now + seconds, self._number, action, args))

    def run(self, until: float, most_steps: int) -> bool:
        """Run to a time; return whether it was reached within so many actions."""
        planned = self._planned
        for _ in range(most_steps):
            if not planned or planned[0][0] > until:
                self.now = until
                return True
            self.now, _, action, args = heapq.heappop(planned)
            self.steps += 1
            action(*args)
        return False


class Job:
    """Hold work in a queue: what is to be done after it, and when it came and began.

    `work` is in seconds for Servers, in units of work for Sharing.
    """

    __slots__ = ("began", "came", "done", "gone", "mark", "work")

    def __init__(self, work: float, done: Action, came: float) -> None:
        self.work, self.done, self.came = work, done, came
        self.began: float | None = None
        self.gone = False
        self.mark = 0.0


class Servers:
    """Serve jobs one by one on each of `count` servers, in the order they came."""

    def __init__(self, clock: Clock, count: int) -> None:
        self._clock, self.count = clock, count
        self._waiting: deque[Job] = deque()
        self.busy = self.lined_up = 0
        self._since = clock.now
        self.forget()

    def forget(self) -> None:
        """Begin the statistics anew."""
        self._advance()
        self.busy_s = self.waiting_s = self.waited_s = self.server_s = 0.0
        self.begun = 0

    def submit(self, seconds: float, done: Action) -> Job:
        """Queue a job of so many seconds; `done` is called when it has ended."""
        job = Job(seconds, done, self._clock.now)
        self._advance()
        self._waiting.append(job)
        self.lined_up += 1
        self._begin()
        return job

    def cancel(self, job: Job) -> None:
        """End a job, or take it out of the queue; nothing for one that has ended."""
        if job.gone:
            return
        self._advance()
        job.gone = True
        if job.began is None:
            self.lined_up -= 1
        else:
            self.busy -= 1
            self._begin()

    def resize(self, count: int) -> None:
        """Change the number of servers; those busy beyond it end what they do."""
        self._advance()
        self.count = count
        self._begin()

    @property
    def load(self) -> int:
        """Return the jobs that wait or are served."""
        return self.busy + self.lined_up

    def settle(self) -> None:
        """Bring the statistics up to now."""
        self._advance()

    def _advance(self) -> None:
        if (passed := self._clock.now - self._since) > 0:
            self.busy_s += passed * self.busy
            self.waiting_s += passed * self.lined_up
            self.server_s += passed * self.count
            self._since = self._clock.now

    def _begin(self) -> None:
        while self._waiting and self.busy < self.count:
            job = self._waiting.popleft()
            if job.gone:
                continue
            job.began = self._clock.now
            self.lined_up -= 1
            self.busy += 1
            self.begun += 1
            self.waited_s += job.began - job.came
            self._clock.after(job.work, self._end, job)

    def _end(self, job: Job) -> None:
        if not job.gone:
            self._advance()
            job.gone = True
            self.busy -= 1
            self._begin()
            job.done()


class Places:
    """Let at most `count` in at once; the others wait in the order they came."""

    def __init__(self, clock: Clock, count: int) -> None:
        self._clock, self.count = clock, count
        self._waiting: deque[Action] = deque()
        self.taken = 0
        self.taken_s = self.waiting_s = 0.0
        self._since = clock.now

    def ask(self, begin: Action) -> None:
        """Call `begin` once there is a place, at once where there is one."""
        if self.taken < self.count:
            self._take(1)
            begin()
        else:
            self.settle()
            self._waiting.append(begin)

    def leave(self) -> None:
        """Give a place back; the first that waits takes it."""
        if self._waiting:
            self.settle()
            self._waiting.popleft()()
        else:
            self._take(-1)

    def forget(self) -> None:
        """Begin the statistics anew."""
        self.settle()
        self.taken_s = self.waiting_s = 0.0

    def settle(self) -> None:
        """Bring the statistics up to now."""
        passed = self._clock.now - self._since
        self.taken_s += passed * self.taken
        self.waiting_s += passed * len(self._waiting)
        self._since = self._clock.now

    def _take(self, change: int) -> None:
        self.settle()
        self.taken += change


class Sharing:
    """Serve all jobs at once, each at `speeds[n]` units of work a second when there are n.

    More than `len(speeds) - 1` wait in the order they came. What every job got so far is one
    number, since all go equally fast: a job ends when that number has grown by its work.
    """

    def __init__(self, clock: Clock, speeds: Sequence[float]) -> None:
        self._clock, self._speeds, self._most = clock, speeds, len(speeds) - 1
        self._ends: list[tuple[float, int, Job]] = []
        self._waiting: deque[Job] = deque()
        self.active = self.lined_up = 0
        self._given = 0.0
        self._number = self._version = 0
        self._since = clock.now
        self.forget()

    def forget(self) -> None:
        """Begin the statistics anew."""
        self._advance()
        self.work_done = self.active_s = self.waiting_s = self.waited_s = 0.0
        self.begun = 0

    def submit(self, work: float, done: Action) -> Job:
        """Start a job of so much work, or have it wait; `done` is called when it has ended."""
        job = Job(work, done, self._clock.now)
        self._advance()
        if self.active < self._most:
            self._begin(job)
            self._plan()
        else:
            self._waiting.append(job)
            self.lined_up += 1
        return job

    def cancel(self, job: Job) -> float:
        """End a job; return the work it got. Nothing and 0 for one that has ended."""
        if job.gone:
            return 0.0
        self._advance()
        job.gone = True
        if job.began is None:
            self.lined_up -= 1
            return 0.0
        self.active -= 1
        self._next()
        self._plan()
        return self._given - job.mark

    def settle(self) -> None:
        """Bring the statistics up to now."""
        self._advance()

    def _advance(self) -> None:
        passed = self._clock.now - self._since
        if passed <= 0:
            return
        self._since = self._clock.now
        self.waiting_s += passed * self.lined_up
        if self.active:
            got = passed * self._speeds[self.active]
            self._given += got
            self.work_done += got * self.active
            self.active_s += passed * self.active

    def _begin(self, job: Job) -> None:
        job.began, job.mark = self._clock.now, self._given
        self.active += 1
        self.begun += 1
        self.waited_s += job.began - job.came
        self._number += 1
        heapq.heappush(self._ends, (self._given + job.work, self._number, job))

    def _next(self) -> None:
        while self._waiting and self.active < self._most:
            job = self._waiting.popleft()
            if not job.gone:
                self.lined_up -= 1
                self._begin(job)

    def _plan(self) -> None:
        """Plan the next end; whatever was planned before no longer holds."""
        self._version += 1
        ends = self._ends
        while ends and ends[0][2].gone:
            heapq.heappop(ends)
        if ends:
            left = max(0.0, ends[0][0] - self._given) / self._speeds[self.active]
            self._clock.after(left, self._end, self._version)

    def _end(self, version: int) -> None:
        if version != self._version:
            return
        self._advance()
        job = heapq.heappop(self._ends)[2]
        job.gone = True
        self.active -= 1
        self._next()
        self._plan()
        job.done()
