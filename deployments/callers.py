"""End what a replica does for callers that have died.

Ray goes on with a call whose caller was killed: nobody reads what it makes, and a chain may
take half an hour. So a replica that calls another gives its name along, and the other looks
from time to time whether those it works for are still there.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final

import ray
from ray import serve
from ray.serve.exceptions import RayServeException

__all__ = ["LOOK_S", "Callers", "own_name"]

LOOK_S: Final = 5.0
"""How often the callers are looked for: one question to Ray for each."""

_log = logging.getLogger(__name__)


def own_name() -> str:
    """Return the name of the replica that this process is, "" where it is none."""
    try:
        return serve.get_replica_context().replica_id.to_full_id_str()
    except RayServeException:
        return ""


class Callers:
    """Cancel the tasks that work for callers who have died; belongs to one event loop.

    `missing` returns those of some names that no longer exist; it may block.
    """

    def __init__(
        self,
        missing: Callable[[Collection[str]], set[str]] | None = None,
        look_s: float = LOOK_S,
    ) -> None:
        self._missing, self._look_s = missing or _missing, look_s
        self._tasks: dict[asyncio.Task[object], str] = {}
        self._looking: asyncio.Task[None] | None = None

    @contextmanager
    def working_for(self, caller: str) -> Iterator[None]:
        """Tie the task that asks to `caller` for the block; "" is a caller nobody can look for."""
        task = asyncio.current_task()
        if not caller or task is None:
            yield
            return
        self._tasks[task] = caller
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            self._tasks.pop(task, None)

    async def _look(self) -> None:
        while self._tasks:
            await asyncio.sleep(self._look_s)
            try:
                gone = await asyncio.to_thread(self._missing, set(self._tasks.values()))
            except Exception:
                # Ray cannot say, as while its head starts anew: nobody is ended for that.
                _log.warning("could not look for callers", exc_info=True)
                continue
            for task, caller in list(self._tasks.items()):
                if caller in gone:
                    _log.warning("%s has died; what it asked for is ended", caller)
                    task.cancel()


def _missing(names: Collection[str]) -> set[str]:
    gone: set[str] = set()
    for name in names:
        try:
            ray.get_actor(name, namespace="serve")
        except ValueError:  # what Ray raises for a name that nobody has
            gone.add(name)
    return gone
