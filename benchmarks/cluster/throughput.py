"""Measure how much more one more replica does: of the sandbox, and of the solver.

    uv run python benchmarks/cluster/throughput.py

Programs that wait show what votebox and Serve allow; programs that compute show the cores.
Solves are replayed, and each solver takes `--ongoing` at once, so that a solver's places are
what there is too little of.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import apps
import mortal

from votebox.deployments.app import _jails
from votebox.deployments.app_args import AppArgs, SandboxArgs, SolverArgs

WAITS: Final = "import time\ntime.sleep(0.25)"
COMPUTES: Final = "sum(range(6_000_000))"


async def rate(call: Callable[[], Awaitable[object]], callers: int, seconds: float) -> float:
    """Return the calls a second that `callers` callers get done in `seconds`, after a warm-up."""
    done, counting = 0, False
    over = asyncio.Event()

    async def caller() -> None:
        nonlocal done
        while not over.is_set():
            await call()
            done += counting

    tasks = [asyncio.create_task(caller()) for _ in range(callers)]
    await asyncio.sleep(3)
    counting, began_s = True, time.monotonic()
    await asyncio.sleep(seconds)
    counting, took_s = False, time.monotonic() - began_s
    over.set()
    await asyncio.gather(*tasks)
    return done / took_s


def jails(replicas: int, program: str, seconds: float) -> float:
    """Return the programs a second of `replicas` sandbox replicas of one worker each."""
    from ray import serve

    from votebox.deployments import ServeSandbox

    args = SandboxArgs(min_replicas=replicas, max_replicas=replicas, workers=1, preload=[])
    box = ServeSandbox(serve.run(_jails(args), name="jails", route_prefix=None))

    async def measured() -> float:
        return await rate(lambda: box.run(program), 2 * replicas, seconds)

    found = asyncio.run(measured())
    serve.delete("jails")
    return found


def solvers(replicas: int, ongoing: int, seconds: float) -> float:
    """Return the solves a second of `replicas` solvers that take `ongoing` at once."""
    from ray import serve

    solver = SolverArgs(min_replicas=replicas, max_replicas=replicas, max_ongoing=ongoing)
    sandbox = SandboxArgs(max_replicas=1, workers=4, preload=[])
    args = AppArgs(solver=solver, sandbox=sandbox, ingress=False)
    app = mortal.mortal_app(args, pause_s=0.1, program_s=0.1)
    handle: Any = serve.run(app, name="solvers", route_prefix=None).options(stream=True)
    asked = {"question": "What is 12 * 34?", "recipe": "tool-loop", "chains": 2, "trace": False}

    async def solve() -> None:
        async for verdict in handle.solve.remote(asked):
            if verdict["answer"] != "408":
                raise SystemExit(f"wrong: {verdict['answer']}")

    async def measured() -> float:
        return await rate(solve, ongoing * replicas, seconds)

    found = asyncio.run(measured())
    serve.delete("solvers")
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--ongoing", type=int, default=4)
    args = parser.parse_args()
    print("| what | 1 replica | 2 replicas | times |\n|---|---|---|---|")
    with apps.cluster():
        for name, measure in (
            ("programs that wait 0.25 s", lambda n: jails(n, WAITS, args.seconds)),
            ("programs that compute", lambda n: jails(n, COMPUTES, args.seconds)),
            ("solves, replayed", lambda n: solvers(n, args.ongoing, args.seconds)),
        ):
            one, two = measure(1), measure(2)
            print(f"| {name} | {one:.2f} /s | {two:.2f} /s | {two / one:.2f} |", flush=True)


if __name__ == "__main__":
    main()
