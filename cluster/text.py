"""Make text of unknown origin safe to show in a terminal.

Model replies, program output and error texts may hold escape sequences, control and
direction characters; a terminal obeys them. Nothing here knows rich or the events.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

__all__ = ["clean", "columns", "one_line", "tail"]

# CSI, OSC and the other escape sequences of ECMA-48, with their 8-bit forms.
_ESCAPES: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]).*?(?:\x07|\x1b\\|\x9c|$)"
    r"|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
_DROPPED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean(text: str) -> str:
    r"""Return `text` without escape sequences, control and direction characters.

    Line breaks stay and tabs become spaces.

    >>> clean("a\x1b[31mb\x07\u202ec\n\td")
    'abc\n    d'
    """
    plain = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\t", "    ")
    return "".join(c for c in plain if c == "\n" or unicodedata.category(c) not in _DROPPED)


def one_line(text: str, limit: int = 2_000) -> str:
    r"""Return `text` cleaned, on one line, cut in the middle to `limit` characters.

    >>> one_line("two\n  lines")
    'two lines'
    """
    line = " ".join(clean(text).split())
    if len(line) <= limit:
        return line
    half = (limit - 5) // 2
    return f"{line[:half]} ... {line[-half:]}"


def tail(text: str, width: int) -> str:
    """Return the last `width` characters of `text` on one cleaned line."""
    line = one_line(text[-4 * width :], 8 * width)
    return line if len(line) <= width else "\u2026" + line[1 - width :]


def columns(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return columns as wide as they must be; only the last one may be long.

    >>> print(columns(("a", "b"), [("long", "x")]))
    a     b
    long  x
    """
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head) - 1)]
    lines = []
    for row in [head, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)
