"""Say which names a program needs from outside and which it binds.

A helper of `code:python-blocks`, no plugin. Module level is read in the order it runs,
branches as if all were taken; what a function needs counts when it is not bound in the
end, since functions run after the module has gone on.
"""

import ast
import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

_BUILTIN: Final = frozenset({*dir(builtins), "__name__", "__file__"})


@dataclass(frozen=True, slots=True)
class Names:
    """Hold what a program needs and binds; `star` when it imports all of some module."""

    free: frozenset[str]
    bound: frozenset[str]
    star: bool


@dataclass(frozen=True, slots=True)
class _Bind:
    """Mark where a name is bound on the way through a tree."""

    name: str


type _Step = ast.AST | _Bind


def names(tree: ast.Module) -> Names:
    """Return the names a program needs and those it binds at its top level."""
    free: set[str] = set()
    bound: set[str] = set()
    later: set[str] = set()
    stack: list[_Step] = [tree]
    while stack:
        step = stack.pop()
        match step:
            case _Bind(name=name) | ast.Name(id=name, ctx=ast.Store()):
                bound.add(name)
            case ast.Name(id=name):
                free |= {name} - bound
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                loads, stores, shared = _scope(step)
                later |= loads - (stores - shared)
                bound |= shared
                stack += reversed(_before(step))
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                loads, stores, _ = _scope(step)
                free |= loads - stores - bound
            case ast.AugAssign(target=ast.Name(id=name)):
                free |= {name} - bound
                stack += reversed(_steps(step))
            case _:
                stack += reversed(_steps(step))
    free |= later - bound
    return Names(frozenset(free - _BUILTIN), frozenset(bound), "*" in bound)


def _before(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> list[_Step]:
    """Return what runs where a function is made: its decorators and defaults, then its name."""
    steps: list[_Step] = [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]
    if isinstance(node, ast.Lambda):
        return steps
    return [*node.decorator_list, *steps, _Bind(node.name)]


def _steps(node: ast.AST) -> list[_Step]:  # noqa: C901 - one case a kind of node
    """Return the parts of a node in the order they run, with marks for names it binds."""
    match node:
        case ast.Assign(value=value, targets=targets):
            return [value, *targets]
        case ast.AugAssign(value=value, target=target):
            return [value, target]
        case ast.NamedExpr(value=value, target=target):
            return [value, target]
        case ast.AnnAssign(value=None, annotation=annotation):
            return [annotation]
        case ast.AnnAssign(value=ast.expr() as value, annotation=annotation, target=target):
            return [annotation, value, target]
        case ast.For() | ast.AsyncFor():
            return [node.iter, node.target, *node.body, *node.orelse]
        case ast.alias(name=name, asname=other):
            return [_Bind(other or name.partition(".")[0])]
        case ast.ClassDef(name=name):
            return [*node.decorator_list, *node.bases, *node.keywords, *node.body, _Bind(name)]
        case ast.ExceptHandler(name=str(name)):
            return [*filter(None, [node.type]), _Bind(name), *node.body]
        case ast.MatchAs(name=str(name), pattern=pattern):
            return [*filter(None, [pattern]), _Bind(name)]
        case ast.MatchStar(name=str(name)):
            return [_Bind(name)]
        case ast.MatchMapping(rest=str(name)):
            return [*ast.iter_child_nodes(node), _Bind(name)]
    return list(ast.iter_child_nodes(node))


def _scope(scope: ast.AST) -> tuple[set[str], set[str], set[str]]:
    """Return what a function or comprehension reads, binds, and declares global."""
    loads: set[str] = set()
    stores: set[str] = set()
    shared: set[str] = set()
    for node in _inner(scope):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                stores.add(name)
            case ast.Name(id=name):
                loads.add(name)
            case ast.Global(names=declared):
                shared |= set(declared)
            case ast.alias(name=name, asname=other):
                stores.add(other or name.partition(".")[0])
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                stores.add(name)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                stores.add(name)
    return loads, stores, shared


def _inner(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes inside a scope, without its own name."""
    for child in ast.iter_child_nodes(scope):
        yield from ast.walk(child)


def needed(last: Names, earlier: Iterable[Names]) -> list[int]:
    """Return which earlier programs bind what the last one needs, directly or through them.

    `earlier` comes newest first, and so do the numbers: the newest binding of a name counts.
    """
    wanted = set() if last.star else set(last.free)
    chosen = []
    for number, program in enumerate(earlier):
        if not wanted:
            break
        if program.star or wanted & program.bound:
            chosen.append(number)
            wanted = (wanted - program.bound) | (set() if program.star else program.free)
    return chosen
