"""Ask models for edits: `prompt:architect`, `prompt:edit-FORMAT` and `prompt:editor-FORMAT`.

`edit-` prompts one model for the change, `editor-` a second one for the edits an architect
described: it sees the architect's final text and the files, not the request. Every prompt
holds the format's rules, one example, the current files and a reminder, with a fence that
no line of the files starts with.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from votebox.plugins import (
    ChainView,
    Completion,
    EditScript,
    Message,
    Problem,
    Prompt,
    Register,
    declare,
    hookimpl,
)
from votebox.plugins.builtin.edit_rounds import applies, asked_again, current_files
from votebox.plugins.builtin.edit_texts import ARCHITECT, EDITOR, EXAMPLE, REMINDERS, RULES, SOLO
from votebox.plugins.edits import FORMATS, choose_fence, render

type _Fence = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ArchitectOptions:
    """Set the system prompt of `prompt:architect`."""

    system: str = ARCHITECT


@dataclass(frozen=True, slots=True)
class EditOptions:
    """Set the system prompt before the format's rules, and whether an example is shown.

    Without `rules` neither they nor the reminder are: for a model that was trained on the format.
    """

    system: str = SOLO
    example: bool = True
    rules: bool = True


@dataclass(frozen=True, slots=True)
class EditorOptions:
    """Set the same for an editor, and whether it sees the request as well."""

    system: str = EDITOR
    example: bool = True
    rules: bool = True
    sees_task: bool = False


def architect(
    problem: Problem, chain: ChainView, round: int, options: ArchitectOptions
) -> Prompt | None:
    """Put the request and the files to a model that decides what to change.

    In later rounds it gets what became of its change, unless the editor has to mend its edits.
    """
    if round > 0:
        return asked_again(problem, chain, "architect")
    fence = choose_fence([*problem.files.values(), problem.text])
    user = _joined(_listed(problem.files, fence), problem.text)
    return Prompt.of(user, system=options.system, label="architect")


@dataclass(frozen=True, slots=True)
class Edit:
    """Put the request and the files to a model that replies with edits of one format."""

    format: str

    def __call__(
        self, problem: Problem, chain: ChainView, round: int, options: EditOptions
    ) -> Prompt | None:
        """Ask in the first round; later tell what became of the edits, until all is well."""
        if round > 0:
            return asked_again(problem, chain, f"edit-{self.format}")
        return edit_prompt(self.format, options, problem.files, problem.text, f"edit-{self.format}")


@declare(resumes=True)
@dataclass(frozen=True, slots=True)
class Editor:
    """Put an architect's words and the files to a model that replies with edits of one format."""

    format: str

    def __call__(
        self, problem: Problem, chain: ChainView, round: int, options: EditorOptions
    ) -> Prompt | None:
        """Ask in every round that has an architect's text; without one the request is it.

        Nothing is asked where the architect's own edits are among the inputs and apply, or
        where it said nothing. In a round without its text the last edits are to be mended.
        """
        label, files = f"editor-{self.format}", current_files(problem, chain)
        said = [v.text for v in chain.inputs.values() if isinstance(v, Completion)]
        if round > 0 and not said:
            return asked_again(problem, chain, label)
        scripts = [v for v in chain.inputs.values() if isinstance(v, EditScript)]
        if (said and not said[-1].strip()) or any(applies(s, files) for s in scripts):
            return None
        task = problem.text if options.sees_task and said else ""
        request = _joined(task, said[-1] if said else problem.text)
        return edit_prompt(self.format, options, files, request, label)


def edit_prompt(
    name: str,
    options: EditOptions | EditorOptions,
    files: Mapping[str, str],
    request: str,
    label: str,
) -> Prompt:
    """Return the prompt for edits of `files` in the format `name`."""
    wish, before, after = EXAMPLE
    fence = choose_fence([*files.values(), request, *before.values()])
    told = (RULES[name], REMINDERS[name]) if options.rules else ("", "")
    rules, reminder = (_filled(text, fence) for text in told)
    system = _joined(options.system, rules)
    messages = [Message("system", system)] if system else []
    if options.example:
        messages.append(Message("user", _joined(_listed(before, fence), wish)))
        messages.append(Message("assistant", render(before, after, name, fence)))
    messages.append(Message("user", _joined(_listed(files, fence), request, reminder)))
    return Prompt(tuple(messages), label=label)


def _listed(files: Mapping[str, str], fence: _Fence) -> str:
    return _joined(
        *(f"{path}\n{fence[0]}\n{_ended(text)}{fence[1]}" for path, text in files.items())
    )


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _filled(text: str, fence: _Fence) -> str:
    return text.replace("{fence}", fence[0]).replace("{close}", fence[1])


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


@hookimpl
def register_prompts(register: Register) -> None:
    """Register the prompts of architect, editor and solo model."""
    register("prompt:architect", architect, options=ArchitectOptions)
    for name in FORMATS:
        register(f"prompt:edit-{name}", Edit(name), options=EditOptions)
        register(f"prompt:editor-{name}", Editor(name), options=EditorOptions)
