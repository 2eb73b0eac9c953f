"""What a caller may ask: limits, files, stdin."""

import pytest

from votebox.sandbox import LimitError, Limits, Sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_stdin_is_passed(box: Sandbox) -> None:
    execution = await box.run("import sys; print(input() + '!', sys.stdin.read())", stdin="é\nrest")
    assert execution.stdout == "é! rest\n"


async def test_files_lie_beside_the_program(box: Sandbox) -> None:
    files = {"helper.py": "def f(): return 6 * 7", "data/in.bin": b"\xff\0", "Ünï.txt": "x"}
    code = (
        "import helper, pathlib\n"
        "print(helper.f(), pathlib.Path('data/in.bin').read_bytes(), open('Ünï.txt').read())\n"
    )
    execution = await box.run(code, files=files)
    assert execution.stdout == "42 b'\\xff\\x00' x\n", execution.stderr


@pytest.mark.parametrize("name", ["resource", "os", "marshal", "select", "signal", "encodings"])
async def test_a_file_named_as_a_module_of_ours_does_not_reach_our_side(
    box: Sandbox, name: str
) -> None:
    files = {f"{name}.py": "import os; os._exit(55)"}
    execution = await box.run("import os; os._exit(7)", files=files)
    assert (execution.status, execution.exit_code) == ("error", 7)


@pytest.mark.parametrize(
    "name",
    ["/etc/x", "../x", "a/../../x", "a//b", "", ".", "a/.", "a\0b", "a\nb", "main.py", "x" * 300]
    + ["\ud800", "a/" * 20 + "b"],
)
async def test_an_illegal_file_name_is_rejected(box: Sandbox, name: str) -> None:
    execution = await box.run("print('ran')", files={name: "x"})
    assert (execution.status, execution.stdout, execution.exit_code) == ("rejected", "", None)
    assert "file name" in execution.stderr
    execution.stderr.encode()


async def test_a_file_inside_a_file_is_rejected(box: Sandbox) -> None:
    execution = await box.run("", files={"a": "x", "a/b": "y"})
    assert execution.status == "rejected"
    assert "also the directory" in execution.stderr


async def test_too_many_files_are_rejected(box: Sandbox) -> None:
    execution = await box.run("", files={f"{n}/{n}": "" for n in range(2000)})
    assert execution.status == "rejected"
    assert "at most" in execution.stderr


async def test_files_that_just_fit_run(box: Sandbox) -> None:
    files = {str(n): "x" for n in range(255)}
    execution = await box.run("print(len(open('7').read()))", Limits(scratch_mib=1), files=files)
    assert (execution.status, execution.stdout) == ("ok", "1\n")


async def test_files_larger_than_the_scratch_space_are_rejected(box: Sandbox) -> None:
    execution = await box.run("pass", Limits(scratch_mib=1), files={"a": b"x" * 2**20})
    assert execution.status == "rejected"
    assert "more than 1 MiB" in execution.stderr


@pytest.mark.parametrize("code", ["'\ud800'", "#" * (4 * 2**20 + 1)])
async def test_a_source_we_cannot_pass_is_rejected(box: Sandbox, code: str) -> None:
    execution = await box.run(code)
    assert execution.status == "rejected"
    assert "the source" in execution.stderr
    execution.stderr.encode()


async def test_a_source_of_megabytes_is_ok(box: Sandbox) -> None:
    execution = await box.run("x = 1  # " + "y" * (3 * 2**20) + "\nprint(x)")
    assert execution.stdout == "1\n"


async def test_a_source_is_read_as_python_reads_its_file(box: Sandbox) -> None:
    code = "# -*- coding: utf-8 -*-\nfrom __future__ import annotations\nx: Nope = 'ä'\nprint(x)"
    assert (await box.run(code)).stdout == "ä\n"


async def test_a_limit_above_the_cap_is_an_error_that_names_both() -> None:
    box = Sandbox(caps=Limits(memory_mib=256))
    with pytest.raises(LimitError, match=r"memory_mib=512: this sandbox allows at most 256"):
        await box.run("", Limits(memory_mib=512))


async def test_a_tiny_memory_limit_is_felt_by_the_program_not_by_us(box: Sandbox) -> None:
    execution = await box.run("print('x' * 10**8)", Limits(memory_mib=32))
    assert execution.status == "memory"
