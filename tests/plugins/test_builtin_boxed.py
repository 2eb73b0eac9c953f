"""What a reply answers: the last box, else a plain statement of a finished chain."""

import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from votebox.plugins import Completion
from votebox.plugins.answers import canonical
from votebox.plugins.builtin.answer import answer
from votebox.plugins.builtin.boxed import boxed
from votebox.plugins.builtin.thinking import think_tags

BOXED = [
    (r"so \boxed{42}.", "42"),
    (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
    (r"\boxed{\text{a \{ b}}", r"\text{a \{ b}"),
    (r"\boxed{ 7 }", "7"),
    (r"\boxed {7} and \boxed" + "\n{8}", "8"),
    (r"\boxed 7", "7"),
    (r"\boxed -1,234.5 is it", "-1,234.5"),
    (r"\boxed x", "x"),
    (r"\fbox{9}", "9"),
    (r"\framebox{9}", "9"),
    (r"\\boxed{\\frac{1}{2}}", r"\\frac{1}{2}"),
    (r"\\\boxed{5}", "5"),
    (r"\boxed{\boxed{5}}", r"\boxed{5}"),
    (r"first \boxed{5}, no: \boxed{6}", "6"),
    (r"an open { brace before \boxed{5}", "5"),
    (r"a stray } before \boxed{5} and } after", "5"),
    (r"\boxed{5} but in \boxed{answer}", "5"),
    (r"\boxed{5}, format \boxed{} or \boxed{...} or \boxed{\text{your answer}}", "5"),
    (r"\boxed{5} as in \boxed{\ldots}", "5"),
    (r"\boxed{5} then cut \boxed{1", "5"),
    ("\\boxed{5}\n```latex\n\\boxed{6}\n```\n", "5"),
    ("\\boxed{5}\n```python\nprint('\\boxed{6}')", "5"),
    ("```python\nd = {\n```\n\\boxed{5}", "5"),
    ("```\nstray fence, then \\boxed{5}", "5"),
    (r"<think>\boxed{4}</think>\boxed{5}", "5"),
    (r"<think>\boxed{4}</think>It is done.", "4"),
    (r"<think>\boxed{4}", "4"),
    (r"\boxed{42\text{ cm}^2}", r"42\text{ cm}^2"),
]

UNBOXED = [
    "",
    "42",
    "boxed{42}",
    r"\boxed",
    r"\boxed{}",
    r"\boxed{answer}",
    r"\boxed{your final answer}",
    r"\boxedx{5}",
    r"\boxed and nothing",
    "```\n\\boxed{5}\n```",
    r"\boxed{\frac{1}{",
    r"\boxed{1.",
    r"\boxed{1.5",
    r"\boxed{see below: 5",
]


@pytest.mark.parametrize(("text", "value"), BOXED)
@pytest.mark.parametrize("finish_reason", ["stop", "length"])
def test_the_last_complete_box_is_read(text: str, value: str, finish_reason: str) -> None:
    (reading,) = boxed(text, finish_reason)
    assert (reading.value, reading.complete) == (value, True)
    assert text[slice(*reading.span)].strip() == value


@pytest.mark.parametrize("text", UNBOXED)
def test_what_is_no_box_is_not_read(text: str) -> None:
    assert boxed(text, "length") == []


@pytest.mark.parametrize("text", [r"so \boxed{42", "so $\\boxed{42$\n", r"\boxed{ -42"])
def test_a_box_that_was_cut_off_counts_when_it_holds_an_integer(text: str) -> None:
    (reading,) = boxed(text, "length")
    assert reading.value.lstrip("-") == "42"
    assert not reading.complete


STATED = [
    ("42", "42"),
    ("The answer is 42.", "42"),
    ("The final answer is: 42", "42"),
    ("**Final Answer:** 42", "42"),
    ("**The answer is 42.**", "42"),
    ("**Answer: 1,234**", "1,234"),
    ("Answer = $\\frac{1}{2}$.", "$\\frac{1}{2}$"),
    ("The answer is 3.14. Done.", "3.14"),
    ("#### 42", "42"),
    ("#### Conclusion\nThe answer is 7.", "7"),
    ("The answer is 3. Wait, no. The answer is 4.", "4"),
    ("Adding up gives **144**.", "144"),
    ("```python\nprint(5)\n```\nThe answer is 5.", "5"),
    ("<think>The answer is 3</think>Thus x = 5.", "5"),
    ("<think>hm</think>The sum is 12", "12"),
    (r"<think>\boxed{3}</think>The answer is 5.", "5"),
    (r"The answer is 4. \boxed{5}", "5"),
]

UNSTATED = [
    "",
    "x = 5",
    "The answer is x.",
    "The answer is not 42.",
    "The answer is 3 or 4.",
    "The answer is between 3 and 4.",
    "Is the answer is 5?",
    "The answer is 3, 4 and 5.",
    "The answer is 5. No: the answer is unknown.",
    "There are **12** ways each, so 144 in all.",
    "There are **3** red and **4** blue.",
    "The answer is:\n```python\nprint(5)\n```\n",
    "The answer is 5\n```python\nprint(5)",
    "#### Step 3",
    "<think>hm</think>So x = 3, y = 5.",
    "<think>hm</think>So x is 3 and y is 5.",
    "<think>hm</think>So it is 3 or 4.",
]


@pytest.mark.parametrize(("text", "value"), STATED)
def test_a_stated_answer_of_a_finished_chain_is_read(text: str, value: str) -> None:
    (reading,) = answer(text, "stop")
    assert reading.value == value
    assert value in text[slice(*reading.span)]


@pytest.mark.parametrize("text", UNSTATED)
def test_what_is_not_stated_is_not_read(text: str) -> None:
    assert answer(text, "stop") == []


@pytest.mark.parametrize("finish_reason", ["length", "abort", None])
@pytest.mark.parametrize("text", [text for text, _ in STATED if "boxed" not in text])
def test_a_chain_that_did_not_finish_states_nothing(text: str, finish_reason: str) -> None:
    assert answer(text, finish_reason) == []


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("<think>a</think>\n\nb", "b"),
        ("a</think>b", "b"),
        ("<think>a</think>b<think>c</think>d", "d"),
        ("b <think>never closed", "b"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_thinking_is_stripped(text: str, final: str) -> None:
    assert think_tags(Completion(text)) == final


PIECES = st.lists(
    st.sampled_from(
        [
            "\\boxed{",
            "\\boxed",
            "}",
            "{",
            "\\",
            "```",
            "\n",
            "</think>",
            "The answer is ",
            "**",
            "4",
            " ",
            "$",
            "####",
        ]
    ),
    max_size=40,
).map("".join)


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=200), PIECES))
def test_no_text_raises_and_reading_twice_agrees(text: str) -> None:
    for read in (boxed, answer):
        found = read(text, "stop")
        assert found == read(text, "stop")
        assert len(found) <= 1
        for reading in found:
            assert 0 <= reading.span[0] <= reading.span[1] <= len(text)


