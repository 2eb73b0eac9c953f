"""Say what a command line reports instead of a traceback.

    CliError         ends the command; one line for people, never seen by a library user
    |-- BadUsage     exit 2: the caller can mend it by typing something else
    `-- Failed       exit 1: something of ours, or of the machine's, went wrong

These stand apart from VoteboxError so that a command that only reports a wrong option
imports none of the other rooms. `translated` brings the errors of the rooms over.
"""

from pathlib import Path
from typing import Final

from votebox.cluster.text import one_line

__all__ = ["ABSTAINED", "INTERRUPTED", "BadUsage", "CliError", "Failed", "translated"]

ABSTAINED: Final = 3
"""The exit code of a solve that gives no answer."""

INTERRUPTED: Final = 130
"""The exit code after Ctrl-C or SIGTERM."""


class CliError(Exception):
    """End the command with `exit_code` and one line: what was wrong, and the fix."""

    exit_code = 1

    def __init__(self, problem: str, fix: str = "", log: Path | None = None) -> None:
        super().__init__(problem, fix, log)
        self.problem, self.fix, self.log = problem, fix, log

    def __str__(self) -> str:
        parts = [one_line(self.problem), one_line(self.fix)]
        if self.log is not None:
            parts.append(f"log: {self.log}")
        return "; ".join(part for part in parts if part)


class BadUsage(CliError):
    """Report what the caller typed and how to type it."""

    exit_code = 2


class Failed(CliError):
    """Report a failure; `log` is the file that holds the details."""


def translated(error: Exception, log: Path | None = None) -> CliError:
    """Return the CliError for an error of another room.

    What the caller gave (a recipe, a question, a prompt too long, a limit) is bad usage;
    all else is a failure. The text of an error nobody foresaw starts with its type.
    """
    from votebox.plugins.errors import (
        ProblemError,
        PromptTooLong,
        RecipeError,
        VoteboxError,
    )

    if isinstance(error, CliError):
        return error
    if isinstance(error, (ProblemError, PromptTooLong, RecipeError)):
        return BadUsage(str(error))
    if isinstance(error, VoteboxError):
        return Failed(str(error), log=log)
    return Failed(f"{type(error).__name__}: {error}", log=log)
