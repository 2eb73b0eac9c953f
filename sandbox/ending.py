"""End an interpreter as CPython does, as far as a program can see."""
# pathlib would cost its import at every start, and what runs after a program must not
# depend on anything the program could have replaced:
# ruff: noqa: SIM105

from __future__ import annotations

import atexit
import gc
import itertools
import sys
import threading
import weakref

from votebox.sandbox.runner import copy_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def exit_code(
    value: object,
    # Bound here, because a program may empty the builtins.
    is_a: Callable[[object, type], bool] = isinstance,
    number: type = int,
    text: type = str,
    anything: type[BaseException] = BaseException,
) -> int:
    """Return the exit code of SystemExit(value), having printed a value that is none."""
    if value is None:
        return 0
    if is_a(value, number):
        plain: int = number.__int__(value)  # type: ignore[attr-defined] # not the program's method
        return plain & 0xFF if -(2**63) <= plain < 2**63 else 255
    try:
        sys.stdout.flush()
        sys.stderr.write(text(value) + "\n")
    except anything:  # as CPython: lost
        pass
    return 1


class Ending:
    """Do what CPython does after the last statement.

    Bound before the program runs, which may empty the builtins and replace any function.
    """

    def __init__(self, home: str) -> None:
        self.steps = (threading._shutdown, atexit._run_exitfuncs)  # type: ignore[attr-defined]  # noqa: SLF001 - as CPython
        self.streams = sys.stdout, sys.stderr
        self.modules, self.known, self.below = sys.modules, len(sys.modules), f"{home}/"
        self.collect, self.reference, self.anything = gc.collect, weakref.ref, BaseException
        self.copy_out = copy_out

    def finish(self, code: int, wanted: tuple[tuple[str, int], ...]) -> int:
        """Return the exit code, which is another when what was printed cannot be written."""
        anything = self.anything
        for step in self.steps:
            try:
                step()
            except anything:  # printed by the step itself, or lost as in CPython
                pass
        try:
            self.forget_modules()
        except anything:  # the program has taken apart what this needs
            pass
        out, err = self.streams
        try:
            out.flush()
        except anything:
            code = 120
        try:
            err.flush()
            self.copy_out(wanted)
        except anything:
            pass
        return code

    def forget_modules(self) -> None:
        """Forget the program's modules: what they held goes at once, or with its cycles.

        Then those that somebody still holds are emptied.
        """
        watched = []
        for name in ("__main__", *newest(self.modules, self.known)):
            path = getattr(self.modules[name], "__file__", None)
            if type(path) is str and path[: len(self.below)] == self.below:
                watched.append(self.reference(self.modules.pop(name)))
        self.collect()
        held = [module for reference in watched if (module := reference()) is not None]
        for module in held:
            empty(module.__dict__)
        if held:
            self.collect()


def newest(modules: dict[str, Any], known: int) -> list[str]:
    """Name the modules after the first `known`: touching all would copy their pages."""
    return [*itertools.islice(reversed(modules), max(0, len(modules) - known))]


def empty(names: dict[str, Any]) -> None:
    """Let go of a module's objects, in CPython's order: private names, then the others."""
    for name in [*names]:
        if type(name) is str and name[:1] == "_" and name[1:2] != "_":
            names[name] = None
    for name in [*names]:
        if name != "__builtins__":
            names[name] = None
