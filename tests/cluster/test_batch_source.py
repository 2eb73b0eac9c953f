"""The tables a batch reads and writes: every format, every place, nothing lost."""

import csv
import json
from pathlib import Path
from typing import Any

import batches
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from votebox.cluster.batch_files import check_schema
from votebox.cluster.batch_rows import BatchRow, Columns, result_schema
from votebox.cluster.batch_source import check_columns, open_source
from votebox.cluster.errors import BadUsage
from votebox.plugins import TableError

TABLE = pa.table({"id": ["a", "b", "c"], "question": ["1 + 1", None, "3 + 4"], "n": [1, 2, 3]})


def write(table: pa.Table, path: Path) -> Path:
    match path.suffix:
        case ".parquet":
            pq.write_table(table, path)
        case ".arrow":
            with pa.ipc.new_file(path, table.schema) as writer:
                writer.write_table(table)
        case ".arrows":
            with pa.ipc.new_stream(path, table.schema) as writer:
                writer.write_table(table)
        case ".jsonl":
            path.write_text("\n".join(map(json.dumps, table.to_pylist())))
        case ".csv":
            with path.open("w", newline="") as stream:
                writer = csv.writer(stream)
                writer.writerow(table.column_names)
                writer.writerows(row.values() for row in table.to_pylist())
    return path


@pytest.mark.parametrize("ending", ["parquet", "arrow", "arrows", "jsonl", "csv"])
def test_each_format_gives_the_same_rows(tmp_path: Path, ending: str) -> None:
    source = open_source(str(write(TABLE, tmp_path / f"in.{ending}")))
    (block,) = source.blocks()
    assert source.rows == 3
    assert block.table.column("question").to_pylist() == ["1 + 1", None, "3 + 4"]
    numbers = [1, 2, 3] if ending != "csv" else ["1", "2", "3"]
    assert block.table.column("n").to_pylist() == numbers


@pytest.mark.parametrize("kind", ["parquet", "arrow", "jsonl", "csv"])
def test_each_format_is_written_with_every_column(tmp_path: Path, kind: str) -> None:
    given = write(TABLE, tmp_path / "in.parquet")
    batches.run(given, tmp_path / "out", columns=Columns(id="id"), kind=kind)
    (part,) = (tmp_path / "out").glob(f"part-*.{kind}")
    names = [*result_schema().names, "n"]
    if kind == "csv":
        rows: list[Any] = list(csv.DictReader(part.open(newline="")))
        assert [row["answer"] for row in rows] == ["2", "", "7"]
        assert json.loads(rows[0]["votes"])[0]["answer"] == "2"
        assert list(rows[0]) == names
        return
    if kind == "jsonl":
        rows = list(map(json.loads, part.read_text().splitlines()))
    elif kind == "arrow":
        rows = pa.ipc.open_file(part).read_all().to_pylist()
    else:
        rows = pq.read_table(part).to_pylist()
    assert [row["answer"] for row in rows] == ["2", None, "7"]
    assert rows[1]["error"]["type"] == "ProblemError"
    assert list(rows[0]) == names


def test_a_folder_of_files_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    write(TABLE.slice(1), tmp_path / "b.parquet")
    write(TABLE.slice(0, 1), tmp_path / "a.parquet")
    source = open_source(str(tmp_path))
    assert [i for b in source.blocks() for i in b.table.column("id").to_pylist()] == ["a", "b", "c"]
    assert [block.first for block in source.blocks()] == [0, 1]


def test_lines_of_different_types_are_one_column_of_text(tmp_path: Path) -> None:
    rows = [{"question": "1 + 1", "x": 1}, {"question": "2 + 2", "x": [1, 2]}, {"question": "q"}]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (block,) = open_source(str(tmp_path / "in.jsonl")).blocks()
    assert block.table.column("x").to_pylist() == ["1", "[1, 2]", None]


