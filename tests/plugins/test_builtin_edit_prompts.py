"""What architect, editor and solo model are asked, and that the examples are right."""

import pytest

from votebox.plugins import ChainView, Completion, Problem, Prompt, Registry
from votebox.plugins.builtin.edit_prompts import (
    ArchitectOptions,
    Edit,
    EditOptions,
    Editor,
    EditorOptions,
    architect,
)
from votebox.plugins.builtin.edit_texts import EXAMPLE, REMINDERS, RULES
from votebox.plugins.edits import FORMATS, apply, parse

TASK = Problem("Let one() return 11.", files={"app.py": "def one():\n    return 1\n"})


def asked(prompt: Prompt | str | None) -> Prompt:
    assert isinstance(prompt, Prompt)
    return prompt


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_the_example_makes_its_change_in_the_format_it_teaches(name: str) -> None:
    prompt = asked(Edit(name)(TASK, ChainView(0), 0, EditOptions()))
    assert [m.role for m in prompt.messages] == ["system", "user", "assistant", "user"]
    files, report = apply(parse(prompt.messages[2].content, name), EXAMPLE[1])
    assert report.ok
    assert report.exact
    assert files == EXAMPLE[2]


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_the_fence_is_one_no_file_has(name: str) -> None:
    problem = Problem("Edit it.", files={"doc.md": "```\ncode\n```\n", "a.py": "x = 1"})
    prompt = asked(Edit(name)(problem, ChainView(0), 0, EditOptions()))
    assert "doc.md\n````\n```\ncode\n```\n````" in prompt.messages[-1].content
    assert "a.py\n````\nx = 1\n````" in prompt.messages[-1].content
    assert all("{" not in text for text in (prompt.messages[0].content,))


def test_every_format_has_rules_and_a_reminder() -> None:
    assert set(RULES) == set(REMINDERS) == set(FORMATS)


def test_the_editor_sees_the_architect_s_words_and_not_the_task() -> None:
    view = ChainView(0, inputs={"final": Completion("Change line two.")})
    prompt = asked(Editor("diff")(TASK, view, 0, EditorOptions()))
    last = prompt.messages[-1].content
    assert "Change line two." in last
    assert "def one():" in last
    assert "Let one()" not in last
    assert last.endswith("below the file's path.")


def test_the_editor_may_see_the_task() -> None:
    view = ChainView(0, inputs={"final": Completion("Change line two.")})
    prompt = asked(Editor("diff")(TASK, view, 0, EditorOptions(sees_task=True)))
    assert "Let one()" in prompt.messages[-1].content


def test_the_architect_gets_request_and_files() -> None:
    prompt = asked(architect(TASK, ChainView(0), 0, ArchitectOptions()))
    assert prompt.messages[-1].content == (
        "app.py\n```\ndef one():\n    return 1\n```\n\nLet one() return 11."
    )


def test_an_example_can_be_left_out() -> None:
    prompt = asked(Edit("diff")(TASK, ChainView(0), 0, EditOptions(example=False)))
    assert [m.role for m in prompt.messages] == ["system", "user"]


@pytest.mark.parametrize("system", ["", "You edit files."])
def test_a_model_that_knows_the_format_is_told_the_files_and_the_request_alone(system: str) -> None:
    options = EditOptions(system, example=False, rules=False)
    prompt = asked(Edit("diff")(TASK, ChainView(0), 0, options))
    told = [m.content for m in prompt.messages]
    file = "app.py\n```\ndef one():\n    return 1\n```"
    assert told == [*filter(None, [system]), f"{file}\n\nLet one() return 11."]


def test_later_rounds_add_nothing() -> None:
    assert Edit("diff")(TASK, ChainView(0), 1, EditOptions()) is None
    assert architect(TASK, ChainView(0), 1, ArchitectOptions()) is None
    assert Editor("diff")(TASK, ChainView(0), 1, EditorOptions()) is None


def test_a_prompt_for_each_format_is_registered() -> None:
    names = set(Registry.load().plugins)
    assert names >= {f"prompt:{kind}-{name}" for kind in ("edit", "editor") for name in FORMATS}
    assert names >= {f"edit:{name}" for name in FORMATS}
