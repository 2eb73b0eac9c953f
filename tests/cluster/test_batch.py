"""A batch: one row out for each row in, whatever a row holds and whenever it is killed."""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import batches
import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import environment, votebox
from fake_app import chat_model, serving
from pyarrow.fs import LocalFileSystem

from votebox.cluster.batch_ask import AskApp, Busy, Gone
from votebox.cluster.batch_files import write_atomically
from votebox.cluster.batch_folder import BatchFolder, Tally
from votebox.cluster.batch_rows import Columns
from votebox.cluster.errors import BadUsage, Failed
from votebox.plugins import EngineError, ProblemError, TimeBank


def questions(path: Path, count: int) -> Path:
    rows = [{"id": f"q{n}", "question": f"{n} + {n}", "answer": str(2 * n)} for n in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def output(folder: Path) -> list[dict[str, Any]]:
    parts = sorted(folder.glob("part-*.parquet"))
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


def test_every_row_comes_out_once_in_order_with_its_answer(tmp_path: Path) -> None:
    tally = batches.run(questions(tmp_path / "in.jsonl", 11), tmp_path / "out")
    rows = output(tmp_path / "out")
    assert [row["row"] for row in rows] == list(range(11))
    assert [row["id"] for row in rows] == [f"q{n}" for n in range(11)]
    assert [row["answer"] for row in rows] == [str(2 * n) for n in range(11)]
    assert all(row["correct"] and row["votes"][0]["weight"] >= 2 for row in rows)
    assert (tally.rows, tally.correct, tally.errors) == (11, 11, 0)
    assert [row["seed"] for row in rows] == [1 + n for n in range(11)]


def test_a_bad_row_becomes_an_error_in_its_column_and_the_rest_goes_on(tmp_path: Path) -> None:
    bad: list[Any] = ["", "  \n", None, 7, ["x"], {"a": 1}, True, "9" * 200_000, "\ud800"]
    lines = [json.dumps({"question": one}) for one in bad]
    lines += ["{broken", "[1, 2]", json.dumps({"other": 1}), "[" * 100_000]
    lines.append(json.dumps({"question": "20 + 3"}))
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    tally = batches.run(tmp_path / "in.jsonl", tmp_path / "out", columns=Columns())
    rows = output(tmp_path / "out")
    assert len(rows) == len(lines)
    assert all(row["error"]["message"] and row["answer"] is None for row in rows[:-1])
    assert not any(row["abstained"] for row in rows)
    assert (rows[-1]["error"], rows[-1]["answer"]) == (None, "23")
    assert tally.errors == len(lines) - 1
    assert "7" in rows[3]["error"]["message"]
    assert "200,000" in rows[7]["error"]["message"]


def test_a_solve_that_fails_is_tried_again_and_then_its_own_error(tmp_path: Path) -> None:
    asked: list[str] = []

    def reply(prompt: Any) -> Any:
        asked.append(prompt.messages[-1].content)
        if "3 + 3" in asked[-1]:
            raise EngineError("m", "broke")
        return batches.sums()(prompt)

    batches.run(questions(tmp_path / "in.jsonl", 6), tmp_path / "out", ask=batches.solver(reply))
    rows = output(tmp_path / "out")
    assert [row["id"] for row in rows if row["error"]] == ["q3"]
    assert rows[3]["error"]["type"] == "EngineError"
    assert sum("3 + 3" in text for text in asked) == 6  # three chains, twice


class Stubborn:
    """Refuse each request some times before it is answered."""

    def __init__(self, refusals: int, error: Exception) -> None:
        self._ask, self._left, self._error = batches.solver(batches.sums()), {}, error
        self._refusals = refusals
        self.most = self.now = 0

    async def __call__(self, request: Any, key: str) -> Any:
        left = self._left.setdefault(key, self._refusals)
        self._left[key] = left - 1
        if left > 0:
            raise self._error
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1
        return await self._ask(request, key)

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize("error", [Busy(0.01), Gone("away")], ids=["busy", "gone"])
def test_a_row_that_finds_no_room_waits_and_is_not_lost(tmp_path: Path, error: Exception) -> None:
    ask = Stubborn(2 if isinstance(error, Busy) else 1, error)
    batches.run(questions(tmp_path / "in.jsonl", 7), tmp_path / "out", ask=ask)
    assert [row["correct"] for row in output(tmp_path / "out")] == [True] * 7
    assert ask.most <= 3  # never more rows at once than asked for


def test_a_run_ends_when_nobody_answers_and_goes_on_later(tmp_path: Path) -> None:
    given = questions(tmp_path / "in.jsonl", 9)

    class Dies(Stubborn):
        async def __call__(self, request: Any, key: str) -> Any:
            if request["question"] > "5":
                raise Gone("the app is away")
            return await super().__call__(request, key)

    with pytest.raises(Failed, match="the app is away.*same command"):
        batches.run(given, tmp_path / "out", ask=Dies(0, Busy()), patience_s=0.0)
    fresh: list[int] = []
    tally = batches.run(given, tmp_path / "out", tell=lambda _, count: fresh.append(count))
    assert (tally.rows, tally.correct) == (9, 9)
    assert 0 < max(fresh) < 9


@pytest.mark.slow
def test_a_killed_batch_goes_on_and_redoes_no_finished_row(tmp_path: Path) -> None:
    given, out = questions(tmp_path / "in.jsonl", 120), tmp_path / "out"
    kept: dict[int, str] = {}
    for _ in range(2):
        command = [sys.executable, batches.__file__, str(given), str(out), "0.2"]
        process = subprocess.Popen(command)
        target = len(kept) + 7
        deadline = time.monotonic() + 120
        while _noted(out) < target and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        before, kept = kept, _solves(out)
        assert before.items() <= kept.items()
        assert target <= len(kept) < 120
    journal = next(out.glob(".part-*.journal"))
    with journal.open("a") as torn:
        torn.write('{"row":119,"id":"torn')
    fresh: list[int] = []
    batches.run(given, out, tell=lambda _, count: fresh.append(count))
    rows = output(out)
    assert [row["row"] for row in rows] == list(range(120))
    assert all(row["correct"] for row in rows)
    assert kept.items() <= {row["row"]: row["solve_id"] for row in rows}.items()
    assert max(fresh) == 120 - len(kept)
    assert not list(out.glob(".part-*"))


def _noted(out: Path) -> int:
    return len(_solves(out))


def _solves(out: Path) -> dict[int, str]:
    """Return the solve of each row that is finished on disk."""
    found = {row["row"]: row["solve_id"] for row in output(out)}
    for journal in out.glob(".part-*.journal"):
        for line in journal.read_text().split("\n")[:-1]:
            row = json.loads(line)
            found[row["row"]] = row["solve_id"]
    return found


def test_shards_together_are_the_whole(tmp_path: Path) -> None:
    given = questions(tmp_path / "in.jsonl", 23)
    found: list[int] = []
    for i in (1, 2, 3):
        batches.run(given, tmp_path / f"out{i}", shard=(i, 3), limit=20)
        rows = [row["row"] for row in output(tmp_path / f"out{i}")]
        assert rows == sorted(rows)
        assert all(row % 3 == i - 1 for row in rows)
        found += rows
    assert sorted(found) == list(range(20))


def test_another_batch_does_not_go_on_in_its_folder(tmp_path: Path) -> None:
    batches.run(questions(tmp_path / "a.jsonl", 5), tmp_path / "out")
    with pytest.raises(BadUsage, match="rows = 5"):
        batches.run(questions(tmp_path / "b.jsonl", 6), tmp_path / "out")


def test_two_batches_do_not_write_to_one_folder(tmp_path: Path) -> None:
    from votebox.cluster.batch_folder import BatchFolder

    first = BatchFolder(str(tmp_path / "out"), {"rows": 1}, "parquet")
    with pytest.raises(Failed, match="another batch"):
        BatchFolder(str(tmp_path / "out"), {"rows": 1}, "parquet")
    first.close()
    BatchFolder(str(tmp_path / "out"), {"rows": 1}, "parquet").close()


def test_a_spent_bank_gives_every_row_a_row(tmp_path: Path) -> None:
    bank = TimeBank(0.2, 30, least_s=0.01, at_once=3)
    ask = batches.solver(batches.sums(pause_s=0.05))
    batches.run(questions(tmp_path / "in.jsonl", 30), tmp_path / "out", ask=ask, bank=bank)
    rows = output(tmp_path / "out")
    assert len(rows) == 30
    assert "deadline" in {row["stop_reason"] for row in rows}
    assert not [row for row in rows if row["error"]]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    given = questions(tmp_path / "in.jsonl", 2500)
    sizes: list[tuple[int, int]] = []

    def tell(tally: Tally, fresh: int) -> None:
        sizes.append((tally.rows, _resident_kib()))

    batches.run(given, tmp_path / "out", part_rows=100, concurrency=16, tell=tell)
    assert len(output(tmp_path / "out")) == 2500
    early = max(size for rows, size in sizes if rows <= 1000)
    assert max(size for _, size in sizes) - early < 20 * 1024  # of 1,500 rows more


def _resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


def test_columns_of_the_input_are_carried_with_their_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "problem": ["1 + 1", "2 + 2"],
            "id": pa.array([5, 6], pa.int64()),
            "answer": pa.array([2, 5], pa.int32()),
            "when": pa.array([0, 1], pa.timestamp("ms")),
            "tags": [["a"], None],
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    columns = Columns("problem", "id", "answer")
    batches.run(tmp_path / "in.parquet", tmp_path / "out", columns=columns, keep=("replies",))
    found = pq.read_table(next((tmp_path / "out").glob("part-*")))
    assert found.column("when").type == pa.timestamp("ms")
    assert found.column("in_answer").type == pa.int32()
    assert found.column("in_id").to_pylist() == [5, 6]
    rows = found.to_pylist()
    assert [(row["id"], row["reference"], row["correct"]) for row in rows] == [
        ("5", "2", True),
        ("6", "5", False),
    ]
    assert rows[0]["question"] == rows[0]["problem"] == "1 + 1"
    assert rows[0]["chains"][0]["replies"] == ["\\boxed{2}"]


def test_a_column_may_give_options_of_each_row(tmp_path: Path) -> None:
    rows = [{"question": "1 + 1", "n": 2}, {"question": "1 + 1", "n": 0}, {"question": "1 + 1"}]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)))
    batches.run(tmp_path / "in.jsonl", tmp_path / "out", columns=Columns(options={"chains": "n"}))
    found = output(tmp_path / "out")
    assert [row["planned"] for row in found] == [2, 0, 3]
    assert "chains = 0" in found[1]["error"]["message"]


