"""Make a false copy of a test: one that every honest solution fails.

A solution that reaches into its own interpreter can make any test of it succeed: it can
patch the assertions, return objects equal to everything, or report a success and leave. It
does so blindly. Each test is therefore run twice, in random order, once with one assertion
made false: what passes that copy is no solution.
"""

import ast
import random
from collections.abc import Callable, Iterator
from typing import Final

from votebox.plugins.testfile import TestCase, TestFile

__all__ = ["falsified"]

_EQUALS: Final = frozenset(
    f"assert{kind}Equal"
    for kind in ("", "List", "Dict", "Set", "Tuple", "MultiLine", "Sequence", "Count", "Almost")
)
_PAIRS: Final = (
    ("assertEqual", "assertNotEqual"),
    ("assertTrue", "assertFalse"),
    ("assertIs", "assertIsNot"),
    ("assertIsNone", "assertIsNotNone"),
    ("assertIn", "assertNotIn"),
    ("assertIsInstance", "assertNotIsInstance"),
    ("assertAlmostEqual", "assertNotAlmostEqual"),
    ("assertGreater", "assertLessEqual"),
    ("assertLess", "assertGreaterEqual"),
    ("assertRegex", "assertNotRegex"),
)
_OPPOSITE: Final = dict(_PAIRS) | {b: a for a, b in _PAIRS}
_RAISES: Final = ("assertRaises", "assertRaisesRegex")
_OTHERS: Final = ("BufferError", "ReferenceError", "FloatingPointError")
_HIDDEN: Final = (
    *(ast.If, ast.Try, ast.TryStar, ast.While, ast.Match),
    *(ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
)
"""What may leave an assertion in it unevaluated; a falsified one there might not fail."""

type _Function = ast.FunctionDef | ast.AsyncFunctionDef


def falsified(file: TestFile, case: TestCase, chance: random.Random) -> ast.Module:
    """Return the file with `case` alone, one of its assertions made false.

    A test without an assertion gets one that fails at its end.
    """
    tree = file.alone(case)
    owners = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == case.owner]
    body = owners[0].body if case.owner else tree.body
    methods = {n.name: n for n in body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
    method = methods[case.method]
    called = _called if case.owner else _called_plainly
    for function in (method, *_helpers(method, methods, called)):
        if _falsify(function, chance):
            return ast.fix_missing_locations(tree)
    fails = ast.parse("self.assertTrue(False)" if case.owner else "assert False").body[0]
    # In "finally", because a test may return before its end.
    method.body = [ast.copy_location(ast.Try(method.body, [], [], [fails]), method.body[0])]
    return ast.fix_missing_locations(tree)


def _helpers(
    method: _Function, methods: dict[str, _Function], called: Callable[[ast.AST], str]
) -> Iterator[_Function]:
    """Give the functions beside a test that it calls: methods of its class, or of its file."""
    for node in _surely(method):
        name = called(node)
        if name in methods and methods[name] is not method:
            yield methods[name]


def _falsify(function: _Function, chance: random.Random) -> bool:
    """Make one assertion of a function false; return whether it has one."""
    asserts = list(_assertions(function))
    literal = [(call, side) for call in asserts if (side := _literal(call, function)) is not None]
    if literal:
        _bend(chance.choice(literal)[1], chance)
        return True
    if not asserts:
        return False
    _negate(chance.choice(asserts), chance)
    return True


def _surely(node: ast.AST) -> Iterator[ast.AST]:
    """Give what stands in a function and is surely evaluated."""
    for child in _reached(node):
        yield child
        yield from _surely(child)


def _reached(node: ast.AST) -> Iterator[ast.AST]:
    """Give the children of a node up to a statement that may return, what hides others left out."""
    unsure = node.orelse if isinstance(node, ast.For | ast.AsyncFor) else []
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _HIDDEN) and child not in unsure:
            yield child
        defines = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        returns = not defines and any(isinstance(inner, ast.Return) for inner in ast.walk(child))
        if returns:
            return


def _assertions(node: ast.AST) -> Iterator[ast.Call | ast.Assert]:
    """Give the assertions that are surely evaluated, in order."""
    for child in _reached(node):
        if isinstance(child, ast.Assert) and isinstance(child.test, ast.Constant):
            continue  # `assert False` stands where nothing should come
        if isinstance(child, ast.Assert) or (
            isinstance(child, ast.Call) and _called(child).startswith("assert") and child.args
        ):
            yield child
        else:
            yield from _assertions(child)


