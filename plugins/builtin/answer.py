"""Read the answer of a reply: `extract:answer`, boxed or else plainly stated.

One answer a reply, in this order: a box behind the thinking, what a finished reply states
behind the thinking, a box inside the thinking.
"""

from votebox.plugins import Reading, Register, hookimpl
from votebox.plugins.builtin.boxed import last_box
from votebox.plugins.builtin.phrase import stated
from votebox.plugins.builtin.thinking import after_thinking


def answer(text: str, finish_reason: str | None, options: None = None) -> list[Reading]:
    """Return the last box; without one, the answer a finished reply states at its end."""
    start = after_thinking(text)
    final = last_box(text, start)
    if final is None and finish_reason == "stop":
        final = stated(text, start)
    if final is None and start:
        final = last_box(text[:start], 0)
    return [] if final is None else [final]


@hookimpl
def register_extractors(register: Register) -> None:
    """Register the reading of answers."""
    register("extract:answer", answer)