def test_options_of_a_csv_are_read_as_what_they_are(tmp_path: Path) -> None:
    text = "question,n,s\n1 + 1,2,never\n1 + 1,x,\n"
    (tmp_path / "in.csv").write_text(text)
    columns = Columns(options={"chains": "n", "stop": "s"})
    batches.run(tmp_path / "in.csv", tmp_path / "out", columns=columns)
    first, second = output(tmp_path / "out")
    assert first["planned"] == 2
    assert "chains = 'x'" in second["error"]["message"]


@pytest.mark.parametrize(
    ("status", "body", "headers", "expected"),
    [
        (429, {}, {"retry-after": "3"}, Busy),
        (503, {"error": {"message": "starting"}}, {}, Gone),
        (400, {"error": {"message": "empty"}}, {}, ProblemError),
        (401, {"error": {"message": "no key"}}, {}, BadUsage),
        (500, {"error": {"message": "broke"}}, {}, Exception),
        (200, {"no": "verdict"}, {}, Failed),
    ],
)
async def test_an_app_that_refuses_is_told_apart(
    status: int, body: Any, headers: dict[str, str], expected: type[Exception]
) -> None:
    keys: list[str] = []

    def app(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        return httpx.Response(status, json=body, headers=headers)

    ask = AskApp("http://app", 2, httpx.MockTransport(app))
    with pytest.raises(expected) as caught:
        await ask({"question": "1 + 1"}, "k1")
    await ask.aclose()
    assert keys == ["k1"]
    if isinstance(caught.value, Busy):
        assert caught.value.after_s == 3
    elif status != 200:
        assert body["error"]["message"] in str(caught.value)


async def test_an_app_that_is_not_there_is_gone() -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    ask = AskApp("http://app", 2, httpx.MockTransport(nobody))
    with pytest.raises(Gone, match="refused"):
        await ask({"question": "1 + 1"}, "k1")
    await ask.aclose()


def test_an_idempotency_key_never_comes_with_two_requests(tmp_path: Path) -> None:
    """An app refuses a key it knows with another body: the row would be an error for good."""
    named: dict[str, Any] = {}

    class Away(Stubborn):
        async def __call__(self, request: Any, key: str) -> Any:
            assert named.setdefault(key, request) == request
            return await super().__call__(request, request["question"])

    given, bank = questions(tmp_path / "in.jsonl", 2), TimeBank(20, 2, at_once=2)
    batches.run(given, tmp_path / "out", ask=Away(1, Gone("away")), bank=bank)
    assert [row["correct"] for row in output(tmp_path / "out")] == [True, True]
    assert len(named) == 4  # there was less time at the second try


def test_what_a_kill_leaves_of_a_part_is_hidden_from_readers(tmp_path: Path) -> None:
    local = LocalFileSystem()
    with write_atomically(local, str(tmp_path / "part-00000.parquet")) as stream:
        stream.write(b"half a part")
        (torn,) = tmp_path.iterdir()
        assert torn.name.startswith(".")
    assert [path.name for path in tmp_path.iterdir()] == ["part-00000.parquet"]


def test_rows_in_journals_are_not_counted_as_left(tmp_path: Path) -> None:
    given, out = questions(tmp_path / "in.jsonl", 9), tmp_path / "out"

    class Dies(Stubborn):
        async def __call__(self, request: Any, key: str) -> Any:
            if request["question"] in ("3 + 3", "7 + 7"):
                raise Gone("the app is away")
            return await super().__call__(request, key)

    with pytest.raises(Failed):
        batches.run(given, out, ask=Dies(0, Busy()), patience_s=0.0, concurrency=1)
    folder = BatchFolder(str(out), {"rows": 9}, "parquet")
    try:
        assert (folder.tally.rows, folder.noted) == (0, 3)
    finally:
        folder.close()


def test_a_batch_of_another_model_is_not_gone_on_with(tmp_path: Path) -> None:
    given, env = questions(tmp_path / "in.jsonl", 2), environment(tmp_path / "state")
    with serving(chat_model(lambda body: r"\boxed{2}")) as url:
        order = ("batch", str(given), str(tmp_path / "out"), "--endpoint", url, "--no-trace")
        done = votebox(*order, "--endpoint-model", "fake", env=env)
        assert done.returncode == 0, done.stderr
        done = votebox(*order, "--endpoint-model", "other", env=env)
    assert done.returncode == 2
    assert "a batch with model = 'fake'" in done.stderr


def test_a_journal_that_outlived_its_part_is_removed(tmp_path: Path) -> None:
    given, out = questions(tmp_path / "in.jsonl", 3), tmp_path / "out"
    batches.run(given, out)
    stale = out / ".part-00000.journal"
    stale.write_text('{"row":0,"id":"torn')  # killed between the manifest and the journal
    torn = out / ".part-00001.parquet.tmp-1"
    torn.write_text("PAR1")
    batches.run(given, out)
    assert not stale.exists()
    assert not torn.exists()
    assert [row["row"] for row in output(out)] == [0, 1, 2]
