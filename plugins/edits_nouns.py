"""Define what an edit is: the values between a model's reply and changed files.

    EditScript      what a reply asks for: ops in order, and what was wrong with the text
    ApplyReport     what came of each op on given files

Values only: formats are read in edits_blocks.py and its siblings, ops are carried out in
edits_apply.py. Lines never hold their ending; line numbers count from 1.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

__all__ = [
    "LEVELS",
    "MOST_OPS",
    "PATH_LEVELS",
    "ApplyReport",
    "Diagnostic",
    "EditOp",
    "EditRules",
    "EditScript",
    "Level",
    "OpKind",
    "OpReport",
    "PathLevel",
    "Status",
    "Window",
    "highest",
]

type Level = Literal["exact", "indent", "blank", "elision", "fuzzy"]
type PathLevel = Literal["exact", "basename", "close", "prose", "only"]
type OpKind = Literal["replace", "write", "create", "append", "delete", "rename"]
type Status = Literal[
    "applied",
    "already_applied",
    "ignored",
    "no_match",
    "ambiguous",
    "bad_path",
    "no_path",
    "no_file",
    "exists",
    "elided",
    "emptied",
    "cut_body",
    "no_context",
    "duplicate",
    "no_change",
]

LEVELS: Final[tuple[Level, ...]] = ("exact", "indent", "blank", "elision", "fuzzy")
"""How SEARCH text may be found, strictest first."""

PATH_LEVELS: Final[tuple[PathLevel, ...]] = ("exact", "basename", "close", "prose", "only")
"""How a file may be found by its name, strictest first."""

MOST_OPS: Final = 5_000
"""The most edits read in one reply; no honest one has as many."""

_FATAL: Final = frozenset(
    {
        "no_edit",
        "truncated",
        "missing_divider",
        "missing_end",
        "bad_marker",
        "bad_line",
        "too_large",
    }
)
_CUT: Final = frozenset({"missing_divider", "missing_end", "unclosed_fence", "no_edit"})
_GOOD: Final = frozenset({"applied", "already_applied", "ignored"})


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """Report one thing about the text of a reply: its class, words, and line.

    `text` is the block as sent, as far as the fault, where there is one.
    """

    kind: str
    message: str
    line: int
    text: str = ""

    @property
    def fatal(self) -> bool:
        """Return whether a reply with this is malformed."""
        return self.kind in _FATAL


@dataclass(frozen=True, slots=True)
class EditOp:
    """Ask for one change of one file.

    `replace` puts `new` where `old` stands; `splits` holds the other ways to part the block
    into old and new, where its own lines look like dividers. `write` gives the whole file,
    `create` one that must not exist, `append` adds to the end (or creates), `rename` moves
    the file to `to`.

    `path` is the name as written ("" when none was), `hints` other texts that may be the
    name, nearest last, taken where one is just the name of a known file. `explicit` says that the reply
    calls the file new. `scope` are lines that stand above the place, `at_end` says it is
    the file's end, `shrinks` that lines around a change are context which may be dropped;
    all three decide only among places. `tag` is the fence's language. `suspect` says that
    the body may have been cut by a fence of its own. `first` and `last` are the lines of
    the reply, `raw` their text.
    """

    kind: OpKind
    path: str = ""
    old: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    to: str = ""
    hints: tuple[str, ...] = ()
    splits: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    scope: tuple[str, ...] = ()
    at_end: bool = False
    shrinks: bool = False
    explicit: bool = False
    suspect: str = ""
    tag: str = ""
    first: int = 0
    last: int = 0
    raw: str = ""


@dataclass(frozen=True, slots=True)
class EditScript:
    """Hold what one reply asks for: `ops` in order, of one `format`, and `diagnostics`."""

    ops: tuple[EditOp, ...] = ()
    format: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def faults(self) -> tuple[Diagnostic, ...]:
        """Return what makes the reply malformed."""
        return tuple(d for d in self.diagnostics if d.fatal)

    @property
    def well_formed(self) -> bool:
        """Return whether the text alone is free of faults; files may still refuse it."""
        return not self.faults

    def ended(self, finish_reason: str | None) -> "EditScript":
        """Return the script of a reply that ended so: cut by its length, it is `truncated`.

        >>> script = EditScript(diagnostics=(Diagnostic("missing_end", "no end", 3),))
        >>> script.ended("length").faults[0].kind
        'truncated'
        """
        if finish_reason != "length":
            return self
        found = tuple(
            replace(d, kind="truncated", message=f"the reply was cut off: {d.message}")
            if d.kind in _CUT
            else d
            for d in self.diagnostics
        )
        return replace(self, diagnostics=found)


@dataclass(frozen=True, slots=True)
class Window:
    """Show the place of a file that is most like a SEARCH text.

    `ratio` is their similarity from 0 to 1, `first` and `last` the lines of the place;
    `lines` are shown from line `start` on, five more on either side.
    """

    ratio: float
    first: int
    last: int
    start: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpReport:
    """Report what came of one op.

    `path` is the file it was taken to mean, "" if none. `level` and `path_level` say how
    much tolerance it took; `positions` are the lines where the text stands (several where
    that is the fault). `found` says that the new text is in the file already, `near` is
    the likeliest place and `elsewhere` the files where the text would match.
    """

    op: EditOp
    status: Status
    path: str = ""
    level: Level = "exact"
    path_level: PathLevel = "exact"
    positions: tuple[int, ...] = ()
    message: str = ""
    near: Window | None = None
    found: bool = False
    elsewhere: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Return whether this op stands in no one's way."""
        return self.status in _GOOD


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """Report what came of a script: `ok` only if every op did, else nothing changed.

    Of a script that is not ok, the ops reported as applied are those that would have been.
    `diagnostics` are the script's.
    """

    ok: bool
    per_op: tuple[OpReport, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def level(self) -> Level:
        """Return the most tolerance any applied op took."""
        return highest(r.level for r in self.per_op if r.status == "applied")

    @property
    def exact(self) -> bool:
        """Return whether all was applied without tolerance, for text and names alike."""
        took = [r for r in self.per_op if r.status == "applied"]
        return self.ok and all(r.level == r.path_level == "exact" for r in took)

    @property
    def failed(self) -> tuple[OpReport, ...]:
        """Return the ops that stood in the way."""
        return tuple(r for r in self.per_op if not r.ok)

    @property
    def faults(self) -> tuple[Diagnostic, ...]:
        """Return what was wrong with the text itself."""
        return tuple(d for d in self.diagnostics if d.fatal)


@dataclass(frozen=True, slots=True)
class EditRules:
    """Set what a script may do to files.

    `level` is the most tolerance allowed. `readonly` are files it must not touch; `tests`
    allows test files, by their names, `create`, `delete` allow files to come and go. `near` says
    whether to look for the lines most like a text that is nowhere.
    """

    level: Level = "fuzzy"
    readonly: frozenset[str] = frozenset()
    tests: bool = False
    create: bool = True
    delete: bool = True
    near: bool = True

    def allows(self, level: Level) -> bool:
        """Return whether text may be found at this level."""
        return LEVELS.index(level) <= LEVELS.index(self.level)


def highest(levels: Iterable[Level]) -> Level:
    """Return the loosest of some levels, `exact` of none."""
    return max(levels, key=LEVELS.index, default="exact")
