"""The fork server: warm imports, its replacement, and programs that know nothing of others."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from votebox.sandbox import Limits, Sandbox, SandboxError, SandboxUnavailable
from votebox.sandbox.box import find_nsjail
from votebox.sandbox.child import INIT
from votebox.sandbox.fork import ForkBackend
from votebox.sandbox.job import make_job


def test_the_init_is_a_small_static_executable() -> None:
    assert INIT[:4] == b"\x7fELF"
    assert len(INIT) < 256


async def test_preloaded_modules_are_there_already() -> None:
    async with Sandbox(1, preload=("numpy", "json.tool")) as box:
        execution = await box.run(
            "import sys\nprint('numpy' in sys.modules, 'sympy' in sys.modules)"
        )
        assert execution.stdout == "True False\n"
        assert (await box.run("import sympy\nprint(sympy.Integer(3) + 4)")).stdout == "7\n"


async def test_a_preload_that_fails_says_which() -> None:
    with pytest.raises(SandboxError, match="no_such_module_here"):
        async with Sandbox(1, preload=("no_such_module_here",)):
            pass


MASKED = """
import asyncio, sys, warnings
from votebox.sandbox import Sandbox, SandboxError

async def main():
    try:
        async with Sandbox(1, backend=sys.argv[1]) as box:
            print((await box.run("print(1)")).isolation)
    except SandboxError as error:
        print(type(error).__name__)

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    asyncio.run(main())
print(*(str(w.message)[:33] for w in caught))
"""


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("fork", "SandboxUnavailable"),
        ("once", "nsjail+userns"),
        ("auto", "nsjail+userns"),
    ],
)
async def test_where_proc_is_masked_each_program_gets_a_jail(backend: str, said: str) -> None:
    """Containers mask /proc, and then nobody may mount it anew."""
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",))),
        *("sh", "-c", 'mount -t tmpfs none /proc/irq && exec "$@"', "sh"),
        *(sys.executable, "-c", MASKED, backend),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    first, *warned = out.decode().splitlines()
    assert first.startswith(said)
    assert warned == (["the fork server cannot run here ("] if backend == "auto" else [""])


async def test_random_numbers_are_each_programs_own() -> None:
    code = (
        "import random, secrets, uuid, os, tempfile\nimport numpy as np\nfrom sympy.core.random import rng\n"
        "print(random.random(), np.random.rand(), np.random.default_rng().random(), rng.random())\n"
        "print(uuid.uuid4(), secrets.token_hex(4), os.urandom(4).hex())\n"
    )
    async with Sandbox(2) as box:
        texts = [(await box.run(code)).stdout.split() for _ in range(4)]
    for column in zip(*texts, strict=True):
        assert len(set(column)) == 4, column


async def test_a_seed_repeats() -> None:
    code = "import random, numpy as np\nrandom.seed(1); np.random.seed(1)\nprint(random.random(), np.random.rand())"
    async with Sandbox(2) as box:
        assert len({(await box.run(code)).stdout for _ in range(3)}) == 1


async def test_an_old_server_is_replaced_and_its_programs_end_well() -> None:
    backend = ForkBackend(find_nsjail(), preload=(), spares=2, runs=3)
    try:
        slow = make_job("import time; time.sleep(1); print('slow')", Limits())
        quick = make_job("print('quick')", Limits())
        first = asyncio.create_task(backend.run(slow))
        await asyncio.sleep(0.2)
        done = [await backend.run(quick) for _ in range(7)]
        assert {execution.stdout for execution in done} == {"quick\n"}
        assert (await first).stdout == "slow\n"
    finally:
        await backend.aclose()


async def test_no_module_of_ours_is_left_in_the_interpreter() -> None:
    async with Sandbox(1) as box:
        code = "import sys\nprint([n for n in sys.modules if 'votebox' in n], sys.path[0], len(sys.argv))"
        assert (await box.run(code)).stdout == "[] /box 1\n"


async def test_no_descriptor_but_the_three_is_open() -> None:
    code = (
        "import os\nfound = []\nfor fd in range(64):\n"
        "    try: os.fstat(fd); found.append(fd)\n    except OSError: pass\nprint(found)"
    )
    async with Sandbox(1) as box:
        assert (await box.run(code)).stdout == "[0, 1, 2]\n"


async def test_objects_are_finalised_as_by_cpython() -> None:
    code = (
        "import atexit, threading, time\n"
        "class Told:\n"
        "    def __init__(self, name): self.name = name\n"
        "    def __del__(self): print('del', self.name)\n"
        "a = Told('a'); cycle = Told('cycle'); cycle.me = cycle; _private = Told('_private')\n"
        "atexit.register(print, 'atexit')\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()\n"
        "print('end', end='')\n"
    )
    async with Sandbox(1) as fork, Sandbox(1, backend="once") as once:
        texts = [(await box.run(code)).stdout for box in (fork, once)]
    assert texts[0] == texts[1] == "endthread\natexit\ndel a\ndel cycle\ndel _private\n"


@pytest.mark.parametrize(
    ("code", "exit_code", "stderr"),
    [
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit('bye')", 1, "bye\n"),
        ("import sys; sys.exit(256 + 7)", 7, ""),
        ("import sys; sys.exit(-1)", 255, ""),
        ("import sys; sys.exit(True)", 1, ""),
        ("raise SystemExit([1, 2])", 1, "[1, 2]\n"),
    ],
)
async def test_exit_codes_are_cpythons(code: str, exit_code: int, stderr: str) -> None:
    async with Sandbox(1) as box:
        execution = await box.run(code)
    assert (execution.exit_code, execution.stderr) == (exit_code, stderr)


async def test_what_cannot_be_isolated_enough_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("votebox.sandbox.cgroup.find", lambda: None)
    with pytest.raises(SandboxUnavailable, match="cgroup"):
        async with Sandbox(1, minimum="cgroup"):
            pass
    async with Sandbox(1) as box:
        assert box.isolation.endswith("rlimits")
        assert (await box.run("print(1)")).stdout == "1\n"
        hog = await box.run("x = bytearray(2**30)", Limits(memory_mib=256))
        assert hog.status == "memory"
        forks = await box.run("import os\nfor _ in range(100): os.fork()", Limits(processes=4))
        assert forks.status == "processes"


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"backend": "docker"}, "backend='docker'"),
        ({"backend": "subprocess"}, "unsafe=True"),
        ({"minimum": "vm"}, "minimum='vm'"),
        ({"workers": 0}, "workers=0"),
    ],
)
def test_settings_that_make_no_sense_are_named(options: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Sandbox(**options)  # type: ignore[arg-type]


async def test_the_unsafe_backend_warns_and_says_so() -> None:
    box = Sandbox(1, unsafe=True)
    with pytest.warns(RuntimeWarning, match="without any isolation"):
        await box.start()
    try:
        execution = await box.run(
            "import os\nopen('o', 'w').write(input())\nprint(os.getuid())",
            stdin="text",
            collect=("o",),
        )
        assert execution.isolation == "none"
        assert (execution.stdout, execution.files) == (f"{os.getuid()}\n", {"o": b"text"})
        late = await box.run("while True: pass", Limits(wall_s=0.3))
        assert late.status == "timeout"
    finally:
        await box.aclose()


async def test_programs_share_no_memory() -> None:
    """A page each child reports in was once mapped in the children forked after it."""
    code = (
        "import gc, mmap\n"
        "for o in gc.get_objects():\n"
        "    if type(o).__name__ == 'Child':\n"
        "        try: o.note[0] = 1\n        except (ValueError, IndexError): pass\n"
    )
    async with Sandbox(3) as box:
        victim = asyncio.create_task(box.run("import time; time.sleep(0.5); raise ValueError"))
        await asyncio.sleep(0.1)
        attackers = await asyncio.gather(*(box.run(code) for _ in range(4)))
        assert (await victim).status == "error"
        assert {execution.status for execution in attackers} <= {"ok", "crashed"}


async def test_closing_during_the_start_leaves_nothing() -> None:
    box = Sandbox(1)
    task = asyncio.create_task(box.run("print(1)"))
    await asyncio.sleep(0.2)
    await box.aclose()
    with pytest.raises(SandboxError, match="closed"):
        await task
    again = Sandbox(1)
    await again.start()
    again._backend.suspect()
    check = asyncio.create_task(again.check())
    await asyncio.sleep(0.1)
    await again.aclose()
    with pytest.raises(SandboxError):
        await check
    for _ in range(100):
        if not _jails():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(_jails())


def _jails() -> list[str]:
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [pid for pid in children if _name(pid) == "nsjail"]


def _name(pid: str) -> str:
    path = Path(f"/proc/{pid}/comm")
    return path.read_text().strip() if path.exists() else ""


async def test_a_check_that_fails_harms_no_program() -> None:
    async with Sandbox(2) as box:
        innocent = asyncio.create_task(box.run("import time; time.sleep(1); print('a')"))
        await box.run("x = 1", session="s")
        with pytest.raises(SandboxError, match="small program"):
            await box.check(within_s=0.0001)
        assert (await box.run("print(2)")).stdout == "2\n"
        assert (await innocent).stdout == "a\n"
        assert (await box.run("print(x)", session="s")).session == "kept"
        await box.check()


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        ({"code": None}, "code is text"),
        ({"stdin": 5}, "stdin is text"),
        ({"files": ["f"]}, "files is a mapping"),
        ({"files": {"a": 5}}, "files\\['a'\\]"),
        ({"collect": "ab"}, "collect='ab'"),
        ({"collect": [1]}, "collect names 1"),
        ({"session": 5}, "session is text"),
        ({"limits": {}}, "limits is a Limits"),
    ],
)
async def test_wrong_types_are_named(request_: dict[str, object], fault: str) -> None:
    async with Sandbox(1, backend="once") as box:
        with pytest.raises(TypeError, match=fault):
            await box.run(**{"code": "print(1)", **request_})  # type: ignore[arg-type]
