"""Serve the sandbox as autoscaled Ray Serve replicas.

Each replica runs a few programs at once under nsjail and queues a few more; beyond that
Serve starts another replica, and at last refuses. Imports neither torch nor vLLM.
"""

from collections.abc import Mapping

from ray import serve

from votebox.sandbox import Execution, Limits, Sandbox

__all__ = ["Jails"]


@serve.deployment(
    ray_actor_options={"num_cpus": 0.1},  # programs are short; the kernel shares the cores
    graceful_shutdown_timeout_s=2,
)
class Jails:
    """Run programs, `workers` at once; up once a probe program ran isolated."""

    async def __init__(self, workers: int) -> None:  # type: ignore[misc] # Serve awaits it
        self._sandbox = Sandbox(workers=workers)
        self._running = 0
        await self._sandbox.start()

    async def run(
        self,
        code: str,
        limits: Limits | None,
        session: str | None,
        files: Mapping[str, str | bytes] | None,
        stdin: str,
    ) -> Execution:
        """Return what the program did; cancelling the call kills it.

        Raises:
            SandboxError: we failed; what the program did is in the Execution.
        """
        self._running += 1
        try:
            return await self._sandbox.run(code, limits, session, files, stdin)
        finally:
            self._running -= 1

    async def running(self) -> int:
        """Return how many programs this replica runs or queues."""
        return self._running
