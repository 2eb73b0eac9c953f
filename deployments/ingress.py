"""Serve the front door under Ray Serve: HTTP in, handles of the solver out.

One replica, because queue, history and limits are those of the whole app; it does little
per request, and the solvers behind it scale.
"""

from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle
from starlette.types import ASGIApp

from votebox.deployments.backend import ServeBackend
from votebox.deployments.front import build_front
from votebox.deployments.front_args import FrontArgs

__all__ = ["Ingress"]


@serve.deployment(
    name="Ingress",
    max_ongoing_requests=4096,  # connections, most of which wait; front.py bounds the work
    ray_actor_options={"num_cpus": 0.1},
    graceful_shutdown_timeout_s=5,
)
@serve.ingress()
class Ingress:
    """Answer HTTP with the solver behind `solver`; `front` holds fields of FrontArgs."""

    def __init__(self, solver: DeploymentHandle[Any], front: dict[str, Any]) -> None:
        self._backend = ServeBackend(solver)
        self._args = FrontArgs.model_validate(front)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        """Return the app; Serve calls this once, when the replica starts."""
        return build_front(self._backend, self._args, proxied=True)
