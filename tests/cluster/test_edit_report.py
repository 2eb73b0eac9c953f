"""Hold the page of editing rows to what it says, without a browser: order, ties, doubts, words."""

import doctest
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from edited import case, folder, hostile_row

from votebox.cluster import edit_report_tables, report_facts
from votebox.cluster.cli import run as cli
from votebox.cluster.edit_report import edit_report_page
from votebox.cluster.edit_report_facts import (
    Board,
    Reference,
    Source,
    board,
    difference_p,
    doubts,
)
from votebox.cluster.edit_report_sources import read_references, read_sources
from votebox.cluster.edit_rows import EditRow, read_rows, write_rows
from votebox.cluster.errors import BadUsage, Failed

QWQ = Path("example:qwq")


def published() -> Board:
    return board(*read_sources([QWQ]))


def bars(page: str) -> list[tuple[str, str]]:
    """Return the class of each bar and the name beside it, in order."""
    found = re.findall(
        r'<span class="name">([^<]*)<small>.*?class="fill (c\d)"', page.partition("<table")[0]
    )
    return [(colour, name) for name, colour in found]


def test_the_published_rows_come_in_the_published_order() -> None:
    found = published()
    assert [entry.row.pass_rate_2 for entry in found.entries] == [
        79.7, 73.6, 71.4, 71.4, 70.7, 67.7, 42.1,
    ]  # fmt: skip
    names = [entry.row.model for entry in found.entries]
    assert names[2:4] == ["QwQ + Haiku", "Qwen2.5 Coder 32B-I"]
    assert [(r.name, r.percent) for r in found.references] == [
        ("Sonnet alone", 84.0),
        ("o1-preview + o1-mini", 85.0),
    ]
    assert [name for _, name in bars(edit_report_page(found))] == names


def test_only_qwq_alone_is_told_apart_from_the_pair_of_qwq_and_qwen() -> None:
    entries = published().entries
    pair, alone, qwq = entries[1], entries[3], entries[6]
    assert difference_p(pair, alone) == pytest.approx(0.69, abs=0.03)
    assert all((difference_p(entry, qwq) or 0) < 3e-5 for entry in entries[:6])
    assert published().ties[7] == ()
    assert published().ties[2] == (1, 3, 4, 5, 6)


def test_the_colour_is_what_the_row_says_it_is_whatever_its_name() -> None:
    rows = (
        EditRow(model="A + B", pass_rate_2=9.0, kind="solo"),
        EditRow(model="plain", pass_rate_2=8.0, kind="architect+editor"),
        EditRow(model="o1-preview", pass_rate_2=7.0, editor_model="e"),
    )
    page = edit_report_page(board([Source("s", rows)]))
    assert bars(page) == [("c0", "A + B"), ("c1", "plain"), ("c1", "o1-preview")]
    assert "architect + editor" in page


def test_rows_without_the_score_come_last_and_have_no_bar() -> None:
    rows = (EditRow(model="none"), EditRow(model="zero", pass_rate_2=0.0, test_cases=5))
    found = board([Source("s", rows)])
    assert [entry.row.model for entry in found.entries] == ["zero", "none"]
    assert [name for _, name in bars(edit_report_page(found))] == ["zero"]
    alone = edit_report_page(board([Source("s", rows[:1])]))
    assert '<p class="question">1 row.</p>' in alone
    assert "No row has a pass_rate_2." in alone


def test_nothing_spent_is_0_and_nothing_known_is_a_dash() -> None:
    rows = (
        EditRow(model="free", pass_rate_2=3.0, total_cost=0.0),
        EditRow(model="unknown", pass_rate_2=2.0),
        EditRow(model="cheap", pass_rate_2=1.0, total_cost=0.1444),
    )
    page = edit_report_page(board([Source("s", rows)]))
    assert '<td class="number" data-v="0">$0<' in page
    assert '<td class="number" data-v="0.1444">$0.1444<' in page
    costs = re.findall(r'<td class="number"[^>]*>(\$[^<]*|\u2013)<div', page)
    assert costs.count("$0") == 1
    assert "Not measured: " in page


