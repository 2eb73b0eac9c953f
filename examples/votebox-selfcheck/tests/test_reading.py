"""Read checks, corrections, scratch work and answers."""

import pytest

from votebox.plugins import Completion
from votebox_selfcheck.reading import Correction, Corrections, answer_of, asserts, without_scratch

REPLY = "ANSWER: 41\nCORRECTION: 41 -> 42\nCHECK: answer % 7 == 0\nCHECK: answer > 0\n"


def run(program: str) -> str:
    """Return what a program of ours prints; it holds no more than the checks above."""
    printed: list[str] = []
    exec(program, {"print": printed.append})
    return "".join(printed)


def test_checks_become_one_program_about_the_corrected_answer() -> None:
    (found,) = asserts(REPLY, "stop", None)
    assert "every check holds" in run(found.value)
    assert REPLY[slice(*found.span)].startswith("CHECK: answer % 7")


@pytest.mark.parametrize("check", ["answer == 41", "answer ==", "import os", "# nothing"])
def test_a_check_that_fails_or_is_no_expression_fails_the_program(check: str) -> None:
    (found,) = asserts(REPLY + f"CHECK: {check}\n", "stop", None)
    with pytest.raises(AssertionError):
        run(found.value)


@pytest.mark.parametrize(
    ("text", "finish_reason"),
    [(REPLY, None), ("ANSWER: 4", "stop"), ("CHECK: answer == 4", "stop"), ("", "stop")],
)
def test_no_program_before_the_end_or_without_answer_and_checks(text, finish_reason) -> None:
    assert asserts(text, finish_reason, None) == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a<scratch>b</scratch>c", "ac"),
        ("a<scratch>b", "a"),
        ("a</scratch>b", "a</scratch>b"),
        ("<scratch>1</scratch>x<scratch>2</scratch>y", "xy"),
    ],
)
def test_scratch_work_is_taken_out(text: str, kept: str) -> None:
    assert without_scratch(Completion(text), None) == kept


def test_corrections_are_read_line_by_line() -> None:
    text = "CORRECTION: 1 -> 2\nCORRECTION: -> 3\nCORRECTION: 4\nso CORRECTION: 5 -> 6"
    assert Corrections().parse(text) == (Correction("1", "2"),)


def test_the_last_answer_that_says_something_counts() -> None:
    assert answer_of("ANSWER: 1\nANSWER: 2\nANSWER:\n") == "2"
    assert answer_of("the ANSWER: 1") is None
