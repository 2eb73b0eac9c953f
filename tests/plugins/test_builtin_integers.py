"""Which number a program printed last."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from votebox.plugins.builtin.integers import last_integer


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("42\n", "42"),
        ("-7", "-7"),
        ("1\n2\n3\n\n", "3"),
        ("42.0", "42.0"),
        ("1e+20", "1e+20"),
        ("x = 5", "x = 5"),
        ("Answer: 42", "Answer: 42"),
        ("gcd: 12", "12"),
        ("The sum is 5050.", "5050"),
        ("There are 12 ways", "12"),
        ("Found 3 solutions, sum 42", "42"),
        ("12 345", "345"),
        ("1 234 567", "567"),
        ("3 -4", "-4"),
        ("total 1,234", "1,234"),
        ("max(3, 4) is 4", "4"),
        ("result: 3.5e3", "3.5e3"),
        ("Traceback is no matter\n7", "7"),
    ],
)
def test_the_number_on_the_last_line_is_read(output: str, value: str) -> None:
    (reading,) = last_integer(output, "stop")
    assert reading.value == value
    assert output[slice(*reading.span)].strip() == value


@pytest.mark.parametrize(
    "output",
    [
        "",
        "\n \n",
        "None",
        "True",
        "inf",
        "[1, 2, 3]",
        "(1, 2)",
        "{1: 2}",
        "Fraction(1, 2)",
        "3*sqrt(2)",
        "x**2 + 3*x + 2",
        "2*pi",
        "x1",
        "0x1f",
        "5\nno solution",
        "1" * 40,
        "9" * 5000,
        "1+2j",
    ],
)
def test_what_is_not_one_number_is_not_read(output: str) -> None:
    assert last_integer(output, "stop") == []


@pytest.mark.parametrize("finish_reason", ["length", "abort", None])
def test_a_program_that_failed_says_nothing(finish_reason: str | None) -> None:
    assert last_integer("42", finish_reason) == []


@given(st.text(max_size=200))
def test_no_output_raises_and_reading_twice_agrees(output: str) -> None:
    assert last_integer(output, "stop") == last_integer(output, "stop")


@pytest.mark.parametrize("unit", ["1", "1,", "1 ", "-", "\n", "[", "1.", "x1 ", " "])
def test_a_megabyte_of_anything_is_read_in_time(unit: str) -> None:
    started = time.perf_counter()
    last_integer(unit * (1_000_000 // len(unit)), "stop")
    assert time.perf_counter() - started < 60  # a quadratic rule takes many minutes
