"""Hold the page of runs to what it says, without a browser: names, numbers, ties, cuts."""

import base64
import gzip
import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commands import environment, votebox
from fake_app import chat_model, serving
from reported import COMMAND, head, hostile, rows, run, write

from votebox.cluster.cli import run as cli
from votebox.cluster.report import _quoted, report_page
from votebox.cluster.report_data import Texts, _cut, _shares
from votebox.cluster.report_facts import Family, families, frontier, tied
from votebox.cluster.report_pictures import cost_picture
from votebox.cluster.report_words import headline
from votebox.cluster.result import write_file
from votebox.cluster.runs import Run


def page(*runs: Run, limit: int | None = None) -> str:
    found = families(runs)
    return report_page(found, Texts([e for f in found for e in f.entries], limit))


def data(text: str) -> list[dict[str, Any]]:
    match = re.search(r'<script type="application/json" id="data">([^<]*)</script>', text)
    assert match
    first, *packed = match[1].split("\n")
    return [json.loads(first), *(json.loads(gzip.decompress(base64.b64decode(p))) for p in packed)]


def only(*runs: Run) -> Family:
    (family,) = families(runs)
    return family


def test_runs_of_one_dataset_are_compared_and_those_of_others_stand_apart() -> None:
    first, second = families((run("a"), run("b", dataset="gsm"), run("c", seed=3)))
    assert [entry.name for entry in first.entries] == ["a", "c"]
    assert [entry.number for entry in second.entries] == [1]
    assert len(first.pairs) == 1
    assert second.pairs == ()
    text = page(run("a"), run("b", dataset="gsm"))
    assert "Accuracy: arithmetic" in text
    assert "Accuracy: gsm" in text


def test_the_same_name_twice_is_told_apart() -> None:
    names = [e.name for e in only(run("a"), run("a"), run("a (2)"), run("a")).entries]
    assert len(set(names)) == 4
    assert names[0] == "a"


def test_a_pair_counts_what_only_one_has_right_and_names_the_better_first() -> None:
    right = rows(10, skill=2.0)
    wrong = tuple(replace(row, answer="x", correct=False) for row in right[:8]) + right[8:]
    (pair,) = only(Run(head("bad"), wrong), Run(head("good"), right)).pairs
    assert (pair.one.name, pair.other.name) == ("good", "bad")
    assert (pair.shared, pair.only_one, pair.only_other) == (10, 8, 0)
    assert pair.difference == pytest.approx(0.8)
    assert pair.p == pytest.approx(2 / 2**8)
    assert not pair.tied
    (same,) = only(Run(head("good"), right), Run(head("bad"), wrong)).pairs
    assert (same.one.name, same.only_one, same.difference) == ("good", 8, pair.difference)
    assert same.interval == pair.interval


def test_equal_runs_are_tied_and_runs_that_share_nothing_are_no_pair() -> None:
    family = only(run("a"), run("b"))
    assert [e.name for e in tied(family, family.entries[0])] == ["b"]
    assert [e.name for e in tied(family, family.entries[1])] == ["a"]
    half = rows(20)
    apart = only(Run(head("a", shard="1/2"), half[:10]), Run(head("b", shard="2/2"), half[10:]))
    assert apart.pairs == ()
    assert len(apart.problems) == 20


def test_repeats_are_compared_by_problem_without_a_p() -> None:
    again = tuple(replace(row, repeat=n) for row in rows(10) for n in range(3))
    (pair,) = only(Run(head("a", repeat=3), again), Run(head("b", repeat=3), again[:20])).pairs
    assert pair.p is None
    assert (pair.shared, pair.only_one, pair.only_other) == (7, 0, 0)


def test_the_frontier_holds_what_none_matches_for_fewer_tokens() -> None:
    cheap, dear = run("cheap", skill=0.4, cost=500), run("dear", skill=1.0, cost=2000)
    waste = run("waste", skill=0.2, cost=3000)
    family = only(waste, dear, cheap)
    assert [entry.name for entry in frontier(family.entries)] == ["cheap", "dear"]
    assert family.ranked[0].name == "dear"


@pytest.mark.parametrize("cost", [0, 1, 1000, 1_000_000])
def test_runs_that_cost_the_same_are_drawn_within_the_picture(cost: int) -> None:
    picture = cost_picture(only(run("a", 20, cost=cost), run("b", 20, cost=cost)).entries)
    places = [float(x) for x in re.findall(r' c?[xy]="(-?[0-9.]+)"', picture)]
    assert len(places) > 10
    assert all(-20 <= place <= 460 for place in places)
    ticks = re.findall(r'text-anchor="middle" class="quiet">([^<]+)<', picture)
    assert len(ticks) == len(set(ticks))


