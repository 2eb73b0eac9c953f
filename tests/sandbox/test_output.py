"""What is kept of what a program prints."""

import time

import pytest

from votebox.sandbox import Limits, Sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_two_streams_are_apart(box: Sandbox) -> None:
    execution = await box.run("import sys\nprint('out')\nprint('err', file=sys.stderr)")
    assert (execution.stdout, execution.stderr) == ("out\n", "err\n")


async def test_words_of_nsjail_are_in_no_stream(box: Sandbox) -> None:
    execution = await box.run("pass")
    assert execution.stdout + execution.stderr == ""


async def test_long_output_keeps_its_beginning_and_its_end(box: Sandbox) -> None:
    execution = await box.run("for n in range(20_000): print(n)", Limits(output_kib=4))
    assert (execution.status, execution.truncated) == ("ok", True)
    assert execution.stdout.startswith("0\n1\n2\n")
    assert execution.stdout.endswith("\n19998\n19999\n")
    assert "bytes cut" in execution.stdout
    assert len(execution.stdout) < 4096 + 64


async def test_output_below_the_limit_is_whole(box: Sandbox) -> None:
    execution = await box.run("print('x' * (2**16 - 1))")
    assert (execution.stdout, execution.truncated) == ("x" * (2**16 - 1) + "\n", False)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"a\0b", "a\0b"),
        ("é".encode()[:1], "\ufffd"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        (b"\x1b[31m", "\x1b[31m"),
    ],
)
async def test_any_bytes_become_text(box: Sandbox, written: bytes, read: str) -> None:
    execution = await box.run(f"import os\nos.write(1, {written!r})")
    assert (execution.status, execution.stdout) == ("ok", read)


async def test_a_lone_surrogate_prints_as_its_escape(box: Sandbox) -> None:
    execution = await box.run("print('\\ud800')")
    assert (execution.status, execution.stdout) == ("ok", "\\ud800\n")


async def test_closed_and_replaced_streams_are_survived(box: Sandbox) -> None:
    execution = await box.run("import sys, os\nprint('a')\nsys.stdout.close()\nos.close(2)")
    assert execution.stdout == "a\n"
    execution = await box.run("import sys\nsys.stdout = sys.stderr = None\n1 / 0")
    assert execution.status == "error"


async def test_output_byte_by_byte_costs_us_little(box: Sandbox) -> None:
    code = "import os\nwhile True: os.write(1, b'x')"
    before = time.process_time()
    execution = await box.run(code, Limits(wall_s=2.0))
    assert execution.status in ("timeout", "output")
    assert time.process_time() - before < 0.6
