"""A run of the editing benchmark as a folder: gone on with, counted, and read again by strippers."""

import json
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from benched import BAD, EXAMPLE, MEND, STUB, TESTS, TINY, WRONG, reference
from commands import environment, start, votebox
from endpoints import Endpoint
from endpoints import serving as endpoint
from fake_app import chat_model, serving

from votebox.cluster.cli import run
from votebox.cluster.compare import compare_runs
from votebox.cluster.edit_rows import read_rows
from votebox.cluster.edit_run import CaseLog, load_cases
from votebox.cluster.errors import Failed
from votebox.cluster.runs import load_run

NAMES = ("alpha", "beta", "gamma")
RIGHT = f"<think>maybe {BAD}</think>\n{reference(TINY)}"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "state")


@pytest.fixture
def exercises(tmp_path: Path) -> str:
    """Make three exercises whose instructions tell them apart."""
    config = {"files": {"solution": ["app.py"], "test": ["app_test.py"], "example": [".meta/e.py"]}}
    for name in NAMES:
        for path, text in {
            ".meta/config.json": json.dumps(config),
            ".meta/e.py": EXAMPLE,
            ".docs/instructions.md": f"Exercise {name}: add, and write names.",
            "app.py": STUB,
            "app_test.py": TESTS,
        }.items():
            place = tmp_path / "exercises" / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    return str(tmp_path / "exercises")


class Model:
    """Answer each exercise with its list of replies, the last again and again."""

    def __init__(self, **replies: list[str]) -> None:
        self.replies, self.asked = replies, list[str]()

    def __call__(self, body: Mapping[str, Any]) -> str:
        told = "\n".join(message["content"] for message in body["messages"])
        name = next(name for name in NAMES if f"Exercise {name}" in told)
        self.asked.append(name)
        turn = sum(message["role"] == "assistant" for message in body["messages"]) // 2
        mine = self.replies[name]
        return mine[min(turn, len(mine) - 1)]


def solo(folder: str, out: Path, url: str, *more: str) -> tuple[str, ...]:
    given = ("--recipe", "solo", "--endpoint", url, "--quiet")
    return ("edit-bench", "run", folder, "--out", str(out), *given, *more)


def line(text: str, name: str) -> str:
    """Return what a summary says of one thing."""
    (found,) = [line for line in text.splitlines() if line.startswith(name)]
    return found.removeprefix(name).strip()


