"""Part a model's thinking from what it says: `strip:think-tags`.

Reasoning models write `<think>..</think>` before their reply; some chat templates put
the opening tag into the prompt, so only the closing one is sure to be seen. A few models
write other marks for the same thing.
"""

from typing import Final

from votebox.plugins import Completion, Register, hookimpl

OPENING: Final = ("<think>", "<thinking>", "[THINK]")
CLOSING: Final = (
    "</think>",  # QwQ, DeepSeek-R1, Qwen3
    "</thinking>",
    "[/THINK]",  # Magistral
    "<|channel|>final<|message|>",  # gpt-oss
)


def think_tags(completion: Completion, options: None = None) -> str:
    """Return the text after the last closing tag.

    Text that opened its thinking and never closed it holds nothing final; text without
    tags is all final.
    """
    text = completion.text
    if start := after_thinking(text):
        return text[start:].lstrip()
    opened = [at for tag in OPENING if (at := text.find(tag)) >= 0]
    return text[: min(opened)].rstrip() if opened else text


def after_thinking(text: str) -> int:
    """Return where the text behind the last closing tag begins, 0 without one."""
    return max(at + len(tag) if (at := text.rfind(tag)) >= 0 else 0 for tag in CLOSING)


@hookimpl
def register_extractors(register: Register) -> None:
    """Register the stripper of think tags."""
    register("strip:think-tags", think_tags)
