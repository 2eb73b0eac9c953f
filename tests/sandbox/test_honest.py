"""Honest programs see plain Python."""

import pytest

from votebox.sandbox import Limits, Sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_numpy_and_sympy_work(box: Sandbox) -> None:
    code = (
        "import numpy as np, sympy as sp\n"
        "x = sp.symbols('x')\n"
        "print(np.arange(5).sum(), sp.integrate(sp.sin(x) ** 2, (x, 0, sp.pi)))\n"
    )
    execution = await box.run(code, Limits(wall_s=60.0, cpu_s=60.0))
    assert (execution.status, execution.stdout, execution.stderr) == ("ok", "10 pi/2\n", "")


async def test_a_subprocess_of_the_interpreter_works(box: Sandbox) -> None:
    code = (
        "import subprocess, sys\n"
        "done = subprocess.run([sys.executable, '-c', 'import numpy; print(6 * 7)'],\n"
        "                      capture_output=True, text=True, check=True)\n"
        "print(done.stdout)\n"
    )
    execution = await box.run(code, Limits(wall_s=30.0))
    assert execution.stdout == "42\n\n"


async def test_multiprocessing_works(box: Sandbox) -> None:
    code = (
        "import multiprocessing as mp\n"
        "def square(n): return n * n\n"
        "if __name__ == '__main__':\n"
        "    for method in ('fork', 'spawn'):\n"
        "        with mp.get_context(method).Pool(2) as pool:\n"
        "            print(pool.map(square, range(4)))\n"
    )
    execution = await box.run(code, Limits(wall_s=30.0, cpu_s=30.0))
    assert execution.stdout == "[0, 1, 4, 9]\n" * 2, execution.stderr


async def test_asyncio_threads_and_temporary_files_work(box: Sandbox) -> None:
    code = (
        "import asyncio, tempfile, threading, pathlib\n"
        "async def main():\n"
        "    print(await asyncio.to_thread(lambda: 'thread'))\n"
        "    process = await asyncio.create_subprocess_exec(__import__('sys').executable, '-c', '')\n"
        "    print(await process.wait())\n"
        "asyncio.run(main())\n"
        "with tempfile.NamedTemporaryFile('w+') as file:\n"
        "    file.write('x'); file.flush()\n"
        "    print(pathlib.Path(file.name).read_text(), pathlib.Path.home())\n"
        "open('/tmp/y', 'w').write('y')\n"
    )
    execution = await box.run(code, Limits(wall_s=30.0))
    assert (execution.stdout, execution.stderr) == ("thread\n0\nx /box\n", "")


async def test_introspection_sees_a_main_module(box: Sandbox) -> None:
    code = (
        "import dataclasses, inspect, pickle, sys\n"
        "@dataclasses.dataclass\n"
        "class Point:\n"
        "    x: int\n"
        "print(__name__, __file__, sys.argv, pickle.loads(pickle.dumps(Point(1))))\n"
        "print(inspect.getsource(Point.__class__ and Point).splitlines()[-1])\n"
    )
    execution = await box.run(code)
    assert execution.stdout == "__main__ /box/main.py ['main.py'] Point(x=1)\n    x: int\n"


async def test_at_exit_everything_runs_in_pythons_order(box: Sandbox) -> None:
    code = (
        "import atexit, threading, time\n"
        "class A:\n"
        "    def __del__(self): print('destructor')\n"
        "a = A()\n"
        "atexit.register(print, 'atexit')\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()\n"
        "print('main')\n"
    )
    execution = await box.run(code)
    assert execution.stdout == "main\nthread\natexit\ndestructor\n"


async def test_two_runs_draw_different_random_numbers(box: Sandbox) -> None:
    code = "import random\nprint(random.random())"
    assert (await box.run(code)).stdout != (await box.run(code)).stdout


async def test_two_runs_order_sets_alike(box: Sandbox) -> None:
    code = "print({'a', 'b', 'c', 'd', 'e', 'f'})"
    assert (await box.run(code)).stdout == (await box.run(code)).stdout


async def test_a_reader_of_input_meets_its_end(box: Sandbox) -> None:
    execution = await box.run("input('name? ')")
    assert (execution.status, execution.stdout) == ("error", "name? ")
    assert execution.stderr.endswith("EOFError: EOF when reading a line\n")


async def test_a_huge_integer_meets_pythons_digit_rule(box: Sandbox) -> None:
    execution = await box.run("print(10 ** 5000)")
    assert "Exceeds the limit" in execution.stderr
    code = "import sys\nsys.set_int_max_str_digits(0)\nprint(len(str(10 ** 5000)))"
    assert (await box.run(code)).stdout == "5001\n"
