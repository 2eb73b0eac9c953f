"""Turn a model's reply into changed files: `parse` reads it, `apply` carries it out.

    script = parse(reply, "diff")
    files, report = apply(script, {"app.py": text})

Pure: no disk, no model, no clock. Files are texts by relative path; the caller reads and
writes them. `feedback` words what went wrong for the model, `render` writes a change in a
format. docs/editing.md tells the formats, the tolerance and the faults.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from votebox.plugins.edits_apply import apply
from votebox.plugins.edits_blocks import parse_blocks
from votebox.plugins.edits_feedback import FeedbackLimits, feedback
from votebox.plugins.edits_fences import FENCES, choose_fence
from votebox.plugins.edits_nouns import (
    LEVELS,
    PATH_LEVELS,
    ApplyReport,
    Diagnostic,
    EditOp,
    EditRules,
    EditScript,
    OpReport,
    Window,
)
from votebox.plugins.edits_patch import parse_patch
from votebox.plugins.edits_render import render
from votebox.plugins.edits_udiff import parse_udiff
from votebox.plugins.edits_whole import parse_whole
from votebox.plugins.errors import ProblemError
from votebox.plugins.registry import nearest

__all__ = [
    "FENCES",
    "FORMATS",
    "LEVELS",
    "PATH_LEVELS",
    "ApplyReport",
    "Diagnostic",
    "EditOp",
    "EditRules",
    "EditScript",
    "FeedbackLimits",
    "OpReport",
    "Window",
    "apply",
    "choose_fence",
    "feedback",
    "parse",
    "render",
]

FORMATS: Final[Mapping[str, Callable[[str], EditScript]]] = MappingProxyType(
    {
        "whole": parse_whole,
        "diff": parse_blocks,
        "diff-fenced": partial(parse_blocks, format_name="diff-fenced"),
        "udiff": parse_udiff,
        "patch": parse_patch,
    }
)
"""The parser of each format."""


def parse(text: str, format_name: str = "diff", finish_reason: str | None = None) -> EditScript:
    """Read the edits of a reply in one format; any text gives a script, no text raises.

    With `finish_reason` "length" what is missing at the end counts as `truncated`. The
    variants `editor-diff`, `editor-whole` and so on are read as their base.

    Raises:
        ProblemError: there is no such format.
    """
    base = format_name.removeprefix("editor-")
    if base not in FORMATS:
        hint = nearest(base, FORMATS)
        raise ProblemError(f"there is no edit format {format_name!r:.80}", hint)
    return FORMATS[base](text).ended(finish_reason)
