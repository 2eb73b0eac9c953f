r"""Bring an answer's notation to the plain arithmetic `arithmetic.py` reads.

`clean` removes what does not change the value (delimiters, spacing, style, units) and
refuses what may: a base, a list, plus-minus, "or", "million". A unit becomes one mark
that the evaluator allows behind a finished value only, so "5 ft 6 in" is no number.
Every pattern is linear and every loop is bounded.
"""

import re
from typing import Final
from unicodedata import decimal, normalize

from votebox.plugins.arithmetic import UNIT

__all__ = ["MAX_CHARS", "clean", "plain", "quantity"]

MAX_CHARS: Final = 2000
"""Longer texts are no answers."""

_REFUSAL: Final = "\x02"
_MINUS: Final = dict.fromkeys(map(ord, "\u2212\u2010\u2011\ufe63\uff0d\u02d7\u2796"), "-")
_SIGNS: Final = {
    "\u00d7": "\\times ",
    "\u00b7": "\\cdot ",
    "\u22c5": "\\cdot ",
    "\u2219": "\\cdot ",
    "\u00f7": "/",
    "\u2044": "/",  # the fraction slash of NFKC's 1/2
    "\u2215": "/",
    "\u2261": "\\equiv ",
    "\u2248": "\\approx ",
    "\u21d2": "\\implies ",
    "\u00b0": "^\\circ ",
    "\u3002": ".",
    "\u221a": "\\sqrt ",
    "\u211d": "\\mathbb{R}",
    "\u2124": "\\mathbb{Z}",
    "\u2115": "\\mathbb{N}",
    "\u211a": "\\mathbb{Q}",
}
_POWERS: Final = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))
_RAISED: Final = re.compile(f"[{''.join(_POWERS)}]+")
# NFKC would read the base of 101₂ and the part of 1½ as further digits.
_MERGED: Final = re.compile(r"[₀-₎]|\d\s*+[¼-¾⅐-⅞]|[¼-¾⅐-⅞]\s*+\d")
_FRACTIONS: Final = frozenset("¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞")
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"), None)
_LEADING_DASH: Final = re.compile(r"^[\s$(]*+[\u2012\u2013](?=\s*+[\d.\\(])")
_SPACING: Final = re.compile(r"\\[,;: ]|~|\\(?:thinspace|enspace)(?![a-zA-Z])")
_GAP: Final = re.compile(
    r"\\(?:q?quad(?![a-zA-Z])|[hv]space\*?\{[^{}]*+\}|phantom\{(?:[^{}]|\{[^{}]*+\})*+\})"
)
_DOUBLED: Final = re.compile(r"\\\\(?=[a-zA-Z,;:!$%(){}\[\]])")
_STYLE: Final = re.compile(
    r"\\(?:left|right|[bB]igg?[lr]?|displaystyle|textstyle|limits|bf|rm|it"
    r"|tiny|scriptsize|footnotesize|small|normalsize|large|Large|LARGE|huge|Huge)(?![a-zA-Z])"
    r"|\\(?:text)?color\{[a-zA-Z]{1,20}\}"
)
_WRAPPER: Final = re.compile(
    r"\\(math(?:bf|rm|it|sf|tt|normal)|boldsymbol|bm|text(?:bf|it|rm|sf|tt|normal)?|mbox"
    r"|boxed|fbox|hbox|underline|emph|pmb|bold)\s*+\{((?:[^{}]|\{[^{}]*+\})*+)\}"
)
_OUTER: Final = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("**", "**"), ("`", "`"))
_OPENINGS: Final = frozenset(opening[0] for opening, _ in _OUTER)
_ANSWER: Final = re.compile(
    r"(?<![a-zA-Z\\])(?:the\s++)?(?:(?:final|correct)\s++)?answer(?:\s++is)?\s*+[:=]?+\s*+",
    re.IGNORECASE,
)
_REFUSED: Final = re.compile(
    rf"[<>;|{_REFUSAL}]|\.\.|[a-zA-Z]\s*+!=|\b(?:or|and)\b|\\[{{}}]"
    r"|\d\.\d*+\(\d++\)"  # 0.(3): a period, or a product
    r"|\b\d{4}-\d\d-\d\d\b|\b\d\d?/\d\d?/\d{4}\b"  # dates
    r"|\\(?:pm|mp|leq?|geq?|neq?|not|in|cup|cap|to|infty|[lcd]?dots|b?mod|overline|lor|land|mid)"
    r"(?![a-zA-Z])"
)
_MODULUS: Final = re.compile(
    r"\\pmod\s*+(?:\{[^{}]*+\}|\d++)|\(\s*+(?:\\text\{\s*+)?\\?b?mod(?![a-zA-Z])[^()]*+\)"
)
_DEGREE: Final = re.compile(
    r"(?:\^\s*+(?:\\circ(?![a-zA-Z])|\{\s*+\\circ\s*+\})|\\degrees?(?![a-zA-Z]))(?:\s*+[CF]\b)?"
)
_PERCENT: Final = re.compile(r"\\?%|\\?[¢€£¥](?=\W{0,20}+$)")
_BARE_UNIT: Final = re.compile(
    r"(?<=[\d})\s\x01])(?:k?m/(?:s|h)(?:\^\{?2\}?)?+|mph|\\Omega|square|cubic|sq\.?|units?|per|[cmk]m|[mk]?g|ml|feet|foot|ft|inch(?:es)?"
    r"|met(?:er|re)s?|miles?|yards?|degrees?|percent|dollars?|cents?|hours?|minutes?|seconds?"
    r"|days?|weeks?|months?|years?)(?![a-zA-Z])"
    r"|(?<=[\d}\s])(?:平方(?:厘米|米)|厘米|千米|公里|千克|小时|分钟|[元圆円个個人名种種只本条天岁米克秒度件张块次원개명])"
    r"(?![\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3])"
)
_UNIT_POWER: Final = re.compile(rf"{UNIT}\s*+\^\s*+(?:\{{+\s*+-?\d\s*+\}}+|-?\d)")
_UNIT_OVER: Final = re.compile(rf"(?<={UNIT})\s*+(?:/|\*|\\cdot(?![a-zA-Z]))\s*+(?={UNIT})")
_EXPONENT: Final = re.compile(r"(?<=[a-zA-Z])\^(?:\{\s*+-?\d\s*+\}|-?\d)")
_ORDINAL: Final = re.compile(
    r"(?<=\d)\s*+(?:\^\s*+)?(?:(?:st|nd|rd|th)|\{\s*+(?:st|nd|rd|th)\s*+\}"
    r"|\\text[a-z]*+\s*+\{\s*+(?:st|nd|rd|th)\s*+\}"
    r"|\{\s*+\\(?:text|mathrm)[a-z]*+\s*+\{\s*+(?:st|nd|rd|th)\s*+\}\s*+\})(?![a-zA-Z])"
)
_IN_WORDS: Final = re.compile(
    r"\s\((?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twel|thir|for|fif|twen)"
    r"[a-z -]{0,60}\)\s*+$"
)
_SIGN_GROUP: Final = re.compile(r"\{\s*+([-+])\s*+\}")
_BREAK: Final = re.compile(r"^\s*+\\\\(?=\s)|\\\\\s*+$")
_ROOT_OF: Final = re.compile(r"√\s*+(\d++(?:\.\d++)?+)")
_CHOOSE: Final = re.compile(r"\{?\s*+\{?(\d{1,4})\}?\s*+\\choose\s*+\{?(\d{1,4})\}?\s*+\}?")
_REPEATING: Final = re.compile(r"(\d{0,12})\.(\d{0,12})\\(?:overline|bar)\s*+\{(\d{1,12})\}")
_RANGE: Final = re.compile(rf"[\s$(]*+(\d{{1,30}})\s*+-\s*+(\d{{1,30}})[\s$){UNIT}]*+")
# (3,141) is rather a point, or the start of an interval, than a number in brackets.
_PAIR: Final = re.compile(r"(?:^|=)\s*+\(\s*+-?\d{1,3}(?:,\d{3})++\s*+\)\s*+(?:$|=)")
_INNER: Final = re.compile(r"\([^()]*+\)")
_UNIT_LETTERS: Final = frozenset("msghLlJNWVAFKC")
# Words that change a number or say that it is not one; any other word is a unit.
_CHANGING: Final = re.compile(
    r"\b(?:or|and|not|no|to|mod|base|binary|octal|hex\w*|hundreds?|thousands?|[mbt]r?illions?|dozens?"
    r"|half|halves|thirds?|quarters?|\w*(?:four|fif|six|seven|eigh|nin|ten|hundred)ths?|tens|squared|cubed|factorial|less|more|than|least|most|plus|minus"
    r"|times|over|if|when|undefined|infinit\w*|between|through|remainder|radicals?|pi|e)\b"
)
# A choice's label begins an answer, alone or in a style of its own; (a)^2 and (a)+b hold none.
_LABEL: Final = re.compile(
    r"[{\s]*+(?:\\(?:text|math)[a-z]{0,6}+\s*+\{\s*+(?:\([A-Ea-e]\)|[A-E][.):])\s*+\}\s*+(?=\S)"
    r"|\([A-Ea-e]\)\s*+(?=[^\s^_!'()+*/=<>,.;:&-]|-\s*+[\d\\.]|\.\d|\([^()]*+,)"
    r"|[A-E][.):]\s*+(?=\S))"
)
_CURRENCY: Final = re.compile(r"(-?)\s*+(?:\\?\$|[€£¥])\s*+(?=[-\d.\\])")


