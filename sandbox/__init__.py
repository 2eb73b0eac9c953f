"""Run untrusted Python under nsjail.

    async with Sandbox(workers=2) as box:
        execution = await box.run("print(6 * 7)", limits=Limits(wall_s=8.0))

This room knows nothing of mathematics, models or Ray. What a program does is a value,
`Execution`; what fails on our side is an exception, `SandboxError`. Without isolation
nothing runs: there is no fall-back.
"""

from votebox.sandbox.box import DEFAULT_CAPS, Sandbox
from votebox.sandbox.errors import (
    LimitError,
    SandboxBusy,
    SandboxDied,
    SandboxError,
    SandboxUnavailable,
    VoteboxError,
)
from votebox.sandbox.execution import Execution, Limits, SessionState, Status
from votebox.sandbox.probing import Probe, probe
from votebox.sandbox.show import text_for_model

__all__ = [
    "DEFAULT_CAPS",
    "Execution",
    "LimitError",
    "Limits",
    "Probe",
    "Sandbox",
    "SandboxBusy",
    "SandboxDied",
    "SandboxError",
    "SandboxUnavailable",
    "SessionState",
    "Status",
    "VoteboxError",
    "probe",
    "text_for_model",
]
