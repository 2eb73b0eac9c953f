r"""Read normalised LaTeX (latex.py) as an exact form: constants, polynomials, functions.

`form` brings `\frac{1}{1+\sqrt2}` and `\sqrt2-1` to the same Form (forms.py), and
`\frac{x}{x+1}` and `1-\frac{1}{x+1}` to equal ones. What it cannot read with one meaning
(`1/2x`, words, f(x)) or within bounds is None, never slow. Nothing here knows what an
answer is.
"""

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Final

from votebox.plugins.calculus import Calculus, number, of_symbol
from votebox.plugins.forms import Form
from votebox.plugins.functions import FUNCTIONS, turned
from votebox.plugins.terms import IMAGINARY, ONE, Refused, rational

__all__ = ["form"]

_MAX_NESTING: Final = 24
_GREEK: Final = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "lambda",
        "mu",
        "nu",
        "rho",
        "sigma",
        "tau",
        "phi",
        "varphi",
        "omega",
    ]
)
_UNREAD: Final = frozenset("fghFGHPQ")  # f(x) is no product
_TOKEN: Final = re.compile(
    r"\s*+(\\[a-zA-Z]++|[1-9]\d{0,2}(?:,\d{3})++(?![\d,])|\d++(?:\.\d*+)?|\.\d++"
    r"|[a-zA-Z](?:_(?:[a-zA-Z\d]|\{[a-zA-Z\d]{1,3}\}))?|[-+*/^!_(){}\[\]])"
)
_WORD: Final = re.compile(r"(?<![\\a-zA-Z])[a-zA-Z]{3}")
_CLOSING: Final = {"(": ")", "{": "}", "[": "]"}
_TIMES: Final = frozenset({"*", "\\cdot", "\\times"})
_ANGLES: Final = _GREEK | {"pi"}
_DEGREE: Final = (["\\circ"], ["{", "\\circ", "}"])


def form(text: str) -> Form | None:
    r"""Return the form of `text`, or None when it has none within bounds.

    >>> form("\\frac{1}{1+\\sqrt{2}}") == form("\\sqrt{2}-1")
    True
    >>> form("\\int x") is None
    True
    """
    tokens = _tokens(text)
    if not tokens:
        return None
    parser = _Parser(tokens)
    try:
        read = parser.sum()
    except (Refused, ZeroDivisionError, OverflowError):
        return None
    if parser.at != len(tokens):
        return None
    return Form(read.above, read.below, parser.calculus.atoms)


def _tokens(text: str) -> list[str]:
    """Return the tokens of `text`, none when it holds words or anything else."""
    tokens: list[str] = []
    at = 0
    end = len(text.rstrip())
    if _WORD.search(text):
        return []
    while at < end:
        match = _TOKEN.match(text, at)
        if not match:
            return []
        tokens.append(match[1])
        at = match.end()
    return tokens