def test_a_csv_line_of_too_many_cells_is_a_fault_of_its_row(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('question,n\n"1 + 1, or\nso",1\n2 + 2,2,3\n')
    (block,) = open_source(str(tmp_path / "in.csv")).blocks()
    assert block.table.num_rows == 2
    assert list(block.faults) == [1]
    assert "3 cells" in block.faults[1]


def test_any_file_system_of_fsspec_holds_input_and_output(tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    with memory.open("/bucket/in.jsonl", "w") as stream:
        stream.write('{"question": "1 + 1"}\n{"question": "2 + 2"}\n')
    tally = batches.run("memory://bucket/in.jsonl", "memory://bucket/out", columns=Columns())
    assert tally.rows == 2
    with memory.open("/bucket/out/part-00000.parquet", "rb") as stream:
        assert pq.read_table(stream).column("answer").to_pylist() == ["2", "4"]
    assert (
        batches.run("memory://bucket/in.jsonl", "memory://bucket/out", columns=Columns()) == tally
    )


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    source = open_source(str(write(TABLE, tmp_path / "in.parquet")))
    with pytest.raises(TableError, match="no column 'problem'; there are: id, question, n"):
        check_columns(source, ["problem"])


@pytest.mark.parametrize(
    ("name", "text"), [("in.parquet", "no"), ("in.txt", "x"), ("in.csv", "a,a\n1,2\n")]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(TableError, match=name):
        open_source(str(tmp_path / name))


def test_every_column_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/batch.md").read_text()
    missing = [name for name in BatchRow.__dataclass_fields__ if f"| `{name}` |" not in page]
    assert not missing


def test_a_quote_that_is_never_closed_swallows_no_rows(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('id,question\n1,"2 + 2\n2,1 + 1\n3,1 + 3\n')
    with pytest.raises(TableError, match="a quote is never closed, from '1,"):
        open_source(str(tmp_path / "in.csv"))
    (tmp_path / "in.csv").write_text('id,question\n1,2 + 2\n2,"1\n+ 1"')
    assert open_source(str(tmp_path / "in.csv")).rows == 2


def test_bytes_that_are_no_text_end_no_run(tmp_path: Path) -> None:
    raw = [b"1 + 1", b"\xff\xfe", b"2 + 2"]
    ends = pa.array([0, 5, 7, 12], pa.int32()).buffers()[1]
    texts = pa.Array.from_buffers(pa.string(), 3, [None, ends, pa.py_buffer(b"".join(raw))])
    pq.write_table(pa.table({"question": texts}), tmp_path / "in.parquet")
    for kind in ("parquet", "jsonl"):
        batches.run(tmp_path / "in.parquet", tmp_path / kind, columns=Columns(), kind=kind)
    (part,) = (tmp_path / "parquet").glob("part-*")
    rows = pq.read_table(part).to_pylist()
    assert [row["question"] for row in rows] == ["1 + 1", "\ufffd\ufffd", "2 + 2"]
    assert [row["answer"] for row in rows] == ["2", None, "4"]


@pytest.mark.parametrize("kind", ["parquet", "arrow", "jsonl", "csv"])
def test_columns_of_odd_encodings_come_out_of_every_format(tmp_path: Path, kind: str) -> None:
    cats = pa.chunked_array(
        [pa.array(["a", "b"]).dictionary_encode(), pa.array(["c"]).dictionary_encode()]
    )
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["x", "y"]))
    table = pa.table(
        {
            "question": pa.array(["1 + 1"] * 3, pa.large_string()),
            "cat": cats,
            "run": runs,
            "view": pa.array(["v"] * 3, pa.string_view()),
            "late": pa.array([2**62] * 3, pa.timestamp("us")),
            "none": [float("nan")] * 3,
        }
    )
    with pa.ipc.new_stream(str(tmp_path / "in.arrows"), table.schema) as writer:
        writer.write_table(table)
    batches.run(tmp_path / "in.arrows", tmp_path / "out", columns=Columns(), kind=kind, part_rows=2)
    parts = sorted((tmp_path / "out").glob("part-*"))
    found = [row for part in parts for row in open_source(str(part)).blocks()]
    cells = [row for block in found for row in block.cells(["cat", "run", "view"])]
    told = [(row["cat"], row["run"], row["view"]) for row in cells]
    assert told == [("a", "x", "v"), ("b", "x", "v"), ("c", "y", "v")]
    assert "in_question" not in found[0].table.column_names
    assert kind != "jsonl" or "NaN" not in parts[0].read_text()


def test_a_column_that_the_output_cannot_hold_is_refused_before_work(tmp_path: Path) -> None:
    odd = pa.schema([("question", pa.string()), ("odd", pa.month_day_nano_interval())])
    with pytest.raises(BadUsage, match="cannot be written as parquet: .*month_day_nano_interval"):
        check_schema(odd, "parquet")
    check_schema(odd, "arrow")
