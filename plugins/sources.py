"""Find what is installed: the built-in modules and the entry points of group `votebox`."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Final

from votebox.plugins.errors import PluginError

__all__ = ["BUILTINS", "Blocked", "Source", "Trouble", "nearest", "opened", "source_of", "told"]

BUILTINS: Final = (
    "prompts",
    "thinking",
    "strips",
    "edit",
    "edit_prompts",
    "boxed",
    "phrase",
    "answer",
    "code",
    "numbers",
    "integers",
    "seed",
    "votes",
    "confident",
    "aimo2",
    "second_look",
    "patch_steps",
    "patch_votes",
    "program_edits",
    "policies",
    "stops",
    "sequential",
    "dispatch",
    "guards",
    "recipes",
)


@dataclass(frozen=True, slots=True)
class Source:
    """Say where a plugin comes from: its name, and what it was installed with."""

    name: str
    distribution: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Blocked:
    """Name a plugin, or one `kind:name`, that is left out, and say by what."""

    name: str
    source: Source
    reason: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Hold a fault that keeps a registry from loading; `plugin` is whose it is."""

    plugin: Source
    problem: str
    fix: str


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint naming what `name` may have meant among `known`.

    >>> nearest("vote:majorty", ["vote:majority", "stop:never"])
    'did you mean vote:majority?'
    """
    names = sorted(known)
    kind = name.partition(":")[0]
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    same = [n for n in names if n.startswith(f"{kind}:")] or names
    return f"known: {', '.join(same)}"


def opened(found: EntryPoint | str) -> object:
    """Import a plugin: an entry point's, or a built-in module by its name.

    Raises:
        PluginError: whatever its import raised.
    """
    if isinstance(found, str):
        return import_module(f"votebox.plugins.builtin.{found}")
    try:
        return found.load()
    except KeyboardInterrupt:
        raise
    except BaseException as e:
        # Import runs foreign code: whatever it raises, the load must name the plugin. Not
        # all of that is an Exception: exit(), pytest.skip(), a panic of a library in Rust.
        raise PluginError(
            found.name,
            f"cannot be imported from {found.value}: {told(e)}",
            "fix or uninstall it, or block it by name",
        ) from e


def source_of(found: EntryPoint | str) -> Source:
    """Return where a plugin comes from, without importing it."""
    if isinstance(found, str):
        return Source(f"builtin.{found}", "votebox")
    if found.dist is None:
        return Source(found.name)
    # What is left of an installation that was removed may have no name and no version.
    return Source(found.name, found.dist.name or "", found.dist.version or "")


def told(error: BaseException) -> str:
    """Return the type and the text of what foreign code raised; its own __str__ may fail."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # foreign, too
        return f"{type(error).__name__}, whose text cannot be made"
