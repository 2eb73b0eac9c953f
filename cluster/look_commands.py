"""`votebox recipes` and `doctor`: look without running a solve."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from votebox.cluster.errors import BadUsage, translated
from votebox.cluster.result import write_json
from votebox.cluster.text import clean, columns, one_line

if TYPE_CHECKING:
    from votebox.cluster.doctor import Finding
    from votebox.plugins import Registry

__all__ = ["Format", "doctor", "recipes_check", "recipes_list", "recipes_show"]

_Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]


class Format(StrEnum):
    """How to draw a recipe."""

    TREE = "tree"
    MERMAID = "mermaid"
    SVG = "svg"
    TOML = "toml"


def recipes_list(*, json: _Json = False) -> None:
    """List the recipes by name, with their chains and what they are for."""
    found = [recipe for _, recipe in sorted(_registry().recipes.items())]
    if json:
        listed = [
            {"name": r.name, "chains": r.chains, "rounds": r.rounds, "description": r.description}
            for r in found
        ]
        write_json(listed, sys.stdout)
        return
    rows = [(r.name, str(r.chains), one_line(r.description)) for r in found]
    typer.echo(columns(("recipe", "chains", "what it is for"), rows))


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


def doctor(
    *,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Ask every node of a Ray cluster instead.")
    ] = False,
    address: Annotated[
        str, typer.Option(help="The cluster: HOST:PORT of its head, or auto.")
    ] = "auto",
    preset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What it shall serve: a preset, or a file of one."),
    ] = None,
    endpoints: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Check the endpoints of a file instead: their context."),
    ] = None,
    json: _Json = False,
) -> int:
    """Check the machine, or all of a cluster; each fault with its fix.

    Of a cluster: versions and plugins equal on every node, jails, GPUs, models, their memory
    against max_model_len and chains, and time-outs shorter than the recipe's deadline.
    """
    from votebox.cluster.doctor import diagnose

    if cluster and endpoints is not None:
        raise BadUsage("--cluster and --endpoints exclude each other", "give one of them")
    if not cluster and (preset is not None or address != "auto"):
        raise BadUsage("--preset and --address are of a cluster", "add --cluster")
    if cluster:
        from votebox.cluster.cluster_doctor import diagnose_cluster

        found = diagnose_cluster(address, preset)
    elif endpoints is not None:
        from votebox.cluster.endpoint_doctor import diagnose_endpoints

        found = diagnose_endpoints(endpoints)
    else:
        found = diagnose()
    if json:
        rows = [{"check": c.name, "state": c.state, "found": c.found, "fix": c.fix} for c in found]
        write_json(rows, sys.stdout)
    else:
        _print_findings(found)
    return 1 if any(check.state == "fail" for check in found) else 0


def _print_findings(found: "list[Finding]") -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    styles = {"ok": "green", "warn": "yellow", "fail": "bold red"}
    for check in found:
        line = Text(f"{check.state:<5}", style=styles[check.state])
        line.append(f"{one_line(check.name):<16} {one_line(check.found)}", style="default")
        console.print(line, soft_wrap=True)
        if check.fix and check.state != "ok":
            console.print(f"      fix: {one_line(check.fix)}", soft_wrap=True)


def _registry() -> "Registry":
    from votebox.plugins import Registry, VoteboxError

    try:
        return Registry.load()
    except VoteboxError as e:
        raise translated(e) from e
