"""Share one Ray Serve application among all tests that need one: starting it takes a minute."""

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

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


HEAVY = {
    f"tests/{name}.py"
    for name in (
        "cluster/test_batch_dataset",
        "cluster/test_batch_kills",
        "cluster/test_end_to_end",
        "cluster/test_many_hosts",
        "cluster/test_usage",
        "deployments/test_app",
        "deployments/test_engine_embedded",
        "deployments/test_engine_spawned",
        "deployments/test_faults",
        "deployments/test_handle",
        "deployments/test_jails",
        "deployments/test_llm_cluster",
    )
}
"""Files that start Ray or vLLM, or listen where the app does: one worker runs them all."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what needs no cluster first: it fails sooner, and no Ray runs beside it.

    With several workers the other way round: the longest piece of work begins first.
    """
    several = "PYTEST_XDIST_WORKER" in os.environ

    def late(item: pytest.Item) -> tuple[bool, bool]:
        heavy = item.nodeid.partition("::")[0] in HEAVY
        return several and not heavy, "ray_cluster" in getattr(item, "fixturenames", ())

    items.sort(key=late)


class ByFile(LoadScopeScheduling):
    """Give each worker whole files, and one worker all of those that are heavy."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "heavy" if file in HEAVY else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Say how `pytest -n` deals tests to its workers."""
    config.option.loadscopereorder = False  # heavy ones first, as they were sorted
    return ByFile(config, log)


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
    serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
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
