"""`votebox plugins`: list, show and check what is registered, and block plugins by name."""

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from votebox.cluster.errors import BadUsage, translated
from votebox.cluster.result import write_json
from votebox.cluster.text import clean, columns, one_line

if TYPE_CHECKING:
    from votebox.plugins import Plugin, Registry
    from votebox.plugins.sources import Source

__all__ = ["block", "plugins", "plugins_check", "plugins_list", "plugins_show"]

_Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]
_KINDS: Final = (
    "prompt",
    "code",
    "extract",
    "strip",
    "edit",
    "policy",
    "vote",
    "stop",
    "dispatch",
    "guard",
    "step",
    "select",
)


def block(given: list[str]) -> None:
    """Block what `-p no:NAME` names in this process and those it starts."""
    from votebox.plugins import PluginError
    from votebox.plugins.choice import BLOCK, Choice

    names = [name.removeprefix("no:") for name in given]
    for name, text in zip(names, given, strict=True):
        if not text.startswith("no:") or not name:
            raise BadUsage(f"-p {text!r} blocks nothing", "write -p no:NAME")
    try:
        Choice.of(names)
    except PluginError as e:
        raise BadUsage(f"-p {e.plugin}: {e.problem}", e.fix) from e
    os.environ[BLOCK] = ",".join(filter(None, [os.environ.get(BLOCK, ""), *names]))


def plugins(context: typer.Context) -> None:
    """List, show, check and make plugins; alone, list them."""
    if context.invoked_subcommand is None:
        plugins_list()


def plugins_list(
    *,
    kind: Annotated[str | None, typer.Option(help=f"Only this kind: {', '.join(_KINDS)}.")] = None,
    json: _Json = False,
) -> None:
    """List the plugins: kind:name, the distribution it comes from, and what it does.

    Plugins that are blocked and those that cannot be loaded are listed, too, with the reason
    and the fix; every other command refuses to start on a plugin that cannot be loaded. The
    exit code is 1 where there is one.
    """
    if kind is not None and kind not in _KINDS:
        raise BadUsage(f"there is no kind {kind!r}", f"give {', '.join(_KINDS)}")
    registry = _survey()
    found = sorted(registry.plugins.values(), key=lambda p: (p.kind, p.name))
    rows = [_row(p) for p in found if kind in (None, p.kind)]
    rows += [] if kind else [*_without_things(registry), *_left_out(registry)]
    if json:
        write_json(rows, sys.stdout)
    else:
        _print(rows)
    if registry.troubles:
        raise typer.Exit(1)


def _row(plugin: "Plugin") -> dict[str, str]:
    return {
        "state": "loaded",
        "kind": plugin.kind,
        "name": plugin.name,
        "origin": plugin.origin,
        **_distribution(plugin.distribution, plugin.version),
        "doc": plugin.doc,
        "fix": "",
    }


def _without_things(registry: "Registry") -> list[dict[str, str]]:
    """Return a row for each plugin that registers recipes alone, or observes alone."""
    listed = {p.origin for p in registry.plugins.values()}
    listed |= {trouble.plugin.name for trouble in registry.troubles}
    rows = []
    for origin in sorted(registry.sources.keys() - listed):
        recipes = sorted(n for n, by in registry.recipe_origins.items() if by == origin)
        parts = [f"recipes: {', '.join(recipes)}" if recipes else ""]
        parts += [f"observes {', '.join(seen)}" if (seen := registry.observed_by(origin)) else ""]
        doc = "; ".join(filter(None, parts)) or "registers nothing"
        rows.append(_entry("loaded", origin, registry.source(origin), doc, ""))
    return rows


def _left_out(registry: "Registry") -> list[dict[str, str]]:
    blocked = [_entry("blocked", b.name, b.source, b.reason, "") for b in registry.blocked]
    faulty = [
        _entry("broken", t.plugin.name, t.plugin, t.problem, t.fix) for t in registry.troubles
    ]
    return blocked + faulty


def _entry(state: str, name: str, source: "Source", why: str, fix: str) -> dict[str, str]:
    kind, _, short = name.rpartition(":")
    where = _distribution(source.distribution, source.version)
    return {
        "state": state,
        "kind": kind,
        "name": short,
        "origin": source.name,
        **where,
        "doc": why,
        "fix": fix,
    }


def _distribution(name: str, known: str) -> dict[str, str]:
    from importlib.metadata import version

    return {"distribution": name, "version": known or (version(name) if name == "votebox" else "")}


def _print(rows: list[dict[str, str]]) -> None:
    head = ("plugin", "from", "what it does")
    shown = [r for r in rows if r["state"] == "loaded"]
    typer.echo(columns(head, [(_name(r), _from(r), one_line(r["doc"])) for r in shown]))
    for row in rows:
        if row["state"] == "loaded":
            continue
        fix = f"; fix: {row['fix']}" if row["fix"] else ""
        text = f"{row['state']}: {_name(row)} ({_from(row)}): {row['doc']}{fix}"
        typer.echo(one_line(text), err=row["state"] == "broken")


def _name(row: Mapping[str, str]) -> str:
    return one_line(f"{row['kind']}:{row['name']}" if row["kind"] else row["name"])


def _from(row: Mapping[str, str]) -> str:
    parts = (row["distribution"], row["version"])
    return one_line(" ".join(filter(None, parts)) or row["origin"])


def plugins_show(
    plugin: Annotated[str, typer.Argument(help="KIND:NAME, as vote:majority.")],
    *,
    json: _Json = False,
) -> None:
    """Document one plugin: what it does, its options with types and defaults, who uses it.

    --json adds the JSON schema of its options.
    """
    from votebox.plugins import PluginError
    from votebox.plugins.plugindoc import documented, markdown

    registry = _survey()
    try:
        page = documented(registry.get(plugin), registry)
    except PluginError as e:
        raise BadUsage(f"plugin {plugin} {e.problem}", e.fix) from e
    if json:
        write_json(page, sys.stdout)
    else:
        typer.echo(clean(markdown(page)))


def plugins_check(
    name: Annotated[
        str | None,
        typer.Argument(help="KIND:NAME, an entry point or a distribution; else all installed."),
    ] = None,
    *,
    json: _Json = False,
) -> int:
    """Run the conformance kit on plugins; exit 1 with each finding and its fix.

    They are called with awkward texts and votes in processes of their own, so one that
    hangs is found. Without a NAME every plugin is checked that does not come with votebox.
    """
    from votebox.plugins import VoteboxError
    from votebox.plugins.testing import check_plugin

    registry = _survey()
    names = [name] if name else _installed(registry)
    try:
        findings = [finding for each in names for finding in check_plugin(each)]
    except VoteboxError as e:
        raise translated(e) from e
    if json:
        write_json([_finding(f) for f in findings], sys.stdout)
        return 1 if findings else 0
    for finding in findings:
        typer.echo(one_line(str(finding)))
    checked = ", ".join(names) or "no plugin is installed besides those of votebox"
    typer.echo(f"{checked}: {len(findings)} findings", err=True)
    return 1 if findings else 0


def _installed(registry: "Registry") -> list[str]:
    """Return the names of the plugins that do not come with votebox, broken ones included."""
    from votebox.plugins.sources import BUILTINS

    sources = {*registry.sources, *(trouble.plugin.name for trouble in registry.troubles)}
    built_in = {f"builtin.{name}" for name in BUILTINS}
    return sorted(sources - built_in)


def _finding(finding: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(finding)


def _survey() -> "Registry":
    from votebox.plugins import Registry, VoteboxError

    try:
        return Registry.survey()
    except VoteboxError as e:
        raise translated(e) from e
