"""`votebox plugins new NAME`: write a complete, installable plugin distribution.

The files come from the folder `template` beside this one, filled in by copier, which runs
nothing a template brings. What is known here is what may be called how, and where it goes;
what a plugin looks like is known to the template alone.
"""

import keyword
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from votebox.cluster.errors import BadUsage, Failed, translated

__all__ = ["License", "Names", "names_of", "plugins_new", "write_distribution"]

_TEMPLATE: Final = Path(__file__).with_name("template")
_NAME: Final = re.compile(r"[a-z][a-z0-9]*+(?:-[a-z][a-z0-9]*+)*+")
_MAX_CHARS: Final = 32  # so that the lines of the template stay within its own limit
_RUNS: Final = re.compile(r"[-_.]++")


class License(StrEnum):
    """The licence file and field of the new distribution."""

    APACHE = "Apache-2.0"
    MIT = "MIT"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Names:
    """Hold one name in its three spellings: on an index, in an import, in a recipe."""

    distribution: str
    package: str
    plugin: str


def plugins_new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What the distribution is called: votebox-units.")
    ],
    *,
    dir: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="The folder to make it in.")
    ] = Path(),
    license: Annotated[
        License, typer.Option("--license", help="The licence it comes with.")
    ] = License.APACHE,
) -> None:
    """Make a plugin distribution: all four common hooks, a recipe, tests, a README."""
    made = write_distribution(names_of(name), dir, license)
    typer.echo(f"made {made}; next: cd {made} && pip install -e . --group dev && pytest")


def names_of(name: str) -> Names:
    """Return the spellings of a distribution's name, normalised as PEP 503 does.

    Raises:
        BadUsage: it is no name, or one that is taken: by Python, by an installed
            distribution, package or plugin.
    """
    spelled = _RUNS.sub("-", name.lower()) if len(name) <= _MAX_CHARS else ""
    if not _NAME.fullmatch(spelled):
        raise BadUsage(
            f"{name[:_MAX_CHARS]!r} is no name for a plugin",
            f"letters, digits and single hyphens, each part from a letter, at most {_MAX_CHARS}"
            " characters, as votebox-units; --dir says where it goes",
        )
    names = Names(spelled, spelled.replace("-", "_"), spelled.removeprefix("votebox-"))
    taken = _taken(names)
    if taken:
        raise BadUsage(f"the name {name!r} is taken by {taken}", "choose another")
    return names


def _taken(names: Names) -> str:
    """Return what holds one of the names already, "" where nothing does."""
    from importlib.metadata import entry_points
    from importlib.util import find_spec

    if names.distribution in ("votebox", "votebox-plugins"):
        return "votebox itself"
    if keyword.iskeyword(names.package) or names.package in sys.stdlib_module_names:
        return "Python"
    if _is_installed(names.distribution):
        return "an installed distribution"
    if find_spec(names.package) is not None:
        return "an installed package"
    if names.plugin in entry_points(group="votebox").names:
        return f"the installed plugin {names.plugin!r}"
    if names.plugin in _shipped_recipes():
        return f"the recipe {names.plugin!r} of votebox"
    return ""


def _shipped_recipes() -> set[str]:
    """Return the names of the recipes that come with votebox; no other plugin is imported."""
    from votebox.plugins import Registry, VoteboxError

    try:
        return set(Registry.survey(allowed=()).recipes)
    except VoteboxError as e:
        raise translated(e) from e


def _is_installed(name: str) -> bool:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def write_distribution(names: Names, parent: Path, license: License) -> Path:
    """Write the distribution into a new folder of its name in `parent`; return that folder.

    It is made beside its place and moved there whole, so that no half of one is left.

    Raises:
        BadUsage: `parent` is no folder, or holds something of that name.
        Failed: it cannot be written.
    """
    import tempfile

    target = parent / names.distribution
    if not parent.is_dir():
        raise BadUsage(f"{str(parent)!r} is no folder", "make it, or give another --dir")
    if target.exists() or target.is_symlink():
        raise BadUsage(f"{str(target)!r} exists already", "give another name or --dir")
    try:
        with tempfile.TemporaryDirectory(prefix=".votebox-new-", dir=parent) as made:
            draft = Path(made) / names.distribution
            _fill(draft, names, license)
            draft.rename(target)
    except OSError as e:
        raise Failed(f"cannot write {str(target)!r}: {e.strerror or e}", "try another --dir") from e
    return target


def _fill(draft: Path, names: Names, license: License) -> None:
    from importlib.metadata import version

    from copier import Settings, run_copy

    ours = version("votebox")
    run_copy(
        str(_TEMPLATE),
        draft,
        data={
            "name": names.distribution,
            "package": names.package,
            "plugin": names.plugin,
            "license": license.value,
            "year": datetime.now(UTC).year,
            "votebox": ours,
            "below": _unsupported(ours),
        },
        defaults=True,
        quiet=True,
        settings=Settings(),  # else it reads the user's own of copier, which may be broken
        unsafe=False,
    )


def _unsupported(ours: str) -> str:
    """Return the first version that may lack what is public in ours: two minor versions on."""
    major, minor = ours.split(".")[:2]
    return f"{major}.{int(minor) + 2}"
