"""Have the rows of a batch share one budget of chains (plugins/chainpool.py)."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from votebox.cluster.errors import BadUsage

if TYPE_CHECKING:
    from votebox.plugins import Recipe

__all__ = ["pool_of", "shared_chains"]

_FIRST: Final = 3
"""Chains of each row before the rows compete, unless the average is less."""


def shared_chains(
    average: float | None, recipe: "Recipe", chains: int | None = None
) -> dict[str, str]:
    """Return the keys of a request whose rows share `average` chains a row; None shares none.

    `chains` is the most of a row, None for the recipe's.

    Raises:
        BadUsage: no row may have so many.
    """
    if average is None:
        return {}
    most = chains or recipe.chains
    if not average <= most:
        problem = f"--average-chains {average:g} is more than the {most} a row may have"
        raise BadUsage(problem, "give less, or more --chains")
    return {"dispatch": f"batch-greedy:{average:g},first={min(_FIRST, int(average))}"}


def pool_of(request: Mapping[str, Any], recipe: "Recipe", name: str) -> dict[str, str]:
    """Return the key that has the rows of the batch `name` share, {} where they share none."""
    from votebox.plugins.chainpool import Sharing

    if "dispatch" not in request and not isinstance(recipe.dispatch.options, Sharing):
        return {}
    return {"pool": f"batch-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:32]}"}