def test_runs_of_the_same_cases_are_compared_case_by_case(tmp_path: Path) -> None:
    row = EditRow(model="one", pass_rate_2=100.0, test_cases=8)
    good = [case(f"c{n}", [True]) for n in range(8)]
    bad = [case(f"c{n}", [False, n == 0]) for n in range(8)]
    other = replace(row, model="other", pass_rate_2=12.5)
    folders = [folder(tmp_path / "a", row, good), folder(tmp_path / "b", other, bad)]
    found = board(*read_sources(folders))
    assert difference_p(*found.entries) == pytest.approx(2 / 2**7)
    assert found.ties == {1: (), 2: ()}
    third = folder(tmp_path / "c", row, good[:7])
    apart = board(*read_sources([folders[0], third]))
    assert difference_p(*apart.entries) is None  # other cases
    mixed = board(*read_sources([folders[0], QWQ]))
    assert mixed.ties[1] == ()
    assert "over 133 and 132 and 8 cases" in edit_report_page(mixed)


def test_runs_of_several_candidates_are_compared_by_the_cases_each_solves_more_often(
    tmp_path: Path,
) -> None:
    row = EditRow(model="one", pass_rate_2=90.0, test_cases=9, voted_n=2)
    good = [case(f"c{n}", [True], [n > 0]) for n in range(9)]
    bad = [case(f"c{n}", [n == 8], [n < 2]) for n in range(9)]
    names = ("a", "b")
    folders = [folder(tmp_path / n, row, c) for n, c in zip(names, (good, bad), strict=True)]
    first, second = board(*read_sources(folders)).entries
    # 0: 1 and 1 of 2; 1: 2 and 1; 2 to 7: 2 and 0; 8: 2 and 1
    assert difference_p(first, second) == pytest.approx(2 / 2**8)


def test_who_is_ahead_is_told_among_rows_that_compare(tmp_path: Path) -> None:
    ours = EditRow(model="mini", pass_rate_2=100.0, test_cases=2)
    runs = [folder(tmp_path / n, ours, [case("a", [True])]) for n in ("x", "y")]
    page = edit_report_page(board(*read_sources([QWQ, *runs])))
    assert "9 rows from 2 places." in page
    assert "Ahead of 2 runs over the same cases: mini, 100.0\u00a0%, tied with mini." in page
    assert "Ahead in example:qwq: o1-preview, 79.7" in page
    alone = edit_report_page(board(*read_sources([QWQ, runs[0]])))
    assert "Ahead in example:qwq: o1-preview" in alone
    assert alone.count("Ahead") == 2 * 1  # in the title and on the page


def test_each_case_says_what_became_of_it(tmp_path: Path) -> None:
    row = EditRow(model="m", pass_rate_2=50.0, test_cases=4)
    cases = [
        case("at-once", [True]),
        case("later", [False, True]),
        case("never", [False, False]),
        case("elected", [True], [False], [True], voted=0),
        case("missed", [True], [False], [False], voted=1),
        case("again", [True], repeat=1),
        case("nothing", []),
    ]
    page = edit_report_page(board(*read_sources([folder(tmp_path / "run", row, cases)])))
    table = page[page.index('aria-label="Cases"') :]
    told = dict(re.findall(r'class="id">([^<]*)</span></th><td [^>]*>(.*?)</td>', table))
    said = {name: re.sub(r"<[^>]*>", "", text) for name, text in told.items()}
    assert said["at-once"] == "\u2713 solved: at the first try"
    assert said["later"] == "\u2713 solved: after feedback"
    assert said["never"] == "\u2717 not solved: failed"
    assert said["elected"] == "\u2713 solved: 2 of 3 right, voted right"
    assert said["missed"] == "\u2717 not solved: 1 of 3 right, voted wrong"
    assert said["again, repeat 1"] == "\u2713 solved: at the first try"
    assert said["nothing"] == "\u2717 not solved: no change"
    assert table.count('data-f="voted-away"') == 1


