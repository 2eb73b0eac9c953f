"""Read a reply by a node of a recipe: part its thinking off, or find its edits.

The chain does so while it runs, and whoever reads stored replies again does the same.
"""

from dataclasses import replace
from typing import Any

from votebox.plugins.calls import call, expect
from votebox.plugins.edits_nouns import EditScript
from votebox.plugins.nouns import Completion, Stripped
from votebox.plugins.recipe import Node

__all__ = ["edits_of", "final_text"]


def final_text(node: Node, completion: Completion) -> Completion:
    """Return the reply with the final text alone, as a `strip` node has it.

    Thinking that never ended makes it a reply cut off by its length.
    """
    made = call(node.plugin, node.options, completion)
    if not isinstance(made, Stripped):
        return replace(completion, text=expect(node.plugin, made, str))
    reason = "length" if made.truncated else completion.finish_reason
    return replace(completion, text=made.content, reasoning=made.reasoning, finish_reason=reason)


def edits_of(node: Node, completion: Completion) -> Any:
    """Return what an `edit` node reads: an EditScript, or a value of its plugin's own."""
    assert node.plugin is not None  # noqa: S101 - only model and sandbox nodes have none
    made = node.plugin.made
    editor = replace(node.plugin, thing=lambda text, options: made(options).parse(text))
    script = call(editor, node.options, completion.text)
    return script.ended(completion.finish_reason) if isinstance(script, EditScript) else script
