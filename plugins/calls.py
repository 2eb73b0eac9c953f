"""Call a plugin and name it in whatever it raises."""

from typing import Any

from votebox.plugins.errors import PluginError, VoteboxError
from votebox.plugins.registry import Plugin

__all__ = ["call", "call_async", "expect"]


def call(plugin: Plugin | None, options: Any, *args: Any) -> Any:
    """Return `plugin.thing(*args, options)`; raise PluginError naming it when it fails."""
    assert plugin is not None  # noqa: S101 - only model and sandbox nodes have none
    try:
        return plugin.thing(*args, options)
    except VoteboxError:
        raise
    except Exception as e:
        # A plugin is foreign code: its name must reach whoever reads the error.
        raise _named(plugin, e) from e


async def call_async(plugin: Plugin | None, options: Any, *args: Any) -> Any:
    """Do the same for a step or select, which is awaited."""
    assert plugin is not None  # noqa: S101 - only model and sandbox nodes have none
    try:
        return await plugin.thing(*args, options)
    except VoteboxError:
        raise
    except Exception as e:
        # As above; CancelledError is no Exception and passes through.
        raise _named(plugin, e) from e


def expect[T](plugin: Plugin | None, value: object, kind: type[T]) -> T:
    """Return `value` if it is a `kind`; else raise PluginError naming the plugin."""
    if isinstance(value, kind):
        return value
    use = plugin.use if plugin else "?"
    raise PluginError(use, f"gave {type(value).__name__}", f"return {kind.__name__}")


def _named(plugin: Plugin, error: Exception) -> PluginError:
    return PluginError(plugin.use, f"raised {type(error).__name__}: {error}")
