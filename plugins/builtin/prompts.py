"""Ask a model to solve the problem: `prompt:solve` and `prompt:tool`.

A prompt provider speaks first and then lets the program's output speak: in later
rounds it adds nothing, so a chain without a program to show ends there.
"""

from dataclasses import dataclass

from votebox.plugins import ChainView, Problem, Prompt, Register, hookimpl
from votebox.plugins.builtin.texts import SOLVE_SYSTEM, TOOL_SYSTEM


@dataclass(frozen=True, slots=True)
class SolveOptions:
    """Set the system prompt of `prompt:solve`."""

    system: str = SOLVE_SYSTEM


@dataclass(frozen=True, slots=True)
class ToolOptions:
    """Set the system prompt of `prompt:tool`."""

    system: str = TOOL_SYSTEM


def solve(
    problem: Problem,
    chain: ChainView,
    round: int,
    options: SolveOptions | ToolOptions,
) -> Prompt | None:
    """Put the question under one system prompt; add nothing in later rounds."""
    if round > 0:
        return None
    return Prompt.of(problem.text, system=options.system, label="solve")


def tool(
    problem: Problem,
    chain: ChainView,
    round: int,
    options: ToolOptions,
) -> Prompt | None:
    """Put the question to a model that works in rounds of Python; add nothing later."""
    return solve(problem, chain, round, options)


@hookimpl
def register_prompts(register: Register) -> None:
    """Register the plain prompts."""
    register("prompt:solve", solve, options=SolveOptions)
    register("prompt:tool", tool, options=ToolOptions)
