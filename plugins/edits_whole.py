"""Read whole files: format `whole`, a path on the line before a fenced block.

    path
    ```
    the entire new file
    ```

What a block without a path is (the file, its usage, some output) only the known files
can tell: it becomes an op with hints, which edits_apply.py takes or ignores.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from votebox.plugins.edits_fences import Block, blocks
from votebox.plugins.edits_nouns import MOST_OPS, Diagnostic, EditOp, EditScript
from votebox.plugins.edits_paths import bare_name, hints_in, is_path
from votebox.plugins.edits_text import lines_of

__all__ = ["parse_whole"]

_SHOWN: Final = re.compile(
    r"ba(?:sh|t)|cmd|console|diff|fish|log|output|plaintext|powershell|ps1|pycon|session|sh|"
    r"shell(?:-session)?|std(?:err|out)|terminal|text|zsh"
)
"""Languages of blocks that show something and hold no file."""
_MOST_HINTS: Final = 16


def parse_whole(text: str) -> EditScript:
    """Read the whole files of a reply; never raises."""
    lines = lines_of(text)
    found = blocks(lines)
    ops: list[EditOp] = []
    notes: list[Diagnostic] = []
    hints: list[str] = []
    read = 0
    for block in found:
        for line in lines[read : block.first]:
            hints += hints_in(line)
        hints = list(dict.fromkeys(reversed(hints)))[_MOST_HINTS - 1 :: -1]
        read = block.last + 1
        op = _op(lines, block, hints)
        if ops and not op.path and not block.info:  # what a fence inside the file before may leave
            ops[-1] = _suspected(ops[-1], lines[block.first])
        if not op.path and _SHOWN.fullmatch(block.tag):
            message = f"a {block.tag} block without a path is no file"
            notes.append(Diagnostic("ignored_block", message, block.first + 1))
        else:
            ops.append(op)
            notes += _doubts(block)
    if len(found) > MOST_OPS:
        message = f"the reply holds more than {MOST_OPS} blocks"
        notes.append(Diagnostic("too_large", message, found[-1].first + 1))
    if not ops:
        message = "the reply holds no fenced file" if not found else "no fenced block is a file"
        notes.append(Diagnostic("no_edit", message, len(lines)))
    return EditScript(tuple(ops), "whole", tuple(notes))


def _op(lines: Sequence[str], block: Block, hints: Sequence[str]) -> EditOp:
    name, explicit, above = _name(lines, block)
    return EditOp(
        "write",
        name,
        new=tuple(lines[block.first + 1 : block.last]),
        hints=(*hints, *above),
        explicit=explicit,
        suspect=block.fence if block.nested and not block.closed else "",
        tag=block.tag,
        first=block.first + 1,
        last=min(block.last + 1, len(lines)),
        raw="\n".join(lines[block.first : block.last + 1]),
    )


def _suspected(op: EditOp, fence: str) -> EditOp:
    return op if op.suspect else replace(op, suspect=fence.strip())


def _name(lines: Sequence[str], block: Block) -> tuple[str, bool, tuple[str, ...]]:
    """Return the path above a block, whether it says "new file", and other texts that may be one."""
    above: list[str] = []
    for number in (block.first - 1, block.first - 2):
        if number < 0:
            break
        if not lines[number].strip():
            continue
        name, explicit = bare_name(lines[number])
        if is_path(name) or (explicit and name):
            return name, explicit, ()
        above = [name] if name else []
        break
    words = block.info.replace(":", " ").split()
    return "", False, (*above, *words[-1:])


def _doubts(block: Block) -> list[Diagnostic]:
    if block.closed:
        return []
    message = "the last fence is not closed; the file is read to the end of the reply"
    return [Diagnostic("unclosed_fence", message, block.first + 1)]
