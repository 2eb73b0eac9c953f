"""Decide how a program ended, from what we did and what the kernel counted.

Exit numbers decide last: 137 may be a kill, or a program that likes the number.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Literal

from votebox.sandbox.execution import Limits, Status
from votebox.sandbox.runner import OUT_OF_MEMORY, OUT_OF_PROCESSES

type Cause = Literal["timeout", "memory", "output"]

# The kernel's limit counts ticks, its accounting measures: on a busy machine, where ticks
# come when others run, the limit may strike early.
_REACHED = 0.8


@dataclass(frozen=True, slots=True)
class Report:
    """Hold what the runner counted; see runner.main for the message it is parsed from."""

    wait_status: int
    note: int
    wall_s: float
    cpu_s: float
    peak_mib: float

    @staticmethod
    def parse(message: bytes) -> Report:
        """Read the runner's last message; raise ValueError if it is not one."""
        status, note, wall_s, cpu_s, peak_kib = message.decode("ascii").split()
        return Report(int(status), int(note), float(wall_s), float(cpu_s), int(peak_kib) / 1024)

    @property
    def exit_code(self) -> int | None:
        """Return the exit code, or None when a signal ended the program."""
        return None if os.WIFSIGNALED(self.wait_status) else os.WEXITSTATUS(self.wait_status)

    @property
    def signal(self) -> int | None:
        """Return the signal that ended the program, or None."""
        return os.WTERMSIG(self.wait_status) if os.WIFSIGNALED(self.wait_status) else None


def decide(
    report: Report,
    limits: Limits,
    *,
    cause: Cause | None,
    oom_kills: int,
    refusals: int | None,
) -> Status:
    """Return the status; the first rule that fits wins.

    Args:
        report: what the runner counted.
        limits: the program's limits.
        cause: why we ended the program, or None if we did not.
        oom_kills: processes the kernel killed for want of memory.
        refusals: processes and threads it refused; None where it does not count them, then
            the program's own uncaught exception is believed.
    """
    if cause is not None:
        return cause
    if oom_kills:
        return "memory"
    if report.signal in (signal.SIGKILL, signal.SIGXCPU) and (
        report.cpu_s >= _REACHED * limits.cpu_s
    ):
        return "timeout"
    if report.signal is not None:
        return "crashed"
    if report.exit_code == 0:
        return "ok"
    if report.note == OUT_OF_PROCESSES if refusals is None else refusals:
        return "processes"
    return "memory" if report.note == OUT_OF_MEMORY else "error"
