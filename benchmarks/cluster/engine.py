"""Kill vLLM's engine core, then its replica, under a solve with a real vLLM on the CPU.

    uv run python benchmarks/cluster/engine.py

One replica of ray.serve.llm with votebox-mini. Prints how each solve ended, the seconds until a
new one is answered, and whether processes of vLLM are left behind.
"""

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import apps
import batches
import replicas

from votebox.cluster.keeper import descendants
from votebox.deployments import ModelArgs, ServeEngine
from votebox.deployments.app import _cluster
from votebox.plugins import Problem, Registry, SolveOptions, Solver, load_recipe

APP: Final = "engine"
MANY: Final = 300  # chains that take a while
ENV: Final = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "TORCH_COMPILE_DISABLE": "1",
}
KWARGS: Final = {"dtype": "float32", "enforce_eager": True, "enable_chunked_prefill": False}


def of_vllm(within: Sequence[int] | None = None) -> list[int]:
    """Return the processes of vLLM's engine cores, of all or of those given."""
    every = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in (every if within is None else within) if "VLLM" in _title(pid)]


def _title(pid: int) -> str:
    try:
        return Path("/proc", str(pid), "cmdline").read_text("utf-8", "replace")
    except OSError:
        return ""


async def strike(engine: Any, victim: str) -> None:
    """Kill the victim in the midst of a solve; print what became of it."""
    registry = Registry.load(allowed=())
    recipe = load_recipe(batches.RECIPE, registry)
    solver = Solver(engine, None, registry)
    asked = SolveOptions(seed=1, chains=MANY, deadline_s=600)
    solving = asyncio.create_task(solver.solve(Problem("What is 12 plus 30?"), recipe, asked))
    await asyncio.sleep(3)
    (replica,) = replicas.replicas(f"{APP}:SamplingServer:votebox-mini")
    before = of_vllm(descendants(replica))
    at_s = time.monotonic()
    for pid in [replica] if victim == "replica" else before[:1]:
        os.kill(pid, signal.SIGKILL)
    verdict = await solving
    took_s = time.monotonic() - at_s
    left = set(before) & set(of_vllm())
    ends = {chain.ended for chain in verdict.chains}
    lost = verdict.usage.aborted_tokens
    print(f"| {victim} | {len(verdict.chains)} {ends} | {lost} | {took_s:.0f} | {len(left)} |")


async def run(engine: Any) -> None:
    """Strike twice."""
    print(
        "| killed | chains | tokens lost | verdict after s | processes left |\n|---|---|---|---|---|"
    )
    for victim in ("engine core", "replica"):
        await strike(engine, victim)


def main() -> None:
    """Serve; strike; tell."""
    from ray import serve

    model = ModelArgs(
        kind="cluster", source="mini", accelerator="cpu", engine_kwargs=KWARGS, env=ENV
    )
    with apps.cluster():
        handle = serve.run(_cluster("default", model), name=APP, route_prefix=None)
        asyncio.run(run(ServeEngine(handle, model.shown_name)))


if __name__ == "__main__":
    main()
