"""`votebox whatif`: tables in, rules compared, a picture, clear refusals."""

import json
import random
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from commands import environment, votebox


@pytest.fixture(scope="module")
def votes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chance = random.Random(1)  # noqa: S311 - repeatable
    rows = [
        {
            "model": "m",
            "problem_id": f"p{problem}",
            "chain": chain,
            "answer": chance.choice(["7", "7.0", "7", "8", None]),
            "tokens": chance.randint(50, 500),
            "reference": "7",
            "label": f"prompt-{chain % 2}",
        }
        for problem in range(8)
        for chain in range(20)
    ]
    path = tmp_path_factory.mktemp("votes") / "votes.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def whatif(votes: Path, *arguments: str) -> dict[str, Any]:
    done = votebox(
        "whatif",
        str(votes),
        "--chains",
        "16",
        "--orders",
        "20",
        "--json",
        *arguments,
        env=environment(votes.parent),
    )
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_rules_are_compared_with_the_full_vote(votes: Path) -> None:
    found = whatif(votes, "--stop", "clinch", "--stop", "fhpc:0.02", "--stop", "esc:3")
    lines = {line["stop"]: line for line in found["lines"]}
    assert lines["clinch"]["agreement"]["value"] == 1.0
    assert lines["fhpc:0.02"]["samples"] <= lines["clinch"]["samples"] <= 16
    assert lines["never"]["tokens_saved"]["value"] == 0.0
    assert (found["experiments"], found["chains"], found["orders"]) == (8, 16, 20)


def test_the_same_seed_gives_the_same_numbers(votes: Path) -> None:
    arguments = ("--stop", "fhpc", "--dispatch", "need-driven:2", "--seed", "5")
    assert whatif(votes, *arguments) == whatif(votes, *arguments)


def test_a_shared_budget_and_the_audit(votes: Path) -> None:
    found = whatif(votes, "--dispatch", "batch-greedy:6", "--audit")
    greedy = next(line for line in found["lines"] if line["dispatch"].startswith("batch-greedy"))
    assert greedy["samples"] == pytest.approx(6, abs=0.5)
    assert "audit" in found


def test_the_picture_is_one_svg(votes: Path, tmp_path: Path) -> None:
    picture = tmp_path / "p.svg"
    whatif(votes, "--stop", "fhpc", "--picture", str(picture))
    root = ET.parse(picture).getroot()  # noqa: S314 - ours
    assert root.tag.endswith("svg")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--stop", "fhpcc"), "known: asc, clinch"),
        (("--stop", "fhpc:x"), "delta"),
        (("--vote", "weighted"), "no column weight"),
        (("--picture", "p.png"), "svg"),
        (("--policy", "nope"), "nope"),
        (("--chains", "0"), "--chains"),
        (("--fixed", "17", "--chains", "16"), "--fixed 17"),
        (("--vote", "loudest"), "known: aimo2-allvote"),
        (("--dispatch", "batch-greedy:2"), "give 3 or more"),
        (("--dispatch", "batch-greedy:30"), "cannot average 30"),
        (("--most", "0.5"), "a chain weighs 1"),
        (("--column", "answer=boxed"), "no column boxed; found: model, problem_id"),
        (("--column", "answer"), "renames nothing"),
        (("--by", "school"), "no column school"),
    ],
)
def test_bad_usage_is_one_line(votes: Path, arguments: tuple[str, ...], words: str) -> None:
    done = votebox("whatif", str(votes), *arguments, env=environment(votes.parent))
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_any_vote_runs_and_what_is_slow_is_said(votes: Path) -> None:
    found = whatif(votes, "--vote", "code-over-box", "--stop", "esc:3")
    told = "\n".join(found["notes"])
    assert "vote:code-over-box is called" in told
    assert "stop:esc is asked about each course" in told
    plain = whatif(votes, "--vote", "majority", "--stop", "esc:3")
    assert found["lines"] == plain["lines"]


def test_a_pattern_and_a_number_of_processes_change_nothing(votes: Path) -> None:
    alone = whatif(votes, "--stop", "clinch")
    assert whatif(votes.parent / "v*.jsonl", "--stop", "clinch", "--workers", "2") == alone


def test_a_file_that_is_no_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"no table")
    done = votebox("whatif", str(tmp_path / "bad.parquet"), env=environment(tmp_path))
    assert done.returncode == 2
    assert "bad.parquet" in done.stderr
