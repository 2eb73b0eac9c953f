"""Load every shape of data set, and name what is wrong with the ones that cannot be used."""

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from votebox.cluster.datasets import Columns, load_dataset, read_reference
from votebox.cluster.errors import BadUsage

ROWS = [
    {"id": "a", "problem": "1 + 1?", "answer": "2"},
    {"id": "b", "problem": "Übung:\n2 + 2?", "answer": "4"},
]


def jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("\ufeff" + "\n\n".join(map(json.dumps, rows)), "utf-8")


def packed(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))


def array(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text(json.dumps(list(rows)))


def under_a_name(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text(json.dumps({"version": 1, "data": list(rows)}))


def comma(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    import csv

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def comma_packed(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    comma(path, rows)
    path.write_bytes(gzip.compress(path.read_bytes()))


def parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(list(rows)), path)


def arrow_file(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    import pyarrow as pa

    table = pa.Table.from_pylist(list(rows))
    with pa.ipc.new_file(path, table.schema) as sink:
        sink.write_table(table, max_chunksize=1)


def arrow_stream(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    import pyarrow as pa

    table = pa.Table.from_pylist(list(rows))
    with pa.ipc.new_stream(path, table.schema) as sink:
        sink.write_table(table)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("d.jsonl", jsonl),
        ("d.jsonl.gz", packed),
        ("d.json", array),
        ("d.json", under_a_name),
        ("d.csv", comma),
        ("d.csv.gz", comma_packed),
        ("d.parquet", parquet),
        ("d.arrow", arrow_file),
        ("d.arrow", arrow_stream),
    ],
)
def test_every_format_gives_the_same_problems(
    tmp_path: Path, name: str, write: Callable[[Path, Any], None]
) -> None:
    write(tmp_path / name, ROWS)
    found = load_dataset(str(tmp_path / name))
    assert [(i.id, i.question, i.reference) for i in found.items] == [
        ("a", "1 + 1?", "2"),
        ("b", "Übung:\n2 + 2?", "4"),
    ]
    assert found.facts.rows == 2
    assert found.facts.columns == {"id": "id", "question": "problem", "answer": "answer"}
    as_uri = load_dataset(f"file://{tmp_path / name}")
    assert as_uri.items == found.items
    assert as_uri.facts.sha256 == found.facts.sha256


@pytest.mark.parametrize(
    ("columns", "kept"),
    [
        (("unique_id", "question", "solution"), ("unique_id", "question", "solution")),
        (("problem_id", "prompt", "target"), ("problem_id", "prompt", "target")),
        (("ID", "Problem", "Answer"), ("ID", "Problem", "Answer")),
        (("x", "input", "final_answer"), (None, "input", "final_answer")),
        (("x", "problem", "y"), (None, "problem", None)),
    ],
)
def test_columns_are_found_by_their_usual_names(
    tmp_path: Path, columns: tuple[str, ...], kept: tuple[str | None, ...]
) -> None:
    array(tmp_path / "d.json", [dict(zip(columns, ("k", "1 + 1?", "2"), strict=True))])
    found = load_dataset(str(tmp_path / "d.json"))
    assert tuple(found.facts.columns.values()) == kept
    assert found.items[0].id == ("k" if kept[0] else "row-1")
    assert found.items[0].reference == ("2" if kept[2] else None)


def test_the_answer_goes_before_the_solution_and_columns_can_be_named(tmp_path: Path) -> None:
    where = str(tmp_path / "d.json")
    array(Path(where), [{"problem": "q", "solution": "\\boxed{3}", "answer": "2", "level": 5}])
    assert load_dataset(where).items[0].reference == "2"
    named = load_dataset(where, Columns(id="level", answer="solution"))
    assert (named.items[0].id, named.items[0].reference) == ("5", "3")
    with pytest.raises(BadUsage, match="no column 'nope', which --id-column names"):
        load_dataset(where, Columns(id="nope"))


@pytest.mark.parametrize(
    ("cell", "reference"),
    [
        ("Tom has 9 * 2 = <<9*2=18>>18.\n#### 18", "18"),
        ("work\n#### 1,234 ", "1,234"),
        ("first \\boxed{1}, no, \\boxed{\\frac{3}{4}}.", "\\frac{3}{4}"),
        ("025", "025"),
        (73, "73"),
        (73.0, "73"),
        (0.5, "0.5"),
        (["42"], "42"),
        (" x + 1 ", "x + 1"),
        ("", None),
        (None, None),
        (float("nan"), None),
    ],
)
def test_references_are_read_as_data_sets_write_them(cell: Any, reference: str | None) -> None:
    assert read_reference(cell) == reference


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("#### ", "nothing stands behind"),
        ("so \\boxed{3", "box cannot be read"),
        ("a long proof\nwithout an end", "is no answer"),
        ("x" * 500, "is no answer"),
        (["1", "2"], "neither text nor a number"),
        ({"a": 1}, "neither text nor a number"),
        (True, "neither text nor a number"),
        ("x\ud800", "half of a character"),
    ],
)
def test_a_cell_that_states_no_answer_is_named(cell: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_reference(cell)


BAD = [
    {"id": "a", "problem": "1 + 1?", "answer": "2"},
    {"id": "b", "problem": " ", "answer": "4"},
    {"id": "c", "problem": "q", "answer": None},
    {"id": None, "problem": "q", "answer": "1"},
    {"id": "e\u202e", "problem": "q", "answer": "1"},
    {"id": "f" * 300, "problem": "q", "answer": "1"},
    {"id": "g", "problem": "q", "answer": "a\nb"},
    {"id": "h", "problem": ["x", "y"], "answer": "1"},
    {"id": "i", "problem": "2 + 2?", "answer": "4"},
]


def test_bad_rows_are_an_error_with_their_number_or_counted(tmp_path: Path) -> None:
    where = str(tmp_path / "d.json")
    array(Path(where), BAD)
    with pytest.raises(BadUsage, match=r"row 2: column problem is empty.*--skip-bad"):
        load_dataset(where)
    found = load_dataset(where, skip_bad=True)
    assert [item.id for item in found.items] == ["a", "i"]
    assert [item.row for item in found.items] == [1, 9]
    assert [told.split(":")[0] for told in found.skipped] == [f"row {n}" for n in range(2, 9)]
    for bad in BAD[1:-1]:
        array(Path(where), [BAD[0], bad])
        with pytest.raises(BadUsage, match="row 2"):
            load_dataset(where)


def test_an_answer_that_only_later_rows_have_is_not_left_unread(tmp_path: Path) -> None:
    where = tmp_path / "d.jsonl"
    where.write_text('{"problem": "1 + 1?"}\n{"problem": "2 + 2?", "answer": "4"}\n')
    with pytest.raises(BadUsage, match=r"row 2: column answer is not in the first row"):
        load_dataset(str(where))


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    where = tmp_path / "d.csv"
    where.write_text("id,problem,answer,answer\n1,1 + 1?,2,3\n")
    with pytest.raises(BadUsage, match=r"names a column twice: id, problem, answer, answer"):
        load_dataset(str(where))


def test_an_id_that_stands_twice_is_refused_even_where_bad_rows_are_skipped(
    tmp_path: Path,
) -> None:
    array(tmp_path / "d.json", [*ROWS, ROWS[0]])
    with pytest.raises(BadUsage, match="rows 1 and 3 have the id 'a'"):
        load_dataset(str(tmp_path / "d.json"), skip_bad=True)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("d.jsonl", b'{"problem": "q"}\n{"problem": \n', "as jsonl: line 2"),
        ("d.jsonl", b'"text"\n', "line 1 is no object"),
        ("d.jsonl", b"", "it is empty"),
        ("d.jsonl", b"\xff\xfe\x00", "as jsonl"),
        ("d.jsonl", b"[" * 200_000, "as jsonl"),
        ("d.jsonl.gz", b"no gzip", "cannot be read"),
        ("d.json", b'{"rows": 5}', "an object without a list"),
        ("d.json", b"5", "neither a list nor an object"),
        ("d.csv", b"id,problem\na,b,c\n", "line 2 has more cells"),
        ("d.csv", b"id,problem\na\n", "line 2 has fewer cells"),
        ("d.csv", b'id,problem\n"a,b\n', "as csv"),
        ("d.parquet", b"PAR1 no", "parquet"),
        ("d.arrow", b"ARROW1 no", "arrow"),
        ("d.xlsx", b"", "has no ending that says what it is"),
        ("d.jsonl", b'{"text": "q"}\n', "found: text; give --question-column NAME"),
    ],
)
def test_a_file_that_is_broken_is_named(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadUsage) as caught:
        load_dataset(str(tmp_path / name))
    assert words in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("nowhere.jsonl", "there is no nowhere.jsonl"),
        ("example:../../etc/passwd", "known: aime-like, arithmetic, gsm-like"),
        ("strange-scheme://x/d.jsonl", "strange-scheme"),
    ],
)
def test_a_place_without_a_data_set_is_named(where: str, words: str) -> None:
    with pytest.raises(BadUsage) as caught:
        load_dataset(where)
    assert words in str(caught.value)


def test_a_folder_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").mkdir()
    with pytest.raises(BadUsage, match="is a folder"):
        load_dataset(str(tmp_path / "d.jsonl"))


def test_a_large_csv_cell_is_read(tmp_path: Path) -> None:
    comma(tmp_path / "d.csv", [{"problem": "q", "answer": "1", "note": "x" * 300_000}])
    assert load_dataset(str(tmp_path / "d.csv")).items[0].reference == "1"
