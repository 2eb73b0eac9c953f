"""Trace plugins: what is traced declares what it did, and its names steer no terminal."""

import asyncio
from typing import Any

from votebox.plugins import Plugin
from votebox.plugins.hooktrace import Tracer


class Step:
    """Take a step."""

    takes, gives, most = ("completion",), "candidates", 3.0

    async def __call__(self, inputs: Any, ports: Any, options: Any) -> int:
        return 7


def traced(thing: Any, origin: str = "mine") -> tuple[Plugin, list[str]]:
    lines: list[str] = []
    plugin = Plugin("step", "s", thing, None, origin)
    return Tracer(write=lines.append).thing(plugin), lines


def test_an_object_declares_the_same_when_it_is_traced() -> None:
    for thing in (Step(), Step):
        plugin, _ = traced(thing)
        assert (plugin.takes, plugin.gives, plugin.most) == (Step.takes, Step.gives, Step.most)


def test_an_async_object_is_told_with_its_result() -> None:
    plugin, lines = traced(Step())
    assert asyncio.run(plugin.thing({}, None, None)) == 7
    assert ") -> 7  " in lines[0]


def test_a_plugin_whose_name_holds_an_escape_steers_no_terminal() -> None:
    class Fault(Exception):
        pass

    def fails(inputs: Any) -> None:
        raise Fault

    Fault.__name__ = "F\x1b[2J"
    plugin, lines = traced(fails, "a\x1b[31m\nb")
    try:
        plugin.thing({})
    except Fault:
        assert lines[0].isprintable()
        assert "a\\x1b[31m\\nb" in lines[0]
