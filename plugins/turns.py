"""Word what a model is told about its program: the next user turn of a chain.

Pure functions of an Execution, apart from how programs run, so wording changes without
the sandbox.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from votebox.plugins.toolformat import FORMATS, ToolFormat
from votebox.sandbox import Execution, Limits, text_for_model

__all__ = ["SandboxOptions", "next_turn", "output_turn", "plain_output"]


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """Set how a `sandbox:python` node treats programs and their output.

    `turn` is where output goes: "fenced" puts it in an output block of the next user turn,
    "plain" sends it as the bare next user turn, "inline" puts it into the reply that holds
    the program, which then goes on. `when_no_code` "next-prompt" runs, for a reply without a
    program, one that prints the next round's prompt (the Kaggle pipeline's nudge); "skip"
    runs nothing. `shown_path` replaces the program's file name in errors.

    With "inline" a reply may run `calls` programs, of whose output the last `output_chars`
    characters are shown. `session` keeps variables from one to the next. `format` names how
    the model family writes programs (toolformat.FORMATS), or is a table of its own.
    """

    turn: Literal["fenced", "plain", "inline"] = "fenced"
    when_no_code: Literal["skip", "next-prompt"] = "skip"
    shown_path: str = "main.py"
    calls: int = 8
    output_chars: int = 4096
    session: bool = True
    format: str | ToolFormat = "fences"

    def __post_init__(self) -> None:
        """Refuse what cannot be; raise ValueError naming the value and what may be."""
        if self.calls < 0:
            raise ValueError(f"calls = {self.calls}: give 0 or more")
        if self.output_chars < 100:
            raise ValueError(f"output_chars = {self.output_chars}: give at least 100")
        if isinstance(self.format, str) and self.format not in FORMATS:
            known = ", ".join(FORMATS)
            raise ValueError(f"format = {self.format!r}: name one of {known}, or give a table")

    @property
    def tool_format(self) -> ToolFormat:
        """Return the format itself."""
        return FORMATS[self.format] if isinstance(self.format, str) else self.format


def plain_output(execution: Execution, wall_s: float, shown_path: str = "main.py") -> str:
    """Return a program's output as the Kaggle pipeline words it.

    Stripped stdout when it ended ok; "Execution timed out after N seconds." when it
    passed its limit of `wall_s`; else stripped stderr with the program's file shown as
    `shown_path`, after stdout and a newline when there is stdout.
    """
    if execution.ok:
        return execution.stdout.strip()
    if execution.status == "timeout":
        return f"Execution timed out after {wall_s:g} seconds."
    errors = execution.stderr.strip().replace("main.py", shown_path)
    head = execution.stdout.strip()
    return f"{head}\n{errors}" if head else errors


def output_turn(executions: Sequence[Execution], options: SandboxOptions, limits: Limits) -> str:
    """Return the user turn that shows the model what its programs printed."""
    if options.turn == "plain":
        shown = options.shown_path
        return "\n".join(plain_output(e, limits.wall_s, shown) for e in executions)
    texts = (text_for_model(e).strip() for e in executions)
    return "\n".join(f"```output\n{text}\n```" for text in texts)


def next_turn(output: str, added: str | None) -> str | None:
    """Join a program's output and what the prompt provider adds; None when both are empty."""
    parts = [part for part in (output, added or "") if part]
    return "\n\n".join(parts) or None
