"""`votebox try`: what a plugin reads, one JSON object a line, and clear refusals."""

import json
from pathlib import Path
from typing import Any

import pytest
from commands import environment, votebox


def tried(here: Path, *arguments: str, stdin: str = "") -> list[dict[str, Any]]:
    done = votebox("try", *arguments, env=environment(here), stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("plugin", "text", "answer"),
    [
        ("extract:answer", "so \\boxed{\\frac{84}{2}}.", "42"),
        ("extract:answer", "The answer is 1,234.", "1234"),
        ("extract:answer", "It is \\boxed{x^2+1}", "x^2+1"),
        ("extract:answer", "no idea", None),
        ("extract:last-integer", "5\nsum 7\n", "7"),
        ("code:python-blocks", "```python\n6*7\n```", "print(6*7)"),
        ("strip:think-tags", "<think>no</think>\n yes", "yes"),
        ("policy:aimo2", "1234", "234"),
        ("policy:any-int", "1/2", None),
    ],
)
def test_a_text_gives_one_object(tmp_path: Path, plugin: str, text: str, answer: str) -> None:
    (found,) = tried(tmp_path, plugin, "-", stdin=text)
    assert found["answer"] == answer


def test_what_was_read_is_shown_as_written(tmp_path: Path) -> None:
    text = "= \\boxed{0.50}"
    (found,) = tried(tmp_path, "extract:boxed", "-", stdin=text)
    start, end = found["span"]
    assert (found["read"], text[start:end]) == ("0.50", "0.50")
    assert (found["answer"], found["complete"]) == ("1/2", True)


def test_lines_carry_their_id_and_finish_reason(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "text": "The answer is 42."},
        {"id": "b", "text": "The answer is 42.", "finish_reason": "length"},
        {"text": "\\boxed{7}", "finish_reason": None},
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    found = tried(tmp_path, "extract:answer", str(tmp_path / "in.jsonl"))
    assert [(row.get("id"), row["answer"]) for row in found] == [
        ("a", "42"),
        ("b", None),
        (None, "7"),
    ]


def test_a_policy_says_what_the_answer_votes_for(tmp_path: Path) -> None:
    text = "\\boxed{-7}"
    for policy, answer in (("aimo2", "993"), ("policy:aimo3", None)):
        (found,) = tried(tmp_path, "extract:boxed", "-", "--policy", policy, stdin=text)
        assert (found["answer"], found["read"]) == (answer, "-7")


def test_options_reach_the_plugin(tmp_path: Path) -> None:
    text = "```python\na\n``` ```python\nb\n```"
    (found,) = tried(tmp_path, "code:seed-python", "-", "--option", "join=false", stdin=text)
    assert (found["answer"], found["others"][0]["read"]) == ("b", "a")


def test_no_text_steers_the_terminal(tmp_path: Path) -> None:
    done = votebox(
        "try", "strip:think-tags", "-", env=environment(tmp_path), stdin="\x1b[31m\u202e\x07"
    )
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("extract:answr", "-"), "did you mean extract:answer"),
        (("stop:never", "-"), "extract:NAME"),
        (("answer", "-"), "extract:NAME"),
        (("extract:answer", "nope.txt"), "cannot read nope.txt"),
        (("extract:answer", "-", "--jsonl"), "line 1 is not JSON"),
        (("extract:answer", "-", "--policy", "aimo4"), "no plugin policy:aimo4"),
        (("extract:answer", "-", "--option", "a=1"), "no option 'a'"),
        (("code:seed-python", "-", "--option", "join=3"), "join"),
        (("code:seed-python", "-", "--option", "join"), "NAME=VALUE"),
    ],
)
def test_bad_usage_is_one_line(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = votebox("try", *arguments, env=environment(tmp_path), stdin="text")
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("line", ["[]", '{"text": 3}', '{"text": "x", "finish_reason": 3}'])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    stdin = '{"text": "x"}\n' + line
    done = votebox("try", "extract:answer", "-", "--jsonl", env=environment(tmp_path), stdin=stdin)
    assert done.returncode == 2
    assert "line 2" in done.stderr
