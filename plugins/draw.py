"""Draw a recipe's DAG: as a text tree, as Mermaid, as SVG. Pure functions of a Recipe."""

from html import escape
from typing import Final

from votebox.plugins.recipe import Node, Recipe

__all__ = ["draw_mermaid", "draw_svg", "draw_tree"]

_BOX_W: Final = 190
_BOX_H: Final = 46
_GAP_X: Final = 30
_GAP_Y: Final = 44
_TOP: Final = 58


def draw_tree(recipe: Recipe) -> str:
    """Return the DAG as a tree from its sink up to its prompts, one node a line.

    A node met a second time is named without its parents again.
    """
    lines = [_title(recipe)]
    seen: set[str] = set()

    def walk(name: str, indent: str, branch: str, below: str) -> None:
        node = recipe.nodes[name]
        again = " (see above)" if name in seen and node.after else ""
        lines.append(f"{indent}{branch}{name}  {node.use}{_detail(node)}{again}")
        if again:
            return
        seen.add(name)
        for number, parent in enumerate(node.after):
            last = number == len(node.after) - 1
            walk(parent, indent + below, "└─ " if last else "├─ ", "   " if last else "│  ")

    walk(recipe.sink.id, "", "", "")
    lines += [
        f"policy    {recipe.policy}",
        f"stop      {recipe.stop}",
        f"dispatch  {recipe.dispatch}",
    ]
    lines += [f"guard     {guard}" for guard in recipe.guards]
    lines += [f"ladder    {step}" for step in reversed(recipe.ladder)]
    return "\n".join(lines)


def draw_mermaid(recipe: Recipe) -> str:
    """Return the DAG as a Mermaid flowchart; the per-chain part is a subgraph."""
    lines = ["flowchart TD", f'  subgraph chains["each of {recipe.chains} chains"]']
    lines += [f"    {_mermaid(recipe.nodes[name])}" for name in recipe.per_chain]
    lines.append("  end")
    lines += [f"  {_mermaid(recipe.nodes[name])}" for name in recipe.after_vote]
    for node in recipe.nodes.values():
        lines += [f"  {_id(parent)} --> {_id(node.id)}" for parent in node.after]
    return "\n".join(lines)


def draw_svg(recipe: Recipe) -> str:
    """Return the DAG as a self-contained SVG, layers from top to bottom.

    Colours are `currentColor`, so it sits on a light or a dark page.
    """
    layers = _layers(recipe)
    width = max(len(layer) for layer in layers) * (_BOX_W + _GAP_X) + _GAP_X
    height = _TOP + len(layers) * (_BOX_H + _GAP_Y)
    place: dict[str, tuple[float, float]] = {}
    for row, layer in enumerate(layers):
        start = (width - len(layer) * (_BOX_W + _GAP_X) + _GAP_X) / 2
        for column, name in enumerate(layer):
            place[name] = (start + column * (_BOX_W + _GAP_X), _TOP + row * (_BOX_H + _GAP_Y))
    title = escape(_title(recipe))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" font-family="ui-monospace, monospace" font-size="13">'
    )
    middle = (
        f'<text x="{width / 2:g}" y="28" text-anchor="middle" fill="currentColor">{title}</text>'
    )
    parts = [head, f"<title>{title}</title>", middle]
    for node in recipe.nodes.values():
        parts += [_edge(place[parent], place[node.id]) for parent in node.after]
    parts += [_box(node, *place[node.id]) for node in recipe.nodes.values()]
    return "\n".join([*parts, "</svg>"])


def _title(recipe: Recipe) -> str:
    chains = f"{recipe.chains} chain{'s' if recipe.chains > 1 else ''}"
    rounds = f"{recipe.rounds} round{'s' if recipe.rounds > 1 else ''}"
    return f"{recipe.name}: {chains}, up to {rounds}"


def _detail(node: Node) -> str:
    if node.kind == "sandbox":
        return f"  ({node.limits.wall_s:g} s, {node.limits.memory_mib} MiB)"
    if node.kind == "model":
        return f"  (temperature {node.sampling.temperature:g}, min_p {node.sampling.min_p:g})"
    return ""


def _id(name: str) -> str:
    return "n_" + "".join(c if c.isalnum() else f"_{ord(c):x}_" for c in name)


def _mermaid(node: Node) -> str:
    label = escape(f"{node.id}\n{node.use}").replace("\n", "<br/>")
    left, right = ("([", "])") if node.reduces else ("[", "]")
    return f'{_id(node.id)}{left}"{label}"{right}'


def _layers(recipe: Recipe) -> list[list[str]]:
    depth: dict[str, int] = {}
    for node in recipe.nodes.values():
        depth[node.id] = 1 + max((depth[parent] for parent in node.after), default=-1)
    rows = 1 + max(depth.values())
    return [[name for name in recipe.nodes if depth[name] == row] for row in range(rows)]


def _edge(start: tuple[float, float], end: tuple[float, float]) -> str:
    x1, y1 = start[0] + _BOX_W / 2, start[1] + _BOX_H
    x2, y2 = end[0] + _BOX_W / 2, end[1]
    turn = max(y1, y2 - _GAP_Y)  # straight down past the rows between, then over
    bend = (turn + y2) / 2
    down = f" V{turn:g}" if turn > y1 else ""
    return (
        f'<path d="M{x1:g} {y1:g}{down} C{x1:g} {bend:g} {x2:g} {bend:g} {x2:g} {y2:g}" '
        'fill="none" stroke="currentColor" stroke-opacity="0.5"/>'
    )


def _box(node: Node, x: float, y: float) -> str:
    radius = _BOX_H / 2 if node.reduces else 6
    middle = x + _BOX_W / 2
    return (
        f'<g><rect x="{x:g}" y="{y:g}" width="{_BOX_W}" height="{_BOX_H}" rx="{radius:g}" '
        'fill="none" stroke="currentColor"/>'
        f'<text x="{middle:g}" y="{y + 19:g}" text-anchor="middle" fill="currentColor" '
        f'font-weight="bold">{escape(node.id)}</text>'
        f'<text x="{middle:g}" y="{y + 36:g}" text-anchor="middle" fill="currentColor" '
        f'fill-opacity="0.75">{escape(node.use)}</text></g>'
    )