@pytest.mark.parametrize(
    "unit",
    [
        "\\boxed{",
        "\\",
        "{",
        "}",
        "\\boxed ",
        " ",
        "```\n",
        "`",
        "</think>",
        "**",
        "#### ",
        "answer is ",
        "\\boxed{5}",
        "a = ",
        "\n",
        "\\boxed{your ",
        "~~~py\n",
        "1,",
    ],
)
def test_a_megabyte_of_anything_is_read_in_time(unit: str) -> None:
    text = "\\boxed " + unit * (1_000_000 // len(unit))
    started = time.perf_counter()
    answer(text, "stop")
    assert time.perf_counter() - started < 60  # a quadratic rule takes many minutes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"$-\boxed{7}$", "-7"),
        (r"x = - \boxed{7}", "-7"),
        (r"-\boxed 7", "-7"),
        ("so \u2212\\boxed{7}", "-7"),
        (r"is -\boxed{\frac{1}{2}}", "-1/2"),
        (r"$-\boxed{3+4}$", "-7"),
        (r"$-\boxed{12", "-12"),
        ("- \\boxed{7}", "7"),
        ("1. yes\n- \\boxed{7}", "7"),
        (r"10-\boxed{3}", "3"),
        (r"10 -\boxed{3}", "3"),
        (r"\frac{1}{2} - \boxed{3}", "3"),
        ("the answer - \\boxed{3}", "3"),
    ],
)
def test_a_minus_before_a_box_is_the_answers_unless_it_takes_from_a_value(
    text: str, value: str
) -> None:
    assert canonical(boxed(text, "length")[0].value) == Fraction(value)
