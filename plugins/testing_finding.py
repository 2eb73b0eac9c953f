"""Hold what the conformance kit finds."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Report one fault of a plugin.

    `rule` names what was broken, `given` the input that broke it (shortened; empty where
    there is none) and `fix` what to do.
    """

    plugin: str
    rule: str
    problem: str
    given: str = ""
    fix: str = ""

    def __str__(self) -> str:
        """Return the finding as one line."""
        given = f" (given {self.given})" if self.given else ""
        return f"{self.plugin} [{self.rule}]: {self.problem}{given}; fix: {self.fix}"
