"""How a program ends, and what we say about it."""

import pytest

from votebox.sandbox import Limits, Sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")
SHORT = Limits(wall_s=1.0)


async def test_a_program_that_ends_is_ok(box: Sandbox) -> None:
    execution = await box.run("print('hello')")
    assert (execution.status, execution.stdout, execution.stderr) == ("ok", "hello\n", "")
    assert (execution.exit_code, execution.signal, execution.truncated) == (0, None, False)
    assert 0 < execution.cpu_s < 2
    assert 0 < execution.wall_s < 5
    assert 1 < execution.peak_memory_mib < 100
    assert execution.isolation == box.isolation


@pytest.mark.parametrize("code", ["", "# nothing\n", "\n\n", "\ufeffprint()", "pass\r\npass\r\n"])
async def test_an_empty_or_odd_source_is_ok(box: Sandbox, code: str) -> None:
    assert (await box.run(code)).ok


@pytest.mark.parametrize("number", [1, 3, 109, 124, 137, 255])
@pytest.mark.parametrize("leave", ["sys.exit", "os._exit"])
async def test_an_exit_number_is_an_error_with_that_number(
    box: Sandbox, leave: str, number: int
) -> None:
    execution = await box.run(f"import os, sys\n{leave}({number})")
    assert (execution.status, execution.exit_code, execution.signal) == ("error", number, None)


async def test_a_program_alone_needs_one_process(box: Sandbox) -> None:
    assert (await box.run("print(1)", Limits(processes=1))).ok


async def test_exit_zero_from_anywhere_is_ok(box: Sandbox) -> None:
    assert (await box.run("exit()")).ok
    assert (await box.run("import os; os._exit(0)")).ok
    assert (await box.run("raise SystemExit")).ok


async def test_an_exit_text_is_an_error_and_printed(box: Sandbox) -> None:
    execution = await box.run("import sys\nsys.exit('no luck')")
    assert (execution.status, execution.exit_code) == ("error", 1)
    assert execution.stderr == "no luck\n"


async def test_an_exception_shows_main_py_and_no_frame_of_ours(box: Sandbox) -> None:
    execution = await box.run("def f():\n    return 1 / 0\n\nf()\n")
    assert (execution.status, execution.exit_code) == ("error", 1)
    assert execution.stderr == (
        "Traceback (most recent call last):\n"
        '  File "main.py", line 4, in <module>\n'
        "    f()\n"
        '  File "main.py", line 2, in f\n'
        "    return 1 / 0\n"
        "           ~~^~~\n"
        "ZeroDivisionError: division by zero\n"
    )


async def test_a_chained_exception_shows_both_and_no_frame_of_ours(box: Sandbox) -> None:
    execution = await box.run(
        "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError from e"
    )
    assert execution.stderr.count('File "main.py"') == 2
    assert "direct cause" in execution.stderr
    assert "runner.py" not in execution.stderr


async def test_a_syntax_error_points_at_its_line_as_python_does(box: Sandbox) -> None:
    execution = await box.run("x = 1\nprint(x\n")
    assert execution.status == "error"
    assert execution.stderr.startswith('  File "main.py", line 2\n    print(x\n')
    assert execution.stderr.endswith("SyntaxError: '(' was never closed\n")


@pytest.mark.parametrize("code", ["print(1)\0", "(" * 5000, "a" + ".b" * 100_000, "\tif\n  x"])
async def test_a_source_python_cannot_read_is_an_error(box: Sandbox, code: str) -> None:
    execution = await box.run(code)
    assert execution.status in ("error", "crashed")
    assert "runner.py" not in execution.stderr


async def test_endless_recursion_is_an_error(box: Sandbox) -> None:
    execution = await box.run("def f():\n    f()\nf()")
    assert execution.status == "error"
    assert "RecursionError" in execution.stderr


async def test_an_endless_loop_is_a_timeout_that_tells_where(box: Sandbox) -> None:
    told = ""
    for _ in range(3):  # on a crowded machine it may be killed before it has told
        execution = await box.run("print('before')\nwhile True:\n    pass\n", SHORT)
        assert (execution.status, execution.stdout) == ("timeout", "before\n")
        assert 0.9 < execution.wall_s < 3
        told += execution.stderr
    assert 'File "main.py", line' in told


async def test_unflushed_output_survives_a_timeout(box: Sandbox) -> None:
    code = "import time\nprint('half a line', end='')\ntime.sleep(60)"
    execution = await box.run(code, SHORT)
    assert (execution.status, execution.stdout) == ("timeout", "half a line")


@pytest.mark.parametrize(
    "code",
    [
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(60)",
        "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except BaseException:\n        pass",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
        "import atexit, time\natexit.register(time.sleep, 60)",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()",
        "class A:\n    def __del__(self):\n        while True: pass\na = A()",
        "10 ** 10 ** 8",
        "import re\nre.match('(a+)+b', 'a' * 60)",
    ],
    ids=["ignores", "catches", "stops", "atexit", "thread", "destructor", "integer", "regex"],
)
async def test_a_program_that_will_not_end_is_a_timeout(box: Sandbox, code: str) -> None:
    execution = await box.run(code, Limits(wall_s=0.6))
    assert execution.status == "timeout"
    assert execution.wall_s < 3