def test_what_does_not_add_up_is_said() -> None:
    rows = {entry.row.model: doubts(entry.row) for entry in published().entries}
    assert rows["o1-preview"] == ()
    assert rows["QwQ"] == ()
    assert rows["o1-mini"] == ("90 % well formed, but 0 malformed of 133 cases make 100.0 %.",)
    assert [said[:12] for said in rows["QwQ + Qwen2.5 Coder 32B-I"]] == [
        "73.6 % is no",
        "Where an edi",
    ]
    ours = EditRow(
        model="m", percent_cases_well_formed=100.0, kind="architect+editor", well_formed_editor=90.0
    )
    assert doubts(ours) == ()
    mean = EditRow(model="m", pass_rate_2=75.0, test_cases=6, voted_n=8)
    assert doubts(mean) == ()
    assert doubts(replace(mean, voted_n=None)) != ()


def test_every_text_is_escaped_and_no_password_is_shared(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.yml", [hostile_row()])
    page = edit_report_page(board(*read_sources([tmp_path / "rows.yml"])))
    assert "hunter2" not in page
    assert "http://***@host/v1" in page
    assert "<script>document" not in page
    assert "<img" not in page
    assert page.count("</script>") == 2
    assert "\x1b" not in page


def test_references_are_named_percents() -> None:
    assert read_references(["a=b=84", " x = 0 "]) == (Reference("a=b", 84.0), Reference("x", 0.0))
    for bad in ("84", "=84", "a=", "a=101", "a=-1", "a=nan", "a=x"):
        with pytest.raises(BadUsage, match="Sonnet alone=84"):
            read_references([bad])


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "rows.yml", tmp_path / "b" / "rows.yml"]
    for path in paths:
        path.parent.mkdir()
        write_rows(path, [EditRow(model="m")])
    sources, _ = read_sources(paths)
    assert [source.name for source in sources] == ["rows.yml", "rows.yml (2)"]


@pytest.mark.parametrize("module", [edit_report_tables, report_facts])
def test_the_examples_in_docstrings_hold(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert (found.failed, found.attempted > 0) == (0, True)


def test_an_unknown_example_and_a_broken_case_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match="known: qwq"):
        read_sources([Path("example:../../etc/passwd")])
    run = folder(tmp_path / "run", EditRow(model="m"), [])
    (run / "cases.jsonl").write_text("{}\n")
    with pytest.raises(Failed, match="line 1"):
        read_sources([run])


def test_the_command_line_draws_ours_beside_the_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = folder(tmp_path / "ours", EditRow(model="mini", pass_rate_2=8.0), [case("a", [True])])
    target = tmp_path / "r.html"
    told = ["report", "example:qwq", str(ours), "--reference", "Me=50.5", "-o", str(target)]
    assert cli(told) == 0
    assert capsys.readouterr().out == f"{target}\n"
    page = target.read_text("utf-8")
    assert len(bars(page)) == 8
    assert all(name in page for name in ("Sonnet alone", "o1-preview + o1-mini", "50.5\u00a0%"))


def test_kinds_of_pages_are_not_mixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (["example:qwq", str(tmp_path)], "write a page for each kind"),
        ([str(tmp_path), "--reference", "a=1"], "such as example:qwq"),
        (["example:qwq", "--reference", "a"], "no name and percent"),
        ([str(tmp_path / "no.yml")], "cannot be read"),
    ):
        assert cli(["report", *arguments, "-o", str(tmp_path / "r.html")]) == 2
        assert said in capsys.readouterr().err


def test_the_example_is_what_write_rows_makes_of_it(tmp_path: Path) -> None:
    (source,), _ = read_sources([QWQ])
    write_rows(tmp_path / "again.yml", source.rows)
    assert read_rows(tmp_path / "again.yml") == source.rows
    assert len(source.rows) == 7