class _Parser:
    """Descend through the tokens of one expression; `calculus` combines what is read."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.at, self.depth = tokens, 0, 0
        self.calculus = Calculus()
        letters = {mark for mark in tokens if mark[0].isalpha()}
        self.imaginary = "i" in letters <= {"i", "e"}  # beside a variable, i may be an index

    def peek(self) -> str:
        """Return the next token, "" at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        """Consume the next token if it is one of `wanted`, else return ""."""
        mark = self.peek()
        if mark not in wanted:
            return ""
        self.at += 1
        return mark

    def sum(self) -> Form:
        """Read signed products."""
        value = self.product()
        while sign := self.take("+", "-"):
            term = self.product()
            value = self.calculus.plus(value, term if sign == "+" else self.calculus.negative(term))
        return value

    def product(self) -> Form:
        """Read factors: multiplied, divided, or standing side by side."""
        value = self.factor()
        divided = False
        while True:
            mark = self.peek()
            if mark in _TIMES:
                self.at += 1
                value = self.calculus.times(value, self.factor())
            elif mark == "/":
                self.at += 1
                value = self.calculus.over(value, self.factor())
                divided = True
            elif not mark or mark in "+-)}]":
                return value
            elif divided:  # 1/2x means x/2 to some and 1/(2x) to others
                raise Refused
            else:
                value = self.beside(value)

    def beside(self, value: Form) -> Form:
        """Read the next factor of a product without a sign; 3 1/2 is a mixed number."""
        before, mark = self.tokens[self.at - 1], self.peek()
        if (before in _UNREAD and mark == "(") or mark[:1].isdecimal():
            raise Refused
        factor = self.power()
        if mark == "\\frac" and before.isdecimal() and not set(factor.above) - {()}:
            if factor.below != ONE or not 0 < rational(factor.above) < 1:
                raise Refused
            return self.calculus.plus(value, factor)
        return self.calculus.times(value, factor)

    def factor(self) -> Form:
        """Read a signed power; a sign binds weaker than the power."""
        sign = self.take("+", "-")
        value = self.power()
        return self.calculus.negative(value) if sign == "-" else value

    def power(self) -> Form:
        """Read an atom with its factorial and its exponent, or degrees."""
        value = self.atom()
        if self.take("!"):
            value = self.calculus.factorial(value)
        if not self.take("^"):
            return value
        for mark in _DEGREE:
            if self.tokens[self.at : self.at + len(mark)] == mark:
                self.at += len(mark)
                return self.calculus.times(value, Form(turned(Fraction(1)), ONE))
        return self.calculus.power(value, self.nested(self.exponent))

    def exponent(self) -> Form:
        """Read an exponent: a group or one signed token."""
        return self.factor() if self.peek() in ("+", "-") else self.atom()

    def atom(self) -> Form:
        """Read a number, a symbol, a group, a fraction, a root or a function."""
        mark = self.peek()
        if mark in ("(", "{"):
            return self.group()
        self.at += 1
        if mark[:1].isdecimal() or mark[:1] == ".":
            return _number(mark)
        if mark == "\\frac":
            return self.calculus.over(self.braced(), self.braced())
        if mark == "\\binom":
            return self.calculus.binomial(self.braced(), self.braced())
        if mark == "\\sqrt":
            return self.root()
        name = mark.lstrip("\\")
        if name in FUNCTIONS:
            return self.function(name)
        if mark[:1].isalpha():
            return self.symbol(mark)
        if name == "pi" or name in _GREEK:
            return of_symbol(name)
        raise Refused

    def symbol(self, mark: str) -> Form:
        """Return a variable, e or the imaginary unit; an index has no braces."""
        if mark == "i" and self.imaginary:
            return of_symbol(IMAGINARY)
        return of_symbol(mark.replace("{", "").replace("}", ""))

    def group(self) -> Form:
        """Read what one pair of brackets holds."""
        closing = _CLOSING[self.take("(", "{", "[")]
        value = self.nested(self.sum)
        if not self.take(closing):
            raise Refused
        return value

    def braced(self) -> Form:
        """Read a macro's argument, which stands in braces."""
        if self.peek() != "{":
            raise Refused
        return self.group()

    def root(self) -> Form:
        r"""Read the arguments of \sqrt."""
        index = rational(self.group().above) if self.peek() == "[" else Fraction(2)
        if index.denominator != 1 or not 2 <= index <= 12:
            raise Refused
        return self.calculus.root(self.braced(), int(index))

    def function(self, name: str) -> Form:
        r"""Read a function's power, base and argument: \sin^2 x, \log_2 8."""
        base = None
        if name == "log" and self.take("_"):
            base = self.braced() if self.peek() == "{" else self.atom()
        power = self.nested(self.exponent) if self.take("^") else None
        if power is not None and rational(power.above) < 1:  # the inverse, or one over it
            raise Refused
        argument = self.argument(name)
        if name == "log":
            value = self.calculus.logarithm(base, argument)
        else:
            value = self.calculus.function(name, argument)
        return value if power is None else self.calculus.power(value, power)

    def argument(self, name: str) -> Form:
        r"""Read what a function is applied to: a group, or a factor with its coefficient.

        `\sin 2x` is the sine of 2x; where an argument may end sooner or later
        (`\sin xy`, `\ln 2\pi`, `\sin \pi/4`), it is refused.
        """
        mark = self.peek()
        value = self.nested(self.group if mark == "(" else self.power)
        if mark.isdecimal() and (self.peek()[:1].isalpha() or self.peek()[1:] in _ANGLES):
            if name in ("ln", "log"):
                raise Refused
            value = self.calculus.times(value, self.nested(self.power))
        after = self.peek()
        ends = after in ("", "+", "-", ")", "}", "]", *_TIMES) or after[1:] in FUNCTIONS
        if ends or (mark == "(" and after != "^"):
            return value
        raise Refused

    def nested[T](self, read: Callable[[], T]) -> T:
        """Call `read` one level deeper, within the cap."""
        self.depth += 1
        if self.depth > _MAX_NESTING:
            raise Refused
        value = read()
        self.depth -= 1
        return value


def _number(mark: str) -> Form:
    digits = mark.replace(",", "")
    if len(digits) > 1000:
        raise Refused
    return number(Fraction(digits + "0" if digits.endswith(".") else digits))