def test_problems_stand_in_the_order_of_their_numbers() -> None:
    ids = ("p10", "p9", "p1", "q", "p010", "9" * 5000)
    made = Run(head(), tuple(replace(row, id=i) for row, i in zip(rows(6), ids, strict=True)))
    assert [p.id for p in only(made).problems][1:] == ["p1", "p9", "p10", "p010", "q"]


def test_the_page_says_the_numbers_of_the_run() -> None:
    made = run()
    right = sum(row.correct is True for row in made.rows)
    text = page(made)
    assert f"{right} of 200 questions answered right." in text
    assert f"<strong>{right / 2:.1f}</strong>" in text
    saved = sum(row.tokens_saved for row in made.rows)
    assert f"saved an estimated {saved:,} tokens" in text
    for label in ("plain", "code", "verify", "elegant", "boxed", "printed"):
        assert f'<th scope="row">{label}</th>' in text


def test_the_same_runs_give_the_same_page() -> None:
    assert page(run("a"), run("b")) == page(run("a"), run("b"))


def test_a_run_without_references_tells_no_accuracy() -> None:
    bare = tuple(
        replace(
            row,
            reference=None,
            correct=None,
            votes=tuple(replace(v, correct=None) for v in row.votes),
            chains=tuple(replace(c, correct=None, right_sources=()) for c in row.chains),
        )
        for row in rows(5)
    )
    text = page(Run(head(rows=5), bare))
    assert "% answered" in text
    assert "how many are right is not known" in text
    assert "Calibration" not in text
    assert "\u2713" not in text.partition("<script")[0]


@pytest.mark.parametrize(("count", "ended"), [(0, None), (1, "2026-11-23T11:00:00+00:00")])
def test_a_run_of_no_row_and_of_one_row_have_a_page(count: int, ended: str | None) -> None:
    text = page(run(count=count, ended=ended))
    assert ("Nothing was asked yet." in text) == (count == 0)
    assert ("not finished" in text) == (ended is None)


def test_errors_alone_are_told_as_such(tmp_path: Path) -> None:
    failed = hostile(tmp_path).rows[2]
    many = tuple(replace(failed, id=f"p{n}") for n in range(4))
    text = page(Run(head(rows=4), many))
    assert "4 questions ended in an error." in text
    assert text.count('<td class="error silent">error</td>') == 4


def test_a_text_that_is_cut_tells_how_long_it_was_and_keeps_both_ends() -> None:
    assert _cut("short", 10) == "short"
    assert _cut("abcdefghij" * 10, 10) == {"start": "abcde", "end": "fghij", "length": 100}
    assert _shares([10, 1000, 500], 410) == [10, 200, 200]
    assert _shares([10, 20], 100) == [10, 20]


def test_texts_come_from_the_traces_within_the_limit(tmp_path: Path) -> None:
    made = hostile(tmp_path)
    whole = data(page(made))[1:]
    problem = next(p for p in whole if p["rows"][0]["chains"])
    steps = problem["rows"][0]["chains"][0]["steps"]
    assert any("range(1, 1001)" in step.get("code", "") for step in steps)
    assert any(step.get("stdout") == "400" for step in steps)
    short = next(p for p in data(page(made, limit=40))[1:] if p["rows"][0]["chains"])
    for chain in short["rows"][0]["chains"]:
        texts = [step.get(name, "") for step in chain["steps"] for name in ("reasoning", "text")]
        sizes = [len(t["start"]) + len(t["end"]) if isinstance(t, dict) else len(t) for t in texts]
        assert sum(sizes) <= 40
    none = data(page(made, limit=0))[1:]
    assert not any("steps" in chain for p in none for r in p["rows"] for chain in r["chains"])


def test_a_trace_that_is_gone_or_named_as_a_path_is_told_and_no_file_is_looked_for(
    tmp_path: Path,
) -> None:
    made = hostile(tmp_path)
    gone = replace(made.rows[0], id="gone", solve_id="20261123-100000-000-0123456789")
    path = replace(made.rows[0], id="path", solve_id="../../etc/passwd")
    found = families((replace(made, rows=(gone, path)),))
    texts = Texts(found[0].entries)
    text = report_page(found, texts)
    assert texts.missing == 2
    assert "2 traces could not be read" in text
    assert all(p["rows"][0]["untold"] for p in data(text)[1:])


def test_a_number_that_is_none_becomes_null_in_the_data() -> None:
    (row,) = rows(1)
    bad = replace(row, wall_s=float("inf"), sandbox_s=float("nan"))
    assert "wall_s" not in data(page(Run(head(rows=1), (bad,))))[1]["rows"][0]