def test_a_run_is_kept_gone_on_with_compared_and_read_again(
    env: dict[str, str], tmp_path: Path, exercises: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, again = tmp_path / "run", tmp_path / "again"
    model = Model(alpha=[RIGHT], beta=[WRONG, MEND], gamma=["Words alone."])
    with serving(chat_model(model)) as url:
        asked = solo(exercises, out, url, "--price", "fake=1,2")
        done = votebox(*asked, "--json", env=env)
        assert done.returncode == 0, done.stderr
        numbers = json.loads(done.stdout)
        lines = (out / "rows.jsonl").read_bytes().splitlines(keepends=True)
        (out / "rows.jsonl").write_bytes(b"".join(lines[:2]))  # its case is there, its row is not
        (lost,) = {"alpha", "beta", "gamma"} - {json.loads(line)["id"] for line in lines[:2]}
        model.asked.clear()
        more = votebox(*asked, env=env)
        assert more.returncode == 0, more.stderr
        assert set(model.asked) == {lost}
        assert run([*asked, "--seed", "5"]) == 2
        assert "holds a run with seed 0, not 5" in capsys.readouterr().err
        model.replies["beta"] = [WRONG]
        assert votebox(*solo(exercises, again, url), env=env).returncode == 0
    assert numbers["blind"]["value"] == pytest.approx(1 / 3)
    assert numbers["after_feedback"]["value"] == pytest.approx(2 / 3)
    assert numbers["published"]["pass_rates"] == [33.3, 66.7]
    assert numbers["roles"]["architect"]["faults"] == {"no_edit": 8}
    cases = load_cases(out)
    assert sorted(case.id for case in cases) == sorted(NAMES)
    (first,) = next(case for case in cases if case.id == "alpha").replies
    assert first.text == RIGHT or first.reasoning  # raw: thinking is kept, wherever it came
    (row,) = read_rows(out / "results.yml")
    assert (row.model, row.kind, row.edit_format) == ("fake", "solo", "diff")
    assert row.intervals["pass_rate_2"] == (20.8, 93.9)  # Wilson's, of 2 in 3
    assert (row.pass_rate_1, row.pass_rate_2, row.test_cases) == (33.3, 66.7, 3)
    assert row.total_cost == pytest.approx(len(_replies(cases)) * (5 * 1 + 7 * 2) / 1e6)
    assert line(more.stdout, "blind pass@1").startswith("33.3%")
    (plain,) = read_rows(again / "results.yml")
    assert plain.total_cost is None
    found = compare_runs(load_run(out), load_run(again))
    assert (found.only_first, found.only_second, found.both_right) == (1, 0, 1)
    _check_strippers(out, capsys)
    _check_other_exercises(out, Path(exercises), capsys)


def _replies(cases: Any) -> list[Any]:
    return [reply for case in cases for reply in case.replies]


def _check_strippers(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("compare-strippers", str(out), "--json", "--stripper", "keep-all", "--format", "whole")
    assert run(asked) == 0
    readings = json.loads(capsys.readouterr().out)["readings"]
    found = {(one["stripper"], one["format"]): one for one in readings}
    own, raw = found["as in the run", "diff"], found["keep-all", "diff"]
    assert (own["chains"], own["applied"], own["passed"]) == (3, 2, 1)
    assert raw["passed"] == 0  # what it thought first is applied, too, or spoils the rest
    assert found["as in the run", "whole"]["passed"] == 0
    assert run(["compare-strippers", str(out), "--no-tests"]) == 0
    told = capsys.readouterr().out
    assert "last-block-per-file" in told
    assert "as in the run" in told


def _check_other_exercises(out: Path, exercises: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = exercises.rename(exercises.with_name("elsewhere"))
    assert run(["compare-strippers", str(out), "--no-tests"]) == 2
    assert "--exercises DIR" in capsys.readouterr().err
    again = ["compare-strippers", str(out), "--no-tests", "--exercises", str(there)]
    assert run(again) == 0
    assert "as in the run" in capsys.readouterr().out
    (there / "alpha/app.py").write_text("other = 1\n")
    assert run(again) == 2
    assert "holds other exercises" in capsys.readouterr().err


def test_an_engine_that_fails_is_the_cases_failure_and_says_why(
    env: dict[str, str], tmp_path: Path, exercises: str
) -> None:
    model = Model(alpha=[RIGHT], beta=[RIGHT], gamma=[WRONG])

    def answer(what: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        told = json.dumps(body)
        if "Exercise beta" in told or "tests fail" in told:
            return 400, {"error": {"message": "no more", "type": "invalid_request_error"}}
        return chat_model(model)(what, body)

    out = tmp_path / "run"
    with serving(answer) as url:
        done = votebox(*solo(exercises, out, url), env=env)
    assert done.returncode == 0, done.stderr
    assert line(done.stdout, "blind pass@1").startswith("33.3%")
    assert line(done.stdout, "errors") == "1 EngineError"
    (failed,) = [case for case in load_cases(out) if case.error]
    assert failed.id == "beta"
    assert "no more" in str(failed.error)
    (row,) = read_rows(out / "results.yml")
    assert (row.test_cases, row.total_tests, row.pass_rate_1) == (2, 3, 50.0)
    _check_first_try_kept(out)


def _check_first_try_kept(out: Path) -> None:
    """What gamma reached before its second try failed is there, and its row says what failed."""
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    assert {row["id"] for row in rows if row["error"]} == {"beta", "gamma"}
    (case,) = [case for case in load_cases(out) if case.id == "gamma"]
    (chain,) = case.chains
    assert "no more" in str(chain.error)
    assert set(chain.changes[0].outcomes.values()) == {"passed", "failed"}


def test_two_roles_are_asked_on_two_endpoints_and_priced_apart(
    env: dict[str, str], tmp_path: Path, exercises: str
) -> None:
    architect = Endpoint(reply=lambda _: "Add them, and use title().", providers=("Parasail",))
    editor = Endpoint(reply=lambda _: reference(TINY))
    roles, out = tmp_path / "roles.toml", tmp_path / "run"
    with endpoint(architect) as one, endpoint(editor) as two:
        price = "price = { prompt = 1000.0, completion = 0.0 }"
        roles.write_text(f'[architect]\nurl = "{one}/v1"\n{price}\n[editor]\nurl = "{two}/v1"\n')
        asked = ("edit-bench", "run", exercises, "--out", str(out), "--only", "alpha", "--json")
        done = votebox(*asked, "--endpoints", str(roles), env=env)
    assert done.returncode == 0, done.stderr
    numbers = json.loads(done.stdout)
    assert numbers["blind"]["value"] == 1.0
    spent = numbers["roles"]["architect"]["prompt_tokens"]
    assert numbers["roles"]["architect"]["cost"] == pytest.approx(spent / 1000)
    assert numbers["roles"]["editor"]["cost"] is None
    (row,) = read_rows(out / "results.yml")
    assert (row.kind, row.provider, row.editor_skipped) == ("architect+editor", "Parasail", 0)
    assert (row.total_cost, row.editor_edit_format) == (None, "editor-diff")


def test_an_interrupted_run_says_how_to_go_on_and_keeps_what_has_ended(
    env: dict[str, str], tmp_path: Path, exercises: str
) -> None:
    model, hanging = Model(alpha=[RIGHT], beta=[RIGHT], gamma=[RIGHT]), threading.Event()

    def slow(body: Mapping[str, Any]) -> str:
        text = model(body)
        if model.asked[-1] == "beta":
            hanging.wait(60)
        return text

    out = tmp_path / "run"
    with serving(chat_model(slow)) as url:
        going = start(*solo(exercises, out, url, "--concurrency", "1"), env=env)
        until = time.monotonic() + 120
        while "beta" not in model.asked and time.monotonic() < until:
            time.sleep(0.1)
        going.send_signal(signal.SIGINT)
        _, told = going.communicate(timeout=120)
        hanging.set()
        assert going.returncode == 130
        assert "go on with: votebox edit-bench run" in told
        assert [case.id for case in load_cases(out)] == ["alpha"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--recipe", "vote"), "recipe vote edits no files"),
        (("--price", "fake=1"), "--price 'fake=1' is none"),
        (("--price", "fake=1,-2"), "--price 'fake=1,-2' is none"),
        (("--price", "fake=1,2", "--price", "fake=1,2"), "twice"),
        (("--shard", "3/2"), "--shard '3/2' is none"),
        (("--only", "delta"), "has no exercise 'delta'"),
        (("--model", "m"), "--model has no effect with --endpoint"),
    ],
)
def test_bad_usage_is_told_before_anything_is_asked(
    tmp_path: Path,
    exercises: str,
    more: tuple[str, ...],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(solo(exercises, tmp_path / "run", "http://127.0.0.1:9", *more)) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_without_an_engine_nothing_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["edit-bench", "run", "--out", str(tmp_path / "run")]) == 2
    assert "add --url URL, --local, --endpoint URL or --endpoints FILE" in capsys.readouterr().err


def test_strippers_want_a_run_of_the_benchmark(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare-strippers", str(tmp_path)]) == 2
    assert "holds no run" in capsys.readouterr().err


def test_a_row_without_its_case_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="has no case 'alpha', repeat 0, which has a row"):
        CaseLog(tmp_path, frozenset({("alpha", 0)}))


def test_a_line_that_is_no_case_is_named(tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_text('{"id": "alpha"}\n')
    with pytest.raises(Failed, match="line 1 is no case"):
        load_cases(tmp_path)
