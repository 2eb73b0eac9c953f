"""Call a plugin and name it in whatever it raises."""

import asyncio
from typing import Any

from votebox.plugins.errors import PluginError, VoteboxError
from votebox.plugins.nouns import Reading
from votebox.plugins.registry import Plugin
from votebox.plugins.sources import told

__all__ = ["call", "call_async", "expect", "read"]


def call(plugin: Plugin | None, options: Any, *args: Any) -> Any:
    """Return `plugin.thing(*args, options)`; raise PluginError naming it when it fails."""
    assert plugin is not None  # noqa: S101 - only model and sandbox nodes have none
    try:
        return plugin.thing(*args, options)
    except (VoteboxError, KeyboardInterrupt):
        raise
    except BaseException as e:
        # A plugin is foreign code: its name must reach whoever reads the error. Nobody
        # can cancel a synchronous call, none of ours may end the process, and what a
        # library in Rust panics with, or a test skips with, is no Exception.
        raise _named(plugin, e) from e


async def call_async(plugin: Plugin | None, options: Any, *args: Any) -> Any:
    """Do the same for a step or select, which is awaited."""
    assert plugin is not None  # noqa: S101 - only model and sandbox nodes have none
    try:
        return await plugin.thing(*args, options)
    except (VoteboxError, KeyboardInterrupt, GeneratorExit):
        raise
    except asyncio.CancelledError as e:
        us = asyncio.current_task()
        if us is None or us.cancelling():
            raise
        raise _named(plugin, e) from e  # it waited on something cancelled; we were not
    except BaseException as e:
        # As above.
        raise _named(plugin, e) from e


def read(
    plugin: Plugin | None, options: Any, text: str, finish_reason: str | None
) -> list[Reading]:
    """Return what an `extract` or `code` plugin reads in `text`.

    Raises:
        PluginError: it failed, or gave something else than Readings of that text.
    """
    found = expect(plugin, call(plugin, options, text, finish_reason), list)
    for reading in found:
        start, end = expect(plugin, expect(plugin, reading, Reading).span, tuple)
        expect(plugin, reading.value, str)
        if not 0 <= start <= end <= len(text):
            use = plugin.use if plugin else "?"
            problem = f"gave the span {reading.span} in a text of {len(text)} characters"
            raise PluginError(use, problem, "give (start, end) offsets into the text")
    return found


def expect[T](plugin: Plugin | None, value: object, kind: type[T]) -> T:
    """Return `value` if it is a `kind`; else raise PluginError naming the plugin."""
    if isinstance(value, kind):
        return value
    use = plugin.use if plugin else "?"
    raise PluginError(use, f"gave {type(value).__name__}", f"return {kind.__name__}")


def _named(plugin: Plugin, error: BaseException) -> PluginError:
    return PluginError(plugin.use, f"raised {told(error)}")
