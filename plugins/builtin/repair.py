"""Turn what stands in a block into Python that parses: prompts, magics, signs, cut ends.

A helper of `code:python-blocks`, no plugin. Code that parses is not touched, code that
no repair helps is passed on as it was, and each repair that helped is noted.
"""

import ast
import html
import re
import textwrap
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MAX_CHARS: Final = 100_000
"""Longer programs are run as they are, unread."""
_MAX_TOKENS: Final = 12_000
"""The same for programs of more names, numbers and signs; a tree has about as many nodes."""
_MAX_PARSED: Final = 36_000
"""Tokens of one reply given to the parser in all."""
_MAX_CUTS: Final = 40
"""How often the end of a program that was cut off is moved up."""

_WORD_OR_SIGN: Final = re.compile(r"\w++|[^\w\s]")
_EDGE: Final = re.compile(r"\A\ufeff?(?:[ \t]*+\n)*+")
_OTHER_CELL: Final = re.compile(
    r"%%(?:bash|sh|cmd|html|latex|markdown|javascript|js|svg|sql|perl|ruby|R|writefile|file)\b"
)
_QUOTED: Final = re.compile(r"[ \t]*+>(?!>>)[ ]?")
_PROMPT: Final = re.compile(r"[ \t]*+(?:>>>|\.\.\.)(?: (?P<code>.*+))?")
_CELL_PROMPT: Final = re.compile(r"(?:In ?\[\d*+\]|[ \t]*+\.\.\.)(?:: ?(?P<code>.*+))")
_CELL_OUTPUT: Final = re.compile(r"Out ?\[\d*+\]")
_MAGIC: Final = re.compile(
    r"[ \t]*+(?:[!%].*+|(?:python3? -m )?pip3? install .*+)"
)  # an assignment to a name called `pip` has no blank and `install` behind it
_TIMED: Final = re.compile(r"(?P<lead>[ \t]*+)%{1,2}time[ ]++(?P<code>[^-\s].*+)")
_ENTITY: Final = re.compile(r"&(?:lt|gt|amp|quot|nbsp|#39|#x27|#34);")
_SIGNS: Final = {
    **dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\u2014", "-"),
    **dict.fromkeys("\u00d7\u22c5\u00b7\u2217\u2715", "*"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f\u3000", " "),
    **dict.fromkeys("\ufeff\u200b\u200c\u200d\u2060", ""),
    **{chr(sign): chr(sign - 0xFEE0) for sign in range(0xFF01, 0xFF5F)},
    "\u00f7": "/",
    "\u2264": "<=",
    "\u2265": ">=",
    "\u2260": "!=",
}
_QUOTES: Final = {
    **dict.fromkeys("\u201c\u201d\u201e\u2033", '"'),
    **dict.fromkeys("\u2018\u2019\u201a\u2032", "'"),
}


@dataclass(frozen=True, slots=True)
class Program:
    """Hold a block's source, its tree (None: not Python, or not read) and what was mended."""

    source: str
    tree: ast.Module | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Fault:
    line: int
    message: str


class Parser:
    """Parse sources of one reply, each once and all within a budget of tokens."""

    def __init__(self) -> None:
        self._left = _MAX_PARSED
        self._known: dict[str, ast.Module | _Fault | None] = {}

    def tree(self, source: str) -> ast.Module | None:
        """Return the syntax tree, None for what is not Python or too much to read."""
        parsed = self._parse(source)
        return parsed if isinstance(parsed, ast.Module) else None

    def fault(self, source: str) -> tuple[int, str] | None:
        """Return the line (from 1, 0 unknown) and message of the syntax error, None unread."""
        parsed = self._parse(source)
        return (parsed.line, parsed.message) if isinstance(parsed, _Fault) else None

    def _parse(self, source: str) -> ast.Module | _Fault | None:
        if source not in self._known:
            cost = len(_WORD_OR_SIGN.findall(source)) if len(source) <= MAX_CHARS else MAX_CHARS
            affordable = cost <= min(_MAX_TOKENS, self._left)
            self._left -= cost if affordable else 0
            self._known[source] = _parse(source) if affordable else None
        return self._known[source]


def _parse(source: str) -> ast.Module | _Fault | None:
    try:
        with warnings.catch_warnings():  # about escapes in the model's strings
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as e:
        return _Fault(e.lineno or 0, e.msg)
    except (ValueError, RecursionError, MemoryError):
        return None


def mend(code: str, parser: Parser, *, closed: bool) -> Program:
    """Return the program of a block, mended only as far as it did not parse.

    One that was not closed loses lines at its end until it parses.
    """
    tried = [Program(_tidied(code))]
    if _CELL_PROMPT.match(tried[0].source):  # which would parse, as an annotation
        tried.append(Program(_unprompted(tried[0].source), None, ("prompts removed",)))
    source = tried[-1].source
    tree = parser.tree(source)
    if tree is not None or parser.fault(source) is None:
        return Program(source, tree, tried[-1].notes)
    for note, repair in _REPAIRS:
        changed = repair(tried[-1].source)
        if changed != tried[-1].source:
            tried.append(Program(changed, parser.tree(changed), (*tried[-1].notes, note)))
        if tried[-1].tree is not None:
            return tried[-1]
    if closed:
        return tried[0]
    heads = [Program(head := _head(p.source, parser), parser.tree(head), p.notes) for p in tried]
    return max(heads, key=lambda p: p.source.count("\n") + bool(p.source))


def _tidied(code: str) -> str:
    """Return code with Unix line ends and without common indent or blank edges."""
    source = _EDGE.sub("", code.replace("\r\n", "\n").replace("\r", "\n")).rstrip()
    if source[:1] in (" ", "\t"):
        source = textwrap.dedent(source)
    return "" if _OTHER_CELL.match(source) else source


def _head(source: str, parser: Parser) -> str:
    """Return a program that was cut off without its last lines, "" when none parses.

    No text that ends behind the line of an error parses either, so the end moves there.
    """
    lines = source.split("\n")
    for _ in range(_MAX_CUTS):
        head = "\n".join(lines).rstrip()
        fault = parser.fault(head)
        if fault is None:
            return head if parser.tree(head) is not None else ""
        number, message = fault
        kept = min(len(lines), number or len(lines)) - 1
        if "'except'" in message:
            kept = next((n for n in range(kept, -1, -1) if lines[n].strip() == "try:"), kept)
        del lines[max(kept, 0) :]
    return ""


def _outdented(source: str) -> str:
    """Return code without the indent of its first line, where a line has that much."""
    width = len(source) - len(source.lstrip(" \t"))
    return "\n".join(line[:width].lstrip(" \t") + line[width:] for line in source.split("\n"))


def _unquoted(source: str) -> str:
    lines = source.split("\n")
    if not all(_QUOTED.match(line) for line in lines if line.strip()):
        return source
    return "\n".join(_QUOTED.sub("", line, count=1) for line in lines)


def _unprompted(source: str) -> str:
    """Return what was typed at `>>>` or `In [1]:` prompts, without what they answered."""
    lines = source.split("\n")
    if any(line.lstrip().startswith(">>>") for line in lines):
        typed = [match for line in lines if (match := _PROMPT.fullmatch(line))]
        return "\n".join(match["code"] or "" for match in typed)
    prompts = [_CELL_PROMPT.fullmatch(line) for line in lines]
    if sum(prompt is not None for prompt in prompts) > 1:
        return "\n".join(prompt["code"] for prompt in prompts if prompt)
    if not prompts[0]:
        return source
    rest = (line for line in lines[1:] if not _CELL_OUTPUT.match(line))
    return "\n".join([prompts[0]["code"], *rest])


def _without_magics(source: str) -> str:
    lines = (_TIMED.sub(r"\g<lead>\g<code>", line) for line in source.split("\n"))
    return "\n".join(line for line in lines if not _MAGIC.fullmatch(line)).strip("\n")


def _unescaped(source: str) -> str:
    r"""Return code with entities resolved, and as lines where it says `\n` for each end."""
    source = _ENTITY.sub(lambda entity: html.unescape(entity[0]), source)
    return source if "\n" in source else source.replace("\\n", "\n")


def _with_ascii_signs(source: str) -> str:
    return source.translate({ord(sign): plain for sign, plain in _SIGNS.items()})


def _with_ascii_quotes(source: str) -> str:
    return source.translate({ord(sign): plain for sign, plain in _QUOTES.items()})


_REPAIRS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("indent removed", _outdented),
    ("quote marks removed", _unquoted),
    ("prompts removed", _unprompted),
    ("magic lines removed", _without_magics),
    ("escapes resolved", _unescaped),
    ("signs made ASCII", _with_ascii_signs),
    ("quotes made ASCII", _with_ascii_quotes),
)
