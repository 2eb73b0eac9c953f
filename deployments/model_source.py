"""Find a model before anything heavy is imported.

Importing vLLM takes a quarter of a minute; a wrong path should not have to wait for it.
"""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Final

from votebox.plugins import EngineError

__all__ = ["MINI", "check_model", "is_mini"]

MINI: Final = "votebox-mini"
"""The name of the model in the package."""

WEIGHTS: Final = ("*.safetensors", "*.bin", "*.pt")
HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def is_mini(source: str | None) -> bool:
    """Return whether `source` means the model in the package, by name or as its folder."""
    return source in (None, "mini", MINI, str(_mini_folder()))


def check_model(source: str | None) -> str:
    """Return where to load `source` from: an absolute folder, or a hub id unchanged.

    None, "mini" and "votebox-mini" are the packaged model. "owner/name" that is no
    folder here is taken for a hub id and left to the engine.

    Raises:
        EngineError: the folder is missing, or is no model; names the path and the fix.
    """
    if source is None or is_mini(source):
        folder = _mini_folder()
        _check_folder(MINI, folder, "reinstall votebox: its model is package data")
        return str(folder)
    try:
        folder = Path(source).expanduser()
        folder.exists()
    except (OSError, RuntimeError) as e:  # a name too long, or ~nobody
        raise EngineError(source[:80], f"is no path: {e}", "give a model folder") from e
    if not folder.exists() and HUB_ID.fullmatch(source):
        return source
    fix = "give a folder with config.json and weights, a hub id (owner/name), or 'mini'"
    _check_folder(source, folder, fix)
    return str(folder.resolve())


def _mini_folder() -> Path:
    # A real folder: vLLM reads weights from files, so the package is always unpacked.
    return Path(str(files("votebox.deployments").joinpath("mini")))


def _check_folder(model: str, folder: Path, fix: str) -> None:
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise EngineError(model, f"{folder} {what}", fix)
    try:
        json.loads((folder / "config.json").read_bytes())
    except OSError as e:
        why = e.strerror or type(e).__name__
        raise EngineError(model, f"{folder / 'config.json'} cannot be read: {why}", fix) from e
    except (ValueError, RecursionError) as e:  # the latter of brackets without end
        raise EngineError(model, f"{folder / 'config.json'} is not JSON: {e}", fix) from e
    if not any(path for pattern in WEIGHTS for path in folder.glob(pattern)):
        raise EngineError(model, f"{folder} has no weights ({', '.join(WEIGHTS)})", fix)
