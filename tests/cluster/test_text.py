import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import NASTY

from votebox.cluster.text import clean, one_line, tail


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("\x1bPdevice\x1b\\after", "after"),
        ("\x1b7saved", "saved"),
        ("cut \x1b[", "cut "),
        ("bell\x07 back\x08 nul\x00", "bell back nul"),
        ("\u202eesrever\u202c", "esrever"),
        ("a\tb\r\nc\rd", "a    b\ncd"),
        ("\ud800alone", "alone"),
        ("naïve ∑ 數", "naïve ∑ 數"),
    ],
)
def test_clean_keeps_text_and_drops_what_a_terminal_obeys(given_text: str, shown: str) -> None:
    assert clean(given_text) == shown


@given(st.text())
def test_no_control_character_survives_but_the_line_break(text: str) -> None:
    assert all(c == "\n" or c.isprintable() or c.isspace() for c in clean(text))
    assert "\x1b" not in clean(text)
    assert "\x9b" not in clean(text)


@given(st.text(max_size=300), st.integers(20, 100))
def test_one_line_is_one_line_and_fits(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line.splitlines()) <= 1
    assert len(line) <= limit


def test_tail_keeps_the_end() -> None:
    assert tail("abcdefghij", 5) == "…ghij"
    assert tail("short", 10) == "short"
    assert "\x1b" not in tail(NASTY, 20)
