"""Replies as models end them: no wrong value ever, and few answers missed."""

import more_replies as more
import pytest
from answer_replies import CUT, FINISHED, PRINTED, Cases

from votebox.plugins.answers import canonical, show
from votebox.plugins.builtin.answer import answer
from votebox.plugins.builtin.numbers import last_number

MISSED_AT_MOST = 0.03


def outcomes(cases: Cases, read, finish_reason: str) -> list[tuple[str, str | None, str | None]]:
    """Return (text, expected, read) of every case; an unreadable reading is None."""
    found = []
    for text, expected in (case for rows in cases.values() for case in rows):
        readings = read(text, finish_reason)
        value = canonical(readings[0].value) if readings else None
        found.append((text, expected, None if value is None else show(value)))
    return found


@pytest.mark.parametrize(
    ("cases", "read", "finish_reason"),
    [
        (FINISHED, answer, "stop"),
        (CUT, answer, "length"),
        (PRINTED, last_number, "stop"),
        (more.FINISHED, answer, "stop"),
        (more.CUT, answer, "length"),
    ],
    ids=["finished", "cut", "printed", "more finished", "more cut"],
)
def test_no_reply_is_read_wrong_and_few_are_missed(cases: Cases, read, finish_reason: str) -> None:
    found = outcomes(cases, read, finish_reason)
    assert [case for case in found if case[2] not in (None, case[1])] == []
    missed = [case for case in found if case[2] != case[1]]
    assert len(missed) <= MISSED_AT_MOST * len(found), missed


@pytest.mark.parametrize("read", [last_number])
@pytest.mark.parametrize("finish_reason", ["length", "abort", None])
def test_a_program_that_failed_prints_no_answer(read, finish_reason: str | None) -> None:
    assert all(value is None for _, _, value in outcomes(PRINTED, read, finish_reason))
