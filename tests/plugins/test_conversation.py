"""What was said before a question reaches the model as turns, whatever the recipe's prompt."""

from itertools import pairwise
from typing import Any

import pytest
from contract import FakeBox, plugin, registry, toml

from votebox.plugins import (
    MAX_QUESTION_CHARS,
    Message,
    Problem,
    ProblemError,
    Prompt,
    ReplayEngine,
    SolveOptions,
    Solver,
    TraceStore,
    in_conversation,
    load_recipe,
)

TURNS = (Message("user", "Let x be 5."), Message("assistant", "Good."))
ASKED = Problem("What is 2 x?", turns=TURNS, system="No units.")


def said(prompt: Prompt) -> list[tuple[str, str]]:
    return [(m.role, m.content) for m in prompt.messages]


def prompting(provider: Any) -> Any:
    return plugin(register_prompts=lambda register: register("mine", provider))


async def sent(problem: Problem, text: str, *extra: Any, reply: Any = "10", box: Any = None) -> Any:
    """Solve by the recipe in `text`; return the engine."""
    known = registry(*extra)
    answer = reply if callable(reply) else lambda prompt: reply
    engine = ReplayEngine(answer)
    await Solver(engine, box, known).solve(problem, load_recipe(text, known), SolveOptions(seed=1))
    return engine


async def test_turns_and_instructions_reach_the_engine_as_messages() -> None:
    mine = prompting(
        lambda problem, chain, number, options: Prompt.of(problem.text, system="Think.")
    )
    text = toml(ask='[nodes.ask]\nuse = "prompt:mine"')
    engine = await sent(ASKED, text, mine)
    assert {tuple(said(prompt)) for prompt in engine.sampled} == {
        (
            ("system", "Think.\n\nInstructions of the caller:\nNo units."),
            ("user", "Let x be 5."),
            ("assistant", "Good."),
            ("user", "What is 2 x?"),
        )
    }


async def test_a_question_alone_is_sent_as_the_recipe_words_it() -> None:
    engine = await sent(Problem("2 + 2?"), toml())
    assert {tuple(said(prompt)) for prompt in engine.sampled} == {(("user", "2 + 2?"),)}


async def test_later_rounds_hold_the_turns_once() -> None:
    def reply(prompt: Prompt) -> str:
        return "<py>print(10)</py>" if len(prompt.messages) < 5 else "so 10"

    tail = '[nodes.code]\nuse = "code:tagged"\nafter = ["think"]\n[nodes.run]\nuse = "sandbox:python"\nafter = ["code"]'
    head = 'name = "small"\nchains = 1\nrounds = 2\npolicy = "any-int"'

    tail += '\n[nodes.printed]\nuse = "extract:last-word"\nafter = ["run"]'
    elect = '[nodes.elect]\nuse = "vote:majority"\nafter = ["read", "printed"]'
    text = toml(head=head, elect=elect, tail=tail)
    engine = await sent(ASKED, text, reply=reply, box=FakeBox(lambda _: "10"))
    first, second = map(said, engine.sampled)
    assert second[: len(first)] == first
    assert [role for role, _ in second] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
    ]
    assert "10" in second[-1][1]


async def test_a_second_model_gets_them_too() -> None:
    tail = '[nodes.check]\nuse = "prompt:mine"\nafter = ["think"]\n[nodes.two]\nuse = "model:reasoner"\nafter = ["check"]'
    mine = prompting(
        lambda problem, chain, number, options: Prompt.of(
            f"Check {chain.inputs['think'].text}", system="Check."
        )
    )
    read = '[nodes.read]\nuse = "extract:last-word"\nafter = ["two"]'
    engine = await sent(ASKED, toml(read=read, tail=tail), mine)
    second = [said(p) for p in engine.sampled if p.messages[-1].content == "Check 10"]
    assert len(second) == 4
    assert [text for _, text in second[0]][1:] == ["Let x be 5.", "Good.", "Check 10"]


async def test_a_step_that_compares_solutions_asks_in_the_conversation() -> None:
    tail = '[nodes.choose]\nuse = "step:genselect"\nafter = ["elect"]\nchoices = 1'
    replies = iter(["1", "2", "1", "2", "\\boxed{1}"])
    engine = await sent(ASKED, toml(tail=tail), reply=lambda prompt: next(replies))
    last = said(engine.sampled[-1])
    assert [role for role, _ in last] == ["system", "user", "assistant", "user"]
    assert "numbered from 1 to" in last[-1][1]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (
            [("system", "S"), ("user", "example"), ("assistant", "shown"), ("user", "asked")],
            ["S", "example", "shown", "Let x be 5.", "Good.", "asked"],
        ),
        ([("user", "Rules."), ("user", "asked")], ["Rules.\n\nLet x be 5.", "Good.", "asked"]),
        (
            [("user", "asked"), ("assistant", "The answer")],
            ["Let x be 5.", "Good.", "asked", "The answer"],
        ),
        ([("system", "S")], ["S", "Let x be 5.", "Good."]),
    ],
)
def test_turns_stand_before_the_last_user_turn_and_roles_alternate(
    messages: Any, expected: Any
) -> None:
    prompt = Prompt(tuple(Message(*m) for m in messages), label="kept")
    placed = in_conversation(prompt, Problem("asked", turns=TURNS))
    assert [text for _, text in said(placed)] == expected
    roles = [role for role, _ in said(placed)]
    assert all(a != b for a, b in pairwise(roles))
    assert placed.label == "kept"


def test_a_conversation_may_begin_with_the_assistant_and_repeat_a_role() -> None:
    turns = (Message("assistant", "Hello."), Message("user", "a"), Message("user", "b"))
    placed = in_conversation(Prompt.of("c"), Problem("c", turns=turns))
    assert said(placed) == [("assistant", "Hello."), ("user", "a\n\nb\n\nc")]


def test_instructions_are_the_system_message_of_a_prompt_without_one() -> None:
    placed = in_conversation(Prompt.of("c"), Problem("c", system="No units."))
    assert said(placed) == [("system", "No units."), ("user", "c")]


def test_a_prompt_that_repeats_a_role_is_left_as_it_is_without_turns() -> None:
    prompt = Prompt((Message("user", "a"), Message("user", "b")))
    assert in_conversation(prompt, Problem("b")) is prompt


async def test_a_trace_gives_the_conversation_back(tmp_path: Any) -> None:
    known = registry()
    store = TraceStore(str(tmp_path))
    solver = Solver(ReplayEngine(lambda prompt: "10"), None, known, store)
    verdict = await solver.solve(ASKED, load_recipe(toml(), known), SolveOptions(seed=1))
    assert store.find(verdict.id).problem == ASKED


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (Problem(" ", turns=TURNS), "the question is empty"),
        (Problem("1?", turns=(Message("tool", "4"),)), "role 'tool'"),
        (Problem("1" * 50_000, turns=(Message("user", "1" * 40_000),), system="1" * 10_001),
         "100,001 characters with what was said before"),
        (Problem("1" * (MAX_QUESTION_CHARS + 1)), "100,001 characters; give at most 100,000"),
        (Problem("1?", turns=(Message("user", "\ud800"),)), "not a character"),
        (Problem("1?", system="\ud800"), "not a character"),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_is_refused_with_all_that_was_said(
    problem: Problem, message: str
) -> None:
    engine = ReplayEngine(lambda prompt: "10")
    known = registry()
    with pytest.raises(ProblemError, match=message):
        await Solver(engine, None, known).solve(problem, load_recipe(toml(), known))
    assert not engine.sampled