@pytest.mark.parametrize(
    "word", ["plain", "two words", "it's", "a\x1b[31mb'\\", "x\u202ey", "", "$(id)"]
)
def test_the_command_is_what_bash_reads_back(word: str) -> None:
    told = _quoted(word)
    assert told.isprintable()
    done = subprocess.run(
        ["bash", "-c", f"printf %s {told}"],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8"},
    )
    assert done.stdout.decode() == word


def test_the_command_line_writes_the_page_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [str(write(tmp_path / name, run(name, 5))) for name in ("one", "two")]
    target = tmp_path / "r.html"
    assert cli(["report", *folders, "-o", str(target)]) == 0
    assert capsys.readouterr().out == f"{target}\n"
    text = target.read_text("utf-8")
    assert shlex.join(COMMAND) in text.replace("&#x27;", "'")
    assert [r["name"] for r in data(text)[0]["runs"]] == ["one", "two"]


def test_a_password_in_an_address_is_not_on_the_page() -> None:
    words = ("eval", "d.csv", "--endpoint", "http://me:p@ss@host:8000/v1", "--out", "a@b")
    text = page(run(count=1, command=words))
    assert "votebox eval d.csv --endpoint &#x27;http://***@host:8000/v1&#x27; --out a@b" in text
    assert "p@ss" not in text
    assert data(text)[0]["runs"][0]["command"][4] == "http://***@host:8000/v1"


def test_what_eval_leaves_is_reported_with_its_texts(tmp_path: Path) -> None:
    env, out, target = environment(tmp_path / "state"), tmp_path / "run", tmp_path / "r.html"
    more = ("--limit", "2", "--chains", "2", "--quiet")
    with serving(chat_model(lambda body: "I say <b>\\boxed{8}</b>")) as url:
        done = votebox(
            "eval", "example:arithmetic", "--out", str(out), "--endpoint", url, *more, env=env
        )
    assert done.returncode == 0, done.stderr
    done = votebox("report", str(out), "-o", str(target), env=env)
    assert (done.returncode, done.stderr) == (0, "")
    text = target.read_text("utf-8")
    assert "votebox eval example:arithmetic" in text
    for problem in data(text)[1:]:
        (row,) = problem["rows"]
        steps = [step for chain in row["chains"] for step in chain["steps"]]
        assert [step["text"] for step in steps if "text" in step] == ["I say <b>\\boxed{8}</b>"] * 2


def test_what_is_no_run_is_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(write(tmp_path / "one", run(count=2)))
    nothing = tmp_path / "none"
    nothing.mkdir()
    for arguments, said in (
        ([str(nothing)], "holds no run"),
        ([folder, folder], "named twice"),
        ([str(tmp_path / n) for n in map(str, range(33))], "33 runs are too many"),
        ([folder, "-o", str(tmp_path / "no" / "r.html")], "cannot be written"),
    ):
        assert cli(["report", *arguments]) == 2
        told = capsys.readouterr().err
        assert said in told
        assert told.count("\n") == 1


def test_words_hold_for_many_long_and_equal_runs() -> None:
    same = [run(f"{n}-{'x' * 90}", 30) for n in range(7)]
    found = families(same)
    page = report_page(found, Texts([], 0))
    assert "-0.0" not in page
    assert re.search(r"lies between [\d.]+ and [\d.]+", page)
    assert re.search(r"tied with .*, .*, .* and 3 more\.", headline(found))
    assert max(map(len, headline(found).split())) < 60
    empty = report_page(families([run("none", 0)]), Texts([], 0))
    assert "No reference is known" not in empty


def test_a_full_disk_leaves_the_report_and_the_calibration_that_were_there(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from votebox.cluster.cli import run; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2); "
        "sys.exit(run(sys.argv[2:]))"
    )
    folder = write(tmp_path / "run", run(count=40))
    page, curve = tmp_path / "report.html", tmp_path / "curve.json"
    for kept, limit, command in (
        (page, "4096", ["report", "--texts", "0", str(folder), "-o", str(page)]),
        (curve, "16", ["calibrate", str(folder), "-o", str(curve)]),
    ):
        kept.write_text("of yesterday")
        done = subprocess.run(
            [sys.executable, "-c", code, limit, *command],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2, done.stderr
        assert "cannot be written: File too large" in done.stderr
        assert kept.read_text() == "of yesterday"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curve.json", "report.html", "run"]


def test_a_report_goes_where_a_link_leads_and_to_what_is_no_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link").symlink_to("page.html")
    write_file(tmp_path / "link", "a page")
    assert (tmp_path / "page.html").read_text() == "a page"
    assert (tmp_path / "link").is_symlink()
    write_file(Path("/dev/stdout"), "to a pipe")
    assert "to a pipe" in capfd.readouterr().out
