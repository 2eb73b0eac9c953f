r"""Take text apart into lines and put it together again, with the endings it had.

Lines end in \n, \r\n or \r, nothing else: a form feed or a Unicode separator is part of a
line, as editors have it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Text", "lines_of"]

_ENDING: Final = re.compile(r"\r\n|\n|\r")


def lines_of(text: str) -> list[str]:
    r"""Return the lines of a text without their endings.

    >>> lines_of("a\r\nb\n")
    ['a', 'b']
    """
    if "\r" in text:
        text = _ENDING.sub("\n", text)
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


@dataclass(frozen=True, slots=True)
class Text:
    """Hold a file as lines and the ending of each; only the last may have none."""

    lines: tuple[str, ...]
    endings: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Text":
        """Take a text apart."""
        lines = lines_of(text)
        endings = _ENDING.findall(text) if "\r" in text else ["\n"] * text.count("\n")
        return cls(tuple(lines), (*endings, *[""] * (len(lines) - len(endings))))

    def __str__(self) -> str:
        return "".join(map("".join, zip(self.lines, self.endings, strict=True)))

    @property
    def ending(self) -> str:
        r"""Return the ending most lines have, the first of equals; \n where there is none."""
        kinds = dict.fromkeys(filter(None, self.endings))
        return max(kinds, key=self.endings.count, default="\n")

    def with_lines(self, start: int, stop: int, new: Sequence["str | int"]) -> "Text":
        """Return the text with the lines from `start` to `stop` replaced.

        An int in `new` stands for that line of this text, kept with its ending. New lines
        end as the line they replace, else as most lines do. The end of the text keeps or
        lacks its final ending as it did.
        """
        ending, at = self.ending, start
        final = self.endings[-1] if self.endings else ending
        lines, ends = [*self.lines[:start]], [*self.endings[:start]]
        for item in new:
            at = item if isinstance(item, int) else at
            lines.append(self.lines[item] if isinstance(item, int) else item)
            ends.append(self.endings[at] if at < stop else ending)
            at += 1
        lines += self.lines[stop:]
        ends += self.endings[stop:]
        return Text(tuple(lines), _ended(ends, ending, final))

    def written(self, lines: Iterable[str]) -> "Text":
        """Return a text of other lines in the manner of this one."""
        return self.with_lines(0, len(self.lines), list(lines))


def _ended(endings: list[str], ending: str, final: str) -> tuple[str, ...]:
    """Give every line but the last an ending, and the last that of the text before."""
    if not endings:
        return ()
    inner = [end or ending for end in endings[:-1]]
    last = endings[-1] if bool(endings[-1]) == bool(final) else final
    return (*inner, last)
