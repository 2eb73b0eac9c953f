"""Part the tests of a task: those whose output may be seen, and those that decide.

A vote or a feedback that knows the tests which score is no measure of either. The split is
by hash, so that it is the same in every run and on every machine; a function that several
classes inherit stands on one side with all of its tests.
"""

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from votebox.plugins.errors import ProblemError
from votebox.plugins.exercises import Task
from votebox.plugins.testfile import TestCase, TestFile

__all__ = ["TestSplit", "split_tests"]

_METHODS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)

type _Function = tuple[str, str, str]
"""The file, class and name of a test's function."""


@dataclass(frozen=True, slots=True)
class TestSplit:
    """Hold both sides of a task's tests.

    Attributes:
        visible: ids of the tests whose output may be seen, in the order of the task.
        hidden: ids of the others.
        files: the test files without the functions of hidden tests; one that keeps no test is
            left out. What stands outside of tests, such as helpers and tables, is in them.
    """

    __test__ = False

    visible: tuple[str, ...]
    hidden: tuple[str, ...]
    files: Mapping[str, str]


def split_tests(task: Task, share: float = 0.4) -> TestSplit:
    """Return the tests of a task with `share` of them visible, one at least on either side.

    Raises:
        ProblemError: the task has fewer than two test functions.
    """
    ids = {
        _id(task, file, case): (file.path, case.owner, case.method)
        for file in task.test_files
        for case in file.cases
    }
    functions = sorted(set(ids.values()), key=lambda name: _rank(task.id, name))
    if len(functions) < 2:
        problem = f"{task.id} has {len(functions)} test, which cannot be parted"
        raise ProblemError(problem, "write more tests, or show none: --procedure published")
    count = min(max(1, round(share * len(functions))), len(functions) - 1)
    shown = frozenset(functions[:count])
    return TestSplit(
        tuple(name for name, function in ids.items() if function in shown),
        tuple(name for name, function in ids.items() if function not in shown),
        dict(_files(task, shown)),
    )


def _id(task: Task, file: TestFile, case: TestCase) -> str:
    """Return the id that run_tests gives a test."""
    return f"{file.module}.{case.id}" if len(task.test_files) > 1 else case.id


def _rank(task: str, function: _Function) -> str:
    return hashlib.sha256("\0".join((task, *function)).encode()).hexdigest()


def _files(task: Task, shown: frozenset[_Function]) -> Iterator[tuple[str, str]]:
    texts = list(task.tests.items())
    for file, (path, text) in zip(task.test_files, texts, strict=True):
        tests = {(file.path, case.owner, case.method) for case in file.cases}
        if tests & shown:
            yield path, _without(text, {(owner, name) for _, owner, name in tests - shown})


def _without(text: str, gone: set[tuple[str, str]]) -> str:
    """Return the source without some functions, all other lines as they were."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")  # as Python counts them
    for node in reversed(ast.parse(text).body):
        name = node.name if isinstance(node, ast.ClassDef) else ""
        body = node.body if isinstance(node, ast.ClassDef) else [node]
        out = [s for s in body if isinstance(s, _METHODS) and (name, s.name) in gone]
        for method in reversed(out):
            first = min([method.lineno, *(mark.lineno for mark in method.decorator_list)])
            emptied = name and len(out) == len(body) and method is out[0]
            empty = [" " * method.col_offset + "pass"] if emptied else []
            lines[first - 1 : method.end_lineno] = empty
    return "\n".join(lines)
