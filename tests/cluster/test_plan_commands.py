"""`votebox plan`: a load in, sums or JSON out, clear refusals."""

import json
from pathlib import Path
from typing import Any

import pytest

from votebox.cluster.cli import run

LOAD = ("--questions-per-hour", "400", "--deadline-s", "3600")
BASE = ("plan", "qwq-32b-awq", "--gpu", "H100")


def plan(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run([*BASE, "--json", *arguments]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture(scope="module")
def votes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        {"problem_id": f"p{n // 20}", "chain": n % 20, "answer": "7", "tokens": 1000}
        for n in range(60)
    ]
    path = tmp_path_factory.mktemp("votes") / "votes.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_a_plan_shows_sums_that_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    found = plan(capsys, *LOAD)
    replica, demand, parts = found["replica"], found["demand"], found["parts"]
    tokens_s = 400 / 3600 * demand["spent"]["value"]
    assert parts[0]["busy"] == pytest.approx(tokens_s / (parts[0]["has"] * replica["tokens_s"]))
    assert found["gpus"] == 4 * parts[0]["needs"]
    assert found["gpus_between"][0] <= found["gpus"] <= found["gpus_between"][1]
    assert [part["name"] for part in parts] == [
        "replicas",
        "streams",
        "jails",
        "solvers",
        "ingress",
    ]
    assert parts[0]["most"] == 4  # what the preset allows


def test_gpus_without_a_load_are_asked_for_the_most_they_carry(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = plan(capsys, "--gpus", "41", "--utilization", "0.7")
    assert found["parts"][0]["has"] == 10  # of four each
    assert found["parts"][0]["busy"] == pytest.approx(0.7)


def test_votes_of_the_caller_say_what_questions_cost(
    capsys: pytest.CaptureFixture[str], votes: Path
) -> None:
    more = ("--traces", str(votes), "--recipe", "vote", "--stop", "lead:2")
    demand = plan(capsys, *LOAD, *more, "--dispatch", "fixed:1")["demand"]
    assert (demand["tokens"], demand["spent"]["value"]) == (1000, 2000)
    longer = plan(capsys, *LOAD, *more, "--dispatch", "fixed:1", "--tokens", "5000")["demand"]
    assert longer["spent"]["value"] == 10_000


def test_chains_are_cut_at_the_context_of_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    demand = plan(capsys, *LOAD, "--tokens", "1000000")["demand"]
    assert demand["tokens"] == 32_768 - 300


def test_constants_and_shapes_are_the_caller_s(capsys: pytest.CaptureFixture[str]) -> None:
    shape = "layers=32,kv-heads=8,head-dim=128,hidden=4096,weights-gib=15,parameters-b=8"
    found = plan(capsys, *LOAD, "--shape", shape, "--set", "programs=3", "--set", "program_s=4")
    assert found["replica"]["token_kib"] == 128
    assert (found["demand"]["programs"], found["demand"]["program_s"]) == (3, 4)
    assert found["costs"]["program_s"]["value"] == 4


def test_a_simulation_comes_with_each_load(capsys: pytest.CaptureFixture[str]) -> None:
    loads = ("--simulate", "--load", "0.9", "--load", "0.5", "--solves", "40")
    found = plan(capsys, "--gpus", "4", "--deadline-s", "3600", *loads)["simulated"]
    assert [one["load"] for one in found] == [0.5, 0.9]
    assert found[0]["busy"]["replicas"] < found[1]["busy"]["replicas"]
    assert run([*BASE, "--gpus", "4", "--deadline-s", "3600", *loads]) == 0
    assert "simulated\nload  questions/h  solve, s" in capsys.readouterr().out


def test_a_cluster_is_seen_to_grow(capsys: pytest.CaptureFixture[str]) -> None:
    found = plan(capsys, *LOAD, "--grow")
    first, *_, last = found["growth"]
    assert first["replicas"] <= last["replicas"] == found["parts"][0]["has"]
    assert run([*BASE, *LOAD, "--grow"]) == 0
    assert "min  replicas  jails  chains wait" in capsys.readouterr().out


def test_a_deadline_that_cuts_solves_off_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*BASE, *LOAD[:2], "--deadline-s", "20"]) == 0
    assert "20 s cuts most solves off" in capsys.readouterr().out


def test_too_few_gpus_for_the_load_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*BASE, "--questions-per-hour", "100000", "--gpus", "8"]) == 0
    assert "cannot keep up" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plan", "--gpu", "H100"], "neither a load nor a number of GPUs"),
        ([*BASE, "--gpus", "3"], "--gpus 3 are fewer than the 4 of one replica"),
        (["plan", "--gpu", "TPU", *LOAD], "known: L4"),
        (["plan", "mini", "--gpu", "L4", *LOAD], "without GPUs"),
        (["plan", "qwq-32b-tp1", "--gpu", "L4", *LOAD], "not one chain"),
        (["plan", "no-such", "--gpu", "L4", *LOAD], "known presets"),
        ([*BASE, *LOAD, "--recipe", "no-such"], "no-such"),
        ([*BASE, *LOAD, "--stop", "no-such"], "known: asc"),
        ([*BASE, *LOAD, "--traces", "/no/such"], "is not there"),
        ([*BASE, *LOAD, "--set", "x=1"], "known: bandwidth_share"),
        ([*BASE, *LOAD, "--shape", "layers=1"], "--shape lacks"),
        ([*BASE, "--questions-per-hour", "-1"], "greater than or equal to 0.001"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert said in told.err
