"""Bound and count the memory and the processes of one program with the kernel's cgroups.

Version 1 has one directory for each controller, version 2 one for both. A program enters
by writing to a descriptor of cgroup.procs that we opened, so no path of ours is visible in
the jail. Hosts where we may not make such directories have no Cgroups: `find` returns None.
"""

from __future__ import annotations

import itertools
import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from votebox.sandbox.execution import Limits

_PREFIX = "votebox-"
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Cgroups:
    """Name the directories below which we may make groups of our own."""

    kind: Literal["cgroup1", "cgroup2"]
    memory: Path
    pids: Path

    def make(self, limits: Limits) -> Group:
        """Make the group of one program and set its limits; raise OSError if refused."""
        name = f"{_PREFIX}{os.getpid()}-{next(_numbers)}"
        group = Group(self.kind, self.memory / name, self.pids / name)
        try:
            group.create(limits)
        except BaseException:
            group.remove()
            raise
        return group

    def sweep(self) -> None:
        """Remove the groups of processes that died without doing so."""
        for parent in {self.memory, self.pids}:
            for path in parent.glob(f"{_PREFIX}*"):
                pid = path.name.removeprefix(_PREFIX).partition("-")[0]
                if not Path("/proc", pid).exists():
                    with suppress(OSError):  # another process may be sweeping too
                        path.rmdir()


class Groups:
    """Lend groups to programs, one after the other where the kernel allows it.

    Making and removing a group costs the kernel more than the rest of a small program. A
    group of version 1 can forget its peak, and its counters only grow, so it serves the next
    program with the same limits; one of version 2 cannot, and is made anew.
    """

    def __init__(self, cgroups: Cgroups, keep: int) -> None:
        """Make groups below `cgroups`; keep at most `keep` for later."""
        self.kind = cgroups.kind
        self._cgroups = cgroups
        self._keep = keep if cgroups.kind == "cgroup1" else 0
        self._free: OrderedDict[Group, tuple[int, int]] = OrderedDict()

    def lend(self, limits: Limits) -> Lent:
        """Return a group with these limits for one program; raise OSError if refused."""
        wanted = (limits.memory_mib, limits.processes)
        for group, kept in reversed(self._free.items()):
            if kept == wanted:
                del self._free[group]
                group.forget_peak()
                break
        else:
            group = self._cgroups.make(limits)
        return Lent(group, wanted, group.oom_kills, group.refusals)

    def give_back(self, lent: Lent) -> bool:
        """Take a group back; return False while something in it is still dying."""
        if lent.group.busy:
            return False
        self._free[lent.group] = lent.limits
        while len(self._free) > self._keep and next(iter(self._free)).remove():
            self._free.popitem(last=False)
        return True

    def close(self) -> None:
        """Remove the groups that are kept."""
        while self._free:
            self._free.popitem()[0].remove()


@dataclass(frozen=True, slots=True)
class Lent:
    """Hold a program's group, and tell what the kernel counted since it was lent."""

    group: Group
    limits: tuple[int, int]
    _oom_kills: int
    _refusals: int

    def again(self) -> Lent:
        """Return the same group, counting from now."""
        return Lent(self.group, self.limits, self.group.oom_kills, self.group.refusals)

    @property
    def oom_kills(self) -> int:
        """Count the processes the kernel killed for want of memory."""
        return self.group.oom_kills - self._oom_kills

    @property
    def refusals(self) -> int:
        """Count the processes and threads the kernel refused."""
        return self.group.refusals - self._refusals

    @property
    def peak_mib(self) -> float:
        """Return the most resident memory of all processes together."""
        return self.group.peak_mib


