"""Load a preset: the settings of the application as data.

A preset is a TOML file whose keys are fields of AppArgs, shipped beside this module or
given by its path. It is checked whole when loaded.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from votebox.cluster.errors import BadUsage

__all__ = ["load_preset", "preset_names"]


def preset_names() -> tuple[str, ...]:
    """Return the names of the presets that ship, in order."""
    found = (path.name for path in _folder().iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def load_preset(name: str) -> Mapping[str, Any]:
    """Return the AppArgs fields of the preset `name`, or of the TOML file `name`.

    Raises:
        BadUsage: there is no such preset, or a field is unknown or ill-typed.
    """
    from pydantic import ValidationError

    from votebox.deployments.app import AppArgs

    try:
        if name.endswith(".toml"):
            text = Path(name).read_text("utf-8")
        elif name in preset_names():
            text = (_folder() / f"{name}.toml").read_text("utf-8")
        else:
            known = ", ".join(preset_names())
            raise BadUsage(f"there is no preset {name!r}", f"known presets: {known}")
        fields = tomllib.loads(text)
        AppArgs.model_validate(fields)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise BadUsage(f"preset {name!r} cannot be read: {e}", "check the path and the file") from e
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadUsage(f"preset {name!r}, {where}: {first['msg']}", "mend the field") from e
    return fields


def _folder() -> Any:
    return files("votebox.cluster") / "presets"
