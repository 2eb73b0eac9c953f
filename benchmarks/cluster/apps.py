"""Start Ray on this machine and serve what the other files here measure."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
os.environ.setdefault("RAY_AUTH_MODE", "disabled")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_worker_niceness", "0")
sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))

PORT: Final = 8156

__all__ = ["PORT", "cluster", "replicas_of"]


@contextlib.contextmanager
def cluster(num_cpus: int = 8) -> Iterator[str]:
    """Run Ray and Serve for a block; give the address of HTTP."""
    import ray
    from ray import serve

    ray.init(num_cpus=num_cpus, include_dashboard=False, log_to_driver=False)
    serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": PORT})
    try:
        yield f"http://127.0.0.1:{PORT}"
    finally:
        serve.shutdown()
        ray.shutdown()


def replicas_of(app: str, deployment: str) -> int:
    """Return how many replicas of a deployment run."""
    from ray import serve

    found: Any = serve.status().applications[app].deployments[deployment].replica_states
    return int(found.get("RUNNING", 0))
