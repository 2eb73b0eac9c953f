"""Kill Ray's head service (GCS) under load and start it again from what it kept on disk.

    uv run python benchmarks/cluster/head.py --away 10

Ray keeps that state in memory unless told otherwise; here it is in RocksDB, which Ray 2.60 has
built in (alpha). A solver is killed, too, while the head is away: nobody can replace it before.
"""

import argparse
import asyncio
import os
import tempfile
import time
from typing import Any, Final

import apps
import chaos
import mortal

from votebox.deployments.app_args import AppArgs, SandboxArgs

APP: Final = "head"


async def run(url: str, away_s: float, *, kill: bool) -> None:
    """Take the head away for some seconds under load; print what clients were told."""
    from ray._private import worker

    load = chaos.Load(url, clients=4, deadline_s=60.0)
    asking = asyncio.create_task(load.run())
    await load.until_answered(0.0)
    node: Any = worker._global_node  # noqa: SLF001 - Ray has no other way to lose its head
    at_s = time.monotonic()
    node.kill_gcs_server(check_alive=False)
    if kill:
        chaos.kill(APP, "solver")
    await asyncio.sleep(away_s)
    node.start_gcs_server()
    back_s = time.monotonic()
    meanwhile = chaos.counted([t for t in load.told if at_s < t.ended_s < back_s])
    answered_s = await load.until_answered(back_s, 300)
    load.stop()
    await asking
    what = "head and a solver" if kill else "head"
    print(
        f"| {what} | {away_s:.0f} | {meanwhile} | {answered_s:.1f} | {chaos.counted(load.told)} |"
    )


def main() -> None:
    """Serve; lose the head alone, then with a solver."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--away", type=float, default=10, help="seconds without a head")
    args = parser.parse_args()
    from ray import serve

    with tempfile.TemporaryDirectory(prefix="votebox-head-") as kept:
        os.environ |= {"RAY_gcs_storage": "rocksdb", "RAY_gcs_storage_path": kept}
        with apps.cluster() as url:
            settings = AppArgs(sandbox=SandboxArgs(max_replicas=1, preload=[]))
            serve.run(mortal.mortal_app(settings), name=APP, route_prefix="/")
            print("| killed | away s | solves meanwhile | answer after s | all solves |")
            print("|---|---|---|---|---|")
            for kill in (False, True):
                asyncio.run(run(url, args.away, kill=kill))


if __name__ == "__main__":
    main()
