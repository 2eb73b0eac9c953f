r"""Hold texts that have broken readers of model replies.

A model writes anything: boxes it never closes, other scripts, numbers no machine can
hold, one character for ever. Each text has a name, so that a finding can say it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["AWKWARD_TEXTS", "LONG_CHARS"]

LONG_CHARS: Final = 100_000

_SHORT: Final = {
    "empty": "",
    "space": " ",
    "newlines": "\n\n\n",
    "windows-lines": "The answer is\r\n\\boxed{42}\r\nANSWER: 42\r\n",
    "old-mac-lines": "The answer is\r\\boxed{42}\rANSWER: 42\r",
    "line-separators": "a\u2028\\boxed{1}\u2029b\x0bc\x0cd\x1ce\x85f",
    "null": "\x00\\boxed{4\x002}\x00",
    "controls": "\x1b[31m\\boxed{42}\x1b[0m\x07\x08",
    "byte-order-mark": "\ufeff\\boxed{42}",
    "lone-surrogate": "\ud800\\boxed{42}\udfff",
    "right-to-left": "\u202e\u05d0\u05d1 \\boxed{\u0664\u0662} \u202c",
    "combining": "\\boxed{4\u0301\u0327" + "\u0300" * 50 + "}",
    "astral-digits": "\\boxed{\U0001d7d2\U0001d7d0} \U0001f600",
    "wide-digits": "\\boxed{\uff14\uff12}\u3002",
    "zero-width": "\\bo\u200bxed{4\u200d2}\u2060",
    "box": "so it is \\boxed{42}.",
    "two-boxes": "\\boxed{1} no, \\boxed{2}",
    "empty-box": "\\boxed{} \\boxed{ }",
    "unclosed-box": "\\boxed{42",
    "unopened-box": "42} \\boxed 42}",
    "nested-box": "\\boxed{\\boxed{\\boxed{7}}}",
    "nested-fraction": "\\boxed{\\frac{1}{\\frac{1}{\\frac{1}{0}}}}",
    "box-in-code": "```python\nprint('\\\\boxed{1}')\n```\n\\boxed{2}",
    "unclosed-fence": "```python\nprint(42",
    "fence-in-fence": "````\n```python\nprint(1)\n```\n````",
    "fences-of-tildes": "~~~python\nprint(1)\n~~~",
    "indented-fence": "  ```python\n  print(1)\n  ```",
    "unclosed-thinking": "<think>it is \\boxed{1}",
    "thinking": "<think>\\boxed{1}</think>\\boxed{2}",
    "thinking-twice": "</think>\\boxed{1}<think></think></think>\\boxed{2}",
    "tower": "\\boxed{9**9**9} \\boxed{9^{9^{9}}}",
    "huge-exponent": "\\boxed{1e999999999} \\boxed{10^{-999999999}}",
    "factorial-bomb": "\\boxed{99999999!}",
    "division-by-zero": "\\boxed{1/0} \\boxed{\\frac{0}{0}}",
    "not-a-number": "\\boxed{nan} \\boxed{inf} \\boxed{-\\infty}",
    "code-in-answer": "\\boxed{__import__('os').getpid()}",
    "html": "<script>alert(1)</script>\\boxed{<b>1</b>}",
    "path": "\\boxed{../../etc/passwd}\x00.txt",
    "units": "\\boxed{42\\ \\text{km/h}}, ANSWER: 42 %",
    "words": "The answer is forty-two. Final answer: none of the above",
    "regex-bait": "(a+)+$ \\boxed{[[[[((((} %s %n {0} ${x}",
}
_LONG: Final = {
    "long-letters": "a" * LONG_CHARS,
    "long-spaces": " " * LONG_CHARS + "x",
    "long-newlines": "\n" * LONG_CHARS,
    "long-digits": "\\boxed{" + "9" * LONG_CHARS + "}",
    "long-braces": "{" * LONG_CHARS,
    "long-closing-braces": "\\boxed" + "}" * LONG_CHARS,
    "long-backslashes": "\\" * LONG_CHARS,
    "long-open-boxes": "\\boxed{" * (LONG_CHARS // 7),
    "long-fences": "```\n" * (LONG_CHARS // 4),
    "long-thinking": "<think>" * (LONG_CHARS // 7),
    "long-parentheses": "\\boxed{" + "(" * (LONG_CHARS // 2) + ")" * (LONG_CHARS // 2) + "}",
    "long-signs": "\\boxed{" + "-" * LONG_CHARS + "1}",
    "long-lines": "ANSWER: 1\n" * (LONG_CHARS // 10),
    "long-markers": "ANSWER:" * (LONG_CHARS // 7),
}

AWKWARD_TEXTS: Final[Mapping[str, str]] = MappingProxyType({**_SHORT, **_LONG})
"""What a reader must survive, by name; the long ones have 100,000 characters."""
