"""Read the program a reply wants run: `code:python-blocks`.

The last Python block of the reply counts; earlier blocks come before it only when it
uses names they bind. Blocks of other languages and of pasted output are no programs.
Where code may stand is in `carriers`, how it is mended in `repair`, what it prints in
`printing`.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from votebox.plugins import Reading, Register, declare, hookimpl
from votebox.plugins.builtin.binding import Names, names, needed
from votebox.plugins.builtin.carriers import BARE, called, fenced, unfenced
from votebox.plugins.builtin.fences import Fence, is_python
from votebox.plugins.builtin.printing import prints, shown
from votebox.plugins.builtin.repair import Parser, Program, mend
from votebox.plugins.builtin.thinking import after_thinking

_MOST_BLOCKS: Final = 32
"""Blocks of a reply that are looked at, from its end."""
_STATEMENTS: Final = (
    ast.Import, ast.ImportFrom, ast.For, ast.While, ast.FunctionDef, ast.ClassDef, ast.With,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Block:
    """Hold a block and the program in it."""

    fence: Fence
    program: Program
    names: Names = field(default=Names(frozenset(), frozenset(), star=False))

    @property
    def tree(self) -> ast.Module:
        return self.program.tree or ast.Module([], [])


@declare(closes=("```", "~~~"))
def python_blocks(text: str, finish_reason: str | None, options: None = None) -> list[Reading]:
    """Return the reply's program, of what stands behind the thinking where code is there.

    A block that was cut off loses lines until it parses; while the reply still streams
    (finish_reason None) only closed blocks count. A program that prints nothing has its
    result printed. Notes say what was mended.
    """
    parser = Parser()
    for start, found in _places(text, streaming=finish_reason is None):
        blocks = [fence for fence in found if fence.closed or finish_reason is not None]
        chosen = _choose([_block(fence, parser) for fence in blocks[-_MOST_BLOCKS:]])
        if chosen:
            return [_reading(chosen, start)]
    return []


def _places(text: str, *, streaming: bool) -> Iterator[tuple[int, list[Fence]]]:
    """Yield blocks with the offset they count from, the surest places for code first."""
    final = after_thinking(text)
    starts = (final, 0) if final else (0,)
    for start in starts:
        yield start, fenced(text[start:])
        yield start, called(text[start:])
    if not streaming:
        for found in unfenced(text[final:]):
            yield final, found


def _block(fence: Fence, parser: Parser) -> _Block:
    program = mend(fence.code, parser, closed=fence.closed)
    return _Block(fence, program, names(program.tree)) if program.tree else _Block(fence, program)


def _choose(blocks: Sequence[_Block]) -> list[_Block]:
    """Return the last block that is a program, behind the earlier ones it continues.

    Code comes before what only might be code, such as a bare expression, and that before
    code with an error; but an error does not give way to a block that prints nothing.
    """
    grades = _grades(blocks)
    best = max(grades, default=0)
    if best == 0:
        return []
    last = max(number for number, grade in enumerate(grades) if grade == best)
    broken = max((number for number, grade in enumerate(grades) if grade == 1), default=-1)
    if broken > last and not prints(blocks[last].tree):
        last = broken
    earlier = [block for block, grade in zip(blocks[:last], grades, strict=False) if grade > 1][
        ::-1
    ]
    numbers = needed(blocks[last].names, (block.names for block in earlier))
    return [*(earlier[number] for number in reversed(numbers)), blocks[last]]


def _grades(blocks: Iterable[_Block]) -> list[int]:
    """Return of each block 0: no program, 1: does not parse, 2: may be one, 3: is one."""
    bound: set[str] = set()
    grades = []
    for block in blocks:
        grade = _grade(block)
        if not block.fence.python and not block.names.star and block.names.free - bound:
            grade = 0  # a formula, a pasted result: nothing binds its names
        if grade > 1:
            bound |= block.names.bound
        grades.append(grade)
    return grades


def _grade(block: _Block) -> int:
    tag, tree = block.fence.tag, block.program.tree
    if tree is None:
        return int(is_python(tag) and bool(block.program.source))
    if not tree.body:
        return 0
    if is_python(tag):
        return 2 if all(map(_states, tree.body)) else 3
    acts = any(map(_acts, tree.body))
    if tag == BARE or acts:
        return 3 * acts
    some = (ast.Call, ast.Assign, ast.AugAssign, ast.BinOp)
    named = any(character.isalpha() for character in block.program.source)
    return 2 * (named and any(isinstance(node, some) for node in ast.walk(tree)))


def _states(statement: ast.stmt) -> bool:
    """Return whether a statement only states a value, as pasted output does."""
    if not isinstance(statement, ast.Expr):
        return False
    return not any(isinstance(node, (ast.Name, ast.BinOp)) for node in ast.walk(statement))


def _acts(statement: ast.stmt) -> bool:
    """Return whether a statement is one that neither prose nor a pasted result holds."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"))):
            return True
        case ast.Assign(value=value) | ast.AugAssign(value=value):
            return any(isinstance(node, ast.Call) for node in ast.walk(value))
    return isinstance(statement, _STATEMENTS)


def _reading(blocks: Sequence[_Block], offset: int) -> Reading:
    last, earlier = blocks[-1], blocks[:-1]
    notes = list(last.program.notes)
    if not last.fence.closed:
        notes.insert(0, "cut off")
    if earlier:
        notes.append(f"continues {len(earlier)} earlier blocks")
    source, note = last.program.source, "does not parse"
    if last.program.tree is not None:
        source, note = shown(source, last.tree, [block.tree for block in earlier])
    notes += [note] if note else []
    program = "\n".join([*(block.program.source for block in earlier), source])
    span = (offset + last.fence.span[0], offset + last.fence.span[1])
    return Reading(program, span, complete=last.fence.closed, notes=tuple(notes))


@hookimpl
def register_extractors(register: Register) -> None:
    """Register the reading of programs."""
    register("code:python-blocks", python_blocks)
