"""Read patches in the V4A form: format `patch`.

    *** Begin Patch
    *** Update File: path
    @@ def scope():
     context
    -old
    +new
    *** End Patch

The outer lines may be missing and prose around them is skipped. Files are made, deleted
and moved by lines that say so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from votebox.plugins.edits_nouns import Diagnostic, EditOp, EditScript, OpKind
from votebox.plugins.edits_text import lines_of

__all__ = ["parse_patch"]

_FILES: Final[tuple[tuple[str, OpKind], ...]] = (
    ("*** Update File:", "replace"),
    ("*** Add File:", "create"),
    ("*** Delete File:", "delete"),
)
_BEGIN: Final = "*** Begin Patch"
_END: Final = "*** End Patch"
_EOF: Final = "*** End of File"
_MOVE: Final = "*** Move to:"


@dataclass(slots=True)
class _Chunk:
    """Gather one change while it is read."""

    first: int
    scope: list[str] = field(default_factory=list)
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    changes: bool = False
    at_end: bool = False


def parse_patch(text: str) -> EditScript:
    """Read the patch of a reply; never raises."""
    lines = lines_of(text)
    reader = _Reader(lines)
    for number, line in enumerate(lines):
        reader.take(line, number)
    reader.finish()
    return EditScript(tuple(reader.ops), "patch", tuple(reader.notes))


class _Reader:
    """Read a patch line by line into ops."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self.ops: list[EditOp] = []
        self.notes: list[Diagnostic] = []
        self._kind: OpKind | None = None
        self._path, self._to = "", ""
        self._first, self._begun, self._ended = 0, False, False
        self._chunk: _Chunk | None = None

    def take(self, line: str, at: int) -> None:
        """Read one line."""
        if line[:3] == "***":
            self._marker(line.rstrip(), at)
        elif self._kind == "create":
            self._added(line, at)
        elif self._kind == "replace":
            self._changed(line, at)

    def finish(self) -> None:
        """Close what is open, and say what was missing."""
        self._close_file(len(self._lines))
        if self._begun and not self._ended:
            message = f'the patch has no end; write "{_END}"'
            self._note("missing_end", message, len(self._lines) - 1)
        elif not self.ops and not any(n.fatal for n in self.notes):
            self._note("no_edit", "the reply holds no patch", len(self._lines) - 1)

    def _note(self, kind: str, message: str, at: int, text: str = "") -> None:
        self.notes.append(Diagnostic(kind, message, at + 1, text))

    def _marker(self, line: str, at: int) -> None:
        for start, kind in _FILES:
            if line.startswith(start):
                self._close_file(at)
                self._kind, self._path, self._first = kind, line[len(start) :].strip(), at
                self._chunk = _Chunk(at + 1)
                return
        if line == _BEGIN:
            self._close_file(at)
            self._begun, self._ended = True, False
        elif line == _END:
            self._close_file(at)
            self._ended = True
        elif line.startswith(_MOVE) and self._kind == "replace":
            self._to = line[len(_MOVE) :].strip()
        elif line == _EOF and self._kind == "replace" and self._chunk:
            self._chunk.at_end = True
            self._close_chunk(at + 1)
        elif self._kind is not None:
            self._note("bad_line", f"{line!r:.60} is no line of a patch", at, line)

    def _added(self, line: str, at: int) -> None:
        if line[:1] == "+" and self._chunk:
            self._chunk.new.append(line[1:])
        elif line.strip() and not line.startswith("```"):
            self._note("bad_line", 'each line of a new file begins with "+"', at, line)

    def _changed(self, line: str, at: int) -> None:
        if line[:2] == "@@":
            self._scope(line[2:].strip().removesuffix("@@").strip(), at)
            return
        if line.startswith("```"):
            return
        chunk = self._chunk = self._chunk or _Chunk(at)
        sign, text = (line[:1], line[1:]) if line[:1] in ("+", "-", " ") else (" ", line)
        if sign != line[:1] and line.strip():
            self._note("missing_prefix", "a line without + or - or blank is read as context", at)
        if sign != "+":
            chunk.old.append(text)
        if sign != "-":
            chunk.new.append(text)
        chunk.changes |= sign != " "

    def _scope(self, scope: str, at: int) -> None:
        """Begin a chunk; several scopes in a row lead to one place."""
        chunk = self._chunk
        if chunk is None or chunk.old or chunk.new:
            self._close_chunk(at)
            chunk = self._chunk = _Chunk(at)
        if scope and not scope.startswith("-"):  # "@@ -1,2 +1,3 @@" counts lines, which is ignored
            chunk.scope.append(scope)

    def _close_file(self, at: int) -> None:
        kind = self._kind
        if kind == "replace":
            self._close_chunk(at)
            if self._to:
                self._add("rename", self._first, at, to=self._to)
        elif kind == "create":
            new = tuple(self._chunk.new) if self._chunk else ()
            self._add("create", self._first, at, new=new)
        elif kind == "delete":
            self._add("delete", self._first, at)
        self._kind, self._path, self._to, self._chunk = None, "", "", None

    def _close_chunk(self, at: int) -> None:
        chunk, self._chunk = self._chunk, None
        if chunk is None or not chunk.changes:
            return
        while chunk.old and chunk.new and not chunk.old[-1].strip() and not chunk.new[-1].strip():
            if self._lines[at - 1]:
                break
            chunk.old.pop()  # empty lines between chunks belong to the reply
            chunk.new.pop()
            at -= 1
        self._add(
            "replace",
            chunk.first,
            at,
            old=tuple(chunk.old),
            new=tuple(chunk.new),
            scope=tuple(chunk.scope),
            at_end=chunk.at_end,
        )

    def _add(
        self,
        kind: OpKind,
        first: int,
        last: int,
        *,
        old: tuple[str, ...] = (),
        new: tuple[str, ...] = (),
        to: str = "",
        scope: tuple[str, ...] = (),
        at_end: bool = False,
    ) -> None:
        op = EditOp(
            kind,
            self._path,
            old,
            new,
            to=to,
            scope=scope,
            at_end=at_end,
            shrinks=kind == "replace",
            first=first + 1,
            last=last,
            raw="\n".join(self._lines[first:last]),
        )
        self.ops.append(op)
