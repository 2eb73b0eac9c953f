"""Meter the ports of a solve: what steps ask of an engine, and the seconds of programs.

Past the end of the solve nothing starts any more: who asks then waits until cancelled.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Self

from votebox.plugins.boxes import end_session, run_with
from votebox.plugins.nouns import Prompt, Usage
from votebox.plugins.ports import Delta, Engine, SampleStream, SandboxPort
from votebox.sandbox import Execution, Limits

__all__ = ["MeteredEngine", "MeteredSandbox"]

_LEAST_WALL_S: Final = 0.05
"""With less time left no program is started."""


class MeteredEngine:
    """Be `engine`, telling `spend` the usage of every batch; owns its streams."""

    def __init__(self, engine: Engine, spend: Callable[[Usage], None]) -> None:
        self._engine, self._spend = engine, spend
        self._streams: set[_MeteredStream] = set()
        self._closed = False

    @property
    def model(self) -> str:
        """Return the model's name."""
        return self._engine.model

    def sample(self, prompts: Sequence[Prompt]) -> SampleStream:
        """Start one chain per prompt."""
        if self._closed:
            return _Silence()
        stream = _MeteredStream(self._engine.sample(prompts), self._spend, self._streams.discard)
        self._streams.add(stream)
        return stream

    async def aclose(self) -> None:
        """Abort what steps have left running; sample nothing from now on."""
        self._closed = True
        closing = [stream.aclose() for stream in self._streams]
        await asyncio.gather(*closing, return_exceptions=True)


class _MeteredStream:
    def __init__(
        self,
        stream: SampleStream,
        spend: Callable[[Usage], None],
        ended: "Callable[[_MeteredStream], None]",
    ) -> None:
        self._stream, self._spend, self._ended = stream, spend, ended

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[Delta]:
        batch = await self._stream.__anext__()
        prompted, completed = (sum(d.prompt_tokens for d in batch), sum(d.tokens for d in batch))
        self._spend(Usage(prompt_tokens=prompted, completion_tokens=completed))
        return batch

    async def abort(self, chain: int) -> None:
        await self._stream.abort(chain)

    async def aclose(self) -> None:
        self._ended(self)
        await self._stream.aclose()


class _Silence:
    """Be the stream of a solve that is over: no batch ever comes."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[Delta]:
        await asyncio.Event().wait()
        raise StopAsyncIteration

    async def abort(self, chain: int) -> None:
        """Do nothing: nothing was started."""

    async def aclose(self) -> None:
        """Do nothing: nothing was started."""


class MeteredSandbox:
    """Be `sandbox` for `most_s` wall seconds of programs; None is without bound.

    A program's seconds count when it has ended, so programs that run side by side may take
    more than is left, each at most that. Further programs are rejected.
    """

    def __init__(self, sandbox: SandboxPort, most_s: float | None) -> None:
        self._sandbox, self._most_s = sandbox, most_s
        self._spent_s = 0.0
        self._closed = False

    async def run(
        self,
        code: str,
        limits: Limits | None = None,
        session: str | None = None,
        files: Mapping[str, str | bytes] | None = None,
        stdin: str | bytes = "",
        **more: Any,
    ) -> Execution:
        """Return what the program did, or that it was rejected.

        `more` is what a sandbox takes beyond the port.
        """
        if self._closed:
            await asyncio.Event().wait()
        if self._most_s is not None:
            left_s = self._most_s - self._spent_s
            if left_s < _LEAST_WALL_S:
                return Execution.rejected("the solve's seconds in the sandbox are used up")
            limits = limits or Limits()
            limits = replace(limits, wall_s=min(limits.wall_s, left_s))
        given = {"limits": limits, "session": session, "files": files, "stdin": stdin, **more}
        clock = asyncio.get_running_loop().time
        started, took_s = clock(), None
        try:
            execution = await run_with(self._sandbox, code, given)
            took_s = execution.wall_s
        finally:  # one that was killed ran as long as it was waited for
            self._spent_s += clock() - started if took_s is None else took_s
        return execution

    async def end_session(self, session: str) -> bool:
        """Give an interpreter back, where the sandbox can."""
        return await end_session(self._sandbox, session)

    def close(self) -> None:
        """Start nothing from now on."""
        self._closed = True
