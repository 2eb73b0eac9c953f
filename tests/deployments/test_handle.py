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


async def test_the_chains_of_a_question_meet_on_one_replica(ray_cluster):
    from ray import serve
    from ray.serve.config import RequestRouterConfig

    from votebox.deployments import ServeEngine
    from votebox.deployments.app import AFFINITY
    from votebox.plugins import Message, Prompt, Sampling

    class Model:
        async def sample(self, request):
            name = serve.get_replica_context().replica_id.to_full_id_str()
            yield name
            yield [(n, name, 1, 0, "", None, "stop", None) for n in range(len(request[1]))]

    deployment = serve.deployment(Model).options(
        name="Model",
        num_replicas=2,
        ray_actor_options={"num_cpus": 0},
        request_router_config=RequestRouterConfig(request_router_class=AFFINITY),
    )
    engine = ServeEngine(serve.run(deployment.bind(), name="meet", route_prefix=None), "model")

    async def places(*messages: Message) -> set[str]:
        prompt = Prompt(messages, Sampling(), 1)
        return {d.text async for batch in engine.sample([prompt] * 2) for d in batch}

    async def question(number: int) -> str:
        asked = (Message("system", "Solve it."), Message("user", f"What is {number}?"))
        begun = Message("assistant", "It is")
        later = Message("user", "Are you sure?")
        found = [await places(*asked) for _ in range(3)]
        found += [await places(*asked, begun), await places(*asked, begun, later)]
        (place,) = set.union(*found)
        return place

    async with asyncio.timeout(60):
        assert len({await question(number) for number in range(12)}) == 2
    serve.delete("meet")
