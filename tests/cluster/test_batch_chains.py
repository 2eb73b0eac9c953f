"""Rows of a batch that share a budget of chains: what is asked for, and what comes of it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import batches
import pyarrow.parquet as pq
import pytest
from commands import environment, votebox
from fake_app import chat_model, serving

from votebox.cluster.batch_chains import pool_of, shared_chains
from votebox.cluster.errors import BadUsage
from votebox.plugins import Registry, load_recipe
from votebox.plugins.uses import use_of

REGISTRY = Registry.load(allowed=())
RECIPE = load_recipe(batches.RECIPE, REGISTRY)


def test_an_average_is_asked_for_as_a_dispatcher_of_every_row() -> None:
    assert shared_chains(None, RECIPE) == {}
    assert shared_chains(2.5, RECIPE) == {"dispatch": "batch-greedy:2.5,first=2"}
    assert shared_chains(8, RECIPE, 40) == {"dispatch": "batch-greedy:8,first=3"}
    for average in (1.0, 2.5, 8.0, 4096.0):
        (asked,) = shared_chains(average, RECIPE, 4096).values()
        assert use_of("dispatch", asked, REGISTRY).options.average == average


@pytest.mark.parametrize("average", [3.5, float("nan"), float("inf")])
def test_an_average_that_no_row_may_have_is_refused_with_the_way_out(average: float) -> None:
    with pytest.raises(BadUsage, match="more than the 3 a row may have.*--chains"):
        shared_chains(average, RECIPE)


def test_rows_share_only_where_the_dispatcher_does_and_only_within_their_batch() -> None:
    asked = shared_chains(2, RECIPE)
    assert pool_of({}, RECIPE, "a") == {}
    assert pool_of(asked, RECIPE, "a") == pool_of(asked, RECIPE, "a")
    assert pool_of(asked, RECIPE, "a") != pool_of(asked, RECIPE, "b")
    own = replace(RECIPE, dispatch=use_of("dispatch", "batch-greedy:3", REGISTRY))
    assert pool_of({}, own, "a") == pool_of(asked, RECIPE, "a")


def reply(body: Mapping[str, Any]) -> str:
    """Agree on sums of one digit, and never on others."""
    asked = body["messages"][-1]["content"]
    return f"\\boxed{{{8 if '4 + 4' in asked else body['seed'] % 9973}}}"


def test_a_batch_spends_its_chains_on_the_rows_that_need_them(tmp_path: Path) -> None:
    questions = ["4 + 4"] * 9 + ["123 + 456"] * 3
    lines = [json.dumps({"question": question}) for question in questions]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    out, env = tmp_path / "out.parquet", environment(tmp_path / "state")
    with serving(chat_model(reply)) as url:
        asked = ("batch", str(tmp_path / "in.jsonl"), str(out), "--endpoint", url, "--no-trace")
        shared = ("--average-chains", "5", "--chains", "20", "--stop", "never", "--seed", "1")
        done = votebox(*asked, *shared, env=env)
    assert done.returncode == 0, done.stderr
    rows = pq.read_table(out).to_pylist()
    chains = [row["finished"] for row in rows]
    assert sum(chains) == 5 * 12
    assert max(chains[:9]) < min(chains[9:])
    assert {row["stop_reason"] for row in rows} == {"budget"}
    assert [row["answer"] for row in rows[:9]] == ["8"] * 9
