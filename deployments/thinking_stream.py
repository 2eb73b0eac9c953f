"""Part a model's thinking from what it says while the text still comes, tags across pieces."""

import re
from typing import Final

from votebox.plugins.builtin.thinking import CLOSING, OPENING

__all__ = ["Parted", "ThinkingSplitter", "split_thinking"]

Parted = tuple[str, str]
"""Thinking, and what is said."""

TAGS: Final = (*OPENING, *CLOSING)
LONGEST: Final = max(len(tag) for tag in TAGS)
ANY_TAG: Final = re.compile("|".join(re.escape(tag) for tag in TAGS))


class ThinkingSplitter:
    """Split pieces of one text into thinking and what is said; tags belong to neither.

    `thinks` tells that the text begins inside its thinking, because the chat template put
    the opening tag into the prompt.
    """

    def __init__(self, *, thinks: bool = False) -> None:
        self.thinks = thinks
        self._held = ""
        self._blank = True  # nothing said since the last tag: white space there is layout

    def feed(self, piece: str) -> Parted:
        """Return what another piece adds; what may begin a tag is held back."""
        parts: tuple[list[str], list[str]] = ([], [])
        text = self._held + piece
        at = 0
        for tag in ANY_TAG.finditer(text):
            self._put(parts, text[at : tag.start()])
            self.thinks, self._blank = tag[0] in OPENING, True
            at = tag.end()
        end = len(text) - _held_back(text, at)
        self._put(parts, text[at:end])
        self._held = text[end:]
        return "".join(parts[0]), "".join(parts[1])

    def end(self) -> Parted:
        """Return what was held back and is no tag after all."""
        parts: tuple[list[str], list[str]] = ([], [])
        self._put(parts, self._held)
        self._held = ""
        return "".join(parts[0]), "".join(parts[1])

    def _put(self, parts: tuple[list[str], list[str]], text: str) -> None:
        said = text.lstrip() if self._blank else text
        if said:
            self._blank = False
            parts[0 if self.thinks else 1].append(said)


def split_thinking(text: str, *, thinks: bool = False) -> Parted:
    """Return the parts of a whole text; `thinks` is as for ThinkingSplitter.

    A closing tag that none opened ends a thinking that began with the text.
    """
    first = ANY_TAG.search(text)
    splitter = ThinkingSplitter(thinks=thinks or (first is not None and first[0] in CLOSING))
    thought, said = splitter.feed(text)
    more_thought, more_said = splitter.end()
    return thought + more_thought, said + more_said


def _held_back(text: str, start: int) -> int:
    """Return how many characters at the end of a text may begin a tag."""
    for size in range(min(LONGEST - 1, len(text) - start), 0, -1):
        if any(tag.startswith(text[-size:]) for tag in TAGS):
            return size
    return 0
