r"""Say how a model family writes a program into its reply and gets the output back, as data.

`FORMATS` has one entry per family; a recipe may give a table of its own instead of a name.
Where a reply is stopped and what is put into it is all there is to a format: which text is
a program is for the code reader. Pure text, nothing here runs anything.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = ["FORMATS", "ToolFormat"]

_SPECIAL: Final = re.compile(r"<(?=\|)|<(?=/?tool_(?:call|response)>)|```")


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """Hold one family's way.

    `stops` are the texts at which the engine stops a reply: the ends of a program.
    `before` and `after` enclose a program's output in the reply. `left` and `none_left`
    tell the model how many more programs it may run; `{left}` is the number. `special`
    keeps special tokens in the reply, where the mark of a program is one.
    """

    stops: tuple[str, ...]
    before: str
    after: str
    left: str = "(You can run {left} more.)"
    none_left: str = "(No more programs can be run. Give the final answer.)"
    special: bool = False

    def output(self, text: str, left: int) -> str:
        """Return a program's output as it is put into the reply.

        What a program prints cannot end the enclosure: marks of turns, tools and fences
        in it are broken up.
        """
        quoted = _SPECIAL.sub(lambda mark: f"{mark[0][0]} {mark[0][1:]}", text)
        note = (self.left if left else self.none_left).replace("{left}", str(left))
        return (
            f"{self.before}{quoted}\n{note}{self.after}"
            if note
            else self.before + quoted + self.after
        )


FORMATS: Final[Mapping[str, ToolFormat]] = MappingProxyType(
    {
        # ToRA, NuminaMath-TIR, Qwen2.5-Math, QwQ when asked for it: Markdown all the way.
        "fences": ToolFormat(stops=("```\n",), before="```output\n", after="\n```\n"),
        # Hermes and Qwen chat templates: the result is a turn of the user's.
        "tool-call": ToolFormat(
            stops=("</tool_call>",),
            before="<|im_end|>\n<|im_start|>user\n<tool_response>\n",
            after="\n</tool_response><|im_end|>\n<|im_start|>assistant\n",
        ),
        # Llama 3.1 and later: the built-in interpreter has a role of its own.
        "python-tag": ToolFormat(
            stops=("<|eom_id|>",),
            before="<|start_header_id|>ipython<|end_header_id|>\n\n",
            after="<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
            special=True,
        ),
    }
)
"""Formats by name."""
