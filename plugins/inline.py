"""Run the programs of a reply while it is written: their output becomes part of it.

The engine stops a reply where a program ends (`ToolFormat.stops`), the program runs, its
output is put into the reply, and the engine goes on from there, which its prefix cache makes
cheap. Limits: calls, output, tokens of the reply, and whatever the solve's budget leaves.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from votebox.plugins.calls import read
from votebox.plugins.nouns import Message, Prompt, Reading
from votebox.plugins.recipe import Node, Recipe
from votebox.plugins.toolformat import ToolFormat
from votebox.sandbox import Execution, text_for_model

__all__ = ["InlinePrograms", "inline_box"]

_MOST_VAIN: Final = 16
"""How often a reply may stop where no program ends; then it is no longer stopped."""

_CLOSING: Final = re.compile(r"""["}\]\s]*+(?:(?:`++|~++|</?\w++>|<\|\w++\|>)\s*+){0,3}+""")
"""What may stand between a program and the end of its block."""


def inline_box(recipe: Recipe, model: str) -> Node | None:
    """Return the sandbox node whose output goes into the replies of node `model`, if any."""
    for box in recipe.nodes.values():
        inline = box.kind == "sandbox" and box.options.turn == "inline"
        if inline and model in recipe.nodes[box.after[0]].after:
            return box
    return None


class InlinePrograms:
    """Run the programs of one reply, one after the other; keep what they did.

    `execute(box, program)` runs one.
    """

    def __init__(
        self, code: Node, box: Node, execute: Callable[[Node, str], Awaitable[Execution]]
    ) -> None:
        self._code, self._box, self._execute = code, box, execute
        self._format: ToolFormat = box.options.tool_format
        self._mark = 0  # where the last output ends
        self._vain = 0
        self._told = False
        self.executions: list[Execution] = []

    @property
    def left(self) -> int:
        """Return how many more programs may run."""
        most: int = self._box.options.calls
        return max(0, most - len(self.executions))

    def prompt(self, first: Prompt, text: str, tokens: int) -> Prompt | None:
        """Return what to ask next: `first`, the reply so far, and where to stop.

        None when the reply has used up its `tokens`.
        """
        sampling = first.sampling
        assert sampling is not None  # noqa: S101 - set before a reply begins
        if sampling.max_tokens is not None:
            if tokens >= sampling.max_tokens:
                return None
            sampling = replace(sampling, max_tokens=sampling.max_tokens - tokens)
        if self.left and self._vain < _MOST_VAIN:
            sampling = replace(
                sampling,
                stop=(*sampling.stop, *self._format.stops),
                include_stop_str_in_output=True,
            )
        if self._format.special:
            sampling = replace(sampling, skip_special_tokens=False)
        said = (Message("assistant", text),) if text else ()
        return replace(first, messages=(*first.messages, *said), sampling=sampling)

    async def after(self, text: str) -> str | None:
        """Run the program the reply ends with; return what to put behind it.

        "" lets the reply go on as it is, None means that it is finished.
        """
        program, closing = self._last(text), ""
        if program is None:  # an engine may keep the text it stopped at to itself
            ends = [(found, end) for end in self._format.stops if (found := self._last(text + end))]
            program, closing = ends[0] if ends else (None, "")
        if program is None:
            stopped = text.endswith(self._format.stops)
            self._vain += stopped
            return "" if stopped and self._vain <= _MOST_VAIN else None
        if not self.left:
            if self._told:
                return None
            self._told = True
            return self._put(text, closing, "")
        execution = await self._execute(self._box, program.value)
        self.executions.append(execution)
        self._told = not self.left
        return self._put(text, closing, self._words(execution))

    async def rest(self, readings: Sequence[Reading]) -> tuple[Execution, ...]:
        """Run what stands behind the last output, as far as calls are left; return all."""
        for reading in readings:
            if reading.span[0] >= self._mark and self.left:
                self.executions.append(await self._execute(self._box, reading.value))
        return tuple(self.executions)

    def _last(self, text: str) -> Reading | None:
        """Return the program at the very end of a reply, if there is one that has not run."""
        start = self._mark if self._box.options.session else 0
        readings = read(self._code.plugin, self._code.options, text[start:], "stop")
        last = next((r for r in reversed(readings) if r.complete), None)
        if last is None or start + last.span[1] <= self._mark:
            return None
        return last if _CLOSING.fullmatch(text, start + last.span[1]) else None

    def _put(self, text: str, closing: str, output: str) -> str:
        line = "" if (text + closing).endswith("\n") else "\n"
        added = closing + line + self._format.output(output, self.left)
        self._mark = len(text) + len(added)
        return added

    def _words(self, execution: Execution) -> str:
        options, wall_s = self._box.options, self._box.limits.wall_s
        words = text_for_model(execution, wall_s=wall_s, max_chars=options.output_chars).strip()
        if execution.session_lost:
            words += "\n(The interpreter was restarted: variables are gone.)"
        return words.strip()
