"""Tell a model what its program did.

A pure function of the Execution, so that prompts can change without the sandbox.
"""

from __future__ import annotations

import signal

from votebox.sandbox.execution import Execution

_CUT = "...\n"


def text_for_model(
    execution: Execution, *, wall_s: float | None = None, max_chars: int = 4096
) -> str:
    """Return stdout, then, unless all went well, why it failed and where.

    Args:
        execution: what the program did.
        wall_s: the limit to name for a time-out, in seconds; without it, the time the
            program really ran, rounded.
        max_chars: the most characters to return. The beginning is cut, since the last
            line printed and the last line of a traceback say most.
    """
    parts = [execution.stdout]
    if not execution.ok:
        parts += [execution.stderr, _reason(execution, wall_s)]
    text = "\n".join(part.rstrip("\n") for part in parts if part.strip())
    return text if len(text) <= max_chars else _CUT + text[-max(max_chars - len(_CUT), 0) :]


def _reason(execution: Execution, wall_s: float | None) -> str:
    match execution.status:
        case "timeout":
            spent = execution.wall_s if wall_s is None else wall_s
            return f"Execution timed out after {_seconds(spent)}."
        case "memory":
            return "Execution failed: out of memory."
        case "output":
            return "Execution stopped: too much output."
        case "processes":
            return "Execution failed: too many processes or threads."
        case "crashed":
            return f"Execution crashed with {_signal_name(execution.signal)}."
        case "rejected":
            return "Execution rejected: the program was not started."
        case _ if execution.stderr.strip():
            return ""  # the traceback says it better
        case _:
            return f"Execution failed with exit code {execution.exit_code}."


def _seconds(value: float) -> str:
    number = f"{value:.1f}".removesuffix(".0")
    return f"{number} second" if number == "1" else f"{number} seconds"


def _signal_name(number: int | None) -> str:
    if number is None:
        return "an unknown signal"
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have no name
        return f"signal {number}"
