"""Trace the calls of plugins, one line each on stderr, where VOTEBOX_TRACE_HOOKS asks.

    hook register_stops  my-plugin(register=_Door) -> None  0.04 ms
    stop:soon  my-plugin(VoteState(planned=4, finished=1, ...), None) -> Advice(...)  0.01 ms

`1` shows of a text its length alone, so that neither a question nor a key gets into a log;
`full` shows all. A registry that is not traced holds the plugins' own functions: tracing
costs nothing until it is asked for.
"""

import functools
import inspect
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Final, Self

from votebox.plugins.errors import PluginError
from votebox.plugins.plugin import Plugin, declare

__all__ = ["VARIABLE", "Tracer", "abbreviated"]

VARIABLE: Final = "VOTEBOX_TRACE_HOOKS"
"""1 traces with texts shown by their length, full with all; empty and 0 do not trace."""

_DECLARED: Final = tuple(inspect.signature(declare).parameters)
_MOST_FIELDS: Final = 8
_MOST_ITEMS: Final = 4
_DEEPEST: Final = 3
_MOST_FULL_CHARS: Final = 100_000


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")


@dataclass(frozen=True, slots=True)
class Tracer:
    """Wrap what plugins give, so that each call is told; `full` tells whole texts."""

    full: bool = False
    write: Callable[[str], object] = _to_stderr

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self | None:
        """Return what VOTEBOX_TRACE_HOOKS asks for, None for no tracing.

        Raises:
            PluginError: it is neither 0, 1 nor full.
        """
        given = environment.get(VARIABLE, "").strip().lower()
        if given not in ("", "0", "1", "full"):
            raise PluginError(VARIABLE, f"is {given!r}", "set 1, full or 0")
        return cls(full=given == "full") if given in ("1", "full") else None

    def wrapped(
        self, function: Callable[..., Any], what: str, origin: str, names: Sequence[str] = ()
    ) -> Callable[..., Any]:
        """Return `function` telling each call of it: `what` it is, and whose."""
        # Of an object that can be called, only its method tells whether it must be awaited.
        if any(map(inspect.iscoroutinefunction, (function, type(function).__call__))):

            @functools.wraps(function)
            async def waited(*args: Any) -> Any:
                with _Told(self, what, origin, names, args) as told:
                    told.result = await function(*args)
                return told.result

            return waited

        @functools.wraps(function)
        def called(*args: Any) -> Any:
            with _Told(self, what, origin, names, args) as told:
                told.result = function(*args)
            return told.result

        return called

    def thing(self, plugin: Plugin) -> Plugin:
        """Return the plugin with each call of its thing told; of an object, of its methods."""
        thing = plugin.thing
        traced: Any
        if isinstance(thing, type):
            traced = _watched_class(self, plugin, thing)
        elif callable(thing):
            traced = self.wrapped(thing, plugin.use, plugin.origin)
        else:
            return replace(plugin, thing=_Watched(self, plugin, thing))
        for name in _DECLARED:  # functools.wraps leaves what the thing's class declares
            if hasattr(thing, name):
                setattr(traced, name, getattr(thing, name))
        return replace(plugin, thing=traced)

    def shown(self, value: object) -> str:
        """Return a value as one line of ASCII, so that no text can steer a terminal."""
        try:
            text = repr(value)[:_MOST_FULL_CHARS] if self.full else abbreviated(value)
        except Exception as e:  # a plugin's own __repr__ is foreign code
            text = f"<{type(value).__name__}, whose repr raised {type(e).__name__}>"
        return _ascii(text)


def _ascii(text: str) -> str:
    return re.sub(r"[^ -~]", lambda found: ascii(found[0])[1:-1], text)


class _Told:
    """Time one call, and write its line when it ends, well or not."""

    def __init__(
        self,
        tracer: Tracer,
        what: str,
        origin: str,
        names: Sequence[str],
        args: Sequence[object],
    ) -> None:
        self._tracer, self._what, self._origin = tracer, what, origin
        labels = [f"{name}=" for name in names] or [""] * len(args)
        # Shown now: a plugin may change what it is given.
        self._given = ", ".join(f"{n}{tracer.shown(a)}" for n, a in zip(labels, args, strict=True))
        self.result: Any = None

    def __enter__(self) -> Self:
        self._start = time.perf_counter()
        return self

    def __exit__(self, kind: object, error: BaseException | None, where: object) -> None:
        took_ms = (time.perf_counter() - self._start) * 1000
        if error is None:
            end = f"-> {self._tracer.shown(self.result)}"
        else:
            said = f": {self._tracer.shown(str(error))}" if self._tracer.full else ""
            end = f"raised {type(error).__name__}{said}"
        line = f"{self._what}  {self._origin}({self._given}) {end}  {took_ms:.2f} ms"
        self._tracer.write(_ascii(line))  # names, too, are the plugin's own


class _Watched:
    """Stand for an object, its methods told."""

    def __init__(self, tracer: Tracer, plugin: Plugin, thing: object) -> None:
        self._tracer, self._plugin, self._thing = tracer, plugin, thing

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._thing, name)
        if not callable(value):
            return value
        return self._tracer.wrapped(value, f"{self._plugin.use}.{name}", self._plugin.origin)


def _watched_class(tracer: Tracer, plugin: Plugin, thing: type) -> type:
    """Return a class that makes watched objects of `thing`; a policy is made with its options."""

    class Watched(_Watched):
        __doc__ = thing.__doc__

        def __init__(self, *options: object) -> None:
            super().__init__(tracer, plugin, thing(*options))

    return Watched


def abbreviated(value: object, depth: int = 0) -> str:
    """Return what a value is without the texts in it.

    >>> abbreviated(["a question", 7, None])
    'list[str[10], 7, None]'
    """
    if value is None or isinstance(value, bool | int | float):
        return repr(value) if not isinstance(value, int) or value.bit_length() < 64 else "int"
    if isinstance(value, str | bytes):
        return f"{type(value).__name__}[{len(value)}]"
    name = type(value).__name__
    if depth >= _DEEPEST:
        return name
    if is_dataclass(value):
        shown = [
            f"{f.name}={abbreviated(getattr(value, f.name), depth + 1)}"
            for f in fields(value)[:_MOST_FIELDS]
        ]
        return f"{name}({', '.join(shown)}{', ...' if len(fields(value)) > _MOST_FIELDS else ''})"
    if isinstance(value, list | tuple):
        shown = [abbreviated(item, depth + 1) for item in value[:_MOST_ITEMS]]
        more = [f"... {len(value) - _MOST_ITEMS} more"] if len(value) > _MOST_ITEMS else []
        return f"{name}[{', '.join([*shown, *more])}]"
    return name
