"""`votebox plugins`, `recipes` and `doctor`: look without running a solve."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from votebox.cluster.errors import BadUsage, translated
from votebox.cluster.result import write_json
from votebox.cluster.text import clean, one_line

if TYPE_CHECKING:
    from votebox.plugins import Registry

__all__ = ["Format", "doctor", "plugins", "recipes_check", "recipes_list", "recipes_show"]

_Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]


class Format(StrEnum):
    """How to draw a recipe."""

    TREE = "tree"
    MERMAID = "mermaid"
    SVG = "svg"
    TOML = "toml"


def plugins(*, json: _Json = False) -> None:
    """List the plugins: kind:name, where each comes from, and what it does."""
    found = sorted(_registry().plugins.values(), key=lambda p: (p.kind, p.name))
    if json:
        rows = [
            {"kind": p.kind, "name": p.name, "origin": p.origin, "version": p.version, "doc": p.doc}
            for p in found
        ]
        write_json(rows, sys.stdout)
        return
    _print_table(
        ("plugin", "origin", "what it does"), [(p.use, p.origin, one_line(p.doc)) for p in found]
    )


def recipes_list(*, json: _Json = False) -> None:
    """List the recipes by name, with their chains and what they are for."""
    found = [recipe for _, recipe in sorted(_registry().recipes.items())]
    if json:
        rows = [
            {"name": r.name, "chains": r.chains, "rounds": r.rounds, "description": r.description}
            for r in found
        ]
        write_json(rows, sys.stdout)
        return
    _print_table(
        ("recipe", "chains", "what it is for"),
        [(r.name, str(r.chains), one_line(r.description)) for r in found],
    )


def recipes_show(
    name: Annotated[str, typer.Argument(help="A recipe's name, or a TOML file.")],
    format: Annotated[Format, typer.Option(help="How to draw it.")] = Format.TREE,
) -> None:
    """Draw a recipe, or print its TOML."""
    from votebox.cluster.checks import check_recipe
    from votebox.plugins.draw import draw_mermaid, draw_svg, draw_tree

    recipe = check_recipe(name, _registry())
    match format:
        case Format.TOML:
            text = recipe.source
        case Format.MERMAID:
            text = draw_mermaid(recipe)
        case Format.SVG:
            text = draw_svg(recipe)
        case _:
            text = draw_tree(recipe)
    typer.echo(clean(text).rstrip("\n"))


def recipes_check(
    file: Annotated[str, typer.Argument(help="The TOML file of a recipe.")],
) -> None:
    """Check a recipe file whole; exit 2 with the first fault and its fix."""
    from votebox.cluster.checks import check_recipe

    if not file.endswith(".toml"):
        raise BadUsage(f"{file!r} is not a TOML file", "give the path of a .toml file")
    recipe = check_recipe(file, _registry())
    typer.echo(f"recipe {recipe.name}: {len(recipe.nodes)} nodes, {recipe.chains} chains, no fault")


def doctor(*, json: _Json = False) -> int:
    """Check the machine: jail, Ray, vLLM, memory, ports; each fault with its fix."""
    from rich.console import Console
    from rich.text import Text

    from votebox.cluster.doctor import diagnose

    found = diagnose()
    if json:
        rows = [{"check": c.name, "state": c.state, "found": c.found, "fix": c.fix} for c in found]
        write_json(rows, sys.stdout)
    else:
        console = Console(highlight=False, markup=False, emoji=False)
        styles = {"ok": "green", "warn": "yellow", "fail": "bold red"}
        for check in found:
            line = Text(f"{check.state:<5}", style=styles[check.state])
            line.append(f"{check.name:<16} {one_line(check.found)}", style="default")
            console.print(line, soft_wrap=True)
            if check.fix and check.state != "ok":
                console.print(f"      fix: {one_line(check.fix)}", soft_wrap=True)
    return 1 if any(check.state == "fail" for check in found) else 0


def _registry() -> "Registry":
    from votebox.plugins import Registry, VoteboxError

    try:
        return Registry.load()
    except VoteboxError as e:
        raise translated(e) from e


def _print_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print columns as wide as they must be; only the last one may be long."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head) - 1)]
    for row in [head, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        typer.echo("  ".join([*cells, row[-1]]).rstrip())
