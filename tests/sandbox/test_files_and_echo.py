"""Files out of the jail, and the echo of a last expression; both backends alike."""

import pytest

from votebox.sandbox import Sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_files_asked_for_come_back(box: Sandbox) -> None:
    code = (
        "import os\nos.mkdir('d')\n"
        "open('d/x', 'wb').write(bytes(range(256)))\nopen('empty', 'w')\nopen('given', 'a').write('!')\n"
    )
    names = ("d/x", "empty", "given", "main.py", "missing")
    execution = await box.run(code, files={"given": "in"}, collect=names)
    assert execution.files == {
        "d/x": bytes(range(256)),
        "empty": b"",
        "given": b"in!",
        "main.py": code.encode(),
    }


async def test_only_plain_files_come_back(box: Sandbox) -> None:
    code = (
        "import os\nos.mkdir('dir'); os.symlink('/dev/zero', 'link'); os.symlink('main.py', 'self')\n"
        "open('big', 'wb').truncate(17 * 2**20)\n"
    )
    execution = await box.run(code, collect=("dir", "link", "self", "big"))
    assert execution.status == "ok"
    assert execution.files == {}


@pytest.mark.parametrize(
    ("code", "status", "kept"),
    [
        ("open('f', 'w').write('1'); 1 / 0", "error", {"f": b"1"}),
        ("open('f', 'w').write('1'); import sys; sys.exit(3)", "error", {"f": b"1"}),
        ("f = open('f', 'w'); f.write('1'); f.close(); import os; os.abort()", "crashed", {}),
    ],
)
async def test_files_come_back_when_the_program_ended_by_itself(
    box: Sandbox, code: str, status: str, kept: dict[str, bytes]
) -> None:
    execution = await box.run(code, collect=("f",))
    assert execution.status == status
    assert execution.files == kept


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../b", "", "a\0b", "./x"])
async def test_names_are_plain_and_relative(box: Sandbox, name: str) -> None:
    execution = await box.run("print(1)", collect=(name,))
    assert execution.status == "rejected"
    assert execution.stdout == ""


async def test_too_many_files_are_rejected(box: Sandbox) -> None:
    execution = await box.run("print(1)", collect=[f"f{n}" for n in range(17)])
    assert execution.status == "rejected"
    assert "17 files" in execution.stderr


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("1 + 1", "2\n"),
        ("x = 3\nx * 2", "6\n"),
        ("'text'", "'text'\n"),
        ("None", ""),
        ("x = 1", ""),
        ("print('said')", "said\n"),
        ("from __future__ import annotations\n'future'", "'future'\n"),
        ("def f(): return 5\nf()", "5\n"),
        ("for i in range(2):\n    i", ""),
        ("", ""),
        ("# only a comment", ""),
    ],
)
async def test_a_bare_last_expression_is_echoed_when_asked(
    box: Sandbox, code: str, shown: str
) -> None:
    assert (await box.run(code, echo=True)).stdout == shown
    quiet = await box.run(code)
    assert quiet.stdout == (shown if "print" in code else "")


async def test_an_error_in_the_echoed_expression_is_told(box: Sandbox) -> None:
    execution = await box.run("x = 0\n1 / x", echo=True)
    assert execution.status == "error"
    assert execution.stderr.splitlines()[:3] == [
        "Traceback (most recent call last):",
        '  File "main.py", line 2, in <module>',
        "    1 / x",
    ]
