"""A few hundred honest programs: the sandbox says what plain Python says."""

import asyncio
import json
import os
import random
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from honest import SNIPPETS

from votebox.sandbox import Limits, Sandbox

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "mini"))  # no package
from problems import families, make_problem

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIMITS = Limits(wall_s=60.0, cpu_s=60.0)
STDIN = "first line\nsecond line\n"
OF_EACH_FAMILY = 4


def model_programs() -> list[str]:
    """Return programs as votebox-mini writes them."""
    rng = random.Random(0)  # noqa: S311 - the same programs each time
    found = [make_problem(rng, f).program() for f in families() for _ in range(OF_EACH_FAMILY)]
    return [*dict.fromkeys(found)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box() -> AsyncIterator[Sandbox]:
    async with Sandbox(workers=2) as sandbox:
        yield sandbox


async def plain(folder: Path, code: str) -> tuple[int | None, str, str]:
    """Return exit code, stdout and stderr of `python main.py`."""
    (folder / "main.py").write_text(code)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-s", "main.py"),
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONHASHSEED": "0", "HOME": str(folder), "TMPDIR": str(folder)},
    )
    out, err = await process.communicate(STDIN.encode())
    return process.returncode, out.decode(), err.decode().replace(f"{folder}/", "")


def comparable(stderr: str) -> str:
    """Leave out what may differ: addresses of objects."""
    return re.sub(r"0x[0-9a-f]+", "0x", stderr)


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
async def test_a_program_of_the_language_says_the_same(
    box: Sandbox, tmp_path: Path, number: int
) -> None:
    code = SNIPPETS[number]
    execution, (exit_code, out, err) = await asyncio.gather(
        box.run(code, LIMITS, stdin=STDIN), plain(tmp_path, code)
    )
    assert (execution.stdout, execution.exit_code) == (out, exit_code), execution.stderr
    assert comparable(execution.stderr) == comparable(err)


async def test_programs_of_the_model_say_the_same(box: Sandbox, tmp_path: Path) -> None:
    programs = model_programs()
    assert len(programs) >= 150
    # One interpreter for all of them; each program in a namespace of its own.
    runner = (
        "import contextlib, io, json, sys\nfound = []\n"
        "for code in json.load(open('programs.json')):\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "        exec(compile(code, 'main.py', 'exec'), {'__name__': '__main__'})\n"
        "    found.append(out.getvalue())\nprint(json.dumps(found))\n"
    )
    (tmp_path / "programs.json").write_text(json.dumps(programs))
    _, expected, err = await plain(tmp_path, runner)
    assert err == ""
    done = await asyncio.gather(*(box.run(code) for code in programs))
    assert [execution.stdout for execution in done] == json.loads(expected)
    assert {execution.status for execution in done} == {"ok"}
