"""Hold a solver to the versions it was deployed with."""

from collections.abc import Mapping

from votebox.plugins import PluginError, RecipeError, Registry

__all__ = ["check_pins", "installed"]

_FIX = "install the same on every node, or deploy again from a machine that has this"


def installed(registry: Registry) -> dict[str, dict[str, str]]:
    """Return what a registry holds, as fields of PinArgs: versions and hashes by name."""
    return {
        "plugins": {name: source.version for name, source in sorted(registry.sources.items())},
        "recipes": {name: recipe.hash for name, recipe in sorted(registry.recipes.items())},
    }


def check_pins(registry: Registry, pins: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse a registry that has another version of anything pinned; more may be installed.

    Raises:
        PluginError, RecipeError: names what is pinned, and what is here.
    """
    here = installed(registry)
    for name, wanted in pins.get("plugins", {}).items():
        if (found := here["plugins"].get(name)) != wanted:
            raise PluginError(name, f"deployed with {wanted!r}, here is {found!r}", _FIX)
    for name, wanted in pins.get("recipes", {}).items():
        if (found := here["recipes"].get(name)) != wanted:
            problem = f"deployed with hash {wanted}, here is {found or 'none'}"
            raise RecipeError(name, "", problem, _FIX)
