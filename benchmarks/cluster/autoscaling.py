"""Raise the load in steps and lower it again: jails and solvers must follow, no request may fail.

uv run python benchmarks/cluster/autoscaling.py
"""

import argparse
import asyncio
import time
from typing import Final

import apps
import chaos
import mortal

from votebox.deployments.app_args import AppArgs, SandboxArgs, SolverArgs

APP: Final = "steps"
STEPS: Final = (1, 4, 12, 4, 1)


async def walk(url: str, step_s: float) -> list[chaos.Told]:
    """Return what clients were told; print the replicas at the end of each step."""
    loads: list[tuple[chaos.Load, asyncio.Task[None]]] = []
    began_s = time.monotonic()
    print(
        "| from s | clients | solves | not answered | jails | solvers |\n|---|---|---|---|---|---|"
    )
    told: list[chaos.Told] = []
    for clients in STEPS:
        while sum(load.clients for load, _ in loads) > clients:
            load, asking = loads.pop()
            load.stop()
            await asking
            told += load.told
        missing = clients - sum(load.clients for load, _ in loads)
        for _ in range(missing):
            load = chaos.Load(url, clients=1, deadline_s=60.0, chains=4)
            loads.append((load, asyncio.create_task(load.run())))
        at_s = time.monotonic()
        await asyncio.sleep(step_s)
        heard = [t for load, _ in loads for t in load.told if t.ended_s > at_s]
        bad = sum(t.end != "answer" for t in heard)
        scaled = (apps.replicas_of(APP, "Jails"), apps.replicas_of(APP, "Solver"))
        cells = (f"{at_s - began_s:.0f}", clients, len(heard), bad, *scaled)
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
    for load, asking in loads:
        load.stop()
        await asking
        told += load.told
    await chaos.until(_replicas, (1, 1), 180)
    print(f"\nback to one of each {time.monotonic() - began_s:.0f} s after the start")
    return told


async def _replicas() -> tuple[int, int]:
    return apps.replicas_of(APP, "Jails"), apps.replicas_of(APP, "Solver")


def main() -> None:
    """Serve, walk up and down, tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--step", type=float, default=45, help="seconds of each step")
    args = parser.parse_args()
    from ray import serve

    settings = AppArgs(
        sandbox=SandboxArgs(
            max_replicas=3, preload=[], workers=2, upscale_delay_s=2, downscale_delay_s=10
        ),
        solver=SolverArgs(max_replicas=3, target_chains=6, upscale_delay_s=2, downscale_delay_s=10),
    )
    with apps.cluster() as url:
        app = mortal.mortal_app(settings, pause_s=0.1, program_s=0.5)
        serve.run(app, name=APP, route_prefix="/")
        told = asyncio.run(walk(url, args.step))
    ends = chaos.counted(told)
    print(f"{len(told)} solves: {ends}")
    raise SystemExit(0 if set(ends) == {"answer"} else "a request failed")


if __name__ == "__main__":
    main()
