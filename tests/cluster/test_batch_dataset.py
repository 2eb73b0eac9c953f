"""`solve_dataset` over Ray Data: rows in, rows out, with errors in their column."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import batches
import pytest

from votebox.cluster import solve_dataset
from votebox.plugins import ProblemError, SolveOptions


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    import ray

    support = {"PYTHONPATH": str(Path(batches.__file__).parent)}
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=80 * 2**20,
        runtime_env={"env_vars": support},
    )
    yield ray
    ray.shutdown()


@pytest.mark.slow
def test_a_dataset_gets_a_verdict_for_each_row(ray: Any) -> None:
    rows: list[dict[str, Any]] = [
        {"name": f"q{n}", "problem": f"{n} + {n}", "answer": 2 * n, "n": n} for n in range(40)
    ]
    rows.append({"name": "bad", "problem": None, "answer": 1, "n": 40})
    found = solve_dataset(
        ray.data.from_items(rows),
        question="problem",
        id="name",
        answer="answer",
        options=SolveOptions(chains=2),
        ask=batches.adds,
        concurrency=8,
        keep=("chains",),
    ).take_all()
    by_id = {row["id"]: row for row in found}
    assert len(found) == len(by_id) == 41
    assert all(by_id[f"q{n}"]["answer"] == str(2 * n) for n in range(40))
    assert all(by_id[f"q{n}"]["correct"] for n in range(40))
    assert by_id["q3"]["planned"] == len(by_id["q3"]["chains"]) == 2
    assert (by_id["q3"]["in_answer"], by_id["q3"]["n"]) == (6, 3)
    assert by_id["bad"]["error"]["type"] == "ProblemError"


@pytest.mark.slow
def test_what_cannot_be_used_is_refused_before_anything_runs(ray: Any) -> None:
    dataset = ray.data.from_items([{"problem": "1 + 1"}])
    with pytest.raises(ProblemError, match="no column 'question'; there are: problem"):
        solve_dataset(dataset)
    with pytest.raises(ProblemError, match="keep"):
        solve_dataset(dataset, question="problem", keep=("texts",))
