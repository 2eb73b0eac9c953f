"""Which program a reply wants run."""

import ast
import time
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from votebox.plugins.builtin.code import python_blocks
from votebox.plugins.builtin.fences import fences


def program(text: str, finish_reason: str | None = "stop") -> str | None:
    found = python_blocks(text, finish_reason)
    assert len(found) <= 1
    return found[0].value if found else None


def fenced(code: str, tag: str = "python", fence: str = "```") -> str:
    return f"{fence}{tag}\n{code}\n{fence}\n"


@pytest.mark.parametrize(
    "tag",
    [
        "python",
        "Python",
        "py",
        "python3",
        "py3",
        "ipython",
        "python title=x",
        "{.python .numberLines}",
        "python{cmd=1}",
        "python:main.py",
        " python ",
    ],
)
@pytest.mark.parametrize("fence", ["```", "~~~", "````"])
def test_a_python_block_is_the_program(tag: str, fence: str) -> None:
    assert program("Look:\n" + fenced("print(1)", tag, fence) + "done") == "print(1)"


@pytest.mark.parametrize(
    "tag", ["output", "text", "console", "bash", "latex", "json", "c++", "pythonic", "sql"]
)
def test_a_block_of_another_language_is_no_program(tag: str) -> None:
    assert program(fenced("print(1)", tag)) is None
    assert program(fenced("print(1)") + fenced("print(2)", tag)) == "print(1)"


@pytest.mark.parametrize(
    "code",
    ["x = 1\nprint(x)", "import math\nmath.pi", "for i in range(3):\n    print(i)", "print(3)"],
)
def test_a_block_without_a_tag_is_a_program_when_it_does_something(code: str) -> None:
    assert program(fenced(code, "")) is not None


@pytest.mark.parametrize(
    "text", ["42", "[1, 2, 3]", "Paris", "True", "The answer is 5.", "x y z", ""]
)
def test_a_pasted_result_is_no_program(text: str) -> None:
    assert program(fenced(text, "")) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("~~~python\nprint('''\n```\n''')\n~~~", "print('''\n```\n''')"),
        ("````python\nprint('```')\n```\n````", "print('```')\n```"),
        ("```python\nprint(1)\n  ```  \n", "print(1)"),
        ("```python\r\nif 1:\r\n    print(1)\r\n```\r\n", "if 1:\n    print(1)"),
        ("1. First\n   ```python\n   if 1:\n       print(1)\n   ```\n", "if 1:\n    print(1)"),
        ("- ```python\n  print(1)\n  ```\n", "print(1)"),
        ("```python\nprint(1)\n```python\nprint(2)\n```", "print(2)"),
        ("a `code` and ```inline``` then\n```python\nprint(1)\n```", "print(1)"),
        ("<think>\n```python\nprint(1)\n```\n</think>\n```python\nprint(2)\n```", "print(2)"),
        ("<think>\n```python\nprint(1)\n```\n</think>\nso it is", "print(1)"),
        ("```python\nprint(1\n```", "print(1"),
    ],
)
def test_fences_are_matched(text: str, code: str) -> None:
    assert program(text) == code


def test_the_last_block_is_the_program() -> None:
    assert program(fenced("print(1)") + fenced("print(2)")) == "print(2)"


@pytest.mark.parametrize(
    ("blocks", "joined"),
    [
        (["x = 1", "print(x)"], "x = 1\nprint(x)"),
        (["import math", "print(math.pi)"], "import math\nprint(math.pi)"),
        (["from math import *", "print(gcd(4, 6))"], "from math import *\nprint(gcd(4, 6))"),
        (
            ["a = 1", "def f():\n    return a", "print(f())"],
            "a = 1\ndef f():\n    return a\nprint(f())",
        ),
        (["total = 1", "total += 1\nprint(total)"], "total = 1\ntotal += 1\nprint(total)"),
        (["x = 1", "x = x + 1\nprint(x)"], "x = 1\nx = x + 1\nprint(x)"),
        (["x = 1", "x = 2\nprint(x)"], "x = 2\nprint(x)"),
        (["i = 5", "print([i for i in range(3)])"], "print([i for i in range(3)])"),
        (["x = 1", "def f(x):\n    return x\nprint(f(2))"], "def f(x):\n    return x\nprint(f(2))"),
        (["x = 1", "y = 2", "print(x)"], "x = 1\nprint(x)"),
        (["x = (", "print(x)"], "print(x)"),
        (["x = 1", "print(x"], "print(x"),
        (["sum = 3", "print(sum([1]))"], "print(sum([1]))"),
    ],
)
def test_earlier_blocks_come_along_only_when_their_names_are_used(
    blocks: list[str], joined: str
) -> None:
    assert program("".join(map(fenced, blocks))) == joined


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("x = 2\nx + 1", "x = 2\nprint(x + 1)"),
        ("f(\n  1,\n)", "print(f(\n  1,\n))"),
        ("a = 1; a  # the answer", "a = 1; print(a)  # the answer"),
        ("'\u00e9\u4e2d'.upper() + '\u00e9'", "print('\u00e9\u4e2d'.upper() + '\u00e9')"),
        ("(1 + 2)", "print((1 + 2))"),
        ("1, 2", "print((1, 2))"),
        ("'''words'''", "'''words'''"),
        ("print(1)\nx", "print(1)\nx"),
        ("import sys\nsys.stdout.write('1')", "import sys\nsys.stdout.write('1')"),
    ],
)
def test_a_bare_last_expression_is_printed_in_place(code: str, shown: str) -> None:
    assert program(fenced(code)) == shown
    if shown != code:
        ast.parse(shown)
        assert len(shown.splitlines()) == len(code.splitlines())


