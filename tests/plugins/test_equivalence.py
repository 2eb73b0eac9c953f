"""Equality of answers: what is proved is right, and little is left undecided."""

from fractions import Fraction

import pytest
from expression_pairs import DIFFERENT, EQUAL, UNDECIDED, Pairs
from expression_trees import latex, tree
from hypothesis import given, settings
from hypothesis import strategies as st

from votebox.plugins.answers import canonical, equivalent, key, show
from votebox.plugins.builtin.policies import Expr
from votebox.plugins.expressions import expression

UNDECIDED_AT_MOST = 0.03


def every(pairs: Pairs) -> list[tuple[str, str]]:
    return [pair for rows in pairs.values() for pair in rows]


def decided(pairs: Pairs) -> list[tuple[str, str, bool | None]]:
    return [(a, b, equivalent(a, b)) for a, b in every(pairs)]


@pytest.mark.parametrize(("pairs", "wrong"), [(EQUAL, False), (DIFFERENT, True)])
def test_no_pair_is_decided_wrong_and_few_are_left(pairs: Pairs, wrong) -> None:
    found = decided(pairs)
    assert [pair for pair in found if pair[2] is wrong] == []
    left = [pair for pair in found if pair[2] is None]
    assert len(left) <= UNDECIDED_AT_MOST * len(found), left


def test_what_the_texts_do_not_say_is_left_undecided() -> None:
    assert [pair for pair in decided(UNDECIDED) if pair[2] is not None] == []


@pytest.mark.parametrize("pairs", [EQUAL, DIFFERENT, UNDECIDED])
def test_equality_does_not_depend_on_the_order(pairs: Pairs) -> None:
    for a, b, same in decided(pairs):
        assert equivalent(b, a) is same


@pytest.mark.parametrize("pairs", [EQUAL, DIFFERENT, UNDECIDED])
def test_an_answer_is_never_different_from_itself(pairs: Pairs) -> None:
    for text in {side for pair in every(pairs) for side in pair}:
        assert equivalent(text, text) is not False


PIECES = (
    "x y a e i n A \\pi 1 2 12 3.5 1,234 + - * / ^ _ ! ( ) [ ] { } \\{ \\} , ; . : = < > \\le \\pm"
    " \\cup \\in \\frac \\frac12 \\frac{1}{2} \\sqrt \\sqrt{2} \\text{ \\text{cm} \\text{yes} \\mathrm"
    " \\mathbf{R} \\mathbb{R} \\left( \\right) \\cdot \\times \\, \\; \\quad ~ $ | % \\% ^\\circ \\infty"
    " \\emptyset or and \\text{or} yes no word \\begin{pmatrix} & \\\\ \\end{pmatrix} \\ldots ..."
    " \\boxed{ \\sin \\ln \\log_2 \\pmod 5 mod \u00b1 \u221a \u221e \u00bd \u00b2 \u2082 \u2264 ** \\ ' \" # @ ?"
)
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from([*PIECES.split(), " "]), max_size=14).map("".join),
    st.randoms(use_true_random=False).map(lambda r: latex(tree(r, 2, variables=True))),
)


@settings(max_examples=600, deadline=None)
@given(TEXTS)
def test_a_key_is_its_own_key(text: str) -> None:
    found = expression(text)
    assert found is None or expression(found) == found


@settings(max_examples=600, deadline=None)
@given(TEXTS)
def test_a_vote_of_any_text_is_a_vote_for_itself(text: str) -> None:
    found = key(text, Expr())
    assert found is None or key(show(found), Expr()) == found


@settings(max_examples=600, deadline=None)
@given(TEXTS, TEXTS)
def test_equality_of_any_texts_is_symmetric_and_reflexive(a: str, b: str) -> None:
    assert equivalent(a, b) is equivalent(b, a)
    assert equivalent(a, a) is not False


@pytest.mark.parametrize(
    ("texts", "voted"),
    [
        (["42", "$42.0$", r"\frac{84}{2}", "x = 42", r"42\text{ cm}"], Fraction(42)),
        (
            [r"\frac{\sqrt{3}}{2}", r"\dfrac{\sqrt3}{2}", r"$\tfrac{\sqrt{3}}2$"],
            r"\frac{\sqrt{3}}{2}",
        ),
        (["(1, 2)", r"\left(1,2\right)", "(x,y) = (1, 2.0)"], "(1, 2)"),
        (["2, 1", r"\{1, 2\}", r"x = 1 \text{ or } x = 2", "1 and 2"], r"\{1, 2\}"),
        (["[0, 1)", r"x \in [0,1)", r"0 \le x < 1"], "[0, 1)"),
        (["yes", r"\text{Yes}", "Yes."], "yes"),
        (["(B)", r"\textbf{(B)}", "B"], "B"),
        ([r"\emptyset", r"\varnothing", r"\{\}"], r"\emptyset"),
        (["x^2+1", "x^{2} + 1", "f(x) = x^2+1"], "x^2+1"),
        (["((5))", r"\boxed{5}", r"{5}"], Fraction(5)),
        (["", "?", "$$", "..."], None),
    ],
)
def test_answers_that_differ_in_notation_vote_for_one(texts: list[str], voted: object) -> None:
    assert {key(text, Expr()) for text in texts} == {voted}


def test_answers_that_differ_vote_apart() -> None:
    texts = [
        "(1, 2)",
        "(2, 1)",
        "[1, 2]",
        "1, 2",
        "12",
        "1.2",
        r"\sqrt{2}",
        r"\sqrt{3}",
        "x",
        "X^2",
    ]
    assert len({key(text, Expr()) for text in texts}) == len(texts)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("P(A)+P(B)", "P(C)+P(B)"),
        ("f(a)+1", "f(b)+1"),
        ("(a)^2+1", "(b)^2+1"),
        ("l: x+y=1", "m: x-y=1"),
        ("\\ell: x-2y+3=0", "0"),
        ("\\text{The line } x-2y+3=0", "\\text{The line } x+y=0"),
        ("x+2y=3\\text{ (line)}", "3"),
        ("C: x^2+y^2=25", "25"),
        ("AB: x+y=1", "1"),
    ],
)
def test_a_label_is_no_part_of_an_argument_and_hides_no_equation(first: str, second: str) -> None:
    assert key(first, Expr()) != key(second, Expr())
    assert equivalent(first, second) is not True


@pytest.mark.parametrize("text", ["12(b)5", "2(A)3", "12B. 5", "2A.5", "5 (a) 7"])
def test_a_label_between_digits_joins_no_number(text: str) -> None:
    assert canonical(text) is None


@pytest.mark.parametrize(
    "text",
    ["5 answer 7", "1 answer is 2", "0.(3)", "0.1(6)", "\u00bd5", "3 $5", "$5$6$", "x=1 y=2"],
)
def test_two_numbers_side_by_side_are_not_one(text: str) -> None:
    assert canonical(text) is None
    assert not isinstance(key(text, Expr()), Fraction)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("(A) \\sqrt2", "\\sqrt{2}"),
        ("\\textbf{(B) } x+1", "x+1"),
        ("\\mathrm{(C)}\\ (1, 2)", "(1, 2)"),
        ("D: -x", "-x"),
        ("(a) -5", "-5"),
    ],
)
def test_a_label_before_an_answer_is_left_out(text: str, same: str) -> None:
    assert key(text, Expr()) == key(same, Expr())


def test_a_modulus_is_no_plus_minus() -> None:
    assert key("x \\equiv 2 \\pmod n", Expr()) == "x\\equiv2\\pmod n"