def clean(text: str) -> str | None:
    """Return `text` as plain relations between expressions, None when it is no number."""
    folded = _fold(text)
    if folded is None:
        return None
    text = _stripped(_spaced(folded))
    if "answer" in text.lower():
        text = _stripped(_ANSWER.sub(" ", text, count=1))
    if "mod" in text:
        text = _MODULUS.sub("", text)
    text = _ORDINAL.sub(UNIT, _IN_WORDS.sub("", text))
    for _ in range(8):
        text, found = _WRAPPER.subn(_unwrapped, text)
        if not found:
            break
    text = _PERCENT.sub(UNIT, _DEGREE.sub(UNIT, text))
    text = _BARE_UNIT.sub(UNIT, text)
    if UNIT in text:
        text = _UNIT_OVER.sub("", _UNIT_POWER.sub(UNIT, text))
    if "choose" in text or "bar" in text or "overline" in text:
        text = _CHOOSE.sub(r"{\\binom{\1}{\2}}", _REPEATING.sub(_repeating, text))
    return None if _refused(text) else text


def _refused(text: str) -> bool:
    r"""Return whether something in `text` says that it is not one number.

    In brackets before a last "=" that is no matter: P(A \cup B) = 1/2 is one.
    """
    bracketed, equals, last = text.rpartition("=")
    head = _INNER.sub("", bracketed) if equals else ""
    if _REFUSED.search(head + equals + last):
        return True
    between = _RANGE.fullmatch(text)
    return bool(_PAIR.search(text) or (between and int(between[1]) < int(between[2])))


