"""Compare two bridges from Ray Data to the solvers: ray.data.llm's and `solve_dataset`.

    uv run python benchmarks/batch/bridge.py --rows 512 --in-flight 64

The Solver deployment is a stand-in whose solves take from 0.05 to 1.6 s, one in sixteen
the longest: what is measured is how well a bridge keeps the solvers busy, not a model.
Both bridges have the same number of rows in flight, and take turns.
"""

import argparse
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
os.environ.setdefault("RAY_AUTH_MODE", "disabled")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_worker_niceness", "0")

APP = "bench"


def deploy() -> None:
    """Serve the stand-in under the name that the solvers have."""
    from ray import serve

    @serve.deployment(name="Solver", max_ongoing_requests=1000, ray_actor_options={"num_cpus": 0.1})
    class Solver:
        async def solve(self, request: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
            import asyncio
            from dataclasses import replace

            from votebox.plugins import Usage, Verdict, verdict_to_wire

            place = int(request["question"])
            await asyncio.sleep(1.6 if place % 16 == 0 else 0.05)
            verdict = Verdict("1", "", "consensus", None, (), 1.0, Usage(), ())
            yield verdict_to_wire(replace(verdict, problem_id=str(place)))

    serve.run(Solver.bind(), name=APP, route_prefix=None)


def ours(dataset: Any, in_flight: int) -> Any:
    """Solve through `solve_dataset`."""
    from votebox.cluster import solve_dataset

    return solve_dataset(dataset, app=APP, concurrency=in_flight)


def theirs(dataset: Any, in_flight: int) -> Any:
    """Solve through ray.data.llm; its batches run up to four at once, as ours do."""
    from ray.data.llm import ServeDeploymentProcessorConfig, build_processor

    config = ServeDeploymentProcessorConfig(
        deployment_name="Solver",
        app_name=APP,
        batch_size=max(1, in_flight // 4),
        concurrency=1,
        should_continue_on_error=True,
    )
    return build_processor(
        config,
        preprocess=lambda row: {
            "method": "solve",
            "dtype": None,
            "request_kwargs": {"question": row["question"]},
        },
        postprocess=lambda row: {"answer": row["answer"]},
    )(dataset)


def main() -> None:
    """Print the rows a second of each bridge, round by round."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    import ray

    ray.init(num_cpus=12, include_dashboard=False, object_store_memory=100 * 2**20)
    deploy()
    rows = [{"question": str(n)} for n in range(args.rows)]
    ways: dict[str, Callable[[Any, int], Any]] = {"solve_dataset": ours, "ray.data.llm": theirs}
    for number in range(args.rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            found = way(ray.data.from_items(rows), args.in_flight).count()
            seconds = time.perf_counter() - began
            print(f"{number} {name}: {found} rows, {found / seconds:.1f} rows/s", flush=True)


if __name__ == "__main__":
    main()
