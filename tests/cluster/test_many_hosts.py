"""Several Ray nodes on this machine: parts stand where they are placed, and a host may die."""

import asyncio
import time
from collections.abc import Iterator

import chaos
import hosts
import mortal
import pytest
import replicas

from votebox.deployments.app_args import AppArgs, PlaceArgs, SandboxArgs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

APP = "hosts"
JAILS = f"{APP}:Jails"


@pytest.fixture
def nodes(ray_cluster: int) -> Iterator[hosts.Hosts]:
    from ray import serve

    with hosts.several() as added:
        yield added
        serve.delete(APP)


async def test_a_host_of_programs_dies_and_its_solves_go_on_elsewhere(
    ray_cluster: int, nodes: hosts.Hosts
) -> None:
    from ray import serve

    outside = [nodes.add(jails=1), nodes.add(jails=1)]
    args = AppArgs(
        place=PlaceArgs(front="node:__internal_head__", jails="jails"),
        sandbox=SandboxArgs(max_replicas=1, preload=[]),
    )
    serve.run(mortal.mortal_app(args), name=APP, route_prefix="/hosts")
    for part in ("Solver", "Ingress"):
        assert replicas.replicas(f"{APP}:{part}")
        assert not any(hosts.here(node, f"{APP}:{part}") for node in outside)
    mortal_host, other = sorted(outside, key=lambda node: not hosts.here(node, JAILS))
    assert hosts.here(mortal_host, JAILS) == replicas.replicas(JAILS) != []

    load = chaos.Load(f"http://127.0.0.1:{ray_cluster}/hosts", clients=3, chains=3)
    asking = asyncio.create_task(load.run())
    await load.until_answered(0.0)
    at_s = time.monotonic()
    await asyncio.to_thread(nodes.kill, mortal_host)
    await load.until_answered(at_s)
    load.stop()
    await asking
    others = [told for told in load.told if told.end not in {"answer", "partial"}]
    assert others == [], others
    assert hosts.here(other, JAILS)
