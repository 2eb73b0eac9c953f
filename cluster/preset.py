"""Load a preset: a Ray Serve config file that `serve deploy` takes as it is.

Presets ship beside this module. A YAML file given by its path is read the same way; a TOML
file holds the fields of AppArgs alone. Both are checked whole when read.
"""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from votebox.cluster.errors import BadUsage
from votebox.cluster.plain_file import NotPlain, parse_toml, parse_yaml, read_text

__all__ = ["BUILDER", "check_served", "load_preset", "preset_names", "serve_config"]

BUILDER: Final = "votebox.deployments.app:build"
"""The import path of the application's builder."""

_ENDING: Final = ".yaml"

_MOST_BYTES: Final = 2**20


def preset_names() -> tuple[str, ...]:
    """Return the names of the presets that ship, in order."""
    found = (path.name for path in _folder().iterdir())
    return tuple(sorted(name.removesuffix(_ENDING) for name in found if name.endswith(_ENDING)))


def load_preset(name: str) -> Mapping[str, Any]:
    """Return the AppArgs fields of the preset `name`, or of the YAML or TOML file `name`.

    Raises:
        BadUsage: there is no such preset, or a field is unknown or ill-typed.
    """
    fields: Mapping[str, Any] = _application(name, serve_config(name))["args"]
    return fields


def serve_config(name: str) -> dict[str, Any]:
    """Return the Ray Serve config of the preset `name`, or of the YAML or TOML file `name`.

    Raises:
        BadUsage: as load_preset.
    """
    try:
        config = _parsed(name)
    except (OSError, NotPlain) as e:
        raise BadUsage(f"preset {name!r} cannot be read: {e}", "check the path and the file") from e
    _check(name, _application(name, config)["args"])
    return config


def check_served(name: str, config: Mapping[str, Any]) -> None:
    """Refuse a config that Ray Serve refuses, or whose fields it would ignore.

    Raises:
        BadUsage: names the preset `name`, the field and the fix.
        ModuleNotFoundError: no Ray is installed here.
    """
    from pydantic import ValidationError
    from ray.serve.schema import ServeDeploySchema

    try:
        taken = ServeDeploySchema.model_validate(config).model_dump(exclude_unset=True)
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise BadUsage(f"preset {name!r}, {where}: {first['msg']}", "mend the field") from e
    unknown = next(_ignored(config, taken), None)
    if unknown is not None:
        path, known = unknown
        problem = f"preset {name!r}, {path}: a field that Ray Serve would ignore"
        raise BadUsage(problem, f"take it out; beside it stand {', '.join(known)}")


def _ignored(given: Any, taken: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield each field that is given and not taken, with those that are taken beside it."""
    if isinstance(given, dict) and isinstance(taken, dict):
        for key, value in given.items():
            inner = f"{path}.{key}" if path else key
            if key not in taken:
                yield inner, sorted(taken)
            else:
                yield from _ignored(value, taken[key], inner)
    elif isinstance(given, list) and isinstance(taken, list):
        for i, (one, other) in enumerate(zip(given, taken, strict=False)):
            yield from _ignored(one, other, f"{path}[{i}]")


def _parsed(name: str) -> dict[str, Any]:
    if name.endswith(".toml"):
        args = parse_toml(read_text(Path(name), _MOST_BYTES))
        return {"applications": [{"name": "votebox", "import_path": BUILDER, "args": args}]}
    if name.endswith((_ENDING, ".yml")):
        path = Path(name)
    elif name in preset_names():
        path = _folder() / f"{name}{_ENDING}"
    else:
        raise BadUsage(
            f"there is no preset {name!r}", f"known presets: {', '.join(preset_names())}"
        )
    documents = parse_yaml(read_text(path, _MOST_BYTES))
    if len(documents) > 1:
        raise NotPlain(f"it holds {len(documents)} documents: give one")
    return documents[0] if documents and isinstance(documents[0], dict) else {}


def _application(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the one application of ours in a Serve config, with its args."""
    listed = config.get("applications")
    apps = [a for a in listed if isinstance(a, dict)] if isinstance(listed, list) else []
    ours = [app for app in apps if app.get("import_path") == BUILDER]
    if len(ours) != 1:
        problem = f"preset {name!r} has {len(ours)} applications with import_path {BUILDER}"
        raise BadUsage(problem, "give a Ray Serve config with one, as `serve deploy` takes")
    return {**ours[0], "args": ours[0].get("args") or {}}


def _check(name: str, args: object) -> None:
    from pydantic import ValidationError

    from votebox.deployments.app_args import AppArgs

    try:
        AppArgs.model_validate(args)
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadUsage(f"preset {name!r}, {where}: {first['msg']}", "mend the field") from e


def _folder() -> Any:
    return files("votebox.cluster") / "presets"
