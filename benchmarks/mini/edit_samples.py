"""Turn tiny edits into conversations, in the very prompt of the recipe `mini-edit`.

It knows nothing of tokens or models.
"""

import functools
from pathlib import Path
from typing import Final

from edits import Edit
from samples import Sample, Setting, Turn

from votebox.plugins import Recipe, Registry, load_recipe
from votebox.plugins.builtin.edit_prompts import edit_prompt

__all__ = ["RECIPE", "edit_recipe", "edit_sample", "edit_setting"]

RECIPE: Final = Path(__file__).with_name("mini-edit.toml")
"""The recipe whose prompt is trained on; `votebox solve --recipe` takes the file."""


@functools.cache
def edit_recipe() -> Recipe:
    """Read and check the recipe."""
    return load_recipe(RECIPE, Registry.load(allowed=()))


@functools.cache
def edit_setting() -> Setting:
    """Give the system turn that all samples share."""
    prompt = edit_prompt("whole", edit_recipe().nodes["ask"].options, {}, "", "")
    return Setting("edit", prompt.messages[0].content, 1.0, {})


def edit_sample(edit: Edit) -> Sample:
    """Make the conversation of an edit: the recipe's prompt, and the reply to learn."""
    options = edit_recipe().nodes["ask"].options
    prompt = edit_prompt("whole", options, {edit.path: edit.before}, edit.request, "")
    asked = Turn("user", prompt.messages[-1].content)
    return Sample(edit_setting(), (asked, Turn("assistant", edit.reply, learned=True)))
