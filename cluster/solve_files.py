"""Read the folder that `votebox solve --files` edits, and write the answer's files into it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from votebox.cluster.edit_folder import read_folder, write_folder
from votebox.cluster.errors import BadUsage, Failed
from votebox.plugins.edits_paths import refusal

__all__ = ["EDITING_RECIPE", "Edited", "edited", "write_files"]

EDITING_RECIPE: Final = "solo"
"""The recipe of an editing task that names none."""


@dataclass(frozen=True, slots=True)
class Edited:
    """Hold the folder of an editing task, its texts by path, and whether to write into it."""

    path: Path
    files: Mapping[str, str]
    write: bool


def edited(folder: Path | None, *, write: bool) -> Edited | None:
    """Return the folder to edit, read; None without one.

    Raises:
        BadUsage: the options do not go together, or the folder has no text file.
    """
    if folder is None:
        if write:
            raise BadUsage("--write needs --files", "add --files DIR")
        return None
    files = read_folder(folder).files
    if not files:
        raise BadUsage(f"{folder} holds no text file", "check --files")
    return Edited(folder, files, write)


def write_files(verdict: Mapping[str, Any], folder: Edited | None) -> list[str]:
    """Write a verdict's files where that was asked for, and return the paths that changed.

    Raises:
        Failed: the folder is not as it was read, cannot be written, or the verdict, which may
            come from an app, names a file outside of it.
    """
    if folder is None or not folder.write:
        return []
    for path, text in verdict["files"].items():
        why = refusal(path, folder.files)
        if text is not None and not isinstance(text, str):
            why = "its text is none"
        if why:
            problem = f"the answer changes {path!r:.200}, which is refused: {why}"
            raise Failed(problem, "nothing was written; look at who answered")
    after: dict[str, str | None] = {**folder.files, **verdict["files"]}
    kept = {path: text for path, text in after.items() if text is not None}
    return write_folder(folder.path, folder.files, kept)
