"""Exact forms of formulas: what has one, what is refused, and what that may cost."""

import time

import pytest

from votebox.plugins.algebra import form
from votebox.plugins.forms import same_form
from votebox.plugins.latex import normal

SAME = [
    (r"\frac{1}{1+\sqrt{2}}", r"\sqrt{2}-1"),
    (r"\frac{1}{\sqrt{x^2+1}}", r"\frac{\sqrt{x^2+1}}{x^2+1}"),
    (r"\sqrt{x}\sqrt{x}", "x"),
    (r"\sqrt{4+4\sqrt{2}}", r"2\sqrt{1+\sqrt{2}}"),
    (r"\sqrt{6-2\sqrt{5}}", r"\sqrt{5}-1"),
    (r"\sin^2 x+\cos^2 x", "1"),
    (r"1+\tan^2 x", r"\sec^2 x"),
    (r"\tan(-x)", r"-\tan x"),
    (r"\cos 18^{\circ}", r"\cos\frac{\pi}{10}"),
    (r"\cos 36^{\circ}", r"\frac{1+\sqrt{5}}{4}"),
    (r"\log 4", r"2\log 2"),
    (r"\log_{9}{27}", r"\frac{3}{2}"),
    (r"e^{i\pi}", "-1"),
    (r"e^{i\pi/3}", r"\frac{1}{2}+\frac{\sqrt{3}}{2}i"),
    (r"e^{2\ln 5}", "25"),
    (r"(-1)^{n+1}", r"-(-1)^n"),
    (r"\frac{8^n}{2^n}", r"4^n"),
    (r"\sqrt{2^{2n}}", r"\sqrt{4^n}"),
    (r"\binom{10}{3}", "120"),
    ("3\\frac{1}{2}", "3.5"),
]

APART = [
    (r"\sqrt{2+\sqrt{2}}", r"\sqrt{2-\sqrt{2}}"),
    (r"\tan\frac{\pi}{7}", r"\tan\frac{\pi}{9}"),
    (r"2^{\sqrt{2}}", r"2^{\sqrt{3}}"),
    (r"\ln\pi", r"\ln 3"),
    (r"\pi^{10}", "93648"),
]

UNDECIDED = [
    (r"\sqrt{x^2}", "x"),
    (r"\log 100", "2"),  # of which base?
    (r"\log 2", r"\ln 2"),
    (r"x", r"y"),
    (r"\sin(10^{25})", r"\sin(10^{25}+2\pi)"),
    (r"\sqrt{\pi-3.14159265358979323}", r"\sqrt{\pi-3.14159265358979324}"),
]

REFUSED = {
    "more than one meaning": [
        "1/2x",
        r"\sin xy",
        r"\sin \pi/4",
        r"\ln 2\pi",
        "3!!",
        r"\sin^{-1} x",
    ],
    "no expression": ["", "(", "1 2", "word", "x=", r"\frac{1}", "f(x)", "x_", "|x|", "1+"],
    "no value": [r"\frac{1}{0}", "0^{-1}", "0^{-1/2}", "0^0", r"\tan\frac{\pi}{2}"],
    "over a bound": [
        "9^{9^{9}}",
        "2^{1000000}",
        "(x+y+z+1)^{64}",
        "5000!",
        r"\sqrt[13]{2}",
        "(" * 60 + "1" + ")" * 60,
        "1" * 2000,
    ],
}


@pytest.mark.parametrize(("a", "b"), SAME)
def test_equal_formulas_have_equal_forms(a: str, b: str) -> None:
    first, second = form(normal(a)), form(normal(b))
    assert first is not None
    assert second is not None
    assert same_form(first, second) is True


@pytest.mark.parametrize(("a", "b"), APART)
def test_constants_without_an_exact_form_differ_by_their_values(a: str, b: str) -> None:
    first, second = form(normal(a)), form(normal(b))
    assert first is not None
    assert second is not None
    assert same_form(first, second) is False


@pytest.mark.parametrize(("a", "b"), UNDECIDED)
def test_nothing_is_said_where_a_domain_or_a_base_decides(a: str, b: str) -> None:
    first, second = form(normal(a)), form(normal(b))
    assert first is not None
    assert second is not None
    assert same_form(first, second) is None


@pytest.mark.parametrize("text", [text for rows in REFUSED.values() for text in rows])
def test_what_has_no_one_meaning_or_is_too_large_has_no_form(text: str) -> None:
    started = time.perf_counter()
    assert form(text) is None
    assert time.perf_counter() - started < 20


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("\\dfrac12", r"\frac{1}{2}"),
        ("x^{2}", "x^2"),
        ("x^{10}", "x^{10}"),
        ("sqrt(3)/2", r"\sqrt{3}/2"),
        ("2 * pi", r"2\pi"),
        ("3 \\cdot 4", r"3\cdot4"),
        ("\\left( x \\right)", "(x)"),
        ("x \\leqslant 2", r"x\leq2"),
        ("\\log_2 8", r"\log_2 8"),
        ("\\frac1{12}", r"\frac{1}{12}"),
        ("\\sqrt[3]{2}", r"\sqrt[3]{2}"),
        ("a \\times b", "ab"),
        ("{x}", "x"),
        ("\\frac{1}{", ""),
        ("}", ""),
        ("{" * 50 + "1" + "}" * 50, ""),
    ],
)
def test_latex_has_one_normal_form(text: str, written: str) -> None:
    assert normal(text) == written


@pytest.mark.parametrize(
    "text", ["\\dfrac12 x^{2} + 2*sqrt(3)", "\\log_2 8", "x_{12}y", "a\\cdot 3"]
)
def test_a_normal_form_is_its_own(text: str) -> None:
    assert normal(normal(text)) == normal(text)
