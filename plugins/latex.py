r"""Write LaTeX in one normal form: braces, fractions, roots, powers, blanks.

`normal` changes how an expression is written, never what it is: `\dfrac12` becomes
`\frac{1}{2}`, `sqrt(3)/2` becomes `\sqrt{3}/2`, `x^{2}` becomes `x^2`. It evaluates
nothing and knows no answers. One pass, nesting bounded.
"""

import re
from typing import Final

__all__ = ["normal"]

_MAX_NESTING: Final = 40
_TOKEN: Final = re.compile(
    r"(?P<blank>\s*+)(?P<mark>\\[a-zA-Z]++|\\.|\d++(?:\.\d++)?+|[a-zA-Z]++|\*\*|[<>!]=|.)",
    re.DOTALL,
)
_SAME: Final = {
    "\\dfrac": "\\frac",
    "\\tfrac": "\\frac",
    "\\cfrac": "\\frac",
    "\\dbinom": "\\binom",
    "\\tbinom": "\\binom",
    "\\times": "\\cdot",
    "\\ast": "\\cdot",
    "\\le": "\\leq",
    "\\leqslant": "\\leq",
    "<=": "\\leq",
    "\u2264": "\\leq",
    "\\ge": "\\geq",
    "\\geqslant": "\\geq",
    ">=": "\\geq",
    "\u2265": "\\geq",
    "\\ne": "\\neq",
    "!=": "\\neq",
    "\\lt": "<",
    "\\gt": ">",
    "\\div": "/",
    "\\backslash": "\\setminus",
    "**": "^",
    "*": "\\cdot",
    "\u221a": "\\sqrt",
    "\u221e": "\\infty",
    "\u222a": "\\cup",
    "\u2229": "\\cap",
    "\u00b1": "\\pm",
    "\u03c0": "\\pi",
    "\u03b8": "\\theta",
    "sqrt": "\\sqrt",
    "pi": "\\pi",
    "sin": "\\sin",
    "cos": "\\cos",
    "tan": "\\tan",
    "cot": "\\cot",
    "arcsin": "\\arcsin",
    "arccos": "\\arccos",
    "arctan": "\\arctan",
    "ln": "\\ln",
    "log": "\\log",
    "exp": "\\exp",
    "oo": "\\infty",
    "infinity": "\\infty",
}
_DROPPED: Final = frozenset(
    {"\\left", "\\right", "\\displaystyle", "\\big", "\\Big", "\\bigg", "$"}
)
_ARGUMENTS: Final = {"\\frac": 2, "\\binom": 2, "\\sqrt": 1}
_ATOM: Final = re.compile(r"\\[a-zA-Z]++|\w")


class _Refused(Exception):
    """Say that braces do not match or nest too deep."""


def normal(text: str) -> str:
    r"""Return `text` in normal form, "" when its braces do not match.

    >>> normal("\\dfrac12 x^{2} + 2*sqrt(3)")
    '\\frac{1}{2}x^2+2\\sqrt{3}'
    """
    tokens: list[tuple[str, bool]] = []
    blank = False
    for match in _TOKEN.finditer(text.strip()):
        mark = match["mark"]
        blank = blank or bool(match["blank"]) or mark == "$"  # $5$6$ is no 56
        if mark not in _DROPPED:
            tokens.append((_SAME.get(mark, mark), blank))
            blank = False
    writer = _Writer(tokens)
    try:
        written = writer.until("")
    except _Refused:
        return ""
    return written if writer.at == len(tokens) else ""


class _Writer:
    """Rewrite tokens from left to right; `at` is the next one, with its blank before."""

    def __init__(self, tokens: list[tuple[str, bool]]) -> None:
        self.tokens, self.at, self.depth = tokens, 0, 0

    def peek(self) -> str:
        """Return the next token, "" at the end."""
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def until(self, closing: str) -> str:
        """Rewrite up to `closing`, or up to the end."""
        written: list[str] = []
        before = ""
        while self.at < len(self.tokens) and self.peek() != closing:
            blank = self.tokens[self.at][1]
            part = self.part()
            if part and written and _apart(before, part, blank=blank):
                written.append(" ")
            if part:
                written.append(part)
                before = part
        if closing and not self.peek():
            raise _Refused
        return "".join(written)

    def part(self) -> str:
        """Rewrite the next token with what belongs to it, within the cap on nesting."""
        self.depth += 1
        if self.depth > _MAX_NESTING:
            raise _Refused
        written = self.rewritten()
        self.depth -= 1
        return written

    def rewritten(self) -> str:
        """Rewrite the next token with what belongs to it."""
        mark = self.peek()
        if mark == "}":
            raise _Refused
        if mark == "{":
            inner = self.group("}")
            return inner if _ATOM.fullmatch(inner) and not inner.isdecimal() else f"{{{inner}}}"
        self.at += 1
        if mark == "\\cdot":  # needed between digits only
            return "\\cdot" if self.peek()[:1].isdecimal() else ""
        if mark in ("^", "_"):
            argument = self.raised()
            return mark + (argument if len(argument) == 1 else f"{{{argument}}}")
        if mark not in _ARGUMENTS:
            return mark
        if mark == "\\sqrt" and self.peek() == "[":
            mark += f"[{self.group(']')}]"
            return mark + f"{{{self.argument()}}}"
        return mark + "".join(f"{{{self.argument()}}}" for _ in range(_ARGUMENTS[mark]))

    def group(self, closing: str) -> str:
        """Rewrite what one pair of brackets holds."""
        self.at += 1
        inner = self.until(closing)
        self.at += 1
        return inner

    def argument(self) -> str:
        r"""Rewrite a macro's argument: a group, one digit as in \frac12, or one token."""
        mark, _ = self.tokens[self.at] if self.at < len(self.tokens) else ("", False)
        if mark == "{":
            return self.group("}")
        if mark == "(":
            return self.group(")")
        if not mark or mark in "}])^_":
            raise _Refused
        if len(mark) > 1 and mark[0] != "\\":  # 12 of \frac12: one, and two left
            self.tokens[self.at] = (mark[1:].lstrip("."), False)
            return mark[0]
        return self.part()

    def raised(self) -> str:
        """Rewrite an exponent or index: a group, or one signed token with all its digits."""
        mark = self.peek()
        if mark in ("{", "("):
            return self.group(_closing(mark))
        sign = ""
        if mark in ("+", "-"):
            self.at += 1
            sign, mark = mark, self.peek()
        if not mark or mark in "+-}])^_":
            raise _Refused
        if mark.isalpha() and len(mark) > 1:
            self.tokens[self.at] = (mark[1:], False)
            return sign + mark[0]
        return sign + self.part()


def _closing(opening: str) -> str:
    return "}" if opening == "{" else ")"


def _apart(before: str, part: str, *, blank: bool) -> bool:
    """Return whether two neighbours need a blank: they would read as one, or were words."""
    last, first = before[-1], part[0]
    if before[0] in "^_" and last.isdigit() and first.isdigit():
        return True
    if before[0] == "\\" and before[1:].isalpha():
        return first.isalpha()
    if not blank:
        return False
    if last.isdigit() and first.isdigit():
        return True
    return before.isalpha() and part.isalpha() and len(before) + len(part) > 3
