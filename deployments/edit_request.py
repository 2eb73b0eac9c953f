"""Bound the files of an editing task that come with a request, and keep their names inside.

What a name may be is the editing core's rule (votebox.plugins.edits_paths); how much a request
may hold is said here.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from votebox.plugins import ProblemError, Recipe, visible_task
from votebox.plugins.edits_paths import misfit

__all__ = ["Names", "Texts", "Tries", "check_folder", "check_task"]

_MOST_FILES: Final = 500
_MOST_BYTES: Final = 2**20
_MOST_TRIES: Final = 64
_SHOWN: Final = 200


def _texts(value: object) -> object:
    """Stop at the first value that is no text: an error about each takes seconds to make."""
    if isinstance(value, Mapping):
        if len(value) > _MOST_FILES:
            told = {"count": len(value), "most": _MOST_FILES}
            raise PydanticCustomError("too_many", "{count} files, at most {most} are taken", told)
        wrong = next((name for name, text in value.items() if not isinstance(text, str)), None)
        if wrong is not None:
            shown = {"name": repr(wrong)[:_SHOWN], "kind": type(value[wrong]).__name__}
            raise PydanticCustomError("texts", "the file {name} is {kind}, no text", shown)
    return value


Texts = Annotated[
    dict[str, str],
    BeforeValidator(_texts),
    Field(json_schema_extra={"maxProperties": _MOST_FILES}),
]
"""Text by relative path."""

Names = Annotated[list[str], Field(max_length=_MOST_FILES, fail_fast=True)]

Tries = Annotated[int, Field(ge=1, le=_MOST_TRIES)]


def check_folder(
    files: Mapping[str, str], readonly: Sequence[str] = (), tests: Mapping[str, str] | None = None
) -> None:
    """Refuse files that are too large, lie outside of one folder, or are no text.

    Raises:
        ProblemError: naming the file and what to do.
    """
    tests = tests or {}
    _check_names("files", files)
    _check_names("tests", tests)
    unknown = next((name for name in readonly if name not in files), None)
    if unknown is not None:
        problem = f"readonly names {unknown!r:.{_SHOWN}}, which is none of the files"
        raise ProblemError(problem, "name paths of files")
    size = sum(map(_size, (*files.items(), *tests.items())))
    if size > _MOST_BYTES:
        problem = f"the files and tests hold {size:,} bytes"
        raise ProblemError(problem, f"give at most {_MOST_BYTES:,}: models read them all")


def _check_names(field: str, paths: Collection[str]) -> None:
    wrong = misfit(paths)
    if wrong is not None:
        problem = f"{field} names {wrong[0]!r:.{_SHOWN}}: {wrong[1]}"
        raise ProblemError(problem, "name files by their paths in the folder, as src/app.py")


def _size(file: tuple[str, str]) -> int:
    path, text = file
    try:
        return len(text.encode())
    except UnicodeEncodeError as e:
        problem = f"{path!r:.{_SHOWN}} holds {text[e.start]!r} at {e.start}, no character"
        raise ProblemError(problem, "remove it") from e


def check_task(files: Mapping[str, str], metadata: Mapping[str, Any], recipe: Recipe) -> None:
    """Refuse an editing task that `recipe` cannot do, before a model is asked.

    Raises:
        ProblemError: the recipe edits no files, or a test cannot be read.
    """
    edits = any(node.plugin and node.plugin.gives == "patch" for node in recipe.nodes.values())
    if files and not edits:
        problem = f"recipe {recipe.name} edits no files, and the request has some"
        raise ProblemError(problem, "name one that does: solo, architect-editor, architect-vote")
    if edits and not files:
        problem = f"recipe {recipe.name} edits files, and the request has none"
        raise ProblemError(problem, 'give some: "files": {"app.py": "..."}')
    if files:
        visible_task("task", files, metadata.get("tests"))
