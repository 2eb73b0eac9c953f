"""Read the names of files a reply writes, keep them inside, and say which file is meant.

A name is data from a stranger: nothing here touches a disk, and what leaves here is a
relative path of plain parts or a refusal.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Final

from votebox.plugins.edits_nouns import EditOp, EditRules, PathLevel, Status

__all__ = ["Found", "bare_name", "hints_in", "is_path", "locate", "misfit", "refusal"]

_MOST_CHARS: Final = 250
_MOST_BYTES: Final = 255  # of one part, as common file systems have it
_CLOSE: Final = 0.8
_EDGE: Final = " \t*`#:'\"\u201c\u201d,;"
_LEAD: Final = re.compile(
    r"(?://|--|\d{1,3}[.)]|[-+>])[ \t]++|<!--|/\*|(?:file ?name|file|path)[ \t*`]*+:",
    re.IGNORECASE,
)
_NEW: Final = re.compile(r"[ \t*`#]*+new[ _-]?file[ \t*`]*+:", re.IGNORECASE)
_TAIL: Final = re.compile(r"(?:-->|\*/)\Z")
_SHAPE: Final = re.compile(
    r"""(?=[^\s<>"|?*`()=;,!]++\Z)(?:[^/\\]*+[/\\].*+|.*\.[A-Za-z][A-Za-z0-9_+-]{0,15}+\Z"""
    r"""|(?:Docker|Gem|Jenkins|Make|Proc|Rake)file\Z|LICENSE\Z|README\Z)"""
)
_QUOTED: Final = re.compile(r"`([^`\s]{1,250}+)`")
_TEST: Final = re.compile(r"test_.*+|.*_test\.[a-z]++|.*\.(?:test|spec)\.[a-z]++|conftest\.py")
_SUFFIXES: Final = re.compile(
    r"\.(?:bash|c|cc|cfg|clj|cpp|cs|css|csv|dart|env|erl|exs?|go|h|hpp|hs|html|ini|ipynb|java|jl|"
    r"jsx?|json|kt|lua|m|md|mjs|ml|nix|php|pl|proto|ps1|pyi?|r|rb|rs|rst|scala|scss|sh|sql|svg|"
    r"swift|tex|tf|toml|tsx?|txt|vue|xml|ya?ml|zig)"
)
"""What the names of files end in; a new file of another kind has to be called new."""


@dataclass(frozen=True, slots=True)
class Found:
    """Say which file a name means, or why none: `path` is "" where `status` is set."""

    path: str = ""
    level: PathLevel = "exact"
    status: Status | None = None
    message: str = ""
    known: bool = True


def bare_name(line: str) -> tuple[str, bool]:
    """Return a line without what decorates a file's name, and whether it says "new file:".

    >>> bare_name("### **`src/app.py`**:")
    ('src/app.py', False)
    >>> bare_name("New file: notes.txt")
    ('notes.txt', True)
    """
    new = _NEW.match(line)
    text = line[new.end() :] if new else line
    for _ in range(8):  # more layers than anybody writes
        before = text
        text = text.strip(_EDGE)
        lead = _LEAD.match(text)
        text = text[lead.end() :] if lead else text
        text = _TAIL.sub("", text)
        if text == before:
            break
    return text, new is not None


def is_path(text: str) -> bool:
    """Return whether a text has the shape of a path: one word with a slash or an ending.

    What else may be a name, as `run` or `my notes.txt`, only the known files can tell.

    >>> is_path("src/app.py"), is_path("Here is app.py"), is_path("Usage")
    (True, False, False)
    """
    return 0 < len(text) <= _MOST_CHARS and _SHAPE.match(text) is not None


def hints_in(line: str) -> list[str]:
    """Return what stands in backticks in a line of prose and may be a name."""
    return _QUOTED.findall(line) if "`" in line else []


def refusal(path: str, known: Collection[str] = ()) -> str:
    """Return why a path may not be touched, "" if it may.

    >>> refusal("../up.py")
    'it leaves the folder'
    """
    parts = path.split("/")
    if not path or len(path) > _MOST_CHARS:
        return f"a path has 1 to {_MOST_CHARS} characters"
    if not path.isprintable() or any(len(p.encode()) > _MOST_BYTES for p in parts):
        return "it holds characters no file name should"
    if path.startswith(("/", "~")) or ":" in path or "\\" in path:
        return "it is not relative to the folder"
    if ".." in parts:
        return "it leaves the folder"
    if any(part in ("", ".") or part != part.strip() for part in parts):
        return "it has an empty part"
    if any(part.startswith(".") for part in parts[:-1]):
        return "it is in a folder whose name begins with a dot"
    if parts[-1].startswith(".") and path not in known:
        return "its name begins with a dot"
    return ""


def misfit(paths: Collection[str]) -> tuple[str, str] | None:
    """Return the first path that cannot be a file of one folder, and why; None if all can.

    >>> misfit(["a.py", "a.py/b.py"])
    ('a.py/b.py', 'a.py is a file')
    """
    known = frozenset(paths)
    for path in paths:
        why = refusal(path, known)
        above = next((str(p) for p in PurePosixPath(path).parents if str(p) in known), "")
        if why or above:
            return path, why or f"{above} is a file"
    return None


def locate(op: EditOp, known: Sequence[str], rules: EditRules) -> Found:
    """Say which file an op means: one of `known`, or a new one where it makes files."""
    found = _meant(op, known, rules)
    return found if found.status else _allowed(op, found, known, rules)


def _meant(op: EditOp, known: Sequence[str], rules: EditRules) -> Found:
    makes = op.kind in ("write", "create", "append") and rules.create
    hinted = next((hint for hint in reversed(op.hints) if hint in known), "")
    if hinted and op.kind != "write":
        return Found(hinted)
    if op.path:
        named = _by_name(op, known, makes=makes)
        if named is not None:
            return named
    if hinted:
        return Found(hinted, "prose")
    if op.kind != "write":
        return _unknown(op.path, known)
    editable = [p for p in known if not _kept(p, rules)]
    if len(editable) == 1:
        return Found(editable[0], "only")
    return Found(status="no_path", message="no path stands on the line before the fence")


def _by_name(op: EditOp, known: Sequence[str], *, makes: bool) -> Found | None:
    path = _normal(op.path, known)
    if path in known:
        return Found(path, "exact" if op.path in (path, f"./{path}") else "basename")
    problem = refusal(path, known)
    if problem:
        return Found(status="bad_path", message=f"{op.path!r:.200} is refused: {problem}")
    if makes and (op.explicit or op.kind == "create"):
        return Found(path, known=False)
    if op.kind in ("delete", "rename"):
        return None
    name = PurePosixPath(path).name
    same = [p for p in known if PurePosixPath(p).name == name]
    if len(same) == 1 and not ("/" in path and op.kind == "append"):
        return Found(same[0], "basename")
    if len(same) > 1:
        several = ", ".join(sorted(same)[:8])
        return Found(status="bad_path", message=f"{path!r} may be any of {several}")
    close = get_close_matches(path, known, n=2, cutoff=_CLOSE) if len(known) <= 2000 else []
    if makes:
        return _made(path, close) if _is_ordinary(path, known) else None
    if len(close) == 1:
        return Found(close[0], "close")
    if close:
        return Found(status="bad_path", message=f"{path!r} may be {close[0]} or {close[1]}")
    return None


def _made(path: str, close: Sequence[str]) -> Found:
    """Make a new file, unless it is more likely a slip: what is taken for a whole file costs it."""
    if not close:
        return Found(path, known=False)
    fix = f'for a new file write "New file: {path}"'
    return Found(status="bad_path", message=f"there is no {path!r}, but {close[0]}; {fix}")


def _is_ordinary(path: str, known: Iterable[str]) -> bool:
    """Return whether a name ends as files do; `dict.get` and `and/or` are prose."""
    suffix = PurePosixPath(path).suffix.lower()
    return bool(_SUFFIXES.fullmatch(suffix)) or suffix in {
        PurePosixPath(p).suffix for p in known
    } - {""}


def _unknown(path: str, known: Sequence[str]) -> Found:
    if not path:
        return Found(status="no_path", message="no path stands above the block")
    shown = ", ".join(sorted(known)[:8]) or "none"
    return Found(status="no_file", message=f"there is no file {path!r:.200}; files: {shown}")


def _normal(path: str, known: Collection[str]) -> str:
    """Return a path with plain slashes and no needless dots; never resolve "..", refuse it."""
    if path in known:
        return path
    text = path.replace("\\", "/")
    while text.startswith("./"):
        text = text[2:]
    return re.sub(r"(?<=[^/])/{2,}+", "/", text)


def _allowed(op: EditOp, found: Found, known: Sequence[str], rules: EditRules) -> Found:
    path = found.path
    problem = refusal(path, known) or _kept(path, rules)
    if not problem and not found.known:
        problem = _in_the_way(path, known)
    if problem:
        return Found(status="bad_path", message=f"{path!r} is refused: {problem}")
    return found


def _kept(path: str, rules: EditRules) -> str:
    if path in rules.readonly:
        return "it may be read only"
    parts = PurePosixPath(path).parts
    if not rules.tests and (_TEST.fullmatch(parts[-1]) or {"test", "tests"} & set(parts[:-1])):
        return "it is a test"
    return ""


def _in_the_way(path: str, known: Iterable[str]) -> str:
    for other in known:
        if other.startswith(f"{path}/"):
            return "it is a folder"
        if path.startswith(f"{other}/"):
            return f"{other} is a file"
    return ""
