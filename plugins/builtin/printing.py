"""Have a program show its result: print its last expression, name or function.

A helper of `code:python-blocks`, no plugin. A program that prints anything is left as it
is. Lines keep their numbers, so that a traceback still points at the model's own code.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

_WRITES: Final = frozenset({"print", "pprint", "stdout"})
_MAX_DEPTH: Final = 100  # as deep as Python indents; a chain of elif nests deeper
_FILLS: Final = frozenset({"append", "extend", "add", "update", "insert", "sort"})


def shown(source: str, tree: ast.Module, earlier: Iterable[ast.Module] = ()) -> tuple[str, str]:
    """Return the program with its result printed, and a note, "" when it is left as it is.

    `earlier` are the programs it continues, which may define what prints for it.
    """
    made = (node for other in earlier for node in other.body if isinstance(node, _DEFINED))
    if not tree.body or any(prints(node) for node in made):
        return source, ""
    last = tree.body[-1]
    if isinstance(last, ast.FunctionDef) and not any(prints(node) for node in tree.body[:-1]):
        return _called(source, last, tree.body)
    if prints(tree):
        return source, ""
    body = tree.body
    while isinstance(last, ast.If) and _is_main_guard(last):
        body, last = last.body, last.body[-1]
    if isinstance(last, ast.Expr):
        name = _filled(last)
        if name is None:
            return _wrapped(source, last)
    else:
        name = _last_name(body)
    return (f"{source}\nprint({name})", f"prints {name}") if name else (source, "")


_DEFINED: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def prints(tree: ast.AST) -> bool:
    """Return whether anything in a tree prints, or writes to standard output."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in _WRITES:
                return True
    return False


def _is_main_guard(node: ast.If) -> bool:
    return any(isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(node.test))


def _called(source: str, last: ast.FunctionDef, body: Sequence[ast.stmt]) -> tuple[str, str]:
    """Return the program with its final function called, if that needs no argument."""
    required = len(last.args.posonlyargs) + len(last.args.args) - len(last.args.defaults)
    used = (node for part in body for node in ast.walk(part))
    if required or None in last.args.kw_defaults:
        return source, ""
    if any(isinstance(node, ast.Name) and node.id == last.name for node in used):
        return source, ""
    if prints(last):
        return f"{source}\n{last.name}()", f"calls {last.name}"
    if any(isinstance(node, ast.Return) and node.value for node in ast.walk(last)):
        return f"{source}\nprint({last.name}())", f"prints {last.name}()"
    return source, ""


def _filled(last: ast.Expr) -> str | None:
    """Return the name of the list or set that a last line only adds to."""
    match last.value:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)) if attr in _FILLS:
            return name
    return None


def _wrapped(source: str, last: ast.Expr) -> tuple[str, str]:
    """Return the program with its last expression inside a `print` where it stands."""
    value = last.value
    words = isinstance(value, ast.Constant) and not isinstance(value.value, (int, float, complex))
    if words or last.end_lineno is None or last.end_col_offset is None:
        return source, ""
    pair = ("print((", "))") if isinstance(value, ast.Tuple) else ("print(", ")")
    lines = source.encode().split(b"\n")  # the tree counts columns in bytes
    for line, column, added in (
        (last.end_lineno - 1, last.end_col_offset, pair[1]),
        (last.lineno - 1, last.col_offset, pair[0]),
    ):
        lines[line] = lines[line][:column] + added.encode() + lines[line][column:]
    return b"\n".join(lines).decode(), "prints its last expression"


def _last_name(body: Sequence[ast.stmt], depth: int = 0) -> str | None:
    """Return the name assigned last, as code; a loop's counter only if a search ends there."""
    return next(_names(body, depth), None)


def _names(body: Sequence[ast.stmt], depth: int) -> Iterator[str]:
    """Yield the names a body's statements assign, the last one first, none from too deep."""
    for statement in reversed(body if depth <= _MAX_DEPTH else []):
        if name := _assigned(statement, depth + 1):
            yield name


def _assigned(statement: ast.stmt, depth: int) -> str | None:
    match statement:
        case ast.Assign(targets=[*_, target]):
            return _target(target)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target, value=ast.expr()):
            return _target(target)
        case ast.For(target=target, body=body):
            stops = any(isinstance(node, ast.Break) for node in ast.walk(statement))
            return _last_name(body, depth) or (_target(target) if stops else None)
        case ast.While(test=test, body=body):
            counters = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
            names = list(_names(body, depth))  # each part once: twice would be exponential
            return next((name for name in names if name not in counters), next(iter(names), None))
        case ast.If(body=body, orelse=orelse):
            return _last_name(body, depth) or _last_name(orelse, depth)
        case ast.With(body=body):
            return _last_name(body, depth)
        case ast.Try(body=body, orelse=orelse):
            return _last_name(orelse, depth) or _last_name(body, depth)
    return None


def _target(target: ast.expr) -> str | None:
    """Return what was assigned to as code that reads it: a name, names, a subscript's list."""
    while isinstance(target, (ast.Subscript, ast.Attribute)):
        target = target.value
    match target:
        case ast.Name(id=name):
            return None if name == "_" else name
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return ", ".join(filter(None, map(_target, parts))) or None
        case ast.Starred(value=value):
            return _target(value)
    return None