def test_a_program_that_was_cut_off_loses_lines_until_it_parses() -> None:
    (reading,) = python_blocks("```python\nx = 1\nprint(x)\nfor i in range(\n", "length")
    assert reading.value == "x = 1\nprint(x)"
    assert not reading.complete
    assert reading.notes == ("cut off",)


@pytest.mark.parametrize(
    "text", ["```python", "```python\n", "```python\nfor i in (", "```\nsome words"]
)
def test_a_cut_block_without_a_program_is_none(text: str) -> None:
    assert program(text, "length") is None


def test_a_streaming_reply_gives_closed_blocks_only() -> None:
    text = fenced("print(1)") + "and\n```python\nprint(2)\n"
    assert program(text, None) == "print(1)"
    assert program(text, "length") == "print(2)"
    assert program("```python\nprint(2)\n", None) is None


def test_a_program_read_early_is_the_one_read_at_the_end() -> None:
    text = dedent("""
        First:
        ```python
        x = 6 * 7
        x
        ```
        and that is it.
    """)
    early = program(text[: text.rindex("```") + 3], None)
    assert early == program(text, "stop") == "x = 6 * 7\nprint(x)"


def test_what_can_close_a_block_is_declared() -> None:
    assert python_blocks.closes == ("```", "~~~")


PIECES = st.lists(
    st.sampled_from(
        [
            "```",
            "~~~",
            "````",
            "python",
            "\n",
            "  ",
            "x = 1",
            "print(x)",
            "x",
            "(",
            "'",
            '"""',
            "\\",
            "</think>",
            "\x00",
            "\ud800",
            "- ",
            "\u2028",
            "\r",
            "lambda:",
            "*",
        ]
    ),
    max_size=40,
).map("".join)


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=200), PIECES), st.sampled_from(["stop", "length", None]))
def test_no_text_raises_and_reading_twice_agrees(text: str, finish_reason: str | None) -> None:
    found = python_blocks(text, finish_reason)
    assert found == python_blocks(text, finish_reason)
    for reading in found:
        assert 0 <= reading.span[0] <= reading.span[1] <= len(text)


@pytest.mark.parametrize(
    "unit",
    [
        "```\n",
        "```python\n",
        "~~~\n",
        "`",
        "(",
        "\\",
        "x = 1\n",
        "```python\nx\n```\n",
        "-",
        "    ",
        "- ",
        "[",
        "'",
        "</think>",
        "print(x)\n",
        "a.",
        "lambda:",
        "```py",
    ],
)
@pytest.mark.parametrize("head", ["", "```python\n"])
def test_a_megabyte_of_anything_is_read_in_time(head: str, unit: str) -> None:
    text = head + unit * (1_000_000 // len(unit))
    started = time.perf_counter()
    python_blocks(text, "length")
    assert time.perf_counter() - started < 60  # a quadratic rule takes many minutes


@pytest.mark.parametrize(
    "code",
    [
        "-" * 50_000 + "1",
        "(" * 50_000,
        "1" + "+1" * 40_000,
        "x" + ".x" * 40_000,
        "[" * 90,
        "f(" * 30_000,
    ],
)
def test_code_too_deep_for_the_parser_is_passed_on_unread(code: str) -> None:
    assert program(fenced(code)) is not None


def test_fences_report_their_place() -> None:
    text = "a\n```python x\nprint(1)\n```\n~~~\nb"
    first, second = fences(text)
    assert text[slice(*first.span)] == first.code == "print(1)\n"
    assert (first.tag, first.closed) == ("python", True)
    assert (second.tag, second.closed, second.code) == ("", False, "b")


NESTED = {
    "while": ("".join(" " * n + "while x:\n" for n in range(60)) + " " * 60 + "y = 1", "y"),
    "empty while": ("".join(" " * n + "while x:\n" for n in range(60)) + " " * 60 + "pass", None),
    "elif": ("if x:\n y = 1\n" + "elif x:\n y = 1\n" * 900, "y"),
    "empty elif": ("if x:\n pass\n" + "elif x:\n pass\n" * 900, None),
    "brackets": ("(" * 500 + ")" * 500, None),
    "minus": ("-" * 5000 + "1", None),
    "attributes": ("x" + ".a" * 5000, None),
}


@pytest.mark.parametrize(("code", "name"), NESTED.values(), ids=NESTED)
def test_code_nested_deep_is_read_at_once_or_passed_on(code: str, name: str | None) -> None:
    started = time.perf_counter()
    found = program(fenced(code))
    assert found == (f"{code.rstrip()}\nprint({name})" if name else code.rstrip())
    assert time.perf_counter() - started < 30  # reading a nested loop twice takes for ever
