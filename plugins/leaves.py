r"""Read an answer that has no parts: a number, a choice, a word, a formula."""

import re
from typing import Final

from votebox.plugins.arithmetic import UNIT, evaluate
from votebox.plugins.latex import normal
from votebox.plugins.notation import clean, plain, quantity
from votebox.plugins.shapes import Shape

__all__ = ["leaf"]

_STYLED: Final = re.compile(
    r"\\(?:text|math|operator)(?:bf|rm|it|sf|tt|normal|name)?\s*+\{([^{}]*+)\}|\\(?:mbox|bm)\s*+\{([^{}]*+)\}"
)
_LETTER: Final = re.compile(r"\(?\s*+([A-J])\s*+[).:]?")
_NUMBERS: Final = re.compile(r"\\mathbf\s*+\{([RZNQ])\}|\\([RZNQ])(?![a-zA-Z])")
_PLAIN_STYLE: Final = re.compile(r"\\(?:math(?:bf|rm|it|sf|tt|normal)|boldsymbol)\s*+\{([^{}]*+)\}")
_WORDS: Final = re.compile(r"[a-zA-Z]++(?:[' -][a-zA-Z]++)*+")
_LONG: Final = re.compile(r"[a-zA-Z]{3}")
_SHORT: Final = frozenset({"yes", "no", "odd", "even", "true"})
_ANGULAR: Final = re.compile(r"\\?(?:sin|cos|tan|cot|sec|csc)")
_EMPTY: Final = frozenset({"\\emptyset", "\\varnothing", "\u2205"})


def leaf(text: str) -> Shape | None:
    """Return the shape of delimiter-free text, None when nothing is left of it."""
    text = quantity(text).strip()
    if text in _EMPTY:
        return Shape("set")
    cleaned = clean(text)
    value = None if cleaned is None else evaluate(quantity(cleaned))
    if value is not None:
        return Shape("number", text=str(value), value=value)
    text = _NUMBERS.sub(lambda m: f"\\mathbb{{{m[1] or m[2]}}}", text)
    styled = _STYLED.sub(lambda m: m[1] or m[2] or "", text).strip()
    letter = _LETTER.fullmatch(styled)
    if letter:
        return Shape("choice", text=letter[1])
    words = " ".join(styled.split()).strip(" .,:;'")
    if _WORDS.fullmatch(words) and _is_prose(words, wrapped=styled != text):
        return Shape("word", text=words.casefold())
    if cleaned is not None and UNIT in cleaned and not _ANGULAR.search(text):
        cleaned = cleaned.rstrip(UNIT + " ")
        text = text if UNIT in cleaned else cleaned
    written = normal(plain(_PLAIN_STYLE.sub(r"{\1}", text))).removeprefix("+")
    return Shape("formula", text=written) if written else None


def _is_prose(words: str, *, wrapped: bool) -> bool:
    """Return whether letters are words, and no product of variables or function."""
    if "\\" in normal(words):
        return False
    if wrapped:
        return len(words) > 1
    return words.casefold() in _SHORT or (len(words) > 3 and bool(_LONG.search(words)))
