"""Show and replay a real solve: real sandbox, real Parquet, hostile text."""

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import command, environment, votebox
from fake_app import app, chat_model, serving
from recorded import VERDICT

from votebox.cluster.state import App, claim, write_app
from votebox.plugins import (
    Problem,
    Registry,
    ReplayEngine,
    Solver,
    TraceStore,
    load_recipe,
    recipe_of,
)

SCRIPT = "<script>document.title='owned'</script>"
QUESTION = f"What is 137 times 48? {SCRIPT} \x1b]0;owned\x07"


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Solve once, with a model and a program that write markup and escapes."""

    def reply(body: Mapping[str, Any]) -> str:
        if any(message["role"] == "assistant" for message in body["messages"]):
            return f"{SCRIPT}\x1b[2J \\boxed{{6576}}"
        return f'```python\nprint("{SCRIPT}\\x1b[2J")\nprint(137 * 48)\n```'

    env = environment(tmp_path_factory.mktemp("traces"))
    with serving(chat_model(reply)) as url:
        done = votebox("solve", QUESTION, "--endpoint", f"{url}/v1", env=env)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"votebox show [0-9]{8}-[0-9a-f-]{21}", done.stdout.splitlines()[-1])
    return env


def test_show_tells_the_story_without_obeying_it(env: dict[str, str]) -> None:
    done = votebox("show", "latest", env=env)
    assert done.returncode == 0, done.stderr
    assert "6576" in done.stdout
    assert "print(137 * 48)" in done.stdout
    assert "\x1b" not in done.stdout
    told = json.loads(votebox("show", "latest", "--json", env=env).stdout)
    assert told["answer"] == "6576"
    assert told["question"].startswith("What is 137 times 48?")


def test_the_certificate_escapes_all_text(env: dict[str, str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert votebox("show", "latest", "--html", str(page), env=env).returncode == 0
    text = page.read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert 'content="default-src &#x27;none&#x27;;' in text
    assert "http://" not in text.replace("http-equiv", "")


@pytest.mark.parametrize("options", [(), ("--no-run",)])
def test_replay_says_that_the_verdict_stands(env: dict[str, str], options: tuple[str, ...]) -> None:
    done = votebox("replay", "latest", "--json", *options, env=env)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["stands"], found["same_votes"], found["answer"]) == (True, True, "6576")
    assert (found["programs"] > 0) == (not options)


def test_traces_are_listed_and_unknown_ones_are_bad_usage(env: dict[str, str]) -> None:
    (row,) = json.loads(votebox("traces", "list", "--json", env=env).stdout)
    assert row["verdict"] == "6576"
    for name in ("show", "replay"):
        done = votebox(name, "../../etc", env=env)
        assert (done.returncode, done.stdout) == (2, "")
        assert "no id of a solve" in done.stderr


def rewritten(env: dict[str, str], folder: Path, **columns: str) -> str:
    """Keep the trace in `folder` with other text in some columns; return the folder."""
    (row,) = json.loads(votebox("traces", "list", "--json", env=env).stdout)
    name = f"{row['solve']}.parquet"
    (source,) = Path(env["XDG_STATE_HOME"]).rglob(name)
    table = pq.read_table(source)
    for column, text in columns.items():
        at = table.schema.get_field_index(column)
        table = table.set_column(at, table.schema.field(at), pa.array([text] * table.num_rows))
    pq.write_table(table, folder / name)
    return str(folder)


def test_a_recipe_that_names_a_foreign_plugin_is_told_as_that(
    env: dict[str, str], tmp_path: Path
) -> None:
    place = rewritten(
        env, tmp_path, recipe_toml=NO_SANDBOX.replace("extract:boxed", "extract:nowhere")
    )
    done = votebox("replay", "latest", "--no-run", "--traces", place, env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no plugin extract:nowhere" in done.stderr
    assert "--no-run" not in done.stderr


def test_a_table_that_is_no_trace_is_named_in_the_list(env: dict[str, str], tmp_path: Path) -> None:
    place = rewritten(env, tmp_path, kind="chain")
    done = votebox("traces", "list", "--traces", place, env=env)
    assert "it holds 0 solves, not one" in done.stderr


CLOCK = "```python\nimport time\nprint(time.time_ns())\n```"


NO_SANDBOX = """
name = "boxed-only"
chains = 2
[nodes.ask]
use = "prompt:solve"
[nodes.think]
use = "model:reasoner"
after = ["ask"]
[nodes.boxed]
use = "extract:boxed"
after = ["think"]
[nodes.elect]
use = "vote:majority"
after = ["boxed"]
"""


def clocked(body: Mapping[str, Any]) -> str:
    """Answer with a program that prints something else each time."""
    asked = any(message["role"] == "assistant" for message in body["messages"])
    return "That is it." if asked else CLOCK


def test_replay_exits_1_where_the_verdict_does_not_stand(tmp_path: Path) -> None:
    env, elsewhere = environment(tmp_path), str(tmp_path / "my traces")
    with serving(chat_model(clocked)) as url:
        options = ("--endpoint", f"{url}/v1", "--chains", "1", "--traces", elsewhere)
        done = votebox("solve", "What time is it?", *options, env=env)
    assert done.returncode == 0, done.stderr
    hint = done.stdout.splitlines()[-1]
    assert hint.startswith("votebox show 2")
    assert hint.endswith(f" --traces '{elsewhere}'")
    assert votebox("show", "latest", env=env).returncode == 2  # none in the default place
    assert votebox("show", "latest", "--traces", elsewhere, env=env).returncode == 0
    again = votebox("replay", "latest", "--traces", elsewhere, env=env)
    assert again.returncode == 1, again.stderr
    assert "chain 0: a program now prints something else" in again.stdout
    assert "the verdict differs: it was" in again.stdout.splitlines()[-1]
    told = votebox("replay", "latest", "--traces", elsewhere, "--json", env=env)
    assert (told.returncode, json.loads(told.stdout)["stands"]) == (1, False)
    stored = votebox("replay", "latest", "--traces", elsewhere, "--no-run", env=env)
    assert stored.returncode == 0, stored.stderr


def test_a_full_disk_costs_a_trace_but_no_answer(tmp_path: Path) -> None:
    """Every file the process writes may have eight KiB, as if the disk were full then."""
    env, place, recipe = environment(tmp_path / "state"), tmp_path / "traces", tmp_path / "r.toml"
    recipe.write_text(NO_SANDBOX)
    with serving(chat_model(lambda body: "\\boxed{42}")) as url:
        options = ("--endpoint", f"{url}/v1", "--traces", str(place), "--recipe", str(recipe))
        limited = ["bash", "-c", 'ulimit -f 8; exec "$@"', "-"]
        done = subprocess.run(
            [*limited, *command("solve", "6 * 7?", *options)],
            env=env,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("42\n")
    assert "votebox show" not in done.stdout
    assert list(place.iterdir()) == []
    (log,) = (tmp_path / "state/votebox/logs").glob("local-*.log")
    assert "traces are not kept" in log.read_text()
    assert "File too large" in log.read_text()


def test_a_trace_on_a_server_is_told_as_such(tmp_path: Path) -> None:
    events = [
        {"type": "verdict_reached", "verdict": {**VERDICT, "id": "20260314-1", "traced": True}}
    ]
    with serving(app(events)) as url:
        done = votebox("solve", "6 * 7?", "--url", url, env=environment(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "the server keeps the trace, as 20260314-1"
    assert "votebox show" not in done.stdout


def test_a_trace_of_the_running_app_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    events = [
        {"type": "verdict_reached", "verdict": {**VERDICT, "id": "20260314-1", "traced": True}}
    ]
    lock = claim()
    assert lock is not None
    try:
        with serving(app(events)) as url:
            write_app(App(url, os.getpid(), 0.0, "log", ready=True, traces="/srv/my traces"))
            done = votebox("solve", "6 * 7?", env=environment(tmp_path))
            told = votebox("status", env=environment(tmp_path))
    finally:
        os.close(lock)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "votebox show 20260314-1 --traces '/srv/my traces'"
    assert "traces=/srv/my traces" in told.stdout


def test_the_list_is_cut_and_says_so(env: dict[str, str], tmp_path: Path) -> None:
    store = TraceStore(str(tmp_path))
    trace = TraceStore(f"{env['XDG_STATE_HOME']}/votebox/traces").find("latest")
    recipe = recipe_of(trace, Registry.load())
    ids = [f"20260314-150926-{n:03d}-0123456789" for n in range(5)]
    for solve in ids:
        store.append(replace(trace.verdict, id=solve), trace.problem, recipe)
    (tmp_path / "notes.txt").write_text("")
    place = ("--traces", str(tmp_path))
    done = votebox("traces", "list", *place, "--limit", "2", env=env)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ids[:-3:-1]
    assert "and 3 older ones; --limit lists more" in done.stderr
    assert "no traces, but there: notes.txt" in done.stderr
    assert len(json.loads(votebox("traces", "list", *place, "--json", env=env).stdout)) == 5
    done = votebox("show", "20260314-15", *place, env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert "5 traces start with '20260314-15'" in done.stderr
    assert "give more of the id" in done.stderr


def test_replay_exits_3_where_a_model_had_the_last_word(tmp_path: Path) -> None:
    chosen = '[nodes.again]\nuse = "step:genselect"\nafter = ["elect"]\n'
    recipe = load_recipe(NO_SANDBOX + chosen, Registry.load())
    replies = iter(["\\boxed{41}", "\\boxed{42}", *["\\boxed{1}"] * 8])
    engine, store = ReplayEngine(lambda prompt: next(replies)), TraceStore(str(tmp_path))
    asyncio.run(Solver(engine, None, traces=store).solve(Problem("6 * 7?"), recipe))
    env = environment(tmp_path)
    done = votebox("replay", "latest", "--traces", str(tmp_path), env=env)
    assert done.returncode == 3, done.stderr
    first, last = done.stdout.splitlines()
    assert first.endswith("its readings are the same as then")
    assert last.startswith("nobody can tell whether the verdict stands")
    told = votebox("replay", "latest", "--traces", str(tmp_path), "--json", env=env)
    assert (told.returncode, json.loads(told.stdout)["stands"]) == (3, None)
