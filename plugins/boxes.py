"""Call a sandbox that may take less, or more, than the port says."""

from typing import Any

from votebox.plugins.ports import SandboxPort
from votebox.sandbox import Execution

__all__ = ["end_session", "run_with"]


async def run_with(sandbox: SandboxPort, code: str, given: dict[str, Any]) -> Execution:
    """Run `code` with those of `given` that say anything; the others are the sandbox's own."""
    return await sandbox.run(code, **{name: value for name, value in given.items() if value})


async def end_session(sandbox: SandboxPort | None, session: str) -> bool:
    """Give an interpreter back where the sandbox can; return whether it says there was one."""
    end = getattr(sandbox, "end_session", None)
    return bool(end and await end(session))
