"""What a plan reads from recorded solves: chains, programs, prompts, savings, speed."""

import json
from pathlib import Path
from typing import Any

import pytest

from votebox.cluster.capacity_traces import recorded
from votebox.plugins import Registry, TableError
from votebox.plugins.whatif_plans import policy_of

RATIONAL = policy_of("rational", Registry.load())


def chain(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "kind": "chain",
        "solve": "s",
        "problem_id": "p",
        "chain": number,
        "answer": "7",
        "ended": "answered",
        "rounds": 1,
        "executions": 0,
        "sandbox_s": 0.0,
        "prompt_tokens": 200,
        "tokens": 1000,
        "tokens_saved": 500,
        "start_s": 0.0,
        "end_s": 20.0,
    }
    return row | changes


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    rows = [
        chain(0),
        chain(1, executions=2, sandbox_s=6.0, rounds=3, prompt_tokens=900),
        chain(2, ended="aborted", tokens=100, executions=5, sandbox_s=5.0, end_s=7.0),
        chain(3, executions=1, sandbox_s=3.0, prompt_tokens=300),
        {**chain(0), "kind": "solve", "chain": None, "tokens": 3500, "tokens_saved": 1500},
    ]
    path = tmp_path / "traces.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_whole_chains_say_how_many_programs_and_how_long(traces: Path) -> None:
    found = recorded(str(traces), RATIONAL)
    assert (found.programs, found.program_s) == (1.0, 3.0)  # three programs of three chains
    assert found.prompt_tokens == 250  # of the chains of one round
    assert found.mean_tokens == 1000


def test_the_notes_say_what_was_saved_and_how_fast_chains_were(traces: Path) -> None:
    notes = recorded(str(traces), RATIONAL).notes
    assert "when they were recorded, stopping saved 30% of the tokens" in notes
    # 3,100 tokens in 67 s, of which programs took 14.
    assert "when they were recorded, a chain decoded 58 tokens/s" in notes


def test_a_table_of_votes_alone_leaves_the_rest_to_be_assumed(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_text("problem_id,answer,tokens\na,1,10\na,1,30\n")
    found = recorded(str(path), RATIONAL)
    assert (found.programs, found.program_s, found.prompt_tokens) == (None, None, None)
    assert found.mean_tokens == 20


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="is not there"):
        recorded(str(tmp_path / "none"), RATIONAL)
