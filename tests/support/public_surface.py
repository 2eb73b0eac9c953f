"""Write down what is public: names with signatures, commands, routes, recipe keys, columns.

    uv run python tests/support/public_surface.py > docs/public.txt

A change of the list is a decision: docs/stability.md says which may be made, and how.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

ROOT = Path(__file__).parents[2]
MODULES = (
    "votebox.sandbox",
    "votebox.plugins",
    "votebox.plugins.answers",
    "votebox.plugins.chances",
    "votebox.plugins.testing",
    "votebox.deployments",
    "votebox.cluster",
)
type _Function = ast.FunctionDef | ast.AsyncFunctionDef


def surface() -> list[str]:
    """Return every public thing, one a line, in an order that does not change."""
    lines = [line for module in MODULES for line in names(module)]
    return [*lines, *hooks(), *uses(), *commands(), *routes(), *recipe_keys(), *columns()]


def names(module: str) -> Iterator[str]:
    """Yield the names of a module's `__all__`, with signatures, fields and methods.

    They are read from the source, since importing the upper rooms' names imports Ray.
    """
    listed = next(
        node.value
        for node in parsed(module).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    for name in ast.literal_eval(listed):
        yield from told(f"{module}.{name}", definition(module, name))


def parsed(module: str) -> ast.Module:
    """Return the source of a module of ours as a tree."""
    path = ROOT.joinpath(*module.split(".")[1:])
    return ast.parse(
        (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
    )


def definition(module: str, name: str) -> ast.stmt:
    """Return the statement that defines a name, through the imports that hand it on."""
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            return definition(node.module or "", name)
    for node in parsed(module).body:
        named = getattr(node, "name", None) or getattr(node, "target", None)
        targets = node.targets if isinstance(node, ast.Assign) else [named] if named else []
        if name in [t if isinstance(t, str) else ast.unparse(t) for t in targets]:
            return node
    raise LookupError(f"{module} has no {name}")


def told(path: str, node: ast.AST) -> Iterator[str]:
    """Yield one name, and what hangs on it where it is a class."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield path + signature(node)
        case ast.ClassDef():
            yield f"class {path}({', '.join(map(ast.unparse, node.bases))})"
            for member in node.body:
                yield from member_of(path, member)
        case _:
            yield path


def member_of(path: str, node: ast.stmt) -> Iterator[str]:
    """Yield a field, property or method of a class, if it is public."""
    if isinstance(node, ast.AnnAssign):
        name = ast.unparse(node.target)
        if not name.startswith("_"):
            yield f"{path}.{name}: {ast.unparse(node.annotation)}{' = ...' if node.value else ''}"
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        if "property" in map(ast.unparse, node.decorator_list):
            yield f"{path}.{node.name}"
        elif node.name == "__init__" or not node.name.startswith("_"):
            yield f"{path}.{node.name}{signature(node)}"


def signature(node: _Function) -> str:
    """Return names, order and kinds of arguments, and which may be left out.

    Types and the values of defaults are left out: they may be widened and tuned.
    """
    arguments = node.args
    for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        argument.annotation = None
    for extra in (arguments.vararg, arguments.kwarg):
        if extra is not None:
            extra.annotation = None
    left_out = ast.Constant(...)
    arguments.defaults = [left_out for _ in arguments.defaults]
    arguments.kw_defaults = [default and left_out for default in arguments.kw_defaults]
    return f"({ast.unparse(arguments)})"


def hooks() -> Iterator[str]:
    """Yield each hook and each fixture, by the function that declares it."""
    for kind, module in (("hook", "hookspecs"), ("fixture", "testing_pytest")):
        for node in parsed(f"votebox.plugins.{module}").body:
            marks = " ".join(map(ast.unparse, getattr(node, "decorator_list", [])))
            if isinstance(node, ast.FunctionDef) and ("hookspec" in marks or "fixture" in marks):
                yield f"{kind} {node.name}{signature(node) if kind == 'hook' else ''}"


def uses() -> Iterator[str]:
    """Yield each built-in plugin by the name recipes use, with its options, and each recipe."""
    from votebox.plugins import Registry
    from votebox.plugins.recipe import field_names

    registry = Registry.load(allowed=())
    for use, plugin in sorted(registry.plugins.items()):
        options = field_names(plugin.options) if plugin.options else []
        yield f"use {use} {' '.join(sorted(options))}".rstrip()
    yield from (f"recipe {name}" for name in sorted(registry.recipes))


def commands() -> Iterator[str]:
    """Yield each command of the command line with its arguments and options."""
    from votebox.cluster.cli import app

    def walk(command: Any, path: str) -> Iterator[str]:
        given = [o for p in command.params for o in ((*p.opts, *p.secondary_opts) or (p.name,))]
        yield f"command {path} {' '.join(sorted(given))}".rstrip()
        for name, child in sorted(getattr(command, "commands", {}).items()):
            yield from walk(child, f"{path} {name}")

    yield from walk(typer.main.get_command(app), "votebox")


def routes() -> Iterator[str]:
    """Yield each operation of the HTTP API."""
    from votebox.deployments.openapi_operations import OPERATIONS

    yield from sorted(f"route {each.method.upper()} {each.path}" for each in OPERATIONS)


def recipe_keys() -> Iterator[str]:
    """Yield each key a recipe may have, by the table it stands in."""
    for node in parsed("votebox.plugins.recipetables").body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Raw"):
            table = node.name.removeprefix("Raw").lower()
            for member in node.body:
                yield from (f"recipe {line.partition(':')[0]}" for line in member_of(table, member))


def columns() -> Iterator[str]:
    """Yield each column of a trace."""
    from votebox.plugins.tracerow import trace_schema

    yield from (f"trace {column.name}: {column.type}" for column in trace_schema())


if __name__ == "__main__":
    print("\n".join(surface()))
