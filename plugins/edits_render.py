"""Write a change of files in an edit format, as a model would have to.

What `parse` and `apply` make of it is the change again: for prompts' examples, for
reference baselines, and to teach a model a format.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from votebox.plugins.edits_fences import choose_fence
from votebox.plugins.edits_match import places
from votebox.plugins.edits_text import lines_of
from votebox.plugins.errors import ProblemError

__all__ = ["RENDERERS", "render"]

_CONTEXT: Final = 3


@dataclass(frozen=True, slots=True)
class _Hunk:
    """Hold lines that change together with those around them, which stay."""

    old: tuple[str, ...]
    new: tuple[str, ...]


def render(
    before: Mapping[str, str],
    after: Mapping[str, str],
    format_name: str = "diff",
    fence: tuple[str, str] | None = None,
) -> str:
    """Return the reply that turns the files `before` into those `after`.

    `fence` is the pair to use; None takes one with which no line starts. Line endings and final newlines are not part of any format. The block formats cannot
    delete a file, nor `whole` empty one.

    Raises:
        ProblemError: the format is unknown or cannot say this change.
    """
    base = format_name.removeprefix("editor-")
    if base not in RENDERERS:
        known = ", ".join(RENDERERS)
        raise ProblemError(f"there is no edit format {format_name!r:.80}", f"known: {known}")
    gone = [path for path in before if path not in after]
    if gone and base not in ("udiff", "patch"):
        raise ProblemError(f"format {base} cannot delete {gone[0]}", "use udiff or patch")
    changes = [
        (path, before.get(path), after.get(path))
        for path in dict.fromkeys((*before, *after))
        if before.get(path) != after.get(path)
    ]
    texts = [text for _, *both in changes for text in both if text]
    return RENDERERS[base](changes, fence or choose_fence(texts))


type _Change = tuple[str, str | None, str | None]
type _Fence = tuple[str, str]


def _whole(changes: Sequence[_Change], fence: _Fence) -> str:
    parts = []
    for path, old, text in changes:
        lines = lines_of(text or "")
        if old and not any(map(str.strip, lines)):
            raise ProblemError(f"format whole cannot empty {path}", "use another")
        name = path if old is not None else f"New file: {path}"
        parts.append("\n".join([name, fence[0], *lines, fence[1], ""]))
    return "\n".join(parts)


def _blocks(changes: Sequence[_Change], fence: _Fence, *, inside: bool = False) -> str:
    parts = []
    for path, old, new in changes:
        name = path if old is not None else f"New file: {path}"
        top = [fence[0], name] if inside else [name, fence[0]]
        for hunk in _unique_hunks(lines_of(old or ""), lines_of(new or "")):
            block = ["<<<<<<< SEARCH", *hunk.old, "=======", *hunk.new, ">>>>>>> REPLACE"]
            parts.append("\n".join([*top, *block, fence[1], ""]))
    return "\n".join(parts)


def _fenced(changes: Sequence[_Change], fence: _Fence) -> str:
    return _blocks(changes, fence, inside=True)


def _udiff(changes: Sequence[_Change], fence: _Fence) -> str:
    parts = []
    opening, close = fence if fence[0][0] == "`" else ("```", "```")
    for path, old, new in changes:
        head = [
            f"--- {'a/' + path if old is not None else '/dev/null'}",
            f"+++ {'b/' + path if new is not None else '/dev/null'}",
        ]
        lines = [*head]
        for hunk in _unique_hunks(lines_of(old or ""), lines_of(new or "")):
            lines += ["@@ ... @@", *_signed(hunk)]
        parts.append("\n".join([f"{opening}diff", *lines, close, ""]))
    return "\n".join(parts)


def _patch(changes: Sequence[_Change], fence: _Fence) -> str:
    lines = ["*** Begin Patch"]
    for path, old, new in changes:
        if old is None:
            lines += [f"*** Add File: {path}", *[f"+{line}" for line in lines_of(new or "")]]
        elif new is None:
            lines.append(f"*** Delete File: {path}")
        else:
            lines.append(f"*** Update File: {path}")
            for hunk in _unique_hunks(lines_of(old), lines_of(new)):
                lines += ["@@", *_signed(hunk)]
    return "\n".join([*lines, "*** End Patch", ""])


def _signed(hunk: _Hunk) -> Iterator[str]:
    """Yield a hunk's lines with their signs, additions first so that none look like a header."""
    matcher = SequenceMatcher(None, hunk.old, hunk.new, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            yield from (f" {line}" for line in hunk.old[a:b])
        else:
            yield from (f"+{line}" for line in hunk.new[c:d])
            yield from (f"-{line}" for line in hunk.old[a:b])


def _unique_hunks(old: Sequence[str], new: Sequence[str]) -> list[_Hunk]:
    """Part a change into hunks that each stand in one place of what those before left.

    Where a hunk has no such place with few lines around it, one hunk takes the whole file.
    """
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    whole = [_Hunk(tuple(old), tuple(new))]
    if not old:
        return whole
    hunks: list[_Hunk] = []
    state = list(old)
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        a, b, c, d = group[0][1], group[-1][2], group[0][3], group[-1][4]
        hunk = _Hunk(tuple(old[a:b]), tuple(new[c:d]))
        at = places(hunk.old, state)
        if len(at) != 1 or at[0] != c or _doubtful(hunk, state, c):
            return whole
        state[c : c + len(hunk.old)] = hunk.new
        hunks.append(hunk)
    return hunks


def _doubtful(hunk: _Hunk, state: Sequence[str], at: int) -> bool:
    """Return whether the new lines stand around the place already, as if it were done."""
    return any(start <= at < start + len(hunk.new) for start in places(hunk.new, state))


RENDERERS: Final[Mapping[str, Callable[[Sequence[_Change], _Fence], str]]] = {
    "whole": _whole,
    "diff": _blocks,
    "diff-fenced": _fenced,
    "udiff": _udiff,
    "patch": _patch,
}
