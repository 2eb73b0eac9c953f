"""Replay recorded programs through the sandbox port, without any sandbox."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from votebox.plugins.recordfile import RecordedProgram, digest_of, read_programs, stdin_text
from votebox.plugins.verdicts import Verdict
from votebox.sandbox import Execution, Limits, SandboxError

__all__ = ["ReplaySandbox"]

type _Cell = tuple[tuple[str, ...], str, str, str]  # earlier programs, code, stdin, files


class ReplaySandbox:
    """Answer programs as recorded: to the same code, in the same time, the same execution.

    A program of a session is known by those before it, too. `ran` and `killed` list the
    programs given and those cancelled, in order. Limits change nothing.
    """

    def __init__(self, programs: Iterable[RecordedProgram], *, speed: float = 1.0) -> None:
        self._known: dict[_Cell, deque[RecordedProgram]] = defaultdict(deque)
        self._sessions: dict[str, tuple[str, ...]] = {}
        self._speed = speed
        self.ran: list[str] = []
        self.killed: list[str] = []
        before: dict[str, tuple[str, ...]] = defaultdict(tuple)
        for program in programs:
            cell = (before[program.session], program.code, program.stdin, program.files)
            self._known[cell].append(program)
            if program.session:
                before[program.session] += (program.code,)

    @classmethod
    def from_recording(cls, path: str | Path, *, speed: float = 1.0) -> Self:
        """Replay what a RecordingSandbox saved.

        Raises:
            SandboxError: the file cannot be read or is no recording.
        """
        try:
            return cls(read_programs(Path(path)), speed=speed)
        except ValueError as e:
            raise SandboxError(f"{e}; record a solve anew") from e

    @classmethod
    def from_verdict(cls, verdict: Verdict, *, speed: float = 1.0) -> Self:
        """Replay the programs of a verdict, which may be a trace's; each starts afresh."""
        return cls(
            [
                RecordedProgram(code, execution, run.end_s - run.start_s)
                for chain in verdict.chains
                for run, code, execution in zip(
                    chain.runs, chain.programs, chain.executions, strict=True
                )
            ],
            speed=speed,
        )

    async def run(
        self,
        code: str,
        limits: Limits | None = None,
        session: str | None = None,
        files: Mapping[str, str | bytes] | None = None,
        stdin: str | bytes = "",
        **more: Any,
    ) -> Execution:
        """Return what the program did; raise SandboxError if that was not recorded."""
        self.ran.append(code)
        before = self._sessions.get(session, ()) if session else ()
        found = self._known.get((before, code, stdin_text(stdin), digest_of(files)))
        if session:
            self._sessions[session] = (*before, code)
        if found is None:
            raise SandboxError(
                f"no recording of the program {code[:80]!r} after {len(before)} others"
            )
        program = found.popleft() if len(found) > 1 else found[0]
        try:
            await asyncio.sleep(program.took_s / self._speed if self._speed else 0)
        except asyncio.CancelledError:
            self.killed.append(code)
            raise
        if program.execution is None:
            raise SandboxError(f"the recording ends here: the program {code[:80]!r} was killed")
        return program.execution

    async def end_session(self, session: str) -> None:
        """Forget the interpreter."""
        self._sessions.pop(session, None)
