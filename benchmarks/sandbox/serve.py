"""Measure what Ray Serve adds to a program: direct and through the Jails deployment.

    uv run python benchmarks/sandbox/serve.py [--rounds 5]

The caller is a deployment, as the solver is, so one hop is measured and no HTTP. Rounds
alternate between the two ways. Prints Markdown and a line of JSON.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
from typing import Any

os.environ |= {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_worker_niceness": "0",
}

PROGRAM = "import math, numpy as np, sympy as sp\nprint(1)\n"
ALONE, TOGETHER, WORKERS = 60, 200, 2


class Caller:
    """Run programs from inside a replica, directly and through the deployment."""

    def __init__(self, jails: Any) -> None:
        from votebox.deployments import ServeSandbox
        from votebox.sandbox import Sandbox

        self._boxes: dict[str, Any] = {
            "direct": Sandbox(workers=WORKERS),
            "serve": ServeSandbox(jails),
        }

    async def measure(self, way: str) -> dict[str, float]:
        """Return the median and p95 of single programs in ms, and programs a second."""
        box = self._boxes[way]
        took = []
        for _ in range(ALONE):
            began = time.perf_counter()
            await box.run(PROGRAM)
            took.append(1000 * (time.perf_counter() - began))
        gate = asyncio.Semaphore(2 * WORKERS)

        async def gated() -> None:
            async with gate:
                await box.run(PROGRAM)

        began = time.perf_counter()
        await asyncio.gather(*(gated() for _ in range(TOGETHER)))
        rate = TOGETHER / (time.perf_counter() - began)
        took.sort()
        return {"median_ms": statistics.median(took), "p95_ms": took[57], "per_s": rate}


def main() -> None:
    """Serve, measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    import ray
    from ray import serve

    from votebox.deployments.app import SandboxArgs, _jails

    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    serve.start(proxy_location="Disabled")
    jails = _jails(SandboxArgs(workers=WORKERS, max_replicas=1))
    caller = serve.deployment(Caller).options(ray_actor_options={"num_cpus": 0.1}).bind(jails)
    handle = serve.run(caller, route_prefix=None)
    found: dict[str, list[dict[str, float]]] = {"direct": [], "serve": []}
    for _ in range(rounds):
        for way, rows in found.items():
            rows.append(handle.measure.remote(way).result())
    result = {
        way: {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        for way, rows in found.items()
    }
    print("| way | median, ms | p95, ms | programs/s |")
    print("|---|---|---|---|")
    for way, row in result.items():
        print(f"| {way} | {row['median_ms']:.1f} | {row['p95_ms']:.1f} | {row['per_s']:.0f} |")
    print(json.dumps(result))
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
