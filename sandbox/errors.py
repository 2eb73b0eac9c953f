"""The errors of votebox, from the root down.

The root of the whole product lives here because the sandbox is the lowest room; the
rooms above derive their own families from it.

    VoteboxError                    anything votebox raises on purpose
    └── SandboxError                we failed to run a program, or were asked wrongly
        ├── SandboxUnavailable      this host cannot isolate: the cause, and what to type
        ├── SandboxBusy             the queue is full; retry_after_s says when to ask again
        ├── SandboxDied             what held a program died, its session's variables with it
        └── LimitError              a limit is ill-typed, out of range or above the cap
                                    (also a ValueError)

What a program does is never an exception: it is an Execution. Every error passes all its
fields to `Exception.__init__`, so that it survives pickling between processes.
"""

from __future__ import annotations


class VoteboxError(Exception):
    """Be the base of every error votebox raises on purpose."""


class SandboxError(VoteboxError):
    """Say that a program could not be run, through no doing of the program."""

    def __init__(self, message: str, detail: str = "") -> None:
        """Keep `message` for people, and `detail`, the jail's own last words."""
        super().__init__(message, detail)
        self.message = message
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.message}\n{self.detail}" if self.detail else self.message


class SandboxUnavailable(SandboxError):
    """Say that this host cannot isolate programs, why, and what to type."""

    def __init__(self, cause: str, fix: str, detail: str = "") -> None:
        """Keep the `cause`, the `fix` (a line to type or do) and the jail's own words."""
        super().__init__(cause, detail)
        self.args = (cause, fix, detail)
        self.cause = cause
        self.fix = fix

    def __str__(self) -> str:
        text = f"the sandbox cannot run here: {self.cause}\nfix: {self.fix}"
        return f"{text}\n{self.detail}" if self.detail else text


class SandboxBusy(SandboxError):
    """Say that no more programs are taken for now; nothing was started."""

    def __init__(self, retry_after_s: float) -> None:
        """Keep the seconds after which asking again makes sense."""
        super().__init__(f"the sandbox queue is full; try again in {retry_after_s:g} s")
        self.args = (retry_after_s,)
        self.retry_after_s = retry_after_s


class SandboxDied(SandboxError):
    """Say that the process that held a program died, and with it its session's variables."""


class LimitError(SandboxError, ValueError):
    """Say which limit is wrong, its value, and the most that is allowed."""

    def __init__(self, name: str, value: object, problem: str) -> None:
        """Keep the field's `name`, its offending `value` and the `problem` with it."""
        super().__init__(problem)
        self.args = (name, value, problem)
        self.name = name
        self.value = value
        self.problem = problem

    def __str__(self) -> str:
        return f"limit {self.name}={self.value!r}: {self.problem}"