async def test_spending_the_cpu_limit_is_a_timeout(box: Sandbox) -> None:
    execution = await box.run("while True: pass", Limits(wall_s=20.0, cpu_s=1))
    assert (execution.status, execution.signal) == ("timeout", 9)
    assert execution.cpu_s >= 0.8


async def test_a_memory_hog_is_memory(box: Sandbox) -> None:
    code = "x = []\nwhile True:\n    x.append(bytearray(2**20))"
    execution = await box.run(code, Limits(memory_mib=128))
    assert execution.status == "memory"
    assert execution.peak_memory_mib <= 130


async def test_a_caught_memory_error_is_ok(box: Sandbox) -> None:
    code = "try:\n    x = bytearray(2**40)\nexcept MemoryError:\n    print('caught')"
    execution = await box.run(code)
    assert (execution.status, execution.stdout) == ("ok", "caught\n")


async def test_children_that_together_hold_too_much_are_memory(box: Sandbox) -> None:
    # Without cgroups the kernel bounds each process alone, and says so in `isolation`.
    bounded = not box.isolation.endswith("rlimits")
    code = (
        "import os, time\n"
        "for _ in range(6):\n"
        "    if os.fork() == 0:\n"
        "        x = bytearray(60 * 2**20); time.sleep(60)\n"
        "time.sleep(60)\n"
    )
    execution = await box.run(code, Limits(memory_mib=128, wall_s=4.0))
    assert execution.status == ("memory" if bounded else "timeout")


@pytest.mark.parametrize("flood", ["print('x' * 1000)", "import os; os.write(2, b'y' * 60000)"])
async def test_a_flood_is_output_and_ends_at_once(box: Sandbox, flood: str) -> None:
    execution = await box.run(f"while True:\n    {flood}", Limits(wall_s=20.0))
    assert (execution.status, execution.truncated) == ("output", True)
    assert execution.wall_s < 10
    assert len(execution.stdout) + len(execution.stderr) < 70 * 1024


async def test_a_fork_bomb_ends_and_the_next_program_is_ok(box: Sandbox) -> None:
    execution = await box.run("import os\nwhile True:\n    os.fork()", SHORT)
    assert execution.status in ("processes", "timeout")
    execution = await box.run(
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", SHORT
    )
    assert execution.status == "timeout"
    assert (await box.run("print(1)")).ok


async def test_too_many_threads_are_processes(box: Sandbox) -> None:
    code = (
        "import threading, time\n"
        "for _ in range(40):\n"
        "    threading.Thread(target=time.sleep, args=(30,), daemon=True).start()\n"
    )
    execution = await box.run(code, Limits(processes=8))
    assert (execution.status, execution.exit_code) == ("processes", 1)


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("import os\nos.abort()", 6),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", 9),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", 15),
        ("import ctypes\nctypes.string_at(0)", 11),
    ],
)
async def test_a_signal_nobody_of_ours_sent_is_crashed(
    box: Sandbox, code: str, number: int
) -> None:
    execution = await box.run(f"print('said', flush=True)\n{code}")
    assert (execution.status, execution.signal, execution.exit_code) == ("crashed", number, None)
    assert execution.stdout == "said\n"


@pytest.mark.parametrize(
    "code",
    [
        "import builtins\nbuiltins.__dict__.clear()\n1 / 0",
        "import os, sys\nos._exit = sys.exit = print\n1 / 0",
        "import sys\nsys.excepthook = 3\n1 / 0",
        "import sys\ndel sys.excepthook\n1 / 0",
        "class E(BaseException): pass\nraise E",
        "class E(Exception):\n    def __str__(self): raise self\nraise E",
    ],
    ids=["builtins", "exits", "hook", "no hook", "base", "text"],
)
async def test_a_vandal_is_an_error_with_a_message(box: Sandbox, code: str) -> None:
    execution = await box.run(code)
    assert (execution.status, execution.exit_code) == ("error", 1)
    assert execution.stderr.startswith("Traceback")
    assert "runner.py" not in execution.stderr


async def test_a_hook_of_the_program_sees_its_exception(box: Sandbox) -> None:
    code = "import sys\nsys.excepthook = lambda *error: print('mine', error[0].__name__)\n1 / 0"
    execution = await box.run(code)
    assert (execution.status, execution.stdout) == ("error", "mine ZeroDivisionError\n")


async def test_a_daemon_that_holds_the_pipes_does_not_delay_the_result(box: Sandbox) -> None:
    code = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(1.5); print('late', flush=True); time.sleep(60)\n"
        "    os._exit(0)\n"
        "print('main')\n"
    )
    execution = await box.run(code, Limits(wall_s=6.0))
    assert (execution.status, execution.stdout) == ("ok", "main\n")
    assert execution.wall_s < 1.4
