"""A batch over an app outlives each of its parts: every row comes out, none is an error."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import batches
import commands
import pyarrow.parquet as pq
import pytest
import replicas

from votebox.cluster.batch_ask import AskApp
from votebox.cluster.batch_folder import Tally

ROWS = 24
KILL_AT = 6
KILLED_AFTER = {"mortal:Jails": 2, "mortal:Solver": 6, "mortal:LLM:default": 12}
"""How many rows are done when the replicas of a deployment are killed."""


@pytest.fixture(scope="module")
def url(ray_cluster: int) -> Iterator[str]:
    """Serve an application of its own, since its parts are going to be killed."""
    import mortal
    from ray import serve

    from votebox.deployments import AppArgs

    serve.run(mortal.mortal_app(AppArgs()), name="mortal", route_prefix="/mortal")
    yield f"http://127.0.0.1:{ray_cluster}/mortal"
    serve.delete("mortal")


@pytest.fixture
def given(tmp_path: Path) -> Path:
    problems = [f"What is {n} * {n + 7}?" for n in range(30, 30 + ROWS)]
    rows = [{"id": f"q{n}", "question": text, "answer": "0"} for n, text in enumerate(problems)]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def output(folder: Path) -> list[dict[str, Any]]:
    parts = sorted(folder.glob("part-*.parquet"))
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


def check(rows: list[dict[str, Any]]) -> None:
    """Hold what an undisturbed run gives: each row once, with a verdict and no error."""
    assert [(row["row"], row["id"]) for row in rows] == [(n, f"q{n}") for n in range(ROWS)]
    assert [row["error"] for row in rows] == [None] * ROWS
    assert all(row["solve_id"] and row["planned"] for row in rows)


def in_turn(killed: dict[str, list[int]]) -> Callable[[Tally, int], None]:
    """Return a listener that kills the replicas of one deployment after the other."""

    def tell(tally: Tally, fresh: int) -> None:
        for deployment, after in KILLED_AFTER.items():
            if fresh >= after and deployment not in killed:
                killed[deployment] = replicas.kill(deployment)

    return tell


@pytest.mark.slow
def test_a_batch_outlives_its_killed_replicas(url: str, given: Path, tmp_path: Path) -> None:
    killed: dict[str, list[int]] = {}
    batches.run(
        given,
        tmp_path / "out",
        ask=AskApp(url, 8),
        concurrency=8,
        patience_s=120.0,
        tell=in_turn(killed),
    )
    assert list(killed) == list(KILLED_AFTER)
    for deployment, gone in killed.items():
        assert gone
        assert not set(gone) & set(replicas.replicas(deployment))
    check(output(tmp_path / "out"))


@pytest.mark.slow
def test_a_batch_whose_process_was_killed_goes_on_over_an_app(
    url: str, given: Path, tmp_path: Path
) -> None:
    out, env = tmp_path / "out", commands.environment(tmp_path / "state")
    order = ("batch", str(given), str(out), "--url", url, "--concurrency", "4", "--json")
    first = commands.start(*order, env=env)
    kept: dict[int, str] = {}
    until = time.monotonic() + 120
    while len(kept) < KILL_AT and time.monotonic() < until:
        time.sleep(0.02)
        kept = batches.finished(out)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    kept = batches.finished(out)
    assert KILL_AT <= len(kept) < ROWS
    done = commands.votebox(*order, env=env)
    assert (done.returncode, json.loads(done.stdout)["rows"]) == (0, ROWS)
    rows = output(out)
    check(rows)
    assert kept.items() <= {row["row"]: row["solve_id"] for row in rows}.items()
