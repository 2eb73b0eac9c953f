"""Many programs at once, cancellation, and nothing left behind."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from votebox.sandbox import Limits, Sandbox, SandboxError, cgroup

pytestmark = pytest.mark.asyncio(loop_scope="module")
OURS = os.getpid()
MARK = "vb-test-program"
FOREVER = f"""import ctypes, os
ctypes.CDLL(None).prctl(15, {MARK.encode()!r}, 0, 0, 0)  # its name, as the host sees it
os.fork()
while True:
    pass
"""


def children(pid: int) -> set[int]:
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found |= {int(word) for word in task.read_text().split()}
    return found


STRANGERS: set[int] = set()


@pytest.fixture(scope="module", autouse=True)
def strangers() -> None:
    """Leave out what other modules' fixtures keep: a Ray with jails of its own, above all."""
    STRANGERS.update(children(OURS))


def descendants(pid: int) -> set[int]:
    """Return the processes below `pid`, jailed ones included."""
    own = children(pid) - STRANGERS
    return own.union(*map(descendants, own))


def name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def programs(pid: int = OURS) -> set[int]:
    """Return the processes of FOREVER that run below `pid`."""
    return {found for found in descendants(pid) if name(found) == MARK}


def jails() -> set[int]:
    return {found for found in descendants(OURS) if name(found) == "nsjail"}


def descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def groups() -> set[Path]:
    own = f"votebox-{OURS}-*"
    return {path for path in Path("/sys/fs/cgroup").glob(f"**/{own}") if path.is_dir()}


def busy_groups() -> list[Path]:
    """Return the groups with processes in them: empty ones serve the next programs."""
    return [path for path in groups() if (path / "cgroup.procs").read_text()]


def temporaries() -> set[str]:
    places = (Path("/tmp"), Path("/run/user"), Path("/dev/shm"))  # noqa: S108 - only looked at
    names = {str(path) for place in places if place.is_dir() for path in place.iterdir()}
    return {name for name in names if "votebox" in name or "nsjail" in name}


