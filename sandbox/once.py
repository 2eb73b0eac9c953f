"""The backend that starts one nsjail for each program.

Slow, since each program pays for a fresh interpreter and its imports, and strict: programs
share nothing. The fork server is tested against it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from votebox.sandbox import cgroup
from votebox.sandbox.backend import Endings, KeepsNothing, Outcome, remove, watch
from votebox.sandbox.cgroup import Cgroups, Group
from votebox.sandbox.errors import SandboxError
from votebox.sandbox.execution import Execution
from votebox.sandbox.job import Job
from votebox.sandbox.launch import Collected, Handed, Nsjail, Streams, anonymous_file
from votebox.sandbox.policy import pack, packages_directory, render
from votebox.sandbox.verdict import Report

_START_S = 30.0  # generous: the machine may be loaded, and a hang here is our fault


class OnceBackend(KeepsNothing):
    """Start one nsjail for each program."""

    name = "once"

    def __init__(self, nsjail: Path) -> None:
        """Use the binary `nsjail` and whatever cgroups this host offers."""
        self._nsjail = nsjail
        self._cgroups: Cgroups | None = cgroup.find()
        self._endings = Endings()
        if self._cgroups:
            self._cgroups.sweep()

    @property
    def isolation(self) -> str:
        """Name the walls, as Execution.isolation."""
        return f"nsjail+userns+seccomp+{self._cgroups.kind if self._cgroups else 'rlimits'}"

    async def start(self) -> None:
        """Do nothing: each program has its own jail."""

    async def run(self, job: Job) -> Execution:
        """Run one program; raise SandboxError for faults of ours."""
        jail, group = Jail(self._nsjail, job), None
        try:
            group = self._cgroups.make(job.limits) if self._cgroups else None
            await jail.start(group)
            report, cause = await watch(jail, job.limits, group)
            outcome = Outcome(job.limits, jail.streams, group, report, cause)
            return outcome.execution(self.isolation, jail.collected.read())
        finally:
            await self._endings.run(_clean(jail, group))

    async def aclose(self) -> None:
        """Wait until nothing of any program is left."""
        await self._endings.all()


class Jail:
    """Own one program in its own nsjail."""

    def __init__(self, nsjail: Path, job: Job) -> None:
        """Hold nothing yet; whoever starts it must close it, even if that fails."""
        self.streams = Streams(job.limits.output_kib * 1024)
        self.collected = Collected(job.wanted)
        self._job = job
        self._nsjail = Nsjail(nsjail)

    async def start(self, group: Group | None) -> None:
        """Return at the program's first statement; raise SandboxError if it fails."""
        job = self._job
        with Handed() as handed:
            log, control = self._nsjail.connect(handed)
            out, err = self.streams.connect(handed)
            groups = tuple(map(handed.add, group.entries())) if group else ()
            copies = self.collected.connect(handed)
            job_bytes = pack(
                "runner",
                source=job.source,
                files=job.files,
                packages=packages_directory(),
                memory_bytes=job.limits.memory_mib * 2**20,
                control=control,
                out=out,
                err=err,
                groups=groups,
                echo=job.echo,
                wanted=(*zip(job.wanted, copies, strict=True),),
            )
            payload = handed.add(anonymous_file("payload", job_bytes))
            stdin = handed.add(anonymous_file("stdin", job.stdin, read_only=True))
            passed = (payload, control, out, err, *groups, *copies)
            text = render(job.limits, payload=payload, log=log, passed=passed, groups=bool(groups))
            await self._nsjail.start(text, log, stdin, passed)
        message = await self._nsjail.first_message("nsjail", _START_S)
        if message == b"refused":
            raise SandboxError("the kernel did not let the program into its limits")
        if message != b"started":
            raise await self._nsjail.failure()

    async def ended(self) -> Report:
        """Wait until nothing of it is left; raise SandboxError when it was lost."""
        try:
            return Report.parse(await self._nsjail.receive())
        except ValueError as error:
            raise SandboxError("the jail was lost while its program ran") from error

    def interrupt(self) -> None:
        """Send SIGINT to the program."""
        self._order(b"i")

    def kill(self) -> None:
        """Kill it and all it started."""
        self._order(b"k")

    async def close(self) -> None:
        """End everything inside, and return when nothing of it is left."""
        self.streams.close()
        self.collected.close()
        await self._nsjail.close()

    def _order(self, order: bytes) -> None:
        with suppress(OSError):  # a runner that has left no longer needs it
            if self._nsjail.control is not None:
                self._nsjail.control.send(order)


async def _clean(jail: Jail, group: Group | None) -> None:
    await jail.close()
    await remove(group)
