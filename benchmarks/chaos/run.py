"""Kill parts of a whole application under load, at random by a seed, and account for every solve.

    uv run python benchmarks/chaos/run.py --minutes 10 --seed 1

Ray, Serve, HTTP, solvers and nsjail are real; the model replays (tests/support/mortal.py), so
that the machine is busy with what is measured. A table tells, for each kill, the solves that
were in flight and how they ended, and the seconds until a solve asked for afterwards was
answered. At the end nothing may be left over.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
os.environ.setdefault("RAY_AUTH_MODE", "disabled")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_worker_niceness", "0")
sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))

import chaos
import mortal

from votebox.deployments.app_args import AppArgs, SandboxArgs, SolverArgs

APP: Final = "chaos"
COLUMNS: Final = ("answer", "partial", "error", "proxy", "lost", "wrong", "late")
IDLE: Final = {"streams": 0, "programs": 0, "sessions": 0, "chains": 0}


async def strike(load: chaos.Load, number: int, part: str, wait_s: float) -> None:
    """Kill a part in the midst of solves; print what became of them."""
    await chaos.until(lambda: _busy(load), wanted=True)
    await asyncio.sleep(wait_s)
    flying, at_s = len(load.open), time.monotonic()
    if not chaos.kill(APP, part):
        raise SystemExit(f"there is no {part} to kill")
    recovered_s = await load.until_answered(at_s)
    met = await load.met(at_s)
    ends = chaos.counted(met)
    cells = " | ".join(str(ends.get(name, 0)) for name in COLUMNS)
    print(f"| {number} | {part} | {flying} | {cells} | {recovered_s:.1f} |", flush=True)
    for told in {(t.end, t.words) for t in met if t.end not in {"answer", "partial"}}:
        print("<!-- {}: {} -->".format(*told), flush=True)


async def _busy(load: chaos.Load) -> bool:
    return len(load.open) == load.clients


async def run(args: argparse.Namespace, url: str) -> bool:
    """Return whether every solve was accounted for and nothing is left."""
    load = chaos.Load(url, clients=args.clients, deadline_s=args.deadline)
    asking = asyncio.create_task(load.run())
    await load.until_answered(0.0)
    print(f"| kill | part | in flight | {' | '.join(COLUMNS)} | recovered s |")
    print("|---" * (len(COLUMNS) + 4) + "|")
    rng, until_s, number = random.Random(args.seed), time.monotonic() + 60 * args.minutes, 0
    while time.monotonic() < until_s:
        for part in rng.sample(args.parts, len(args.parts)):
            number += 1
            await strike(load, number, part, rng.uniform(0.2, 1.5))
    load.stop()
    await asking
    ends = chaos.counted(load.told)
    print(f"\n{len(load.told)} solves: {ends}")
    await chaos.until(lambda: chaos.in_flight(APP), IDLE)
    print("nothing is left in flight")
    return not {"lost", "wrong", "late"} & set(ends)


def main() -> None:
    """Serve, kill, tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--deadline", type=float, default=30.0, help="of each solve, in seconds")
    parser.add_argument("--parts", nargs="+", choices=chaos.PARTS, default=list(chaos.PARTS))
    args = parser.parse_args()
    import ray
    from ray import serve

    with tempfile.TemporaryDirectory(prefix="votebox-chaos-") as traces:
        ray.init(num_cpus=6, include_dashboard=False, log_to_driver=False)
        serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": 8155})
        settings: dict[str, Any] = {"sandbox": SandboxArgs(max_replicas=1, preload=[])}
        app = mortal.mortal_app(AppArgs(solver=SolverArgs(traces=traces), **settings))
        serve.run(app, name=APP, route_prefix="/")
        fine = asyncio.run(run(args, "http://127.0.0.1:8155"))
        serve.shutdown()
        ray.shutdown()
    raise SystemExit(0 if fine else "a solve was lost, wrong or late")


if __name__ == "__main__":
    main()
