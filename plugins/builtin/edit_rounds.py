"""Carry an editing task from one round to the next: whose turn it is, and what it is told.

A model's next prompt is its last one, its reply without thinking, and what became of it. The
last who edited mends edits that did not apply; tests that fail go to whoever decided.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import inf

from votebox.plugins import (
    ChainView,
    Completion,
    EditScript,
    Message,
    Patch,
    Problem,
    Prompt,
    failure_feedback,
)
from votebox.plugins.edits import apply, choose_fence, feedback

__all__ = ["applies", "asked_again", "current_files", "last_patch"]

_EDITOR = "editor-"
_AGAIN = "Nothing was changed. Give all the changes again, complete, in the same format."
_NO_TEXT = (
    "Your reply was cut off before its final text, so nothing was changed. Think less, and say "
    "what to change."
)


def last_patch(chain: ChainView) -> Patch | None:
    """Return what the last round that made one left, None where none did."""
    found = (v for turn in reversed(chain.turns) for v in reversed(list(turn.values.values())))
    return next((value for value in found if isinstance(value, Patch)), None)


def current_files(problem: Problem, chain: ChainView) -> Mapping[str, str]:
    """Return the files as the rounds so far have left them."""
    patch = last_patch(chain)
    return problem.files if patch is None else patch.files


def applies(script: EditScript, files: Mapping[str, str]) -> bool:
    """Return whether edits are well-formed, apply to the files, and change them."""
    after, report = apply(script, files)
    return report.ok and after != files


def asked_again(problem: Problem, chain: ChainView, label: str) -> Prompt | None:
    """Return the next prompt of the model that was asked as `label`, None where it has no turn.

    Values of a round stand in the order of its nodes, so that a reply follows its prompt. With
    `metadata["tries"]` nobody is asked once that many changes have been tested.
    """
    patch = last_patch(chain)
    if patch is None or patch.ok or (patch.landed and _tries(chain) >= _most_tries(problem)):
        return None
    asked = [v.label for v in chain.turns[-1].values.values() if isinstance(v, Prompt)]
    editor_spoke = any(name.startswith(_EDITOR) for name in asked)
    its_turn = editor_spoke and not patch.landed
    if its_turn != label.startswith(_EDITOR):
        return None
    prompt, reply = next(_exchanges(chain, label), (None, None))
    if prompt is None or reply is None:
        return None
    said = (Message("assistant", reply.text),) if reply.text.strip() else ()
    told = Message("user", _told(patch) if reply.text.strip() else _NO_TEXT)
    return replace(prompt, messages=(*prompt.messages, *said, told))


def _tries(chain: ChainView) -> int:
    """Return how many rounds ended with a change that was tested."""
    last = ([v for v in turn.values.values() if isinstance(v, Patch)][-1:] for turn in chain.turns)
    return sum(patch.landed and patch.tests is not None for found in last for patch in found)


def _most_tries(problem: Problem) -> float:
    return float(problem.metadata.get("tries", inf))


def _exchanges(chain: ChainView, label: str) -> Iterator[tuple[Prompt, Completion | None]]:
    """Yield the prompts of a label, the last one first, each with the final text of its reply."""
    for turn in reversed(chain.turns):
        prompt: Prompt | None = None
        reply: Completion | None = None
        for value in turn.values.values():
            if isinstance(value, Prompt):
                if prompt is not None:
                    break
                prompt = value if value.label == label else None
            elif isinstance(value, Completion) and prompt is not None:
                reply = value
        if prompt is not None:
            yield prompt, reply


def _told(patch: Patch) -> str:
    """Return what a model is told of its change."""
    if not patch.report.ok:
        return feedback(patch.report)
    if patch.faults:
        return "\n".join(["The edits apply, but:", *(f"- {f}" for f in patch.faults), _AGAIN])
    parts = ["Your changes were made. The changed files are now:", _listed(patch)]
    if patch.tests is not None:
        parts += [failure_feedback(patch.tests), "Mend this, starting from the files above."]
    return "\n\n".join(parts)


def _listed(patch: Patch) -> str:
    texts = {path: text for path, text in patch.changed.items() if text is not None}
    start, end = choose_fence(texts.values())
    blocks = (f"{p}\n{start}\n{t.removesuffix(chr(10))}\n{end}" for p, t in texts.items())
    return "\n\n".join(blocks)