def _repeating(match: re.Match[str]) -> str:
    """Return a repeating decimal as the fraction it is."""
    whole, fixed, period = match.groups()
    nines = (10 ** len(period) - 1) * 10 ** len(fixed)
    value = int(whole + fixed + period or "0") - int(whole + fixed or "0")
    return f"{{{value}/{nines}}}"


def quantity(part: str) -> str:
    """Return one side of a relation without choice label and currency sign."""
    bare = _stripped(part)
    label = _LABEL.match(bare)
    bare = bare[label.end() :] if label else bare
    sign = _CURRENCY.match(bare)
    return sign[1] + bare[sign.end() :] if sign else bare


def plain(text: str) -> str:
    """Return `text` without delimiters, style and needless blanks, "" when over-long."""
    folded = _fold(text) if len(text) <= MAX_CHARS else None
    if folded is None:
        return ""
    bare = _stripped(_spaced(folded)).replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac")
    return re.sub(r"(?<![a-zA-Z0-9])\s++|\s++(?![a-zA-Z0-9\s])", "", bare)


def _fold(text: str) -> str | None:
    """Return `text` in ASCII where its characters mean the same, None where that would lie."""
    if text.isascii():
        return text
    text = _ROOT_OF.sub(r"\\sqrt{\1}", text.translate(_INVISIBLE))
    if _MERGED.search(text) or any(map(_is_merged, text)):
        return None
    text = _RAISED.sub(lambda m: "^{" + "".join(_POWERS[c] for c in m[0]) + "}", text)
    text = _LEADING_DASH.sub(lambda m: m[0][:-1] + "-", text.translate(_MINUS))
    folded = normalize("NFKC", "".join(_SIGNS.get(c, c) for c in text))
    return "".join(str(decimal(c)) if c.isdecimal() else _SIGNS.get(c, c) for c in folded)


def _is_merged(char: str) -> bool:
    """Return whether NFKC would make plain digits of a numeral like ㊷."""
    return char.isnumeric() and not (char.isdecimal() or char in _POWERS or char in _FRACTIONS)


def _spaced(text: str) -> str:
    """Bring spacing, style and doubled backslashes to one form."""
    if "\\\\" in text:
        text = _BREAK.sub("", _DOUBLED.sub(r"\\", text))
    text = _SIGN_GROUP.sub(r"\1", text)
    text = text.replace("{,}", ",").replace("\\!", "")
    return _STYLE.sub("", _GAP.sub("  ", _SPACING.sub(" ", text)))


def _stripped(text: str) -> str:
    """Take off blanks, delimiters and a final full stop, a few layers deep."""
    for _ in range(4):
        before, text = text, text.strip()
        if text.endswith((".", ",")) and text[-2:-1] != ".":
            text = text[:-1].rstrip()
        for opening, closing in _OUTER if text[:1] in _OPENINGS else ():
            inner = text[len(opening) : -len(closing)]
            whole = len(text) > len(opening) + len(closing)
            if whole and text.startswith(opening) and text.endswith(closing):
                text = text if opening[-1] in inner and opening != "**" else inner
        wrapped = _WRAPPER.fullmatch(text) if text[:1] == "\\" else None
        if wrapped and any(c.isdigit() for c in wrapped[2]):
            text = wrapped[2]
        if text == before:
            return text
    return text.strip()


def _unwrapped(match: re.Match[str]) -> str:
    r"""Return what \text{..} and its like stand for: a group, a label, a unit, a refusal."""
    content = match[2].strip()
    letters = _EXPONENT.sub("", content)
    if any(c.isdigit() for c in letters) or UNIT in content:
        return "{" + content + "}"
    if not content or _LABEL.match(content + "x") or not content.strip("\\$€£¥. "):
        return content
    word = letters.strip(" .,:()$-/")
    if not word or _CHANGING.search(word.lower()):
        return _REFUSAL
    if match.start() == 0 and content.endswith((":", " is")):  # "Total: 42"
        return ""
    unit = match[1] in ("text", "textrm", "mathrm", "mbox", "hbox", "textnormal")
    return UNIT if unit and (len(word) > 1 or word in _UNIT_LETTERS) else _REFUSAL
