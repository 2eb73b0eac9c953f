"""Read edits of files out of a reply: `edit:whole`, `edit:diff`, `edit:udiff`, `edit:patch`.

The parsers are votebox.plugins.edits; a plugin is no more than a parser with a name.
"""

from votebox.plugins import EditScript, Register, hookimpl
from votebox.plugins.edits import parse


class Whole:
    """Read whole files, each in a fence below its path."""

    @staticmethod
    def parse(text: str) -> EditScript:
        """Read a reply in the format `whole`."""
        return parse(text, "whole")


class Diff:
    """Read search/replace blocks below a path."""

    @staticmethod
    def parse(text: str) -> EditScript:
        """Read a reply in the format `diff`."""
        return parse(text, "diff")


class DiffFenced:
    """Read search/replace blocks with the path inside the fence."""

    @staticmethod
    def parse(text: str) -> EditScript:
        """Read a reply in the format `diff-fenced`."""
        return parse(text, "diff-fenced")


class Udiff:
    """Read unified diffs, whatever their line numbers say."""

    @staticmethod
    def parse(text: str) -> EditScript:
        """Read a reply in the format `udiff`."""
        return parse(text, "udiff")


class Patch:
    """Read patches in the V4A form, between Begin Patch and End Patch."""

    @staticmethod
    def parse(text: str) -> EditScript:
        """Read a reply in the format `patch`."""
        return parse(text, "patch")


@hookimpl
def register_extractors(register: Register) -> None:
    """Register the edit formats."""
    register("edit:whole", Whole())
    register("edit:diff", Diff())
    register("edit:diff-fenced", DiffFenced())
    register("edit:udiff", Udiff())
    register("edit:patch", Patch())
