"""Hold the wording the built-in prompt providers send to a model.

Data only: no plugin lives here, so the training script of votebox-mini can read
exactly the words the recipes use. Stance texts contain no digits, because recipe
`aimo-qwq` reads integers from whatever a program prints, its nudges included.
"""

from typing import Final

__all__ = ["MODULO_SENTENCE", "SEED_STANCES", "SOLVE_SYSTEM", "TOOL_SYSTEM"]

MODULO_SENTENCE: Final = "If the final answer is a number larger than 1000, give it modulo 1000."
"""What `prompt:seed-stances` appends to the question, after a newline."""

SEED_STANCES: Final = (
    (
        "Work through the problem as one long chain of reasoning, each step resting on the "
        "one before. Put the final answer in \\boxed{}."
    ),
    (
        "Reflect while you reason: check every step, look for mistakes and verify the result "
        "before you commit to it. Put the final answer in \\boxed{}."
    ),
    (
        "Solve the problem concisely and clearly, with no more words than the solution needs. "
        "Put the final answer in \\boxed{}."
    ),
    (
        "You are a helpful and reflective assistant. Go through the problem step by step, then "
        "give the final answer in \\boxed{}."
    ),
    (
        "You are the smartest mathematics expert in the world. Solve the problem the way only "
        "you can. Put the final answer in \\boxed{}."
    ),
)
"""Five system prompts of five stances; chain i starts from number i modulo five."""

SOLVE_SYSTEM: Final = (
    "Solve the problem. Reason step by step, and write a ```python block when a computation "
    "helps; its output will be shown to you. Put the final answer in \\boxed{}."
)
"""System prompt of the default recipe, `vote`."""

TOOL_SYSTEM: Final = (
    "Solve the problem with Python. Write one ```python block that prints what you need, then "
    "stop; its output will be shown to you. When you are sure, put the final answer in \\boxed{}."
)
"""System prompt of recipe `tool-loop`."""
