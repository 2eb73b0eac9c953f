"""Read the program a reply wants run: `code:python-blocks`.

The last Python block of the reply counts; earlier blocks come before it only when it
uses names they bind. Blocks of other languages and of pasted output are no programs.
"""

import ast
import builtins
import textwrap
import warnings
from collections.abc import Sequence
from typing import Final

from votebox.plugins import Reading, Register, declare, hookimpl
from votebox.plugins.builtin.fences import Fence, fences
from votebox.plugins.builtin.thinking import after_thinking

_TAGS: Final = frozenset({"py", "python", "python2", "python3", "py3", "ipython", "sage"})
_MAX_CHARS: Final = 100_000
"""Longer programs are run as they are, unread."""
_MOST_BLOCKS: Final = 32
"""Blocks before the last one that it may continue, itself included."""
_MAX_DROPPED: Final = 20
"""Lines a program that was cut off may lose."""
_DOES: Final = (
    ast.Call, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Import, ast.ImportFrom, ast.For,
    ast.While, ast.FunctionDef, ast.BinOp,
)  # fmt: skip
_BUILTIN_NAMES: Final = frozenset(dir(builtins))


@declare(closes=("```", "~~~"))
def python_blocks(text: str, finish_reason: str | None, options: None = None) -> list[Reading]:
    """Return the reply's program, of what stands behind the thinking where code is there.

    A block that was cut off loses lines until it parses; while the reply still streams
    (finish_reason None) only closed blocks count. A program that prints nothing and ends
    in a bare expression gets that expression printed.
    """
    start = after_thinking(text)
    blocks = _programs(fences(text[start:]), streaming=finish_reason is None)
    if not blocks and start:
        start, blocks = 0, _programs(fences(text), streaming=finish_reason is None)
    if not blocks:
        return []
    last, source, notes = blocks[-1][0], blocks[-1][1], []
    if not last.closed:
        notes.append("cut off")
    needed = _needed([program for _, program in blocks])
    if needed:
        source = "\n".join([*needed, source])
        notes.append(f"continues {len(needed)} earlier blocks")
    shown = _printed(source)
    if shown != source:
        notes.append("prints its last expression")
    span = (start + last.span[0], start + last.span[1])
    return [Reading(shown, span, complete=last.closed, notes=tuple(notes))]


def _programs(blocks: Sequence[Fence], *, streaming: bool) -> list[tuple[Fence, str]]:
    """Return the blocks that hold Python, with their source."""
    found = []
    for block in blocks:
        if block.closed or not streaming:
            source = _source(block)
            if source:
                found.append((block, source))
    return found


def _source(block: Fence) -> str:
    """Return the Python of a block, "" when it is something else."""
    source = block.code.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    if source[:1] in (" ", "\t"):
        source = textwrap.dedent(source)
    if block.tag not in _TAGS and (block.tag or not any(c.isalpha() for c in source)):
        return ""
    if not block.closed:
        source = _head(source)
    if not block.tag:
        tree = _parse(source)
        if tree is None or not any(isinstance(node, _DOES) for node in ast.walk(tree)):
            return ""
    return source.rstrip()


def _head(source: str) -> str:
    """Return a program that was cut off without its last lines, "" when none parses."""
    lines = source.split("\n") if len(source) <= _MAX_CHARS // 4 else []
    for kept in range(len(lines), max(len(lines) - _MAX_DROPPED, 0), -1):
        head = "\n".join(lines[:kept])
        if _parse(head) is not None:
            return head
    return ""


def _parse(source: str) -> ast.Module | None:
    """Return the syntax tree, None for what is not Python or too much to look at."""
    if len(source) > _MAX_CHARS:
        return None
    try:
        with warnings.catch_warnings():  # about escapes in the model's strings
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _needed(programs: Sequence[str]) -> list[str]:
    """Return the earlier programs whose names the last one uses, directly or through them."""
    programs = programs[-_MOST_BLOCKS:]
    last = _parse(programs[-1]) if len(programs) > 1 else None
    if last is None:
        return []
    needed, _ = _names(last)
    chosen: list[str] = []
    for program in reversed(programs[:-1]):
        tree = _parse(program)
        if tree is None or not needed:
            continue
        free, bound = _names(tree)
        if "*" in bound or needed & bound:
            chosen.insert(0, program)
            needed = (needed - bound) | free
    return chosen


def _names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Return the names a program needs from outside and those it binds at its top level."""
    free: set[str] = set()
    bound: set[str] = set()
    later: set[str] = set()  # used inside functions, which may run after a later binding
    for statement in tree.body:
        loads, stores = _uses(statement)
        match statement:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                later |= loads - stores
                bound.add(name)
            case ast.Assign() | ast.AugAssign() | ast.AnnAssign():
                targets = _stored(statement)
                free |= loads - bound - (stores - targets)
                bound |= stores
            case _:
                free |= loads - bound - stores
                bound |= stores
    free |= later - bound
    return (set() if "*" in bound else free - _BUILTIN_NAMES), bound


def _uses(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """Return the names a statement reads and those it binds, at any depth."""
    loads: set[str] = set()
    stores: set[str] = set()
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                loads.add(name)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.FunctionDef(name=name):
                stores.add(name)
            case ast.alias(name=name, asname=other):
                stores.add(other or name.partition(".")[0])
            case ast.ExceptHandler(name=str(name)):
                stores.add(name)
    if isinstance(statement, ast.AugAssign):
        loads |= _stored(statement)
    return loads, stores


def _stored(statement: ast.Assign | ast.AugAssign | ast.AnnAssign) -> set[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return {node.id for t in targets for node in ast.walk(t) if isinstance(node, ast.Name)}


def _printed(source: str) -> str:
    """Return a program that prints nothing with its last expression printed in place.

    Lines keep their numbers, so that a traceback still points at the model's own code.
    """
    tree = _parse(source)
    if tree is None or not tree.body or any(_prints(node) for node in ast.walk(tree)):
        return source
    last = tree.body[-1]
    if not isinstance(last, ast.Expr) or isinstance(last.value, ast.Constant):
        return source
    value = last.value
    lines = source.encode().split(b"\n")  # the tree counts columns in bytes
    ends = (
        (value.end_lineno, value.end_col_offset, b")"),
        (value.lineno, value.col_offset, b"print("),
    )
    for line, column, added in ends:
        if line is None or column is None:
            return source
        lines[line - 1] = lines[line - 1][:column] + added + lines[line - 1][column:]
    return b"\n".join(lines).decode()


def _prints(node: ast.AST) -> bool:
    match node:
        case ast.Name(id="print") | ast.Attribute(attr="stdout"):
            return True
    return False


@hookimpl
def register_extractors(register: Register) -> None:
    """Register the reading of programs."""
    register("code:python-blocks", python_blocks)
