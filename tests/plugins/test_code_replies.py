"""Awkward replies, class by class: the program each wants run, and that it runs."""

import ast

import pytest
from code_replies import REPLIES, Reply
from hypothesis import given, settings
from hypothesis import strategies as st

from votebox.plugins.builtin.code import python_blocks

PIECES = st.sampled_from(
    ["```", "~~~", "````", "python", "\n", "    ", "- ", ">>> ", "... ", "</think>", "<code>",
     "</code>", "<tool_call>", '{"code": "', '"}', "<|python_tag|>", "print(1)", "x = 1", "x",
     "'", '"', "%time ", "!ls", "\u2212", "\r\n", "\t", "def f():", "In [1]: ", "\\n", "\x0c"]
)  # fmt: skip


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: reply.name)
def test_the_program_of_a_reply(reply: Reply) -> None:
    found = python_blocks(reply.text, reply.finish_reason)
    assert (found[-1].value if found else None) == reply.program


@settings(max_examples=400)
@given(
    st.one_of(
        st.text(), st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=40).map("".join)
    ),
    st.sampled_from(["stop", "length", None]),
)
def test_any_text_is_read_without_an_error(text: str, finish_reason: str | None) -> None:
    for reading in python_blocks(text, finish_reason):
        start, end = reading.span
        assert 0 <= start <= end <= len(text)
        assert reading.value.strip()
        if "does not parse" not in reading.notes and reading.complete:
            ast.parse(reading.value)
