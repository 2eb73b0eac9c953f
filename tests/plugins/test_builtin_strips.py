"""What each stripper takes for thinking, and when it says that a reply was cut off."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from votebox.plugins import (
    Completion,
    Problem,
    Registry,
    ReplayEngine,
    Solver,
    Stripped,
    load_recipe,
)
from votebox.plugins.builtin.strips import (
    MarkerOptions,
    TagOptions,
    after_marker,
    api_field,
    keep_all,
    last_block_per_file,
    tag,
)


@pytest.mark.parametrize(
    ("text", "reasoning", "content"),
    [
        ("<think>a</think>b", "a", "b"),
        ("a</think>b", "a", "b"),
        ("<think>a<think>b</think>c</think>d", "a\nb\nc", "d"),
        ("a</think>b</think>c", "a\nb", "c"),
        ("<think>a</think>b<think>c</think>d", "a\nc", "bd"),
        ("no tags", "", "no tags"),
        ("<think>a</think>```python\nx\n```", "a", "```python\nx\n```"),
        ("```<think>a</think>", "a", "```"),
        ("<THINK>a</Think>b", "a", "b"),
        ("<reasoning>a<think>b</reasoning>c", "a\nb", "c"),
        ("<think>a</thinking>b</think>c", "a\nb", "c"),
        ("<thinker>a</thinker>", "", "<thinker>a</thinker>"),
        ("<think></think>b", "", "b"),
    ],
)
def test_tags_are_counted(text: str, reasoning: str, content: str) -> None:
    assert tag(Completion(text), TagOptions()) == Stripped(reasoning, content)


@pytest.mark.parametrize("text", ["<think>a", "<think>a<think>b</think>c", "b<think>a"])
def test_an_unclosed_tag_leaves_no_answer(text: str) -> None:
    found = tag(Completion(text), TagOptions())
    assert (found.content, found.truncated) == ("", True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a</think>b", Stripped("a", "b")),
        ("a, no close", Stripped("a, no close", "", truncated=True)),
        ("<think>a</think>b", Stripped("a", "b")),
    ],
)
def test_a_prompt_may_have_opened_the_tag(text: str, found: Stripped) -> None:
    assert tag(Completion(text), TagOptions(prefilled=True)) == found


def test_other_tags_can_be_named() -> None:
    options = TagOptions(tags=("plan",))
    assert tag(Completion("<plan>a</plan><think>b"), options).content == "<think>b"


def test_the_engine_s_field_is_never_content() -> None:
    done = Completion("said", reasoning="```\ncode\n```")
    assert api_field(done) == Stripped("```\ncode\n```", "said")
    assert api_field(Completion(" ", reasoning="thought")).truncated


@pytest.mark.parametrize(
    "heading",
    ["**Final Answer**", "## Final Solution", "Final answer:", "# The Solution", "**Solution:**"],
)
def test_text_behind_the_last_heading_is_content(heading: str) -> None:
    text = f"Let me see. The final answer is near.\n**Solution**\nno, wait\n{heading}\n\n42\n"
    assert after_marker(Completion(text), MarkerOptions()).content == "42"


def test_a_sentence_is_no_heading() -> None:
    text = "The final answer\nis 42, says the solution"
    assert after_marker(Completion(text), MarkerOptions()) == Stripped("", text)


def test_a_reply_cut_off_before_its_heading_has_no_answer() -> None:
    cut = Completion("Let me see", finish_reason="length")
    assert after_marker(cut, MarkerOptions()) == Stripped("Let me see", "", truncated=True)


def test_the_last_block_of_each_file_is_kept() -> None:
    text = "a.py\n```\n1\n```\nb.py\n```\n2\n```\nno, better:\na.py\n```\n3\n```\nRun:\n```bash\nls\n```\n"
    found = last_block_per_file(Completion(text))
    assert found.content == "b.py\n```\n2\n```\n\na.py\n```\n3\n```"
    assert not found.truncated


def test_blocks_of_one_file_with_different_search_are_all_kept() -> None:
    one = "a.py\n```\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n```\n"
    two, again = one.replace("\nx\n", "\nz\n"), one.replace("\ny\n", "\nyy\n")
    found = last_block_per_file(Completion(one + two + again))
    assert found.content == f"{two}\n{again}".strip()


def test_a_last_block_cut_off_is_no_answer() -> None:
    cut = Completion("a.py\n```\n1\n```\na.py\n```\n2", finish_reason="length")
    assert last_block_per_file(cut).truncated


def test_all_can_be_kept() -> None:
    assert keep_all(Completion("<think>a")) == Stripped("", "<think>a")


@settings(max_examples=200, deadline=None)
@given(
    parts=st.lists(
        st.sampled_from(["<think>", "</think>", "<thinking>", "</thinking>", "a", "```\n", "\n", "**Answer**\n", "x.py\n"]),
        max_size=30,
    ),
    reason=st.sampled_from(["stop", "length", None]),
)  # fmt: skip
def test_what_is_cut_off_is_never_content(parts: list[str], reason: str | None) -> None:
    given = Completion("".join(parts), finish_reason=reason)
    for found in (
        tag(given, TagOptions()),
        tag(given, TagOptions(prefilled=True)),
        api_field(given),
        after_marker(given, MarkerOptions()),
        last_block_per_file(given),
    ):
        assert not (found.truncated and found.content)


RECIPE = """
name = "stripped"
chains = 1
[nodes.ask]
use = "prompt:solve"
[nodes.think]
use = "model:reasoner"
after = ["ask"]
[nodes.final]
use = "strip:tag"
after = ["think"]
[nodes.read]
use = "extract:boxed"
after = ["final"]
[nodes.elect]
use = "vote:majority"
after = ["read"]
"""


@pytest.mark.parametrize(
    ("text", "answer"),
    [("<think>\\boxed{1}</think>\\boxed{2}", "2"), ("\\boxed{3}<think>\\boxed{1}", None)],
)
async def test_a_solve_reads_only_what_is_left(text: str, answer: str | None) -> None:
    registry = Registry.load()
    solver = Solver(ReplayEngine(lambda prompt: text), None, registry)
    verdict = await solver.solve(Problem("?"), load_recipe(RECIPE, registry))
    assert verdict.answer == answer


def test_the_plugins_are_registered() -> None:
    names = {p.name for p in Registry.load().plugins.values() if p.kind == "strip"}
    assert names >= {"tag", "api-field", "after-marker", "last-block-per-file", "keep-all"}