def _called(node: ast.AST) -> str:
    """Return the name in `self.name(...)`, or nothing."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = node.func.value
        return node.func.attr if isinstance(owner, ast.Name) and owner.id == "self" else ""
    return ""


def _called_plainly(node: ast.AST) -> str:
    """Return the name in `name(...)`, or nothing."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def _literal(call: ast.Call | ast.Assert, function: _Function) -> ast.expr | None:
    """Return the side of an equality that is written out, where the other is not."""
    sides = _sides(call)
    found = [side for side in (_written(side, function) for side in sides) if side is not None]
    return found[0] if len(sides) == 2 and len(found) == 1 else None


def _sides(call: ast.Call | ast.Assert) -> list[ast.expr]:
    if isinstance(call, ast.Assert):
        test = call.test
        equal = isinstance(test, ast.Compare) and [type(op) for op in test.ops] == [ast.Eq]
        return [test.left, *test.comparators] if isinstance(test, ast.Compare) and equal else []
    exact = len(call.args) < 3 and not call.keywords  # a wide `delta` holds for other values, too
    return (
        call.args[:2]
        if _called(call) in _EQUALS and (exact or "Almost" not in _called(call))
        else []
    )


def _written(side: ast.expr, function: _Function) -> ast.expr | None:
    """Return a literal, also one that a name holds which is used here and nowhere else."""
    if isinstance(side, ast.Name):
        uses = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == side.id]
        values = [
            n.value
            for n in function.body
            if isinstance(n, ast.Assign) and n.targets[0] in uses and len(n.targets) == 1
        ]
        if len(uses) != 2 or len(values) != 1:
            return None
        side = values[0]
    try:
        ast.literal_eval(side)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return side if _constants(side) else None


def _constants(side: ast.expr) -> list[ast.Constant]:
    return [
        node
        for node in ast.walk(side)
        if isinstance(node, ast.Constant) and not isinstance(node.value, type(...))
    ]


def _bend(side: ast.expr, chance: random.Random) -> None:
    """Change one constant of a literal into another of its type."""
    keys = {id(key) for node in ast.walk(side) if isinstance(node, ast.Dict) for key in node.keys}
    found = _constants(side)
    constant = chance.choice([c for c in found if id(c) not in keys] or found)
    value = constant.value
    if isinstance(value, bool):
        constant.value = not value
    elif isinstance(value, int | float | complex):
        other = value + chance.randint(1, 3)
        constant.value = 0 if other == value else other  # 1e20 + 1 is 1e20
    elif isinstance(value, str):
        constant.value = _misspell(value, chance)
    elif isinstance(value, bytes):
        constant.value = _misspell(value.decode("latin-1"), chance).encode("latin-1")
    else:
        constant.value = 0


def _misspell(text: str, chance: random.Random) -> str:
    """Replace one letter or digit by another of its kind; repeat a text without any."""
    places = [i for i, sign in enumerate(text) if sign.isascii() and sign.isalnum()]
    if not places:
        return text + (text or "a")
    at = chance.choice(places)
    old = text[at]
    kind = "0123456789" if old.isdigit() else "abcdefghijklmnopqrstuvwxyz"
    new = chance.choice([sign for sign in kind if sign != old.lower()])
    return text[:at] + (new.upper() if old.isupper() else new) + text[at + 1 :]


def _negate(call: ast.Call | ast.Assert, chance: random.Random) -> None:
    """Turn one assertion into its opposite, in place."""
    if isinstance(call, ast.Assert):
        call.test = ast.copy_location(ast.UnaryOp(ast.Not(), call.test), call.test)
        return
    name = _called(call)
    if name in _RAISES:
        call.args[0] = ast.copy_location(ast.Name(chance.choice(_OTHERS), ast.Load()), call)
    elif name in _OPPOSITE and isinstance(call.func, ast.Attribute):
        call.func.attr = _OPPOSITE[name]
    else:  # self.assertRaises(AssertionError, self.assertX, ...)
        call.args[:0] = [ast.copy_location(ast.Name("AssertionError", ast.Load()), call), call.func]
        owner = ast.copy_location(ast.Name("self", ast.Load()), call)
        call.func = ast.copy_location(ast.Attribute(owner, "assertRaises", ast.Load()), call)
