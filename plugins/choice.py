"""Choose which plugins may load: names blocked, and the only ones allowed.

What the environment says and what a caller says add up: blocked names are joined, and a
plugin must stand in every allow-list there is. Built-ins are always allowed; a built-in
module, or one thing of any plugin, can be blocked. This is the one place that reads these
variables.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Final, Self

from votebox.plugins.errors import PluginError

__all__ = ["ALLOW", "BLOCK", "Choice", "normal"]

BLOCK: Final = "VOTEBOX_BLOCK_PLUGINS"
"""Names of plugins to leave out, with commas between; `votebox -p no:NAME` adds to it."""

ALLOW: Final = "VOTEBOX_ALLOW_PLUGINS"
"""The only plugins to load besides the built-ins, with commas between; empty allows none."""

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*+(?<![._-]))?")
_USE: Final = re.compile(r"[a-z]++:[a-z0-9]++(?:-[a-z0-9]++)*+")


@dataclass(frozen=True, slots=True)
class Choice:
    """Map each blocked name to who blocked it, and hold the allow-lists, each with its owner.

    A name is an entry point's, a distribution's, a built-in module's (`builtin.votes`) or
    one thing's (`vote:majority`).
    """

    blocked: Mapping[str, str]
    allowed: tuple[tuple[frozenset[str], str], ...] = ()

    @classmethod
    def of(
        cls,
        blocked: Iterable[str] = (),
        allowed: Iterable[str] | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> Self:
        """Join what a caller and the environment say.

        Raises:
            PluginError: a name is ill-formed, or an allow-list names one thing.
        """
        said = {_checked(n): f"-p no:NAME or {BLOCK}" for n in _names(environment.get(BLOCK, ""))}
        said |= {_checked(n): "the settings of this process" for n in blocked}
        lists = []
        if allowed is not None:
            lists.append((_list(allowed), "the allow-list of this process"))
        if ALLOW in environment:
            lists.append((_list(_names(environment[ALLOW])), f"the allow-list {ALLOW}"))
        return cls(said, tuple(lists))

    def refusal(self, name: str, distribution: str = "", *, built_in: bool = False) -> str:
        """Return who keeps the plugin of these names out, as a phrase; empty for nobody.

        An entry point may be called anything. One that bears the name of another installed
        distribution is not allowed by that name, which stands for the distribution.
        """
        wanted = {normal(each) for each in (name, distribution) if each}
        for each, by in self.blocked.items():
            if each in wanted:
                return f"blocked by {by}"
        for allowed, owner in () if built_in else self.allowed:
            if not wanted & allowed:
                return f"not in {owner}"
            if normal(distribution) not in allowed and _is_distribution(name):
                return f"not in {owner}, where {name} means the distribution of that name"
        return ""

    def thing(self, use: str) -> str:
        """Return who blocks the one thing `use`, as a phrase; empty for nobody."""
        by = self.blocked.get(use, "")
        return by and f"blocked by {by}"


def normal(name: str) -> str:
    """Return a name as names are compared: My_Plugin is my-plugin (PyPA's name rule).

    >>> normal("My_Plugin"), normal("vote:majority"), normal("builtin.votes")
    ('my-plugin', 'vote:majority', 'builtin-votes')
    """
    return re.sub(r"[-_.]++", "-", name).lower()


def _is_distribution(name: str) -> bool:
    try:
        metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):  # ValueError: the name is empty
        return False
    return True


def _names(text: str) -> list[str]:
    return [name for name in (part.strip() for part in text.split(",")) if name]


def _list(names: Iterable[str]) -> frozenset[str]:
    given = list(names)
    for name in given:
        if ":" in name:
            problem = "stands in an allow-list, which names whole plugins"
            raise PluginError(name, problem, "name its entry point or distribution")
    return frozenset(map(_checked, given))


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name) and not _USE.fullmatch(name):
        problem = "is not the name of a plugin to block or allow"
        raise PluginError(repr(name), problem, "give an entry point, a distribution or KIND:NAME")
    return normal(name)
