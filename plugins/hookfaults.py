"""Say what keeps the hooks of a plugin from being called, before anything calls them.

A hook that is never awaited, or whose body never begins, registers nothing and raises
nothing: its author would look for the fault everywhere else.
"""

import inspect
from collections.abc import Iterable, Iterator
from typing import Final

import pluggy

from votebox.plugins import hookspecs

__all__ = ["HOOKS", "hook_faults"]

HOOKS: Final = tuple(n for n, v in vars(hookspecs).items() if hasattr(v, "votebox_spec"))
"""The names of all hooks, in the order a solve meets them."""


def hook_faults(
    plugin: object, found: Iterable[tuple[str, pluggy.HookImpl]]
) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a plugin of these implementations of hooks, and the fix."""
    impls = list(found)
    marked = {hook for hook, _ in impls}
    bare = [name for name in HOOKS if name not in marked and hasattr(plugin, name)]
    for name in bare:
        yield f"defines {name} without @hookimpl", "decorate it"
    if not impls and not bare:
        fix = "let the entry point name the module whose functions carry @hookimpl"
        yield "implements no hook, so it adds nothing", fix
    for hook, impl in impls:
        function = impl.function
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            yield f"defines {hook} as async, and nothing awaits a hook", "write `def`"
        elif impl.wrapper or impl.hookwrapper or inspect.isgeneratorfunction(function):
            problem = f"defines {hook} as a generator, which is never begun"
            yield problem, "write no `yield`, and neither wrapper=True nor hookwrapper=True"
