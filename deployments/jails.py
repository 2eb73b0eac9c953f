"""Serve the sandbox as autoscaled Ray Serve replicas.

Each replica is one sandbox: a warm fork server and a few programs at once. It queues a few
more; beyond that Serve starts another replica, and at last refuses, which callers see as
SandboxBusy. Imports neither torch nor vLLM.
"""

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ray import serve
from ray.serve import metrics
from ray.serve.experimental.consistent_hash_router import ConsistentHashRouter

from votebox.sandbox import DEFAULT_CAPS, Execution, Limits, Sandbox

__all__ = ["ROUTER", "Jails", "SessionRouter"]

ROUTER: Final = "votebox.deployments.jails.SessionRouter"
"""Where Ray Serve finds the router of the sandbox replicas."""

_PROVED_S: Final = 10.0
"""How long a program that ran shows that others can."""

_SECONDS: Final = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]
"""Bounds of the histograms."""


class SessionRouter(ConsistentHashRouter):
    """Send a session always to the same replica, and other programs to the less busy of two.

    Sessions move when replicas come or go; their callers are told that they start anew.
    """

    async def choose_replicas(self, candidate_replicas: Any, pending_request: Any = None) -> Any:
        """Return the replicas to try, in ranks, as Ray Serve asks its routers."""
        if pending_request is None or pending_request.metadata.session_id:
            ranks = await super().choose_replicas(candidate_replicas, pending_request)
            return ranks[:1]
        pending_request.routing_context.should_backoff = True
        return [random.sample(candidate_replicas, min(2, len(candidate_replicas)))]


class _Metrics:
    """Count what a replica does, in Ray's metrics."""

    def __init__(self) -> None:
        self.executions = metrics.Counter(
            "votebox_sandbox_executions",
            "Programs that ended, by status; failed counts faults of ours.",
            ("status",),
        )
        self.run_s = metrics.Histogram(
            "votebox_sandbox_run_seconds", "Wall seconds programs ran.", _SECONDS
        )
        self.queue_s = metrics.Histogram(
            "votebox_sandbox_queue_seconds", "Seconds programs waited for their turn.", _SECONDS
        )
        self.running = metrics.Gauge(
            "votebox_sandbox_running", "Programs that run or wait on this replica."
        )
        self.pool = metrics.Gauge(
            "votebox_sandbox_pool",
            "State of this replica's pool: workers, running, sessions, servers, server_runs.",
            ("state",),
        )


@serve.deployment(
    ray_actor_options={"num_cpus": 0.1},  # programs are short; the kernel shares the cores
    # A replica that is taken away, or replaced, first lets its programs end.
    graceful_shutdown_timeout_s=DEFAULT_CAPS.wall_s + 5,
    health_check_timeout_s=30,
)
class Jails:
    """Run programs, `workers` at once; up once a probe program ran isolated."""

    async def __init__(self, workers: int, **options: Any) -> None:  # type: ignore[misc] # Serve awaits it
        """Start the sandbox; `options` are those of Sandbox."""
        self._sandbox = Sandbox(workers=workers, **options)
        self._metrics = _Metrics()
        self._running = 0
        self._proved = -_PROVED_S  # when a fresh program last ran, by the monotonic clock
        await self._sandbox.start()

    async def check_health(self) -> None:
        """Run a small program where none has run lately; Serve replaces one that fails often."""
        if time.monotonic() - self._proved > _PROVED_S:
            await self._sandbox.check()
            self._proved = time.monotonic()

    async def run(  # noqa: PLR0917 - what a handle sends is positional
        self,
        code: str,
        limits: Limits | None,
        session: str | None,
        files: Mapping[str, str | bytes] | None,
        stdin: str | bytes,
        collect: Sequence[str] = (),
        echo: bool = False,  # noqa: FBT001, FBT002 - as Sandbox.run, through a handle
    ) -> Execution:
        """Return what the program did; cancelling the call kills it.

        Raises:
            SandboxError: we failed; what the program did is in the Execution.
        """
        self._count(1)
        began, status = time.monotonic(), "failed"
        try:
            execution = await self._sandbox.run(
                code, limits, session, files, stdin, collect=collect, echo=echo
            )
            status = execution.status
            if session is None:
                self._proved = time.monotonic()
            self._metrics.run_s.observe(execution.wall_s)
            self._metrics.queue_s.observe(max(0.0, time.monotonic() - began - execution.wall_s))
            return execution
        finally:
            self._count(-1)
            self._metrics.executions.inc(tags={"status": status})

    async def end_session(self, session: str) -> bool:
        """End a session; return whether there was one."""
        return await self._sandbox.end_session(session)

    async def running(self) -> int:
        """Return how many programs this replica runs or queues."""
        return self._running

    async def pool(self) -> dict[str, int]:
        """Return the state of this replica's pool, as Sandbox.pool."""
        return self._sandbox.pool

    def _count(self, change: int) -> None:
        self._running += change
        self._metrics.running.set(self._running)
        for state, number in self._sandbox.pool.items():
            self._metrics.pool.set(number, tags={"state": state})
