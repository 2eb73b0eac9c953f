"""Read exercises: folders with instructions, a stub, tests and a reference solution.

    NAME/.docs/instructions.md          also introduction.md and instructions.append.md
    NAME/.meta/config.json              {"files": {"solution": [], "test": [], "example": []}}
    NAME/.meta/example.py               the reference
    NAME/name.py, NAME/name_test.py     the stub and its unittest file

This is the layout of exercism's language tracks, so a checkout of one can be read, too. A
dot-directory is read here and goes no further: no model and no jail ever sees one.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from votebox.plugins.errors import ProblemError
from votebox.plugins.testfile import TestFile, read_test_file

__all__ = ["Task", "load_task", "load_tasks"]

_DOCS: Final = ("introduction", "instructions", "instructions.append")
_MOST_BYTES: Final = 2**20
_MOST_FILES: Final = 200
_SKIPPED: Final = ("__pycache__",)


@dataclass(frozen=True, slots=True)
class Task:
    """Hold one exercise; every mapping is text by relative path.

    Attributes:
        id: the folder's name.
        instructions: introduction, instructions and appendix, in Markdown.
        files: what the solution may change, as the stub has it.
        readonly: what it may read: helpers, also those the configuration does not name.
        tests: the original test files; never written where a solution could change them.
        example: the reference, by the paths of `files`.
    """

    id: str
    instructions: str
    files: Mapping[str, str]
    readonly: Mapping[str, str]
    tests: Mapping[str, str]
    example: Mapping[str, str]
    test_files: tuple[TestFile, ...] = field(repr=False, compare=False)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the test files, names included."""
        whole = json.dumps(sorted(self.tests.items())).encode()
        return hashlib.sha256(whole).hexdigest()


def load_tasks(root: Path, names: Sequence[str] = ()) -> tuple[Task, ...]:
    """Return the exercises in a folder of folders, by name; `names` chooses some.

    Raises:
        ProblemError: the folder has none, a name is unknown, or one is broken; it says which.
    """
    if not root.is_dir():
        raise ProblemError(f"{root} is no folder", "give the folder that holds the exercises")
    found = {
        path.name: path
        for path in sorted(root.iterdir())
        if path.is_dir() and (path / ".meta").is_dir()
    }
    unknown = [name for name in names if name not in found]
    if unknown:
        raise ProblemError(f"{root} has no exercise {unknown[0]!r}", f"it has {', '.join(found)}")
    if not found:
        fix = "give a folder whose folders have .meta/config.json, such as exercises/practice"
        raise ProblemError(f"{root} has no exercise", fix)
    return tuple(load_task(found[name]) for name in names or found)


def load_task(folder: Path) -> Task:
    """Return the exercise in one folder; raise ProblemError naming the file and the fix."""
    files = _config(folder)
    solution, tests = _named(folder, files, "solution"), _named(folder, files, "test")
    references = _named(folder, files, "example" if files.get("example") else "exemplar")
    _check_names(folder, solution)
    others = [name for name in _tree(folder) if name not in {*solution, *tests}]
    texts = {name: _text(folder, name) for name in (*solution, *tests, *others)}
    return Task(
        folder.name,
        _instructions(folder),
        {name: texts[name] for name in solution},
        {name: texts[name] for name in others},
        {name: texts[name] for name in tests},
        _example(folder, solution, references),
        tuple(read_test_file(f"{folder.name}/{name}", texts[name]) for name in tests),
    )


def _config(folder: Path) -> dict[str, Any]:
    """Return the table `files` of an exercise's configuration."""
    path = folder / ".meta/config.json"
    try:
        files = json.loads(_text(folder, ".meta/config.json"))["files"]
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        if isinstance(e, ProblemError):
            raise
        raise ProblemError(f"{path} holds no table 'files'", "see docs/editing-benchmark.md") from e
    if not isinstance(files, dict):
        raise ProblemError(f"{path}: 'files' is no table", "see docs/editing-benchmark.md")
    return files


def _named(folder: Path, files: Mapping[str, Any], key: str) -> list[str]:
    """Return the files the configuration lists under `key`, each a plain relative path."""
    names = files.get(key)
    where = f"{folder / '.meta/config.json'}: files.{key}"
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise ProblemError(f"{where} is {names!r}", "list at least one file")
    for name in names:
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
            raise ProblemError(f"{where} names {name!r}", "name files inside the exercise")
        if key in ("solution", "test") and any(part.startswith(".") for part in parts):
            raise ProblemError(f"{where} names {name!r}", "dot-directories are never shown")
    return list(dict.fromkeys(names))


def _check_names(folder: Path, solution: Sequence[str]) -> None:
    for name in solution:
        module = PurePosixPath(name).parts[0].removesuffix(".py")
        if module in sys.stdlib_module_names:
            problem = f"{folder / name} has the name of a module of Python's own"
            raise ProblemError(problem, "rename it: the tests would import the other one")


def _tree(folder: Path) -> Iterator[str]:
    """Give the files of an exercise, dot-files and what Python cached left out."""
    count = 0
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if any(part.startswith(".") or part in _SKIPPED for part in parts) or path.is_dir():
            continue
        count += 1
        if count > _MOST_FILES:
            raise ProblemError(f"{folder} has more than {_MOST_FILES} files", "give one exercise")
        yield "/".join(parts)


def _text(folder: Path, name: str) -> str:
    """Return a file's text; a link out of the exercise is refused."""
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ProblemError(f"{path} is a link to outside", "put the file itself there")
        if path.stat().st_size > _MOST_BYTES:
            raise ProblemError(
                f"{path} has more than {_MOST_BYTES // 2**20} MiB", "make it smaller"
            )
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as e:
        raise ProblemError(f"{path} is not UTF-8 text", "convert it, or remove it") from e
    except OSError as e:
        raise ProblemError(f"cannot read {path}: {e.strerror}", "see .meta/config.json") from e


def _instructions(folder: Path) -> str:
    paths = [f".docs/{name}.md" for name in _DOCS]
    parts = [_text(folder, path).strip() for path in paths if (folder / path).exists()]
    if not any(parts):
        raise ProblemError(f"{folder}/.docs has no instructions.md", "write what is asked")
    return "\n\n".join(parts) + "\n"


def _example(folder: Path, solution: list[str], references: list[str]) -> dict[str, str]:
    """Return the reference by the solution's paths; what it leaves out stays as it is."""
    if len(references) > len(solution):
        problem = f"{folder / '.meta/config.json'} lists more references than solution files"
        raise ProblemError(problem, "list them in the order of files.solution")
    return {name: _text(folder, path) for name, path in zip(solution, references, strict=False)}
