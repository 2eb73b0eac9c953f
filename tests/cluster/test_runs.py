"""Break the files of a run in every way a killed process, a full disk or a hand can."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from evaluated import FACTS, HEAD, chain, row

from votebox.cluster.errors import BadUsage, CliError, Failed
from votebox.cluster.evaluate_rows import Fault, ProgramRow, VoteRow
from votebox.cluster.runs import RunHead, RunWriter, load_run

FULL = replace(
    row("a\nb", right=True),
    votes=(VoteRow("2", 3.0, (0, 1, 2), correct=True),),
    chains=(chain(0, "2", programs=(ProgramRow("ok", 0.5),), model="m"), chain(1, None)),
    wall_s=1.25,
)
BROKEN = row("b", right=False, answer=None, error=Fault("EngineError", "gone"))


def write(folder: Path, *rows: object, head: RunHead = HEAD) -> None:
    with RunWriter(folder, head) as writer:
        for each in rows:
            writer.add(each)  # type: ignore[arg-type]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    with RunWriter(tmp_path / "run", HEAD) as writer:
        writer.add(FULL)
        writer.add(BROKEN)
        finished = writer.finish()
    read = load_run(tmp_path / "run")
    assert read == finished
    assert read.rows == (FULL, BROKEN)
    assert read.head.models == ("m",)
    assert read.head.started <= (read.head.ended or "")


def test_the_parquet_file_holds_the_rows_with_their_types(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with RunWriter(tmp_path, HEAD) as writer:
        writer.add(FULL)
        writer.add(BROKEN)
        writer.finish()
    table = pq.read_table(tmp_path / "rows.parquet")
    assert table.schema.field("correct").type == pa.bool_()
    first, second = table.to_pylist()
    assert first["chains"][0]["sources"] == [("boxed", "2")]
    assert first["chains"][0]["programs"] == [{"status": "ok", "wall_s": 0.5}]
    assert first["error"] is None
    assert second["error"] == {"type": "EngineError", "message": "gone"}
    assert table.schema.names == list(json.loads((tmp_path / "rows.jsonl").open().readline()))


def test_every_cut_through_the_last_line_leaves_the_rows_before_it(tmp_path: Path) -> None:
    write(tmp_path, row("a", right=True), row("b", right=True))
    whole = (tmp_path / "rows.jsonl").read_bytes()
    first = whole.index(b"\n") + 1
    for cut in (first, first + 1, (first + len(whole)) // 2, len(whole) - 1):
        (tmp_path / "rows.jsonl").write_bytes(whole[:cut])
        assert [r.id for r in load_run(tmp_path).rows] == ["a"]
        with RunWriter(tmp_path, HEAD) as writer:
            assert [r.id for r in writer.done] == ["a"]
            writer.add(row("c", right=True))
        assert [r.id for r in load_run(tmp_path).rows] == ["a", "c"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{}", "line 1: id: field required"),
        (b"nonsense", "line 1"),
        (b'{"id": 5, "repeat": 0, "question": "q"}', "id: input should be a valid string"),
        (b'{"id": "a", "repeat": 0, "question": "q", "surprise": 1}', "surprise"),
        (b"\xff\xfe", "line 1"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: bytes, words: str) -> None:
    write(tmp_path)
    (tmp_path / "rows.jsonl").write_bytes(line + b"\n")
    with pytest.raises(Failed, match=words):
        load_run(tmp_path)


def test_a_row_that_stands_twice_is_an_error_of_the_file_and_of_the_writer(tmp_path: Path) -> None:
    write(tmp_path, row("a", right=True))
    with RunWriter(tmp_path, HEAD) as writer, pytest.raises(ValueError, match="'a', repeat 0"):
        writer.add(row("a", right=False))
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(rows.read_bytes() * 2)
    with pytest.raises(Failed, match="line 2: 'a', repeat 0, stands in line 1"):
        load_run(tmp_path)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"seed": 4}, "seed 3, not 4"),
        ({"repeat": 3}, "repeat 2, not 3"),
        ({"options": {"chains": 4}}, "options {'chains': 3}, not {'chains': 4}"),
        ({"recipe_hash": "x"}, "recipe_hash '', not 'x'"),
        ({"limit": 3}, "limit None, not 3"),
        ({"dataset": replace(FACTS, sha256="cd" * 32)}, "dataset sha256 'abab"),
        ({"dataset": replace(FACTS, columns={"id": "other"})}, "dataset columns"),
    ],
)
def test_a_run_that_asked_something_else_is_not_gone_on_with(
    tmp_path: Path, other: dict[str, object], words: str
) -> None:
    write(tmp_path, row("a", right=True))
    before = (tmp_path / "run.json").read_text()
    with pytest.raises(BadUsage) as caught:
        RunWriter(tmp_path, replace(HEAD, **other))  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert (tmp_path / "run.json").read_text() == before


def test_a_run_goes_on_under_another_name_from_another_place(tmp_path: Path) -> None:
    write(tmp_path, row("a", right=True), head=replace(HEAD, started="2026-01-01T00:00:00+00:00"))
    moved = replace(HEAD, name="x", command=("x",), dataset=replace(FACTS, path="elsewhere"))
    with RunWriter(tmp_path, moved) as writer:
        assert [r.id for r in writer.done] == ["a"]
        assert writer.head.started == "2026-01-01T00:00:00+00:00"


def test_two_writers_of_one_run_exclude_each_other(tmp_path: Path) -> None:
    with RunWriter(tmp_path, HEAD), pytest.raises(Failed, match="another process writes"):
        RunWriter(tmp_path, HEAD)
    RunWriter(tmp_path, HEAD).close()


def test_errors_are_taken_out_to_be_asked_again(tmp_path: Path) -> None:
    write(tmp_path, row("a", right=True), BROKEN)
    with RunWriter(tmp_path, HEAD, retry_errors=True) as writer:
        assert [r.id for r in writer.done] == ["a"]
        writer.add(row("b", right=True))
    assert [(r.id, r.error) for r in load_run(tmp_path).rows] == [("a", None), ("b", None)]


def test_fresh_wants_an_empty_folder_and_nothing_writes_beside_strange_files(
    tmp_path: Path,
) -> None:
    write(tmp_path / "run")
    with pytest.raises(BadUsage, match="is not empty"):
        RunWriter(tmp_path / "run", HEAD, fresh=True)
    with pytest.raises(BadUsage, match="holds other files and no run"):
        RunWriter(tmp_path, HEAD)
    RunWriter(tmp_path / "new", HEAD, fresh=True).close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "is of format None and this votebox reads 1"),
        ('{"format": 2}', "is of format 2"),
        ('{"format": 1}', "is no head of a run: name: field required"),
        ("[", "is no head of a run"),
        ("[" * 100_000, "is no head of a run"),
    ],
)
def test_a_head_that_is_none_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(CliError) as caught:
        load_run(tmp_path)
    assert words in str(caught.value)


def test_a_folder_without_a_run_is_bad_usage(tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match="holds no run"):
        load_run(tmp_path)
