"""Evaluate, compare and calibrate from the command line, against a server of our own."""

import asyncio
import doctest
import importlib.util
import json
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from commands import environment, start, votebox
from evaluated import HEAD, RECIPE, asker, items, made, row
from fake_app import app, chat_model, serving
from recorded import solve_events

from votebox.cluster.datasets import examples, load_dataset
from votebox.cluster.evaluate_tasks import lay_out
from votebox.cluster.runs import Run, RunWriter, load_run
from votebox.plugins import Calibration

ROOT = Path(__file__).parents[2]
RIGHT = {"Count the divisors of 88": "8", "Find the value of 44 + 57 * 47.": "2723"}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "state")


def reply(body: Mapping[str, Any]) -> str:
    asked = body["messages"][-1]["content"]
    answer = next((a for question, a in RIGHT.items() if question in asked), "1")
    return f"\\boxed{{{answer}}}"


def replayed() -> list[dict[str, Any]]:
    """Return the events of an app that solves everything with one real verdict."""
    (task,) = lay_out(items(1), seed=1)
    return solve_events(dict(asyncio.run(asker()(task, None))))


def kept(folder: Path, run: Run) -> str:
    with RunWriter(folder, run.head) as writer:
        for each in run.rows:
            writer.add(each)
    return str(folder)


