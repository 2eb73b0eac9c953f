"""`votebox try`: run one plugin that reads text on a text of yours."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from votebox.cluster.errors import BadUsage, translated

if TYPE_CHECKING:
    from votebox.plugins import EditRules, Reading, Registry, Use

__all__ = ["try_plugin"]

_MOST_BYTES: Final = 64 * 2**20
_KINDS: Final = ("extract", "code", "strip", "policy", "edit")


def try_plugin(
    plugin: Annotated[str, typer.Argument(help="KIND:NAME, as extract:answer.")],
    file: Annotated[str, typer.Argument(help="The text, or JSONL; - reads stdin.")],
    *,
    jsonl: Annotated[
        bool,
        typer.Option(help="One JSON object a line, with `text`; assumed of a .jsonl file."),
    ] = False,
    policy: Annotated[
        str | None, typer.Option(help="Show what the answer votes for under this policy.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="An option of the plugin, NAME=VALUE; repeatable.")
    ] = None,
    files: Annotated[
        str | None, typer.Option(metavar="DIR", help="The folder a reply's edits are tried on.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Change the folder, if all fits.")] = False,
    level: Annotated[
        str, typer.Option(help="The most tolerance: exact, indent, blank, elision or fuzzy.")
    ] = "fuzzy",
    tests: Annotated[bool, typer.Option("--tests", help="Let edits touch test files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write what edits did as JSON.")] = False,
) -> None:
    r"""Run a plugin on text and write what it read, one JSON object a line.

    extract: and code: give `answer` (null when nothing was read), `read` (as written) and
    where it stands; an exact number is written as one, so 0.5 and \frac12 are both 1/2.
    strip: gives the `answer` a reader would see, policy: what a text votes for. A line of
    JSONL may name its `finish_reason` (stop when it does not); its `id` is carried along.

    edit: shows what a reply's edits would do to the folder --files DIR, as a diff with the
    tolerance each took, and what is wrong with them; exit code 1 if they do not all fit.
    """
    from votebox.plugins import Registry, VoteboxError

    try:
        registry = Registry.load()
        if plugin.startswith("edit:"):
            use = _use(plugin, option or (), registry)
            _edits(use, file, files, _rules(level, tests=tests), write=write, as_json=as_json)
            return
        if files is not None or write:
            raise BadUsage("--files and --write go with edit:NAME", "give edit:diff, say")
        run = _Trial(_use(plugin, option or (), registry), _policy(policy, registry))
        for given in _texts(file, jsonl=jsonl or file.endswith(".jsonl")):
            found = run.on(given["text"], given.get("finish_reason") or "stop")
            carried = {"id": given["id"]} if "id" in given else {}
            # ASCII, so that no text can steer the terminal.
            sys.stdout.write(json.dumps({**carried, **found}) + "\n")
    except VoteboxError as e:
        raise translated(e) from e


def _edits(
    use: "Use", file: str, files: str | None, rules: "EditRules", *, write: bool, as_json: bool
) -> None:
    from votebox.cluster.edit_trial import edit_folder

    if files is None:
        raise BadUsage("edits are tried on a folder", "give --files DIR")
    script = use.plugin.made(use.options).parse(_read(file))
    text, ok = edit_folder(script, Path(files), rules, write=write, as_json=as_json)
    sys.stdout.write(text)
    if not ok:
        raise typer.Exit(1)


def _rules(level: str, *, tests: bool) -> "EditRules":
    from votebox.plugins import EditRules
    from votebox.plugins.edits import LEVELS

    for known in LEVELS:
        if known == level:
            return EditRules(level=known, tests=tests)
    raise BadUsage(f"--level {level!r:.40} is none", f"give {', '.join(LEVELS)}")


class _Trial:
    """Run one plugin under a policy."""

    def __init__(self, use: "Use", policy: Any) -> None:
        self._use, self._policy = use, policy

    def on(self, text: str, finish_reason: str) -> dict[str, Any]:
        """Return what the plugin makes of one text, as JSON types."""
        from votebox.plugins import Completion
        from votebox.plugins.calls import call, read

        plugin, options = self._use.plugin, self._use.options
        if plugin.kind == "policy":
            return {"answer": _voted(text, made(self._use))}
        if plugin.kind == "strip":
            return {"answer": call(plugin, options, Completion(text, finish_reason=finish_reason))}
        readings = read(plugin, options, text, finish_reason)
        if plugin.kind == "code":
            return _shown(readings, readings[-1].value if readings else None)
        return _shown(readings, self._answer(readings[-1].value) if readings else None)

    def _answer(self, value: str) -> str | None:
        from votebox.plugins.answers import canonical, show

        if self._policy is not None:
            return _voted(value, self._policy)
        exact = canonical(value)
        return value if exact is None else show(exact)


def _shown(readings: "list[Reading]", answer: str | None) -> dict[str, Any]:
    """Return the last reading, which is the one that votes, and the others behind it."""
    if not readings:
        return {"answer": None, "read": None}
    rows = [
        {"read": r.value, "span": list(r.span), "complete": r.complete, "notes": list(r.notes)}
        for r in readings
    ]
    others = {"others": rows[:-1]} if rows[:-1] else {}
    return {"answer": answer, **rows[-1], **others}


def _voted(text: str, policy: Any) -> str | None:
    from votebox.plugins.answers import key, show

    value = key(text, policy)
    return None if value is None else show(value)


def made(use: "Use") -> Any:
    """Return a policy made with its options."""
    thing = use.plugin.thing
    return thing(use.options) if isinstance(thing, type) else thing


def _policy(name: str | None, registry: "Registry") -> Any:
    if name is None:
        return None
    return made(_use(name if ":" in name else f"policy:{name}", (), registry, ("policy",)))


def _use(
    name: str,
    options: "list[str] | tuple[str, ...]",
    registry: "Registry",
    kinds: tuple[str, ...] = _KINDS,
) -> "Use":
    from votebox.plugins import PluginError, RecipeError
    from votebox.plugins.loader import bind

    if name.partition(":")[0] not in kinds:
        known = ", ".join(f"{kind}:NAME" for kind in kinds)
        raise BadUsage(f"{name!r} is no plugin that reads a text alone", f"give {known}")
    try:
        return bind(registry.get(name), dict(_option(given) for given in options), registry)
    except PluginError as e:
        raise BadUsage(f"there is no plugin {name}", e.fix) from e
    except RecipeError as e:
        raise BadUsage(f"{name} {e.problem}", e.fix) from e


def _option(given: str) -> tuple[str, Any]:
    name, equals, value = given.partition("=")
    if not equals or not name:
        raise BadUsage(f"--option {given!r} is not NAME=VALUE", "write --option window=5")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _texts(file: str, *, jsonl: bool) -> Iterator[Mapping[str, Any]]:
    text = _read(file)
    if not jsonl:
        yield {"text": text}
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _row(line, number)


def _row(line: str, number: int) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as e:
        raise BadUsage(f"line {number} is not JSON: {e}", 'write {"text": "..."}') from e
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise BadUsage(f"line {number} has no `text`", 'write {"text": "..."}')
    if not isinstance(row.get("finish_reason"), str | None):
        problem = f"line {number}: finish_reason {row['finish_reason']!r} is no text"
        raise BadUsage(problem, "give stop or length")
    return row


def _read(file: str) -> str:
    try:
        if file == "-":
            given = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                given = opened.read(_MOST_BYTES + 1)
    except OSError as e:
        raise BadUsage(f"cannot read {file}: {e.strerror}", "check the path") from e
    if len(given) > _MOST_BYTES:
        raise BadUsage(f"{file} has more than {_MOST_BYTES // 2**20} MiB", "split it")
    try:
        return given.decode()
    except UnicodeDecodeError as e:
        raise BadUsage(f"{file} is not UTF-8 text", "convert it") from e
