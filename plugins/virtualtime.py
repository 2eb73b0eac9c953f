"""Run a coroutine in virtual time: no second passes, and every run takes the same steps.

For replays and tests. The clock of the event loop stands still while something can run and
jumps to the next timer when nothing can. So there are no threads and no sockets in there,
and whoever measures time asks the loop (`asyncio.get_running_loop().time()`).
"""

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

__all__ = ["VirtualLoop", "run_virtual"]


def run_virtual[T](main: Coroutine[Any, Any, T]) -> T:
    """Return what `main` returns, in virtual seconds from 0.

    Raises:
        RuntimeError: everything waits and no timer is set: it would wait for ever.

    >>> async def nap() -> float:
    ...     await asyncio.sleep(3600)
    ...     return asyncio.get_running_loop().time()
    >>> run_virtual(nap())
    3600.0
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Be an event loop whose time jumps to its next timer."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jump(self))

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds


class _Jump(selectors.BaseSelector):
    """Let virtual time pass where a selector would wait."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop, self._inner = loop, selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._inner.select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("nothing can happen any more: all wait and no timer is set")
            self._loop.jump(max(0.0, timeout))
        return ready

    def register(
        self, fileobj: "FileDescriptorLike", events: int, data: Any = None
    ) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: "FileDescriptorLike") -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def get_map(self) -> "Mapping[FileDescriptorLike, selectors.SelectorKey]":
        return self._inner.get_map()

    def close(self) -> None:
        self._inner.close()
