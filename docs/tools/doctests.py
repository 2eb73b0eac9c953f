"""Show doctests as code: the Python reference reads docstrings that are written for people.

A griffe extension. Markdown would take `>>> x` for a quotation and `['a', 'b']` for a link.
"""

import re
from typing import Final

import griffe

__all__ = ["Doctests", "fenced"]

_EXAMPLE: Final = re.compile(r"^>>> .*+(?:\n.++)*+", re.MULTILINE)


def fenced(docstring: str) -> str:
    r"""Return the docstring with each doctest in a block of code.

    >>> fenced("Add.\n\n>>> 1 + 1\n2\n\nDone.")
    'Add.\n\n```pycon\n>>> 1 + 1\n2\n```\n\nDone.'
    """
    return _EXAMPLE.sub(lambda example: f"```pycon\n{example[0]}\n```", docstring)


class Doctests(griffe.Extension):
    """Fence the doctests of every docstring that griffe reads."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Change the docstring where it stands."""
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)
