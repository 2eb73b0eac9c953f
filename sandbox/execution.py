"""The nouns of the sandbox: what a program may use, and what it did.

They cross process walls, so they are frozen and hold plain numbers and text only; they
know nothing of how a program is isolated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, Self

from votebox.sandbox.errors import LimitError

Status = Literal["ok", "error", "timeout", "memory", "output", "processes", "crashed", "rejected"]
"""How a program ended.

ok         by itself, exit 0 (its output may still be truncated)
error      by itself, another exit: uncaught exception, SyntaxError, sys.exit(n)
timeout    we ended it at wall_s, or the kernel did at cpu_s
memory     the kernel counted an out-of-memory kill, or an uncaught MemoryError ended it
output     we ended it because one stream passed the hard byte budget
processes  it failed after the kernel refused it processes or threads
crashed    a signal ended it that nobody of ours sent and no limit explains
rejected   nothing was started; stderr holds the reason
"""


SessionState = Literal["new", "kept", "restarted"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bound one program; a value that makes no sense raises LimitError.

    Attributes:
        wall_s: seconds from the program's first statement to its end.
        cpu_s: processor seconds of each process; the kernel counts whole seconds, so a
            fraction is rounded up.
        memory_mib: address space of each process and, where the host has cgroups,
            resident memory of all of them; with the fork server, beyond what the warm
            interpreter holds already.
        output_kib: kept of each stream; the rest is cut out of the middle.
        processes: processes and threads alive at once, the program itself included.
        scratch_mib: files in the working directory, which is also HOME and TMPDIR.
    """

    wall_s: float = 8.0
    cpu_s: float = 9.0
    memory_mib: int = 1024
    output_kib: int = 64
    processes: int = 16
    scratch_mib: int = 64

    def __post_init__(self) -> None:
        for name in (limit.name for limit in fields(self)):
            value: object = getattr(self, name)
            if name.endswith("_s"):
                _check_seconds(name, value)
            else:
                _check_count(name, value)

    def check(self, caps: Limits) -> None:
        """Raise LimitError for the first limit above its cap; nothing is clamped."""
        for name in (limit.name for limit in fields(self)):
            value, cap = getattr(self, name), getattr(caps, name)
            if value > cap:
                raise LimitError(name, value, f"this sandbox allows at most {cap}; ask for less")


def _check_seconds(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise LimitError(name, value, "give a number of seconds")
    if not (math.isfinite(value) and value > 0):
        raise LimitError(name, value, "give a positive, finite number of seconds")


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise LimitError(name, value, "give a whole number")
    if not 0 < value <= _MOST:
        raise LimitError(name, value, f"give a whole number from 1 to {_MOST}")


_MOST = 2**24  # keeps a limit counted in MiB inside the kernel's 64-bit byte counts


@dataclass(frozen=True, slots=True)
class Execution:
    """Tell what one program did; `stdout` and `stderr` are always valid Unicode.

    Attributes:
        status: how it ended, see Status.
        stdout: what it printed, kept in every status; undecodable bytes replaced.
        stderr: the same, or for `rejected` the reason.
        exit_code: None when a signal ended it or nothing was started.
        signal: the number of the signal that ended it, else None.
        wall_s: seconds from its first statement to its end, without queueing.
        cpu_s: processor seconds of the program and the children that ended with it.
        peak_memory_mib: the most memory it held.
        truncated: whether either stream lost its middle.
        isolation: the walls it ran behind, such as "nsjail+fork+userns+seccomp+cgroup1".
        files: content by name of the files asked for, where the program ended by itself and
            left a plain file of at most 16 MiB there.
        session: "new", "kept" (the variables of earlier cells were there) or "restarted" (they
            were lost); None outside of a session.
        session_lost: whether the session ended with this program; the next starts anew.
    """

    status: Status
    stdout: str
    stderr: str
    exit_code: int | None
    signal: int | None
    wall_s: float
    cpu_s: float
    peak_memory_mib: float
    truncated: bool
    isolation: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    session: SessionState | None = None
    session_lost: bool = False

    @classmethod
    def rejected(cls, reason: str, isolation: str = "") -> Self:
        """Return the Execution of a program that was not started, for `reason`."""
        return cls("rejected", "", f"{reason}\n", None, None, 0.0, 0.0, 0.0, False, isolation)

    @property
    def ok(self) -> bool:
        """Tell whether the program ended by itself with exit 0."""
        return self.status == "ok"
