"""Read a test file: which tests it must run, each alone, and a falsified copy of each.

A file declares methods of unittest.TestCase classes, or, where it has none, plain functions
`test_*` with asserts, as pytest runs them; there is no pytest in the jail, so that fixtures,
parameters and marks are refused by name. Nothing is imported or run. The tests expected are those the text of the file declares, so
that neither the solution nor the file's own run can add one or lose one.
"""

import ast
import copy
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from votebox.plugins.errors import ProblemError

__all__ = ["TestCase", "TestFile", "read_test_file"]

_CASES: Final = ("TestCase", "IsolatedAsyncioTestCase")
_SKIPS: Final = ("skip", "skipIf", "skipUnless")
_SETUPS: Final = (
    *("setup_module", "teardown_module", "setup_function", "teardown_function"),
    *("setUpModule", "tearDownModule"),
)
_MOST_CLASSES: Final = 200


@dataclass(frozen=True, slots=True)
class TestCase:
    """Name one test.

    Attributes:
        name: the class that runs it, "" of a plain function.
        owner: the class whose body holds it, which may be a base of `name`.
        method: the function.
        skippable: whether the file itself may skip it; no other test may.
    """

    __test__ = False  # pytest looks for tests by such names

    name: str
    owner: str
    method: str
    skippable: bool

    @property
    def id(self) -> str:
        """Return "Class.method", of a plain function its name."""
        return f"{self.name}.{self.method}" if self.name else self.method


@dataclass(frozen=True, slots=True)
class TestFile:
    """Hold the tests of one file, in the order of its text, classes first."""

    __test__ = False

    path: str
    tree: ast.Module
    cases: tuple[TestCase, ...]

    @property
    def module(self) -> str:
        """Return the name the file is imported by."""
        return self.path.rpartition("/")[2].removesuffix(".py")

    def alone(self, case: TestCase) -> ast.Module:
        """Return a copy of the file that holds no other test than `case`."""
        tree = copy.deepcopy(self.tree)
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                keep = case.method if node.name == case.owner else ""
                body = [s for s in node.body if not _is_test(s) or _name(s) == keep]
                node.body = body or [ast.copy_location(ast.Pass(), node)]
        if not case.owner:
            tree.body = [s for s in tree.body if not _is_test(s) or _name(s) == case.method]
        return tree


def read_test_file(path: str, source: str) -> TestFile:
    """Return the tests a file declares.

    Raises:
        ProblemError: it does not parse, declares no test, or needs pytest.
    """
    try:
        tree = ast.parse(source, filename=path)
    except (SyntaxError, ValueError, RecursionError) as e:
        raise ProblemError(f"the test file {path} does not parse: {e}", "mend it") from e
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    if len(classes) > _MOST_CLASSES:
        raise ProblemError(
            f"{path} has {len(classes)} classes", f"at most {_MOST_CLASSES} are read"
        )
    cases = tuple(
        case for name in classes if _is_case(name, classes) for case in _cases(name, classes)
    )
    cases = cases or tuple(_functions(path, tree))
    if not cases:
        fix = "write tests as methods of unittest.TestCase, or as functions test_*"
        raise ProblemError(f"{path} declares no test", fix)
    return TestFile(path, tree, cases)


def _functions(path: str, tree: ast.Module) -> Iterator[TestCase]:
    """Give the plain functions that are tests; refuse a file that only pytest could run."""
    found = {_name(node): node for node in tree.body if _is_test(node)}  # the last one counts
    for node in tree.body:
        why = _needs_pytest(node, found)
        if why:
            fix = "write plain functions test_* with asserts, or unittest: the jail has no pytest"
            raise ProblemError(f"{path} is written for pytest: {why}", fix)
    for name, node in found.items():
        yield TestCase("", "", name, _skips(node))


def _needs_pytest(node: ast.stmt, tests: Collection[str]) -> str:
    """Return what of a statement only pytest understands, "" where there is nothing."""
    if any(module.partition(".")[0] == "pytest" for module in _imported(node)):
        return "it imports pytest"
    if isinstance(node, ast.ClassDef) and any(_is_test(s) for s in node.body):
        return f"the class {node.name} has tests and is no unittest.TestCase"
    name = _name(node)
    if name in _SETUPS:
        return f"{name}() is to run around tests"
    if name not in tests or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return ""
    taken = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
    if taken:
        return f"{name}() takes {taken[0].arg!r}, a fixture or a parameter"
    if any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in _own(node)):
        return f"{name}() yields, and a call of it would run nothing"
    return f"{name}() is async" if isinstance(node, ast.AsyncFunctionDef) else ""


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Give what stands in a function and in no other one within."""
    for inner in ast.iter_child_nodes(node):
        if not isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield inner
            yield from _own(inner)


def _imported(node: ast.stmt) -> Iterator[str]:
    """Give the modules that a statement imports, however deep in it."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Import):
            yield from (alias.name for alias in inner.names)
        elif isinstance(inner, ast.ImportFrom) and not inner.level:
            yield inner.module or ""


def _is_case(name: str, classes: dict[str, ast.ClassDef]) -> bool:
    return any(base in _CASES for base in _line(name, classes))


def _line(name: str, classes: dict[str, ast.ClassDef]) -> list[str]:
    """Return a class and its bases, nearest first, each once, as the file declares them."""
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop(0)
        if current not in found:
            found[current] = None
            node = classes.get(current)
            waiting[:0] = [_last_name(base) for base in node.bases] if node else []
    return list(found)


def _cases(name: str, classes: dict[str, ast.ClassDef]) -> Iterator[TestCase]:
    line = [classes[base] for base in _line(name, classes) if base in classes]
    skipped = any(_skips(node) for node in line)
    seen: set[str] = set()
    for node in line:
        for statement in node.body:
            names = _bound(statement)
            if _is_test(statement) and _name(statement) not in seen:
                yield TestCase(name, node.name, _name(statement), skipped or _skips(statement))
            seen.update(names)


def _bound(statement: ast.stmt) -> list[str]:
    """Return the names a statement of a class body gives a value: `test_x = None` hides one."""
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    return [_name(statement)]


def _is_test(node: ast.stmt) -> bool:
    return _name(node).startswith("test")


def _name(node: ast.stmt) -> str:
    return node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else ""


def _skips(node: ast.stmt) -> bool:
    if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return any(_last_name(decorator) in _SKIPS for decorator in node.decorator_list)


def _last_name(node: ast.expr) -> str:
    """Return `TestCase` for `TestCase`, `unittest.TestCase` and `TestCase(...)`."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