@dataclass(frozen=True, slots=True)
class Group:
    """Own the cgroup directories of one program."""

    kind: Literal["cgroup1", "cgroup2"]
    memory: Path
    pids: Path

    def create(self, limits: Limits) -> None:
        """Make the directories and write the limits."""
        size = limits.memory_mib * 2**20
        for path in self._directories():
            path.mkdir()
        if self.kind == "cgroup1":
            _write(self.memory / "memory.limit_in_bytes", size)
            with suppress(FileNotFoundError):  # kernels that do not account for swap
                _write(self.memory / "memory.memsw.limit_in_bytes", size)
        else:
            _write(self.memory / "memory.max", size)
            _write(self.memory / "memory.oom.group", 1)
            with suppress(FileNotFoundError):
                _write(self.memory / "memory.swap.max", 0)
        _write(self.pids / "pids.max", limits.processes)

    def entries(self) -> Iterator[int]:
        """Open, for the caller to close, the files that let a process in by writing 0."""
        for path in self._directories():
            yield os.open(path / "cgroup.procs", os.O_WRONLY)

    @property
    def oom_kills(self) -> int:
        """Count the processes the kernel killed for want of memory."""
        file = "memory.oom_control" if self.kind == "cgroup1" else "memory.events"
        return _counter(self.memory / file, "oom_kill")

    @property
    def refusals(self) -> int:
        """Count the processes and threads the kernel refused."""
        return _counter(self.pids / "pids.events", "max")

    @property
    def peak_mib(self) -> float:
        """Return the most resident memory of all processes together."""
        file = "memory.max_usage_in_bytes" if self.kind == "cgroup1" else "memory.peak"
        try:
            return int((self.memory / file).read_text()) / 2**20
        except FileNotFoundError:  # memory.peak is younger than cgroup2
            return 0.0

    def processes(self) -> list[int]:
        """Return the numbers of the processes in it."""
        return [int(line) for line in (self.pids / "cgroup.procs").read_text().split()]

    @property
    def busy(self) -> bool:
        """Tell whether a process is in it, dying ones included."""
        return any((path / "cgroup.procs").read_bytes() for path in self._directories())

    def forget_peak(self) -> None:
        """Start measuring the peak anew; version 1 alone can."""
        _write(self.memory / "memory.max_usage_in_bytes", 0)

    def remove(self) -> bool:
        """Remove the directories; return False while something in them is still dying."""
        for path in self._directories():
            try:
                path.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return False
        return True

    def _directories(self) -> tuple[Path, ...]:
        return (self.memory,) if self.memory == self.pids else (self.memory, self.pids)


def find(proc: Path = Path("/proc/self")) -> Cgroups | None:
    """Find where we may make groups, by making one; None if nowhere."""
    for candidate in candidates(proc):
        try:
            group = candidate.make(Limits())
        except OSError:
            continue
        group.remove()
        return candidate
    return None


def candidates(proc: Path) -> Iterator[Cgroups]:
    """Yield likely parents: our own group first, then, for version 2, those above it.

    A version 2 group that holds processes can pass no controllers on to groups below it,
    so ours seldom can, but one above it that was delegated to us may.
    """
    mounts = dict(_mounts(proc))
    memberships = dict(_memberships(proc))
    if "memory" in mounts and "pids" in mounts:
        memory, pids = (
            _below(mounts[name], memberships.get(name, "/")) for name in ("memory", "pids")
        )
        yield Cgroups("cgroup1", memory, pids)
    elif "" in mounts:
        own = _below(mounts[""], memberships.get("", "/"))
        for path in (own, *own.parents):
            if not path.is_relative_to(mounts[""]):
                break
            with suppress(OSError):
                if {"memory", "pids"} <= {*(path / "cgroup.subtree_control").read_text().split()}:
                    yield Cgroups("cgroup2", path, path)


def _mounts(proc: Path) -> Iterator[tuple[str, Path]]:
    """Yield (controller, mount point); version 2 has the empty name."""
    for line in (proc / "mounts").read_text().splitlines():
        _, point, kind, options, *_ = line.split()
        if kind == "cgroup2":
            yield "", Path(point)
        elif kind == "cgroup":
            for option in options.split(","):
                yield option, Path(point)


def _memberships(proc: Path) -> Iterator[tuple[str, str]]:
    """Yield (controller, path of our group); version 2 has the empty name."""
    for line in (proc / "cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, path


def _below(mount: Path, path: str) -> Path:
    """Return our group's directory; a container may show it as the mount itself."""
    own = mount / path.lstrip("/")
    return own if own.is_dir() else mount


def _write(path: Path, value: int) -> None:
    path.write_text(str(value))


def _counter(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0
