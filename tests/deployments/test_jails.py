"""The sandbox on real Ray Serve: back-pressure, affinity, health, scaling, cancellation."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from replicas import kill

from votebox.sandbox import Limits, SandboxBusy, SandboxDied

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def jails(ray_cluster: int) -> Iterator[Any]:
    """Serve Jails alone, from one replica to two, with one program at once on each."""
    from ray import serve

    from votebox.deployments.jails import ROUTER, Jails

    deployment = Jails.options(  # type: ignore[attr-defined]
        name="Jails",
        max_ongoing_requests=2,
        max_queued_requests=4,
        ray_actor_options={"num_cpus": 0.1},
        request_router_config=serve.config.RequestRouterConfig(request_router_class=ROUTER),
        autoscaling_config={
            "min_replicas": 1,
            "max_replicas": 2,
            "target_ongoing_requests": 1,
            "upscale_delay_s": 1,
            "downscale_delay_s": 3,
            "metrics_interval_s": 0.5,
            "look_back_period_s": 2,
        },
    )
    handle = serve.run(deployment.bind(1, preload=()), name="jails", route_prefix=None)
    yield handle
    serve.delete("jails")


@pytest.fixture
def box(jails: Any) -> Any:
    from votebox.deployments import ServeSandbox

    return ServeSandbox(jails)


def replicas() -> int:
    from ray import serve

    states = serve.status().applications["jails"].deployments["Jails"].replica_states
    return states.get("RUNNING", 0)


async def until(count: int, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while replicas() != count:
        assert time.monotonic() < deadline, f"{replicas()} replicas"
        await asyncio.sleep(0.5)


async def test_files_and_echo_go_through(box: Any) -> None:
    execution = await box.run(
        "open('o', 'wb').write(open('i', 'rb').read() + input().encode())\n1 + 1",
        files={"i": b"\x00\xff"},
        stdin="x",
        collect=("o",),
        echo=True,
    )
    assert (execution.status, execution.stdout) == ("ok", "2\n")
    assert execution.files == {"o": b"\x00\xffx"}
    assert execution.isolation.startswith("nsjail+fork")


async def test_a_session_keeps_its_replica_while_others_scale(box: Any, jails: Any) -> None:
    assert (await box.run("x = 1", session="s")).session == "new"
    for _ in range(3):
        kept, other = await asyncio.gather(
            box.run("x += 1\nprint(x)", session="s"), box.run("print('x' in dir())")
        )
        assert other.stdout == "False\n"
        assert kept.session == "kept"
    pool = await jails.pool.remote()
    assert (pool["workers"], pool["sessions"], pool["servers"]) == (1, 1, 1)
    assert await box.end_session("s")
    assert not await box.end_session("s")
    assert (await box.run("1", session="s")).session == "new"


async def test_a_lost_interpreter_is_told_even_by_a_new_replica(box: Any) -> None:
    await box.run("x = 1", session="t")
    await box._handle.options(session_id="t").end_session.remote("t")  # behind its back
    assert (await box.run("1", session="t")).session == "restarted"


async def test_too_many_programs_are_refused_with_a_time_to_ask_again(box: Any) -> None:
    runs = [box.run("import time; time.sleep(1.5)", Limits(wall_s=20.0)) for _ in range(16)]
    done = await asyncio.gather(*runs, return_exceptions=True)
    refused = [error for error in done if isinstance(error, SandboxBusy)]
    assert refused
    assert refused[0].retry_after_s > 0
    assert "try again" in str(refused[0])
    others = [result for result in done if not isinstance(result, SandboxBusy)]
    assert [result.status for result in others] == ["ok"] * len(others)  # waiting is no time-out


async def test_cancelling_a_call_kills_its_program(box: Any, jails: Any) -> None:
    task = asyncio.create_task(box.run("while True: pass", Limits(wall_s=100.0, cpu_s=100.0)))
    deadline = time.monotonic() + 20
    while not await jails.running.remote():
        assert time.monotonic() < deadline
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    while await jails.running.remote():
        assert time.monotonic() < deadline


async def test_a_program_outlives_the_replica_it_ran_on(box: Any, jails: Any) -> None:
    task = asyncio.create_task(box.run("import time; time.sleep(1); print('done')"))
    deadline = time.monotonic() + 20
    while not await jails.running.remote():
        assert time.monotonic() < deadline
    assert kill("jails:Jails")
    execution = await task
    assert (execution.status, execution.stdout) == ("ok", "done\n")


async def test_a_program_of_a_session_ends_with_its_replica(box: Any, jails: Any) -> None:
    await box.run("x = 1", session="d")
    task = asyncio.create_task(box.run("import time; time.sleep(5)", session="d"))
    deadline = time.monotonic() + 20
    while not await jails.running.remote():
        assert time.monotonic() < deadline
    assert kill("jails:Jails")
    with pytest.raises(SandboxDied, match="replica died"):
        await task
    assert (await box.run("print('x' in dir())", session="d")).session == "restarted"


async def test_a_healthy_replica_says_so(jails: Any) -> None:
    await jails.check_health.remote()


async def test_load_adds_a_replica_and_its_end_takes_it_away(box: Any) -> None:
    await until(1, 60)
    over = asyncio.Event()

    async def caller() -> int:
        ran = 0
        while not over.is_set():
            try:
                execution = await box.run("import time; time.sleep(0.3)")
            except SandboxBusy as busy:
                await asyncio.sleep(busy.retry_after_s)
                continue
            assert execution.status == "ok"
            ran += 1
        return ran

    callers = [asyncio.create_task(caller()) for _ in range(5)]
    await until(2, 90)
    over.set()
    assert sum(await asyncio.gather(*callers)) > 0
    await until(1, 90)
