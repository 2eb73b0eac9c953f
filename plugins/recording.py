"""Record what an engine and a sandbox answer, with the times, to replay a solve (replay.py).

A recorder stands before the real port and changes nothing. It keeps all in memory until
`save`; the format is recordfile.py's.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from votebox.plugins.boxes import end_session, run_with
from votebox.plugins.errors import EngineError
from votebox.plugins.nouns import Prompt
from votebox.plugins.ports import Delta, Engine, SampleStream, SandboxPort, sampling_of
from votebox.plugins.recordfile import (
    RecordedProgram,
    Timed,
    digest_of,
    stdin_text,
    write_programs,
    write_replies,
)
from votebox.sandbox import Execution, Limits

__all__ = ["RecordingEngine", "RecordingSandbox"]


class RecordingEngine:
    """Be `engine`, keeping each reply and when its pieces came."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._replies: list[_Reply] = []
        self._zero: float | None = None

    @property
    def model(self) -> str:
        """Return the model's name."""
        return self._engine.model

    @property
    def sampling(self) -> Mapping[str, Any]:
        """Return what the engine changes of a recipe's sampling."""
        return sampling_of(self._engine)

    def sample(self, prompts: Sequence[Prompt]) -> SampleStream:
        """Start one chain per prompt."""
        now = asyncio.get_running_loop().time()
        self._zero = now if self._zero is None else self._zero
        replies = [_Reply(prompt, now, now - self._zero) for prompt in prompts]
        self._replies.extend(replies)
        return _RecordingStream(self._engine.sample(prompts), replies, self.model)

    @property
    def replies(self) -> list[tuple[Prompt, Timed]]:
        """Return what was recorded so far, in the order of the calls."""
        return [(reply.prompt, reply.timed) for reply in self._replies]

    def save(self, path: str | Path) -> None:
        """Write the recording as JSON Lines; raise OSError."""
        write_replies(Path(path), self.model, self.replies)


@dataclass(slots=True)
class _Reply:
    prompt: Prompt
    called: float
    start_s: float
    deltas: list[tuple[float, Delta]] = field(default_factory=list)
    end_s: float | None = None
    open: bool = True

    @property
    def timed(self) -> Timed:
        return Timed(tuple(self.deltas), self.end_s, self.start_s)

    def add(self, delta: Delta) -> None:
        at = asyncio.get_running_loop().time() - self.called
        if delta.finish_reason == "abort":
            self.cut()
        elif self.open:
            self.deltas.append((at, replace(delta, chain=0)))
            self.open = delta.finish_reason is None and delta.error is None

    def cut(self) -> None:
        """Note that whoever asked ends the reply."""
        if self.open:
            self.open = False
            self.end_s = asyncio.get_running_loop().time() - self.called


class _RecordingStream:
    def __init__(self, stream: SampleStream, replies: Sequence[_Reply], model: str) -> None:
        self._stream, self._replies, self._model = stream, replies, model

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[Delta]:
        try:
            batch = await self._stream.__anext__()
        except StopAsyncIteration:
            raise
        except Exception as e:
            # Whatever an engine raises is part of what it answered.
            for reply in self._replies:
                reply.add(Delta(0, error=self._as_engine_error(e)))
            raise
        for delta in batch:
            self._replies[delta.chain].add(delta)
        return batch

    async def abort(self, chain: int) -> None:
        if 0 <= chain < len(self._replies):
            self._replies[chain].cut()
        await self._stream.abort(chain)

    async def aclose(self) -> None:
        for reply in self._replies:
            reply.cut()
        await self._stream.aclose()

    def _as_engine_error(self, error: Exception) -> EngineError:
        if isinstance(error, EngineError):
            return error
        return EngineError(self._model, f"failed: {type(error).__name__}: {error}")


class RecordingSandbox:
    """Be `sandbox`, keeping each program, what it did and how long that took.

    A program that the sandbox failed to run is kept as one that was killed.
    """

    def __init__(self, sandbox: SandboxPort) -> None:
        self._sandbox = sandbox
        self._programs: dict[int, RecordedProgram] = {}
        self._zero: float | None = None

    async def run(
        self,
        code: str,
        limits: Limits | None = None,
        session: str | None = None,
        files: Mapping[str, str | bytes] | None = None,
        stdin: str | bytes = "",
        **more: Any,
    ) -> Execution:
        """Return what the program did; `more` is what a sandbox takes beyond the port."""
        given = {"limits": limits, "session": session, "files": files, "stdin": stdin, **more}
        clock = asyncio.get_running_loop().time
        called, number = clock(), len(self._programs)
        self._zero = called if self._zero is None else self._zero
        start_s = called - self._zero
        said = stdin_text(stdin)
        kept = RecordedProgram(code, None, 0.0, said, digest_of(files), session or "", start_s)
        self._programs[number] = kept
        execution: Execution | None = None
        try:
            execution = await run_with(self._sandbox, code, given)
        finally:
            took_s = clock() - called
            self._programs[number] = replace(kept, execution=execution, took_s=took_s)
        return execution

    async def end_session(self, session: str) -> bool:
        """Give an interpreter back, where the sandbox can."""
        return await end_session(self._sandbox, session)

    @property
    def programs(self) -> list[RecordedProgram]:
        """Return what was recorded so far, in the order of the calls."""
        return list(self._programs.values())

    def save(self, path: str | Path) -> None:
        """Write the recording as JSON Lines; raise OSError."""
        write_programs(Path(path), self.programs)
