"""Hold docs/sampling.md to its numbers: tables, pictures, and what the texts say of them."""

import re
from pathlib import Path
from xml.dom import minidom

import pytest
import sampling

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/sampling.md").read_text()
CHANCES = sampling.probabilities(sampling.logits())
ROWS = re.findall(r"^\| ([\d.]+) \| ([\d.]+) % \| ([\d ]+) \| ([\d.]+) % \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("value", "line", "left", "mass"), ROWS)
def test_min_p_leaves_what_the_table_says(value: str, line: str, left: str, mass: str) -> None:
    kept = sampling.kept(CHANCES, min_p=float(value))
    assert kept == left.split()
    assert f"{100 * float(value) * max(CHANCES.values()):.1f}" == line
    assert f"{100 * sum(CHANCES[token] for token in kept):.1f}" == mass


def test_the_tables_are_read() -> None:
    assert len(ROWS) == 8


@pytest.mark.parametrize("rule", ["top_k = 3", "top_p = 0.7", "min_p = 0.2"])
def test_a_rule_leaves_what_the_table_says_at_each_temperature(rule: str) -> None:
    name, value = rule.split(" = ")
    row = re.search(rf"^\| `{rule}` \|(.*)\|$", PAGE, re.MULTILINE)
    assert row
    cells = [cell.split() for cell in row[1].split("|")]
    given = {name: int(value) if name == "top_k" else float(value)}
    assert cells == [
        sampling.kept(sampling.probabilities(sampling.logits(), t), **given) for t in (0.5, 1, 2)
    ]


def test_the_text_says_the_right_numbers() -> None:
    at = {t: max(sampling.probabilities(sampling.logits(), t).values()) for t in (0.5, 1, 2)}
    assert [round(100 * chance) for chance in at.values()] == [49, 27, 18]
    raised = sampling.probabilities(sampling.penalised(repetition=1.1))
    assert max(raised, key=raised.__getitem__) == "0"
    assert (round(100 * raised["0"]), round(100 * raised["6"])) == (26, 16)
    often = sampling.probabilities(sampling.penalised(frequency=0.5))
    assert round(100 * often["6"]) == 23


@pytest.mark.parametrize("name", sampling.pictures())
def test_a_picture_is_what_the_script_draws(name: str) -> None:
    text = (ROOT / "docs/pictures" / name).read_text()
    assert text == sampling.pictures()[name]
    assert f"](pictures/{name})" in PAGE
    assert minidom.parseString(text).documentElement.tagName == "svg"  # noqa: S318 - our own
    assert "prefers-color-scheme" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_min_p_keeps_the_leader_whatever_its_value() -> None:
    assert sampling.kept(CHANCES, min_p=1.0) == ["6"]
    assert sampling.kept({"a": 0.5, "b": 0.5}, min_p=1.0) == ["a", "b"]


def test_rules_follow_one_another() -> None:
    chances = {"a": 0.5, "b": 0.3, "c": 0.2}
    assert sampling.kept(chances, min_p=0.5, top_p=0.7) == ["a", "b"]
    assert sampling.kept(chances, top_k=1, top_p=0.1) == ["a"]
