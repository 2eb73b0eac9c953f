"""A whole application outlives each of its parts: no solve is lost, wrong or late, nothing leaks."""

import asyncio
import os
import random
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import chaos
import mortal
import pytest

from votebox.deployments.app_args import AppArgs, SandboxArgs, SolverArgs
from votebox.plugins import TraceStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

APP = "faults"
IDLE = {"streams": 0, "programs": 0, "sessions": 0, "chains": 0}


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("traces")


@pytest.fixture(scope="module")
def url(ray_cluster: int, traces: Path) -> Iterator[str]:
    """Serve an application of its own around a replayed model, since its parts will be killed."""
    from ray import serve

    settings = AppArgs(
        sandbox=SandboxArgs(max_replicas=1, preload=[]), solver=SolverArgs(traces=str(traces))
    )
    serve.run(mortal.mortal_app(settings), name=APP, route_prefix="/faults")
    yield f"http://127.0.0.1:{ray_cluster}/faults"
    serve.delete(APP)


def strikes(rng: random.Random) -> list[list[str]]:
    """Return what to kill at once, twice: every part, solver and ingress apart.

    A fork server dies before the jails of the same strike, which would take it with them.
    """
    apart = rng.sample(["solver", "ingress"], 2)
    others = rng.sample(["model", "jails", "fork server"], 3)
    cut = rng.randint(1, 2)
    both = [[apart[0], *others[:cut]], [apart[1], *others[cut:]]]
    return [sorted(parts, key=lambda part: part != "fork server") for parts in both]


async def all_live(parts: list[str]) -> bool:
    """Return whether there is a process of each part to kill."""
    return all(chaos.found(APP, part) for part in parts)


async def test_no_solve_is_lost_and_nothing_leaks_while_parts_are_killed(
    url: str, traces: Path
) -> None:
    seed = int(os.environ.get("VOTEBOX_CHAOS_SEED", secrets.randbelow(10**6)))
    rng = random.Random(seed)  # noqa: S311 - a choice of kills
    load = chaos.Load(url, clients=3, deadline_s=45.0, chains=3)
    asking = asyncio.create_task(load.run())
    await load.until_answered(0.0)
    told = [f"VOTEBOX_CHAOS_SEED={seed}"]
    for parts in strikes(rng):
        # One that outlasts this test, unless what works for the dead ends.
        endless = asyncio.create_task(chaos.ask_slowly(url, deadline_s=600.0))
        await asyncio.sleep(rng.uniform(0.5, 1.5))
        await chaos.until(lambda parts=parts: all_live(parts), wanted=True, note=f"{parts} {told}")
        at_s = time.monotonic()
        for part in parts:
            assert chaos.kill(APP, part), (part, told)
        assert await endless in {"error", "proxy"}
        recovered_s = await load.until_answered(at_s)
        met = chaos.counted(await load.met(at_s))
        told.append(f"{' and '.join(parts)}: {recovered_s:.1f} s, {met}")
    load.stop()
    await asking
    ends = chaos.counted(load.told)
    assert not {"lost", "wrong", "late"} & set(ends), (told, load.told)
    await chaos.until(lambda: chaos.in_flight(APP), IDLE, note=told[0])
    store = TraceStore(str(traces))
    kept = store.listing()
    assert kept.foreign == ()
    assert len([store.read(solve) for solve in kept.ids]) >= ends["answer"]
    print(*told, sep="\n")