def test_a_data_set_is_evaluated_gone_on_with_and_summed_up(
    env: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    more = ("--limit", "4", "--chains", "2", "--seed", "7")
    with serving(chat_model(reply)) as url:
        asked = ("eval", "example:arithmetic", "--out", str(out), "--endpoint", url, *more)
        done = votebox(*asked, "--json", env=env)
        assert done.returncode == 0, done.stderr
        assert "4 of 4" in done.stderr
        assert "accuracy 50.0%" in done.stderr
        assert json.loads(done.stdout)["accuracy"] == 0.5
        lines = (out / "rows.jsonl").read_bytes().splitlines(keepends=True)
        (out / "rows.jsonl").write_bytes(b"".join(lines[:2]) + lines[2][:50])
        again = votebox(*asked, "--quiet", env=env)
    assert again.returncode == 0, again.stderr
    assert again.stderr == ""
    assert "50.0% (2 of 4)" in again.stdout
    run = load_run(out)
    assert run.head.engine == "endpoint"
    assert run.head.models == ("fake",)
    assert run.head.recipe_source
    assert run.head.options == {"chains": 2}
    assert [len(row.chains) for row in run.rows] == [2] * 4
    assert len(list((out / "traces").glob("*.parquet"))) == 6  # two were asked twice
    assert {row.solve_id for row in run.rows} <= {p.stem for p in (out / "traces").iterdir()}
    other = votebox(*asked[:-1], "8", env=env)
    assert other.returncode == 2
    assert "holds a run with seed 7, not 8" in other.stderr


def test_a_run_of_another_model_is_not_gone_on_with(env: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "run"
    with serving(chat_model(reply)) as url:
        asked = ("eval", "example:aime-like", "--out", str(out), "--endpoint", url, "--limit", "1")
        done = votebox(*asked, "--chains", "1", "--endpoint-model", "fake", env=env)
        assert done.returncode == 0, done.stderr
        other = votebox(*asked, "--chains", "1", "--endpoint-model", "other", env=env)
    assert other.returncode == 2
    assert "'endpoint_model': 'fake'" in other.stderr


def test_an_interrupted_run_says_how_to_go_on(env: dict[str, str], tmp_path: Path) -> None:
    def slow(body: Mapping[str, Any]) -> str:
        time.sleep(0.2)
        return reply(body)

    out = tmp_path / "run"
    with serving(chat_model(slow)) as url:
        asked = ("eval", "example:aime-like", "--out", str(out), "--endpoint", url, "--no-trace")
        process = start(*asked, "--chains", "1", env=env)
        rows, until = out / "rows.jsonl", time.monotonic() + 200
        while time.monotonic() < until and not (rows.exists() and rows.read_bytes()):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert f"interrupted; go on with: votebox eval example:aime-like --out {out}" in told
    run = load_run(out)
    assert 1 <= len(run.rows) < 30
    assert run.head.ended is None


def test_an_app_is_asked_with_the_seed_of_each_row(env: dict[str, str], tmp_path: Path) -> None:
    requests: list[Mapping[str, Any]] = []
    answer = app(replayed())

    def remembered(what: str, body: Mapping[str, Any]) -> Any:
        if what == "POST /v1/solves":
            requests.append(body)
        return answer(what, body)

    out = tmp_path / "run"
    with serving(remembered) as url:
        asked = ("eval", "example:gsm-like", "--out", str(out), "--url", url)
        done = votebox(*asked, "--limit", "3", "--repeat", "2", "--deadline-s", "9", env=env)
    assert done.returncode == 0, done.stderr
    rows = load_run(out).rows
    assert sorted((r["id"], r["seed"]) for r in requests) == sorted((r.id, r.seed) for r in rows)
    assert "the app has another recipe vote" in done.stderr
    assert {r["deadline_s"] for r in requests} == {9.0}
    assert {r["recipe"] for r in requests} == {"vote"}
    assert len({row.seed for row in rows}) == 6
    assert [(row.error, len(row.chains)) for row in rows] == [(None, 3)] * 6


def test_an_interrupt_does_not_wait_for_the_app(env: dict[str, str], tmp_path: Path) -> None:
    asked: list[str] = []
    quick = app(replayed())

    def answer(what: str, body: Mapping[str, Any]) -> Any:
        asked.append(what)
        if len(asked) > 2:
            time.sleep(90)
        return quick(what, body)

    out = tmp_path / "run"
    with serving(answer) as url:
        more = ("--url", url, "--concurrency", "2", "--no-trace")
        process = start("eval", "example:aime-like", "--out", str(out), *more, env=env)
        until = time.monotonic() + 200
        while time.monotonic() < until and len(asked) < 4:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        since = time.monotonic()
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert time.monotonic() - since < 45
    assert "interrupted; go on with: votebox eval example:aime-like" in told
    assert [row.error for row in load_run(out).rows] == [None, None]


def test_a_vote_that_is_not_sure_enough_gives_no_answer(
    env: dict[str, str], tmp_path: Path
) -> None:
    def split(body: Mapping[str, Any]) -> str:
        return f"\\boxed{{{body['seed'] % 2}}}"

    mapping = Calibration("isotonic", ((0.5, 0.2), (1.0, 0.7)), {"recipe": "vote"})
    file = tmp_path / "c.json"
    file.write_text(json.dumps(mapping.to_json()))
    recipe = tmp_path / "boxes.toml"
    recipe.write_text(RECIPE.format(policy="rational"))  # all chains vote, in whatever order
    with serving(chat_model(split)) as url:
        asked = ("solve", "1 + 1?", "--endpoint", url, "--seed", "1", "--chains", "9", "--json")
        asked += ("--recipe", str(recipe))
        plain = json.loads(votebox(*asked, "--no-trace", env=env).stdout)
        assert 0.5 < plain["confidence"] < 0.9
        least = ("--calibration", str(file), "--min-confidence")
        sure = votebox(*asked, *least, "0.2", "--no-trace", env=env)
        unsure = votebox(*asked, *least, "0.6", "--no-trace", env=env)
        never = votebox(*asked, *least, "0.8", "--no-trace", env=env)
    assert sure.returncode == 0, sure.stderr
    assert json.loads(sure.stdout)["answer"] == plain["answer"]
    assert unsure.returncode == 3, unsure.stderr
    told = json.loads(unsure.stdout)
    assert told["answer"] is None
    assert "and 0.9 is asked for" in told["reason"]
    assert never.returncode == 2
    assert f"after {file}, give at most 0.7" in never.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--local", "--url", "http://x"), "--url and --local exclude each other"),
        (("--endpoint-model", "m"), "--endpoint-model needs --endpoint"),
        (("--shard", "3/2"), "--shard '3/2'"),
        (("--recipe", "nope"), "nope"),
        (("--url", "ftp://x"), "--url 'ftp://x' is not an HTTP URL"),
        (("--budget-s", "inf"), "--budget-s inf is no number of seconds"),
        (("--stop", "nope", "--local"), "nope"),
        (("--calibration", "c.json"), "--calibration needs --min-confidence"),
        (("--answer-column", "nope"), "--answer-column names"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_at_once(
    env: dict[str, str], tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    out = tmp_path / "run"
    done = votebox("eval", "example:arithmetic", "--out", str(out), *arguments, env=env)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert done.stdout == ""
    assert not out.exists()


def test_two_runs_are_compared_and_one_is_calibrated(env: dict[str, str], tmp_path: Path) -> None:
    one = made(*(row(f"p{n}", right=n % 3 > 0, confidence=0.5) for n in range(60)), name="one")
    two = made(*(row(f"p{n}", right=True) for n in range(60)), name="two")
    folders = kept(tmp_path / "one", one), kept(tmp_path / "two", two)
    done = votebox("compare", *folders, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("two is better than one\n")
    told = json.loads(votebox("compare", *folders, "--json", env=env).stdout)
    assert told["only_second"] == 20
    file = tmp_path / "c.json"
    done = votebox("calibrate", folders[0], "-o", str(file), env=env)
    assert done.returncode == 0, done.stderr
    assert f"wrote {file}: platt on 60 rows of 60 problems" in done.stdout
    assert json.loads(file.read_text())["about"]["recipe"] == HEAD.recipe
    wrong = votebox("calibrate", folders[0], "-o", str(file), "--method", "x", env=env)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "give isotonic or platt" in wrong.stderr


def test_the_examples_are_what_the_generator_makes() -> None:
    where = ROOT / "benchmarks/mini/examples.py"
    spec = importlib.util.spec_from_file_location("examples_maker", where)
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    folder = ROOT / "cluster/examples"
    assert maker.arithmetic() == (folder / "arithmetic.jsonl").read_text("utf-8")
    assert maker.gsm_like() == (folder / "gsm-like.jsonl").read_text("utf-8")
    assert maker.aime_like() == (folder / "aime-like.csv").read_text("utf-8")


def test_the_examples_are_found_by_name_and_whole() -> None:
    assert list(examples()) == ["aime-like", "arithmetic", "gsm-like"]
    rows = {name: load_dataset(f"example:{name}").items for name in examples()}
    assert {name: len(found) for name, found in rows.items()} == {
        "aime-like": 30,
        "arithmetic": 200,
        "gsm-like": 100,
    }
    assert all(item.reference for found in rows.values() for item in found)
    assert all(0 <= int(item.reference or "x") <= 999 for item in rows["aime-like"])


@pytest.mark.parametrize(
    "name",
    [
        "cluster.calibrate",
        "cluster.datasets",
        "cluster.evaluate_screen",
        "cluster.evaluate_tasks",
        "cluster.statistics",
        "cluster.summary",
        "plugins.calibration",
    ],
)
def test_the_examples_in_docstrings_hold(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"votebox.{name}"))
    assert found.attempted > 0
    assert found.failed == 0
