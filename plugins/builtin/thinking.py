"""Part a model's thinking from what it says: `strip:think-tags`.

Reasoning models write `<think>..</think>` before their reply; some chat templates put
the opening tag into the prompt, so only the closing one is sure to be seen.
"""

from typing import Final

from votebox.plugins import Completion, Register, hookimpl

_OPENING: Final = "<think>"
_CLOSING: Final = "</think>"


def think_tags(completion: Completion, options: None = None) -> str:
    """Return the text after the last closing tag.

    Text that opened its thinking and never closed it holds nothing final; text without
    tags is all final.
    """
    text = completion.text
    if _CLOSING in text:
        return text[after_thinking(text) :].lstrip()
    return text.partition(_OPENING)[0].rstrip() if _OPENING in text else text


def after_thinking(text: str) -> int:
    """Return where the text behind the last closing tag begins, 0 without one."""
    found = text.rfind(_CLOSING)
    return 0 if found < 0 else found + len(_CLOSING)


@hookimpl
def register_extractors(register: Register) -> None:
    """Register the stripper of think tags."""
    register("strip:think-tags", think_tags)
