"""The backend that isolates nothing: a plain interpreter as a plain subprocess.

For programs somebody has read, on hosts without user namespaces. A program can do whatever
this process can; its limits are the kernel's for one process, and what it starts may
outlive it if it leaves its process group.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from contextlib import suppress
from pathlib import Path

from votebox.sandbox.backend import KeepsNothing, Outcome, watch
from votebox.sandbox.execution import Execution
from votebox.sandbox.job import Job
from votebox.sandbox.launch import Handed, Streams, anonymous_file
from votebox.sandbox.policy import program_rlimits
from votebox.sandbox.runner import MOST_COPIED
from votebox.sandbox.verdict import Report

__all__ = ["SubprocessBackend"]

# What a jailed program's count of processes is about cannot be asked here: the kernel would
# count all processes of this user.
_NOT_OURS = (resource.RLIMIT_NPROC,)


class SubprocessBackend(KeepsNothing):
    """Start one interpreter for each program, with limits and without walls."""

    name = "subprocess"

    def __init__(self) -> None:
        """Warn, once for each sandbox."""
        warnings.warn(
            "unsafe=True: programs run without any isolation, with all rights of this process",
            RuntimeWarning,
            stacklevel=5,
        )

    @property
    def isolation(self) -> str:
        """Name the walls: there are none."""
        return "none"

    async def start(self) -> None:
        """Do nothing: nothing is shared."""

    async def run(self, job: Job) -> Execution:
        """Run one program; raise SandboxError for faults of ours."""
        program = _Program(job)
        try:
            await program.start()
            report, cause = await watch(program, job.limits, None)
            outcome = Outcome(job.limits, program.streams, None, report, cause)
            return outcome.execution(self.isolation, program.collect())
        finally:
            program.close()

    async def aclose(self) -> None:
        """Do nothing: each program is seen to its end by its run."""


class _Program:
    def __init__(self, job: Job) -> None:
        self.streams = Streams(job.limits.output_kib * 1024)
        self._job = job
        self._folder = Path(tempfile.mkdtemp(prefix="votebox-unsafe-"))
        self._pid = 0
        self._began = 0.0
        self._ended: asyncio.Future[Report] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Start the interpreter in a folder of its own."""
        for name, content in (("main.py", self._job.source), *self._job.files):
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        with Handed() as handed:
            out, err = self.streams.connect(handed)
            stdin = handed.add(anonymous_file("stdin", self._job.stdin, read_only=True))
            self._began = time.monotonic()
            self._pid = await asyncio.to_thread(self._spawn, stdin, out, err)
        pidfd = os.pidfd_open(self._pid)
        asyncio.get_running_loop().add_reader(pidfd, self._reap, pidfd)

    def _spawn(self, stdin: int, out: int, err: int) -> int:
        limits = program_rlimits(self._job.limits, groups=False)
        lines = [f"setrlimit({n}, ({v}, {v}))" for n, v in limits if n not in _NOT_OURS]
        boot = (
            f"import os, sys\nfrom resource import setrlimit\n{'; '.join(lines)}\n"
            f"os.chdir({str(self._folder)!r})\nos.execv(sys.executable, [sys.executable, '-u', 'main.py'])"
        )
        actions = [(os.POSIX_SPAWN_DUP2, fd, n) for n, fd in enumerate((stdin, out, err))]
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-c", boot],
            {"HOME": str(self._folder), "TMPDIR": str(self._folder), "LANG": "C.UTF-8"},
            file_actions=actions,
            setsid=True,
        )

    def _reap(self, pidfd: int) -> None:
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)
        self._kill_group()
        _, status, usage = os.wait4(self._pid, 0)
        wall_s = time.monotonic() - self._began
        cpu_s = usage.ru_utime + usage.ru_stime
        if not self._ended.done():
            self._ended.set_result(Report(status, 0, wall_s, cpu_s, usage.ru_maxrss / 1024))

    async def ended(self) -> Report:
        """Wait until it has ended."""
        return await asyncio.shield(self._ended)

    def collect(self) -> dict[str, bytes]:
        """Return the files asked for, where the program ended by itself and left them."""
        found: dict[str, bytes] = {}
        if os.WIFEXITED(self._ended.result().wait_status):
            for name in self._job.wanted:
                path = self._folder / name
                plain = path.is_file() and path.resolve().is_relative_to(self._folder.resolve())
                if plain and path.stat().st_size <= MOST_COPIED:
                    found[name] = path.read_bytes()
        return found

    def interrupt(self) -> None:
        """Send SIGINT to the program."""
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGINT)

    def kill(self) -> None:
        """Kill it and its process group."""
        self._kill_group()

    def close(self) -> None:
        """Kill what is left and remove the folder."""
        if self._pid and not self._ended.done():
            self._kill_group()
        self.streams.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
