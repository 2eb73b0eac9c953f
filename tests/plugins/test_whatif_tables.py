"""Recorded votes from every kind of file and place, and clear words about those that are none."""

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest
from contract import FakeBox, registry, toml

from votebox.plugins import (
    Problem,
    Recorded,
    ReplayEngine,
    SolveOptions,
    Solver,
    TraceStore,
    load_recipe,
)
from votebox.plugins.builtin.policies import Rational
from votebox.plugins.errors import TableError
from votebox.plugins.whatif_groups import group
from votebox.plugins.whatif_tables import Row, read_table

ROWS: list[dict[str, Any]] = [
    {"problem_id": "p", "answer": "1/2", "tokens": 10, "reference": "0.5", "chain": 0},
    {"problem_id": "p", "answer": None, "tokens": 20, "reference": "0.5", "chain": 1},
    {"problem_id": "q", "answer": "007", "tokens": 30, "reference": None, "chain": 0},
]


def parquet(table: pa.Table, path: Path) -> None:
    pyarrow.parquet.write_table(table, path)


def ipc_file(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(path, table.schema) as sink:
        sink.write_table(table)


def ipc_stream(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_stream(path, table.schema) as sink:
        sink.write_table(table)


def lines(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def jsonl(table: pa.Table, path: Path) -> None:
    path.write_text(lines(table.to_pylist()))


def packed(table: pa.Table, path: Path) -> None:
    path.write_bytes(gzip.compress(lines(table.to_pylist()).encode()))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("v.parquet", parquet),
        ("v.arrow", ipc_file),
        ("v.ipc", ipc_stream),
        ("v.feather", pyarrow.feather.write_feather),
        ("v.csv", pyarrow.csv.write_csv),
        ("v.jsonl", jsonl),
        ("V.NDJSON", jsonl),
        ("v.jsonl.gz", packed),
    ],
)
def test_every_format_gives_the_same_rows(
    tmp_path: Path, name: str, write: Callable[[pa.Table, Path], None]
) -> None:
    write(pa.Table.from_pylist(ROWS), tmp_path / name)
    assert read_table(str(tmp_path / name)) == [
        Row("", "p", "1/2", 10, "0.5", 0),
        Row("", "p", None, 20, "0.5", 1),
        Row("", "q", "007", 30, None, 0),
    ]


def folder(tmp_path: Path) -> Path:
    """Make a/one.jsonl, a/two.csv, b/deep/one.jsonl, a hidden file and a file of no kind."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b" / "deep").mkdir(parents=True)
    (tmp_path / "a" / "one.jsonl").write_text(lines(ROWS[:1]))
    (tmp_path / "a" / "two.csv").write_text("problem_id,answer,tokens\nr,5,1\n")
    (tmp_path / "b" / "deep" / "one.jsonl").write_text(lines(ROWS[2:]))
    (tmp_path / "b" / ".part.jsonl").write_text("half a li")
    (tmp_path / "b" / "README").write_text("none")
    return tmp_path


@pytest.mark.parametrize(
    ("where", "problems"),
    [
        ("", ["p", "r", "q"]),
        ("b", ["q"]),
        ("a/*", ["p", "r"]),
        ("*/one.jsonl", ["p"]),
        ("*/*/one.jsonl", ["q"]),
        ("?/[ot]*.csv", ["r"]),
    ],
)
def test_a_folder_is_read_deep_and_a_pattern_name_by_name(
    tmp_path: Path, where: str, problems: list[str]
) -> None:
    assert [row.problem for row in read_table(str(folder(tmp_path) / where))] == problems


def test_a_uri_is_read_by_pyarrow_or_fsspec(tmp_path: Path) -> None:
    import fsspec

    here = folder(tmp_path)
    assert len(read_table(f"file://{here}/a/*.jsonl")) == 1
    with fsspec.open("memory://votes/one.jsonl", "w") as file:
        file.write(lines(ROWS))
    assert len(read_table("memory://votes/one.jsonl")) == 3
    assert len(read_table("memory://votes")) == 3
    assert len(read_table("memory://votes/*.jsonl")) == 3


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("v.txt", "x", "has no known ending '.txt'; use .parquet"),
        ("v.parquet", "no", "v.parquet: cannot be read as parquet"),
        ("v.arrow", "no", "v.arrow: cannot be read as arrow"),
        ("v.jsonl", '{"a": 1}\n{"a"', "cannot be read as jsonl: line 2"),
        ("v.jsonl", "[1]", "line 1: [1] is no object"),
        ("v.jsonl", "[" * 100_000, "v.jsonl: cannot be read as jsonl"),
        ("v.csv", "", "v.csv: cannot be read as csv"),
        ("v.csv", "a,b\n1\n", "v.csv: cannot be read as csv"),
        ("v.csv", "answer,tokens\n1,2\n", "has no column problem_id; found: answer, tokens"),
        ("v.csv", "problem_id,answer,answer,tokens\np,1,2,3\n", "more than one column answer"),
        ("v.csv", "problem_id,answer,tokens\np,1,2\np,1,many\n", "row 2, column tokens: 'many'"),
        ("v.csv", "problem_id,answer,tokens\np,1,-2\n", "column tokens: -2 is not a count"),
        ("v.csv", "problem_id,answer,tokens\np,1,1.5\n", "column tokens: 1.5 is not a count"),
        ("v.csv", "problem_id,answer,tokens\n,1,1\n", "row 1 has no problem_id; name its problem"),
        (
            "v.jsonl",
            '{"problem_id": "p", "answer": [7], "tokens": 1}',
            "row 1, column answer: [7] is neither text nor a number",
        ),
        (
            "v.jsonl",
            '{"problem_id": "p", "answer": "7", "tokens": 1, "aborted": "no"}',
            "column aborted: 'no' is neither true nor false",
        ),
        (
            "v.jsonl",
            '{"problem_id": "p", "answer": true, "tokens": 1}',
            "column answer: True is neither text nor a number",
        ),
    ],
)
def test_a_file_that_is_no_table_is_told(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(TableError) as told:
        read_table(str(tmp_path / name))
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("none.parquet", "is not there"),
        ("*.parquet", "matches no file"),
        ("empty", "is a folder without a table"),
        ("nothing://x/y", "nothing://x/y: is no place that can be used"),
        (" ", "is no place"),
    ],
)
def test_a_place_without_tables_is_told(tmp_path: Path, where: str, words: str) -> None:
    (tmp_path / "empty").mkdir()
    there = where if "://" in where or not where.strip() else str(tmp_path / where)
    with pytest.raises(TableError) as told:
        read_table(there)
    assert words in str(told.value)


def test_a_renamed_column_is_read_and_an_unknown_name_refused(tmp_path: Path) -> None:
    file = tmp_path / "v.csv"
    file.write_text("id,boxed,n,llm\np,0012345678901234567890123,3,m\n")
    names = {"problem_id": "id", "answer": "boxed", "tokens": "n"}
    assert read_table(str(file), by="llm", columns=names) == [
        Row("m", "p", "0012345678901234567890123", 3)
    ]
    for wrong, words in (
        ({**names, "answers": "boxed"}, "no column is called 'answers' here; known: problem_id"),
        ({**names, "reference": "gold"}, "has no column gold; found: id, boxed, n, llm"),
    ):
        with pytest.raises(TableError) as told:
            read_table(str(file), columns=wrong)
        assert words in str(told.value)
    with pytest.raises(TableError, match="has no column who; found"):
        read_table(str(file), by="who", columns=names)


def test_weights_come_from_weight_then_confidence_and_bad_ones_cast_no_vote(
    tmp_path: Path,
) -> None:
    file = tmp_path / "v.jsonl"
    rows = [
        {"problem_id": "p", "answer": "1", "tokens": 9, "confidence": c, "chain": n}
        for n, c in enumerate([0.5, None, -1, float("inf"), 0, 2])
    ]
    file.write_text(lines(rows))
    grouping = group(read_table(str(file), weighted=True), Rational(), weighted=True)
    (found,) = grouping.experiments
    assert found.votes.tolist() == [0, -1, -1, -1, -1, 0]
    assert found.weights is not None
    assert found.weights.tolist() == [0.5, 0, 0, 0, 0, 2]
    assert "4 chains have no weight above 0 and cast no vote" in grouping.notes
    file.write_text(lines([{**row, "weight": 3} for row in rows]))
    assert {row.weight for row in read_table(str(file), weighted=True)} == {3.0}
    file.write_text(lines(ROWS))
    with pytest.raises(TableError, match="no column weight or confidence"):
        read_table(str(file), weighted=True)


def test_what_had_to_be_decided_is_noted(tmp_path: Path) -> None:
    file = tmp_path / "v.jsonl"
    more = [
        {**ROWS[0], "tokens": None},
        {**ROWS[0], "chain": 1, "answer": "2"},
        {**ROWS[0], "chain": 9, "aborted": True},
    ]
    file.write_text(lines([*ROWS, *more]))
    grouping = group(read_table(str(file)), Rational())
    file.write_text(lines([*ROWS, *more[:2], {**more[2], "aborted": 1}]))
    assert group(read_table(str(file)), Rational()).notes == grouping.notes
    assert grouping.notes == (
        "1 chains were aborted when recorded and are left out",
        "1 chains lack a token count; each is given the mean of its experiment",
        "2 chains repeat the number of another of their experiment; each counts",
        "1 experiments have no readable reference and no accuracy",
    )
    assert [len(e.votes) for e in grouping.experiments] == [4, 1]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "has no chain with a token count"),
        ([{**ROWS[0], "tokens": None}], "has no chain with a token count"),
        ([ROWS[0], {**ROWS[1], "reference": "2"}], "'p' has references that differ: '0.5', '2'"),
    ],
)
def test_a_table_that_cannot_be_simulated_is_told(rows: list[Any], words: str) -> None:
    known = ("problem_id", "answer", "tokens", "reference", "chain")
    made = [Row("", *(row[name] for name in known)) for row in rows]
    with pytest.raises(TableError) as told:
        group(made, Rational())
    assert words in str(told.value)


CODE = '[nodes.code]\nuse = "code:tagged"\nafter = ["think"]\n[nodes.run]\nuse = "sandbox:python"\nafter = ["code"]'


async def traces(folder: Path) -> None:
    """Solve p twice and a problem without an id once; of four chains one runs a program."""
    recipe = load_recipe(
        toml(tail=CODE, read='[nodes.read]\nuse = "extract:last-word"\nafter = ["think", "run"]'),
        registry(),
    )
    for name in ("p", "p", ""):
        said = iter(["it is 42", "<py>print(41)</py>", "it is 42", "no idea"])
        engine = ReplayEngine(lambda prompt, said=said: Recorded(next(said), prompt_tokens=3))
        solver = Solver(engine, FakeBox(lambda code: "41"), registry(), TraceStore(str(folder)))
        assert (
            await solver.solve(Problem("6 * 7?", name, {}, "42"), recipe, SolveOptions(seed=1))
        ).traced


async def test_a_folder_of_traces_is_a_table(tmp_path: Path) -> None:
    await traces(tmp_path)
    rows = read_table(str(tmp_path), ballots=True)
    assert len(rows) == 12
    assert [row.answer for row in rows[:4]] == ["42", "41", "42", None]
    assert [len(row.ballot) for row in rows[:4]] == [1, 1, 1, 0]
    ran = rows[1].ballot[0].evidence.execution
    assert ran is not None
    assert ran.stdout.strip() == "41"
    assert rows[0].ballot[0].evidence.execution is None
    grouping = group(rows, Rational())
    assert [len(e.votes) for e in grouping.experiments] == [4, 8]  # the solve without an id first
    assert not [note for note in grouping.notes if "repeat" in note]
    assert all(row.reference == "42" and (row.tokens or 0) > 0 for row in rows)


async def test_chains_a_solve_ended_early_are_aborted(tmp_path: Path) -> None:
    await traces(tmp_path)
    for file in tmp_path.iterdir():
        table = pyarrow.parquet.read_table(file)
        place = table.column_names.index("ended")
        ended = pa.array([None, "answered", "aborted", "deadline", "answered"])
        pyarrow.parquet.write_table(table.set_column(place, "ended", ended), file)
    aborted = [row.aborted for row in read_table(str(tmp_path))]
    assert aborted == [False, True, True, False] * 3


async def test_weights_of_traces_are_those_of_their_candidates(tmp_path: Path) -> None:
    await traces(tmp_path)
    rows = read_table(str(tmp_path), weighted=True)
    # Not the column confidence, which is the verdict's.
    assert [row.weight for row in rows[:3]] == [1.0, 1.0, 1.0]
    assert isnan(rows[3].weight)
