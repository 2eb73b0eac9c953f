"""Read unified diffs: format `udiff`, fenced as `diff` or bare.

Line numbers are ignored: models cannot count. `@@` separates hunks, and a hunk is found by
its lines. `/dev/null` and git's own header lines make, delete and rename files.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from votebox.plugins.edits_fences import closes, opens
from votebox.plugins.edits_nouns import Diagnostic, EditOp, EditScript, OpKind
from votebox.plugins.edits_text import lines_of

__all__ = ["parse_udiff"]

_TAGS: Final = frozenset({"diff", "patch", "udiff"})
_NOWHERE: Final = "/dev/null"
_GIT: Final = re.compile(
    r"(?:diff --git |index [0-9a-f]|(?:old|new|deleted file|new file) mode |similarity index |"
    r"copy (?:from|to) |Index: |={20,}+\Z)"
)


@dataclass(slots=True)
class _Hunk:
    """Gather one hunk while it is read."""

    first: int
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    changes: bool = False
    last: int = 0

    def take(self, sign: str, text: str, number: int) -> None:
        """Add a line: context to both sides, else to one."""
        if sign != "+":
            self.old.append(text)
        if sign != "-":
            self.new.append(text)
        self.changes |= sign != " "
        self.last = number + 1


def parse_udiff(text: str) -> EditScript:
    """Read the unified diffs of a reply; never raises."""
    lines = lines_of(text)
    reader = _Reader(lines)
    for start, stop, closed in _parts(lines):
        reader.read(start, stop)
        if not closed:
            message = "the diff's fence is not closed; it is read to the end of the reply"
            reader.note("unclosed_fence", message, start)
    if not reader.ops and not any(n.fatal for n in reader.notes):
        reader.note("no_edit", "the reply holds no unified diff", len(lines) - 1)
    return EditScript(tuple(dict.fromkeys(reader.ops)), "udiff", tuple(reader.notes))


def _parts(lines: Sequence[str]) -> Iterator[tuple[int, int, bool]]:
    """Yield the first and last line indices of each diff, and whether its fence was closed."""
    at, fenced = 0, False
    while at < len(lines):
        opened = opens(lines[at])
        if opened is None or opened[1].lower() not in _TAGS:
            at += 1
            continue
        fenced = True
        end = at + 1
        while end < len(lines) and not closes(lines[end], opened[0]):
            end += 1
        yield at + 1, end, end < len(lines)
        at = end + 1
    if not fenced:
        start = next((n for n in range(len(lines)) if _is_header(lines, n, len(lines))), None)
        if start is not None:
            end = next((n for n in range(start, len(lines)) if closes(lines[n], "```")), len(lines))
            yield start, end, True


def _is_header(lines: Sequence[str], at: int, stop: int) -> bool:
    return lines[at][:4] == "--- " and at + 1 < stop and lines[at + 1][:4] == "+++ "


class _Reader:
    """Read diffs line by line into ops."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self.ops: list[EditOp] = []
        self.notes: list[Diagnostic] = []
        self._path, self._from = "", ""
        self._kind: OpKind = "replace"
        self._hints: tuple[str, ...] = ()
        self._hunk: _Hunk | None = None
        self._seen: set[tuple[str, tuple[str, ...], tuple[str, ...]]] = set()

    def note(self, kind: str, message: str, at: int, text: str = "") -> None:
        """Add a diagnostic about line index `at`."""
        self.notes.append(Diagnostic(kind, message, at + 1, text))

    def read(self, start: int, stop: int) -> None:
        """Read the diff between two line indices."""
        at = start
        while at < stop:
            line = self._lines[at]
            if _is_header(self._lines, at, stop) and self._starts(at, stop):
                self._close()
                self._name(line[4:], self._lines[at + 1][4:], at)
                at += 2
                continue
            if line[:2] == "@@":
                self._close()
                self._hunk = _Hunk(at)
            elif self._hunk is None or (_GIT.match(line) and line[:1] != " "):
                self._outside(line, at)
            else:
                self._inside(line, at)
            at += 1
        self._close()
        self._path, self._kind = "", "replace"

    def _starts(self, at: int, stop: int) -> bool:
        """Return whether a pair of header lines is one, inside a hunk too."""
        if self._hunk is None or not (self._hunk.old or self._hunk.new):
            return True
        return at + 2 < stop and self._lines[at + 2][:2] == "@@"

    def _name(self, before: str, after: str, at: int) -> None:
        old, new = (
            before.split("\t", maxsplit=1)[0].strip(),
            after.split("\t", maxsplit=1)[0].strip(),
        )
        if old[:2] in ("a/", "") or new[:2] in ("b/", ""):
            both = (old[:2] == "a/" or old == _NOWHERE) and (new[:2] == "b/" or new == _NOWHERE)
            old = old[2:] if both and old != _NOWHERE else old
            new = new[2:] if both and new != _NOWHERE else new
        self._kind = "create" if old == _NOWHERE else "delete" if new == _NOWHERE else "replace"
        self._path = old if new == _NOWHERE else new
        self._hints = (old,) if old not in (_NOWHERE, self._path) else ()
        if self._kind == "delete":
            self.ops.append(self._op("delete", (), (), at, at + 2))
        self._hunk = _Hunk(at + 2) if self._kind != "delete" else None

    def _outside(self, line: str, at: int) -> None:
        self._close()
        if line.startswith("rename from "):
            self._from = line[12:].strip()
        elif line.startswith("rename to ") and self._from:
            to = line[10:].strip()
            raw = f"{self._lines[at - 1]}\n{line}"
            self.ops.append(EditOp("rename", self._from, to=to, first=at, last=at + 1, raw=raw))
            self._path, self._from = to, ""
        elif line[:1] in ("+", "-") and self._kind != "delete":
            message = "the diff names no file; write ---/+++ lines with its path first"
            self.note("bad_line", message, at, line)

    def _inside(self, line: str, at: int) -> None:
        hunk = self._hunk
        if hunk is None or line[:1] == "\\":
            return
        sign = line[:1] or " "
        if sign in " +-":
            hunk.take(sign, line[1:], at)
            return
        self.note("missing_prefix", "a line without + or - or blank is read as context", at, line)
        hunk.take(" ", line, at)

    def _close(self) -> None:
        hunk, self._hunk = self._hunk, None
        if hunk is None or not hunk.changes or self._kind == "delete":
            return
        if not self._path:
            message = "the hunk names no file; write ---/+++ lines with its path first"
            self.note("bad_line", message, hunk.first)
            return
        old, new = tuple(hunk.old), tuple(hunk.new)
        if (self._path, old, new) not in self._seen:
            self._seen.add((self._path, old, new))
            self.ops.append(self._op(self._kind, old, new, hunk.first, hunk.last))

    def _op(
        self, kind: OpKind, old: tuple[str, ...], new: tuple[str, ...], first: int, last: int
    ) -> EditOp:
        raw = "\n".join(self._lines[first:last])
        return EditOp(
            kind,
            self._path,
            old,
            new,
            hints=self._hints,
            shrinks=True,
            first=first + 1,
            last=last,
            raw=raw,
        )
