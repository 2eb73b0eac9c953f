"""Mend a program that failed: an editor sees it with its error and replies with an edit of it.

prompt:repair   programs, executions -> prompt: the program as a file, what it said, the question
step:repaired   programs, edits -> programs: the program with the edits made

The last program and the last execution among the inputs belong together, and edits are of the
program before them, so that a second attempt is the same nodes once more behind the first.
Nothing is asked where the last program ran well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from votebox.plugins import (
    ApplyReport,
    ChainView,
    EditScript,
    Execution,
    Problem,
    Prompt,
    Reading,
    Register,
    declare,
    hookimpl,
)
from votebox.plugins.builtin.edit_prompts import EditOptions, edit_prompt
from votebox.plugins.builtin.edit_texts import REPAIR
from votebox.plugins.edits import apply, feedback
from votebox.sandbox import text_for_model

_FILE: Final = "main.py"
"""The program's name in the jail, so in its tracebacks."""

_UNCHANGED: Final = "Your last edit left the program as it was."


@dataclass(frozen=True, slots=True)
class RepairOptions:
    """Set the prompt before the format's rules, the format, and what the editor sees besides.

    `format` is to be that of the `edit` node that reads the reply. Of what the program said,
    the last `output_chars` characters are shown.
    """

    system: str = REPAIR
    format: Literal["whole", "diff", "diff-fenced", "udiff", "patch"] = "diff"
    example: bool = True
    sees_task: bool = True
    output_chars: Annotated[int, Field(ge=100)] = 4096


def repair(problem: Problem, chain: ChainView, round: int, options: RepairOptions) -> Prompt | None:
    """Put a program that failed to a model that edits it; nothing where the last one ran well.

    One that was never started is not asked about: its seconds are used up. At the root of a
    recipe there is no program to look at, so the question is the request.
    """
    if not chain.inputs:
        return edit_prompt(options.format, _shown(options), {}, problem.text, "repair")
    program, execution = _program(chain.inputs), _execution(chain.inputs)
    if not program or execution is None or execution.ok or execution.status == "rejected":
        return None
    said = text_for_model(execution, max_chars=options.output_chars)
    parts = [
        f"The program is to help to answer this:\n\n{problem.text}" if options.sees_task else "",
        f"It failed:\n\n{said}",
        _refused(chain.inputs, program),
        "Mend the error. Let the program print what it was written to print.",
    ]
    request = "\n\n".join(part for part in parts if part)
    return edit_prompt(options.format, _shown(options), {_FILE: program}, request, "repair")


def _shown(options: RepairOptions) -> EditOptions:
    return EditOptions(options.system, options.example)


@declare(takes=("programs", "edits"), gives="programs")
async def repaired(
    inputs: Mapping[str, Any], ports: Any, options: Any
) -> tuple[Reading, ...] | None:
    """Give the last program with the last edits made, nothing where they do not apply to it."""
    program, script = _program(inputs), _script(inputs)
    if not program or script is None:
        return None
    mended, report = _edited(program, script)
    if not report.ok or mended == program:
        return None
    return (Reading(mended, (0, 0), notes=("repaired",)),)


def _edited(program: str, script: EditScript) -> tuple[str, ApplyReport]:
    files, report = apply(script, {_FILE: program})
    return files.get(_FILE, ""), report


def _refused(inputs: Mapping[str, Any], program: str) -> str:
    """Return what was wrong with edits that came to nothing, "" where there are none."""
    script = _script(inputs)
    if script is None:
        return ""
    mended, report = _edited(program, script)
    if not report.ok:
        return f"Your last edit of it was refused:\n\n{feedback(report)}"
    return _UNCHANGED if mended == program else ""


def _program(inputs: Mapping[str, Any]) -> str:
    """Return the last program among the inputs, "" where there is none."""
    found = [item for value in inputs.values() for item in _items(value, Reading)]
    return found[-1].value if found else ""


def _execution(inputs: Mapping[str, Any]) -> Execution | None:
    found = [item for value in inputs.values() for item in _items(value, Execution)]
    return found[-1] if found else None


def _script(inputs: Mapping[str, Any]) -> EditScript | None:
    """Return the last edits, None where a program made of them stands behind them."""
    found: EditScript | None = None
    for value in inputs.values():
        if isinstance(value, EditScript):
            found = value
        elif _items(value, Reading):
            found = None
    return found


def _items[T](value: Any, kind: type[T]) -> list[T]:
    return [item for item in value if isinstance(item, kind)] if isinstance(value, tuple) else []


@hookimpl
def register_prompts(register: Register) -> None:
    """Register the prompt to an editor of programs."""
    register("prompt:repair", repair, options=RepairOptions)


@hookimpl
def register_steps(register: Register) -> None:
    """Register the step that makes an editor's edits."""
    register("step:repaired", repaired)
