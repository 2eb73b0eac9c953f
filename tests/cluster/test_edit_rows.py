"""Hold rows of editing benchmarks to their files: what is written is read, odd files are named."""

from dataclasses import fields, replace
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from votebox.cluster.edit_rows import EditRow, read_rows, write_rows
from votebox.cluster.errors import BadUsage

NAMES = [f.name for f in fields(EditRow)]
TEXT = st.text(max_size=30)
PERCENT = st.floats(0, 100)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
BY_KIND = {"_Text": TEXT, "_Count": st.integers(0, 10**9), "_Amount": st.floats(0, 1e9)}


def strategy(name: str) -> st.SearchStrategy[object]:
    if name == "intervals":
        return st.dictionaries(st.sampled_from(NAMES), st.tuples(PERCENT, PERCENT), max_size=2)
    if name == "more":
        return st.dictionaries(TEXT.filter(lambda key: key not in NAMES[:-1]), PLAIN, max_size=3)
    if name == "kind":
        return st.sampled_from([None, "solo", "architect+editor"])
    hint = str(get_type_hints(EditRow)[name])
    kind = next((made for key, made in BY_KIND.items() if key in hint), PERCENT)
    return kind if name == "model" else st.none() | kind


def one(path: Path, text: str) -> EditRow:
    path.write_text(text, "utf-8")
    (row,) = read_rows(path)
    return row


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.fixed_dictionaries({name: strategy(name) for name in NAMES}).map(
            lambda held: EditRow(**held)
        ),
        min_size=1,
        max_size=2,
    )
)
def test_what_is_written_is_read_back(rows: list[EditRow], tmp_path: Path) -> None:
    path = tmp_path / "rows.yml"
    write_rows(path, rows)
    assert read_rows(path) == tuple(rows)


def test_text_that_yaml_takes_for_a_number_or_a_day_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.yml"
    row = one(
        path,
        "- model: 007\n  commit_hash: 1234567\n  versions: 1.10\n  date: 2024-09-21\n"
        "  command: yes\n",
    )
    assert (row.model, row.commit_hash, row.versions) == ("007", "1234567", "1.10")
    assert (row.date, row.command) == ("2024-09-21", "yes")
    write_rows(path, [row])
    assert "date: 2024-09-21\n" in path.read_text()
    assert read_rows(path) == (row,)


def test_what_is_not_measured_is_missing_and_zero_is_zero(tmp_path: Path) -> None:
    row = one(tmp_path / "r.yml", "- model: a\n  total_cost: 0.0\n  pass_rate_1:\n  user_asks: ~\n")
    assert (row.total_cost, row.pass_rate_1, row.user_asks, row.error_outputs) == (0, *[None] * 3)


def test_unknown_fields_come_back_as_they_were(tmp_path: Path) -> None:
    row = one(tmp_path / "r.yml", "- _released: 2024-09-12\n  model: a\n  x: {y: [1, '1', 1.5]}\n")
    assert row.more["x"] == {"y": [1, "1", 1.5]}
    write_rows(tmp_path / "again.yml", [row])
    assert "_released: 2024-09-12\n" in (tmp_path / "again.yml").read_text()


@pytest.mark.parametrize(
    ("said", "paired"),
    [
        ({}, False),
        ({"edit_format": "diff"}, False),
        ({"edit_format": "architect"}, True),
        ({"editor_model": "e"}, True),
        ({"editor_edit_format": "whole", "kind": "solo"}, False),
        ({"kind": "architect+editor"}, True),
    ],
)
def test_a_pair_is_told_by_its_kind_and_else_by_its_editor(
    said: dict[str, str], *, paired: bool
) -> None:
    assert EditRow(model="QwQ + Qwen", **said).paired is paired


def test_intervals_are_those_of_the_row_or_wilsons() -> None:
    row = EditRow(model="a", pass_rate_2=79.7, test_cases=133, blind=50.0, total_tests=0)
    found = row.interval("pass_rate_2")
    assert found is not None
    assert (round(found.low, 1), round(found.high, 1)) == (72.1, 85.7)  # as the reference has it
    assert row.interval("blind") is None
    assert row.interval("pass_rate_1") is None
    given_ = replace(row, intervals={"pass_rate_2": (70.0, 90.0)}).interval("pass_rate_2")
    assert given_ is not None
    assert (given_.low, given_.high) == (70.0, 90.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ("holds no rows",)),
        ("[]", ("holds 0 rows",)),
        ("model: a", ("no list of rows", "'- '")),
        ("- a", ("row 1 (line 1)", "no mapping")),
        ("- model: a\n- edit_format: b\n", ("row 2 (line 2)", "no field 'model'")),
        ("- model: a\n  pass_rate_2: 101\n", ("row 1", "'pass_rate_2'", "'101'", "mend")),
        ("- model: a\n  pass_rate_2: .nan\n", ("'pass_rate_2'", "'.nan'")),
        ("- model: a\n  test_cases: many\n", ("'test_cases'", "'many'")),
        ("- model: a\n  kind: duo\n", ("'kind'", "'duo'", "solo")),
        ("- model: [a]\n", ("'model'",)),
        ("- model: a\n  intervals: {blind: [1]}\n", ("'intervals.blind",)),
        ("- model: a\n  model: b\n", ("'model' is there twice",)),
        ("- model: a\n  [x]: b\n", ("no text",)),
        ("- model: a\n  x: !!python/name:os.system ''\n", ("field 'x'", "python/name:os.system")),
        ("- model: a\n  x: 2024-13-40\n", ("field 'x'", "quotes")),
        (f"- model: a\n  x: {'9' * 5000}\n", ("field 'x'",)),
        ("- &a {model: m}\n- *a\n", ("line 2", "alias *a")),
        ("- model: a\n  x: " + "[" * 40 + "]" * 40, ("deeper than 12",)),
        ("- model: [\n", ("is no YAML", "line 2")),
        ("- model: a\n---\n- model: b\n", ("is no YAML",)),
        ("- model: 'a\x00b'\n", ("is no YAML",)),
        ("- {model: a}\n" * 1001, ("1,001 rows",)),
    ],
)
def test_an_odd_file_is_refused_by_name_row_field_and_fix(
    tmp_path: Path, text: str, said: tuple[str, ...]
) -> None:
    path = tmp_path / "odd.yml"
    path.write_text(text, "utf-8")
    with pytest.raises(BadUsage) as caught:
        read_rows(path)
    told = str(caught.value)
    assert "odd.yml" in told
    assert all(part in told for part in said), told
    assert "; " in told  # what to do
    assert len(told) < 700 + len(str(path))


def test_a_file_that_is_none_too_large_or_no_text_is_refused(tmp_path: Path) -> None:
    large, bytes_ = tmp_path / "large.yml", tmp_path / "bytes.yml"
    large.write_bytes(b"#" * (2 * 2**20 + 1))
    bytes_.write_bytes(b"- model: \xff\n")
    for path, said in ((tmp_path, "cannot be read"), (large, "2 MiB"), (bytes_, "no UTF-8")):
        with pytest.raises(BadUsage, match=said):
            read_rows(path)
    with pytest.raises(BadUsage, match="cannot be written"):
        write_rows(tmp_path / "none" / "rows.yml", [EditRow(model="a")])