async def until(condition: Callable[[], object], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_cancelling_kills_the_program_within_a_second(box: Sandbox) -> None:
    task = asyncio.create_task(box.run(FOREVER, Limits(wall_s=60.0)))
    await until(lambda: len(programs()) == 2, 10)
    alive = programs()
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 1
    assert not [pid for pid in alive if Path(f"/proc/{pid}").exists()]
    assert busy_groups() == []


async def test_cancelling_at_any_moment_leaves_nothing(box: Sandbox) -> None:
    before, processes = descriptors(), len(descendants(OURS))
    for delay_ms in (0, 1, 2, 5, 10, 20, 40, 80):
        task = asyncio.create_task(box.run(FOREVER))
        await asyncio.sleep(delay_ms / 1000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        task.cancel()
    await until(lambda: len(descendants(OURS)) == processes, 20)
    assert programs() == set()
    assert descriptors() == before
    assert busy_groups() == []
    assert (await box.run("print(1)")).ok


async def test_cancelling_a_waiting_program_frees_its_turn() -> None:
    async with Sandbox(workers=1) as box:
        first = asyncio.create_task(box.run("import time; time.sleep(1)"))
        waiting = asyncio.create_task(box.run("print('never')"))
        last = asyncio.create_task(box.run("print('last')"))
        await asyncio.sleep(0.2)
        waiting.cancel()
        assert (await first).ok
        assert (await last).stdout == "last\n"
        assert waiting.cancelled()


async def test_eight_programs_on_two_workers_each_get_their_own_answer(box: Sandbox) -> None:
    programs = [box.run(f"print({n}, end='')", files={"n": str(n)}) for n in range(8)]
    assert [e.stdout for e in await asyncio.gather(*programs)] == [str(n) for n in range(8)]


async def test_no_more_programs_run_than_there_are_workers(box: Sandbox) -> None:
    code = "import time\nbegan = time.monotonic()\ntime.sleep(0.3)\nprint(began, time.monotonic())"
    done = await asyncio.gather(*(box.run(code) for _ in range(5)))
    spans = [tuple(map(float, execution.stdout.split())) for execution in done]
    for began, _ in spans:
        assert sum(other[0] <= began < other[1] for other in spans) <= 2


async def test_waiting_does_not_count_towards_the_deadline() -> None:
    async with Sandbox(workers=1) as box:
        code = "import time; time.sleep(0.4)"
        done = await asyncio.gather(*(box.run(code, Limits(wall_s=1.0)) for _ in range(4)))
    assert [execution.status for execution in done] == ["ok"] * 4


async def test_two_hogs_at_once_do_not_disturb_an_honest_program() -> None:
    hog = "x = bytearray(100 * 2**20)\nwhile True: x += bytes(2**20)"
    async with Sandbox(workers=3) as box:
        limits = Limits(memory_mib=160)
        hogs = [box.run(hog, limits) for _ in range(2)]
        one, other, honest = await asyncio.gather(
            *hogs, box.run("print(sum(range(10**5)))", limits)
        )
    assert (one.status, other.status, honest.status) == ("memory", "memory", "ok")


async def test_thirty_runs_leave_nothing_behind() -> None:
    kinds = ["print(1)", "1 / 0", "import os; os.abort()", "import os; os.fork(); os.fork()"]
    kinds += ["while True: print('x' * 999)", "import os, time\nif os.fork() == 0: time.sleep(60)"]
    async with Sandbox(workers=4) as box:
        await box.run("print(1)")
        before = descriptors(), temporaries(), len(descendants(OURS))
        done = await asyncio.gather(*(box.run(kinds[n % 6]) for n in range(30)))
        assert [execution.status for execution in done[:6]] == (
            ["ok", "error", "crashed", "ok", "output", "ok"]
        )
        await until(lambda: len(descendants(OURS)) == before[2], 20)
        assert (descriptors(), temporaries()) == before[:2]
        assert busy_groups() == []


async def test_closing_ends_what_runs_and_refuses_what_comes() -> None:
    others, before = children(OURS), groups()
    box = Sandbox(workers=1)
    running = asyncio.create_task(box.run(FOREVER, Limits(wall_s=60.0)))
    waiting = asyncio.create_task(box.run("print(1)"))
    await until(lambda: len(programs()) == 2, 10)
    await box.aclose()
    await box.aclose()
    for task in (running, waiting):
        with pytest.raises(SandboxError, match="closed"):
            await task
    with pytest.raises(SandboxError, match="closed"):
        await box.run("print(1)")
    assert children(OURS) <= others
    assert groups() <= before


async def kill_jails() -> None:
    await until(lambda: len(programs()) == 2, 10)
    for pid in jails():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)
    await until(lambda: not programs(), 20)


async def test_a_lost_jail_is_our_error_and_the_next_program_is_ok() -> None:
    async with Sandbox(workers=1, backend="once") as box:
        task = asyncio.create_task(box.run(FOREVER, Limits(wall_s=60.0)))
        await kill_jails()
        with pytest.raises(SandboxError, match="lost"):
            await task
        assert (await box.run("print(1)")).ok


async def test_a_program_of_a_lost_server_runs_once_more_on_the_next() -> None:
    async with Sandbox(workers=2) as box:
        first = asyncio.create_task(box.run(FOREVER, Limits(wall_s=60.0)))
        await kill_jails()
        await kill_jails()
        with pytest.raises(SandboxError, match="lost"):
            await first
        second = asyncio.create_task(box.run(FOREVER, Limits(wall_s=2.0)))
        await kill_jails()
        assert (await second).status == "timeout"
        assert (await box.run("print(1)")).stdout == "1\n"
    await until(lambda: not jails(), 20)


async def test_a_program_dies_with_its_supervisor(tmp_path: Path) -> None:
    script = (
        "import asyncio\nfrom votebox.sandbox import Sandbox\n"
        f"asyncio.run(Sandbox().run({FOREVER!r}))\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    await until(lambda: len(programs(process.pid)) == 2, 20)
    alive = descendants(process.pid)
    process.kill()
    await process.wait()
    await until(lambda: not [pid for pid in alive if Path(f"/proc/{pid}").exists()], 20)


async def test_groups_of_a_dead_supervisor_are_swept_away_at_the_next_start() -> None:
    found = cgroup.find()
    if found is None:
        return  # this host lets us make no cgroups: nothing can be stale
    stale = found.memory / "votebox-999999999-0"
    stale.mkdir()
    async with Sandbox():
        assert not stale.exists()


async def test_the_loop_stays_free_while_programs_run(box: Sandbox) -> None:
    task = asyncio.create_task(box.run("import time; time.sleep(0.5)"))
    gaps = []
    while not task.done():
        began = time.perf_counter()
        await asyncio.sleep(0)
        gaps.append(time.perf_counter() - began)
    assert sorted(gaps)[len(gaps) // 2] < 0.01
    assert (await task).ok
