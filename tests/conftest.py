"""Share one Ray Serve application among all tests that need one: starting it takes a minute."""

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

# Before Ray is imported. A test's own processes connect without a token. Under `uv run` Ray
# would copy the working directory, virtual environment and all, to start its workers in it.
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
os.environ.setdefault("RAY_AUTH_MODE", "disabled")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# Ray runs its workers at the lowest priority: on a busy machine they would hardly start.
os.environ.setdefault("RAY_worker_niceness", "0")
# As the command line does: compiling Ray and vLLM anew in each process takes minutes.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# For models besides the packaged one: a second thread on a shared core only waits.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")

APP = "votebox"


@dataclass(frozen=True, slots=True)
class Served:
    """Point at the running application."""

    url: str

    def handle(self, deployment: str) -> Any:
        from ray import serve

        return serve.get_deployment_handle(deployment, APP)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what needs no cluster first: it fails sooner, and no Ray runs beside it."""
    items.sort(key=lambda item: "ray_cluster" in getattr(item, "fixturenames", ()))


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[int]:
    """Start Ray and Serve; give the HTTP port."""
    import ray
    from ray import serve

    for last in (False, False, True):  # on a busy machine Ray's daemons may miss its deadlines
        try:
            ray.init(num_cpus=6, include_dashboard=False, log_to_driver=False)
            break
        except Exception:
            ray.shutdown()
            if last:
                raise
    port = free_port()
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    yield port
    serve.shutdown()
    ray.shutdown()


@pytest.fixture(scope="session")
def served(ray_cluster: int) -> Served:
    """Serve the default application: votebox-mini in vLLM, nsjail, solver, ingress."""
    from ray import serve

    from votebox.deployments import AppArgs, build

    serve.run(build(AppArgs()), name=APP, route_prefix="/")
    return Served(f"http://127.0.0.1:{ray_cluster}")
