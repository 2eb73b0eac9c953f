"""A thousand programs of every kind leave nothing: processes, descriptors, memory, mounts."""

import asyncio
import gc
import os
import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from votebox.sandbox import Limits, Sandbox

KINDS = [
    ("print(1)", "ok"),
    ("import sympy\nprint(sympy.Integer(2) ** 10)", "ok"),
    ("1 / 0", "error"),
    ("import os\nos.abort()", "crashed"),
    ("import os, time\nfor _ in range(3):\n    if os.fork() == 0: time.sleep(600)", "ok"),
    ("print('x' * 100000)", "ok"),
    ("open('f', 'wb').write(bytes(10**6))", "ok"),
    (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
        "ok",
    ),
    ("import os\nos.close(1); os.close(2); os.close(0)", "ok"),
    ("x = bytearray(2**31)", "memory"),
]


def processes() -> int:
    def below(pid: int) -> int:
        found = 0
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            children = task.read_text().split()
            found += len(children) + sum(below(int(child)) for child in children)
        return found

    try:
        return below(os.getpid())
    except OSError:  # one ended while we looked
        return -1


def mounts() -> int:
    return len(Path("/proc/self/mounts").read_text().splitlines())


def descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def resident_mib() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


async def test_a_thousand_programs_leave_nothing() -> None:
    async with Sandbox(workers=4) as box:

        async def batch(count: int) -> None:
            jobs = (box.run(KINDS[n % len(KINDS)][0]) for n in range(count))
            done = await asyncio.gather(*jobs)
            expected = [KINDS[n % len(KINDS)][1] for n in range(count)]
            assert [execution.status for execution in done] == expected

        await batch(100)  # caches fill
        await asyncio.sleep(0.2)
        gc.collect()
        before = (descriptors(), mounts(), processes())
        memory = resident_mib()
        for _ in range(9):
            await batch(100)
        gc.collect()
        deadline = time.monotonic() + 5
        while (after := (descriptors(), mounts(), processes())) != before:
            assert time.monotonic() < deadline, (before, after)
            await asyncio.sleep(0.1)
        assert resident_mib() - memory < 20


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=3000), st.binary(max_size=3000))
def test_any_bytes_come_out_as_valid_text(out: bytes, err: bytes) -> None:
    execution = LOOP.run_until_complete(
        BOX.run(f"import os\nos.write(1, {out!r}); os.write(2, {err!r})", Limits(output_kib=1))
    )
    assert execution.status == "ok"
    for given_bytes, text in ((out, execution.stdout), (err, execution.stderr)):
        assert text.encode().decode() == text
        if len(given_bytes) <= 1024:
            assert text == given_bytes.decode("utf-8", "replace")
        else:
            assert execution.truncated


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=2000))
def test_any_source_has_an_outcome(source: str) -> None:
    execution = LOOP.run_until_complete(BOX.run(source, Limits(wall_s=2.0)))
    assert execution.status in ("ok", "error", "rejected", "timeout", "memory", "crashed", "output")
    assert (execution.status == "rejected") == any("\ud800" <= c <= "\udfff" for c in source)
    try:
        compile(source, "main.py", "exec")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        assert execution.status in ("error", "rejected")


LOOP = asyncio.new_event_loop()
BOX = Sandbox(workers=1)


def teardown_module() -> None:
    LOOP.run_until_complete(BOX.aclose())
    LOOP.close()
