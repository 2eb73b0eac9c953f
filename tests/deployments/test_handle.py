"""The rule of the empty context: a fan-out from inside one request, under each router."""

import asyncio

import pytest

pytestmark = pytest.mark.timeout(600)

ROUTERS = {
    "default": None,
    "consistent-hash": "ray.serve.experimental.consistent_hash_router:ConsistentHashRouter",
}


@pytest.mark.parametrize("router", list(ROUTERS))
async def test_calls_made_inside_one_request_all_complete(ray_cluster, router):
    from ray import serve
    from ray.serve.config import RequestRouterConfig

    class Leaf:
        async def run(self, code, limits, session, files, stdin):
            await asyncio.sleep(0.05)
            return code

    class Parent:
        def __init__(self, leaf):
            from votebox.deployments.handle import ServeSandbox

            self._box = ServeSandbox(leaf)

        async def fan_out(self, calls):
            runs = (self._box.run(str(call)) for call in range(calls))
            return await asyncio.gather(*runs)

    options = {"num_replicas": 2, "ray_actor_options": {"num_cpus": 0}, "max_ongoing_requests": 32}
    if ROUTERS[router]:
        path = ROUTERS[router].replace(":", ".")
        options["request_router_config"] = RequestRouterConfig(request_router_class=path)
    leaf = serve.deployment(Leaf).options(name="Leaf", **options)
    parent = serve.deployment(Parent).options(name="Parent", ray_actor_options={"num_cpus": 0})
    name = f"fan-{router}"
    handle = serve.run(parent.bind(leaf.bind()), name=name, route_prefix=None)
    async with asyncio.timeout(60):
        assert await handle.fan_out.remote(12) == [str(call) for call in range(12)]
    serve.delete(name)
