"""What a command refuses at once: one line, the right exit code, nothing started."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from commands import environment, votebox
from fake_app import app, chat_model, serving
from recorded import ABSTAINED, VERDICT, solve_events

LIGHT = ("ray", "torch", "vllm", "httpx", "asyncio")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path)


def refused(env: dict[str, str], *arguments: str, stdin: str = "", code: int = 2) -> str:
    """Run a command that must fail with `code`; return its one line."""
    done = votebox(*arguments, env=env, stdin=stdin)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("votebox: ")
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("solve", ""), "the question is empty"),
        (("solve", "  \n "), "the question is empty"),
        (("solve",), "question"),
        (("solve", "x", "--chains", "many"), "--chains"),
        (("solve", "x", "--chains", "0"), "--chains"),
        (("solve", "x", "--chains", "5000"), "--chains"),
        (("solve", "x", "--seed", "-1"), "--seed"),
        (("solve", "x", "--deadline-s", "0"), "--deadline-s"),
        (("solve", "x", "--deadline-s", "nan"), "--deadline-s"),
        (("solve", "x", "--deadline-s", "inf"), "--deadline-s"),
        (("solve", "x", "--max-sandbox-s", "nan"), "--max-sandbox-s"),
        (("solve", "x", "--max-total-tokens", "0"), "--max-total-tokens"),
        (("solve", "x", "--stop", "soon"), "there is no stop 'soon'; known: "),
        (("solve", "x", "--stop", "lead:0", "--local"), "stop 'lead:0'"),
        (("solve", "x", "--vote", "best", "--local"), "there is no vote 'best'"),
        (("solve", "x", "--effort", "huge"), "give one of none, minimal, low"),
        (("solve", "x", "--min-confidence", "2"), "--min-confidence"),
        (
            ("solve", "x", "--recipe", "nope"),
            "known recipes: aimo-qwq, architect-editor, architect-vote, solo, tool-inline, tool-loop, vote",
        ),
        (("solve", "x", "--recipe", "nope", "--local"), "known recipes"),
        (("solve", "x", "--recipe", "nope.toml"), "nope.toml"),
        (("solve", "x", "--model", "/not/there"), "/not/there"),
        (("solve", "x", "--model", "/not/there", "--local"), "/not/there"),
        (("solve", "x", "--url", "localhost:8000"), "write http://HOST:PORT"),
        (("solve", "x", "--endpoint", "http://"), "write http://HOST:PORT"),
        (("solve", "x", "--endpoint", "http://h:99999"), "write http://HOST:PORT"),
        (("solve", "x", "--local", "--url", "http://h"), "exclude each other"),
        (("solve", "x", "--endpoint-model", "m"), "needs --endpoint"),
        (("solve", "x", "--model", "m", "--endpoint", "http://h"), "no effect"),
        (("solve", "x", "y"), "unexpected"),
        (("solve", "x", "--nope"), "--nope"),
        (("nope",), "nope"),
        (("recipes", "show", "nope"), "known recipes"),
        (("recipes", "check", "nope"), ".toml"),
        (("up", "--host", "::"), "without keys"),
        (("up", "--port", "0"), "--port"),
        (("up", "--preset", "nope"), "known presets: architect-editor, mini, qwq-32b"),
        (("up", "--recipe-default", "nope"), "known recipes"),
        (("up", "--model", "/not/there"), "/not/there"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(
    env: dict[str, str], arguments: tuple[str, ...], words: str
) -> None:
    assert words.lower() in refused(env, *arguments).lower()


@pytest.mark.parametrize(
    ("stdin", "words"),
    [("", "empty"), ("x" * 1_000_000, "at most 100,000"), ("é" * 100_001, "at most 100,000")],
)
def test_a_bad_question_on_stdin_is_refused(env: dict[str, str], stdin: str, words: str) -> None:
    assert words in refused(env, "solve", "-", stdin=stdin)


def test_a_long_question_is_refused(env: dict[str, str]) -> None:
    assert "100,001" in refused(env, "solve", "x" * 100_001)


def test_a_question_that_is_no_text_is_refused(env: dict[str, str]) -> None:
    run = [sys.executable, "-m", "votebox.cluster", "solve"]
    for arguments, stdin in (([*run, b"\xff\xfe"], b""), ([*run, "-"], b"\xff\xfe")):
        done = subprocess.run(arguments, env=env, input=stdin, capture_output=True, check=False)
        assert done.returncode == 2
        assert b"UTF-8" in done.stderr


def test_a_port_in_use_is_refused_before_anything_starts(env: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refused(env, "up", "--port", str(port))
    assert f"port {port} on 127.0.0.1 is in use" in line
    assert f"--port {port + 1}" in line


def test_limits_no_sandbox_grants_are_refused_before_anything_starts(
    env: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "greedy.toml"
    shipped = (Path(__file__).parents[2] / "plugins/builtin/recipes/vote.toml").read_text()
    path.write_text(shipped.replace("wall_s = 8.0", "wall_s = 9000.0"))
    said = refused(env, "solve", "x", "--recipe", str(path), "--local")
    assert "wall_s=9000.0" in said
    assert "at most 120" in said


def test_a_recipe_file_with_a_fault_is_refused(env: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n[nodes.a]\nuse = "prompt:nope"\n')
    assert "node 'a'" in refused(env, "recipes", "check", str(path))


def test_an_unreadable_model_folder_is_refused(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    assert "config.json" in refused(env, "solve", "x", "--model", str(tmp_path))


def test_an_app_that_is_not_there_is_one_line_and_exit_1(env: dict[str, str]) -> None:
    line = refused(env, "solve", "x", "--url", "http://127.0.0.1:9", code=1)
    assert "does not answer" in line


def test_debug_adds_the_traceback(env: dict[str, str]) -> None:
    done = votebox("solve", "", env={**env, "VOTEBOX_DEBUG": "1"})
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("votebox: the question is empty")


@pytest.mark.parametrize("arguments", [("--help",), ("solve", "--help"), ("--version",)])
def test_help_imports_nothing_heavy(env: dict[str, str], arguments: tuple[str, ...]) -> None:
    assert not loaded(env, *arguments).intersection(LIGHT)


def test_a_warm_solve_imports_nothing_heavy(env: dict[str, str]) -> None:
    with serving(app(solve_events())) as url:
        assert not loaded(env, "solve", "x", "--url", url).intersection(LIGHT)


def loaded(env: dict[str, str], *arguments: str) -> set[str]:
    """Return the top-level modules a command has imported when it ends."""
    script = (
        "import sys\n"
        "from votebox.cluster.cli import run\n"
        "code = run(sys.argv[1:])\n"
        "print('\\n' + ' '.join(sys.modules))\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


def test_an_answer_exits_0_and_an_abstention_3(env: dict[str, str]) -> None:
    with serving(app(solve_events())) as url:
        done = votebox("solve", "x", "--url", url, "--json", env=env)
        assert (done.returncode, json.loads(done.stdout)) == (0, VERDICT)
        done = votebox("solve", "x", "--url", url, env=env)
        assert done.stdout.startswith("6576\n")
    with serving(app(solve_events(ABSTAINED))) as url:
        done = votebox("solve", "-", "--url", url, "--json", env=env, stdin="x")
        assert (done.returncode, json.loads(done.stdout)) == (3, ABSTAINED)


def test_what_is_asked_of_one_solve_reaches_the_app(env: dict[str, str]) -> None:
    asked: list[Mapping[str, Any]] = []

    def answer(what: str, body: Mapping[str, Any]) -> Any:
        asked.append(body)
        return app(solve_events())(what, body)

    options = {"--effort": "high", "--stop": "lead:2", "--vote": "weighted"}
    words = [word for pair in options.items() for word in pair]
    with serving(answer) as url:
        done = votebox("solve", "x", "--url", url, *words, "--min-confidence", "0.5", env=env)
    assert done.returncode == 0, done.stderr
    given = {"reasoning_effort": "high", "stop": "lead:2", "vote": "weighted"}
    expected = {"question": "x", **given, "min_confidence": 0.5, "stream": True}
    assert [body for body in asked if body] == [expected]


def test_a_reader_of_stdout_that_leaves_early_is_no_traceback(env: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with serving(app(solve_events())) as url:
        done = subprocess.run(
            [sys.executable, "-m", "votebox.cluster", "solve", "x", "--url", url, "--json"],
            env=env,
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
    os.close(writer)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


def test_status_and_down_without_an_app(env: dict[str, str]) -> None:
    done = votebox("status", "--json", env=env)
    assert (done.returncode, json.loads(done.stdout)) == (1, {"state": "stopped"})
    for _ in range(2):
        done = votebox("down", env=env)
        assert (done.returncode, done.stdout) == (0, "no app is running\n")


def test_an_endpoint_solves_with_the_real_sandbox_and_without_ray(env: dict[str, str]) -> None:
    def reply(body: Mapping[str, Any]) -> str:
        answered = any(message["role"] == "assistant" for message in body["messages"])
        return "\\boxed{6576}" if answered else "```python\nprint(137 * 48)\n```"

    with serving(chat_model(reply)) as url:
        done = votebox(
            "solve", "What is 137 times 48?", "--endpoint", f"{url}/v1", "--json", env=env
        )
    assert done.returncode == 0, done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["answer"] == "6576"
    assert verdict["usage"]["executions"] >= 1


def test_an_endpoint_that_is_not_there_is_one_line_with_the_log(env: dict[str, str]) -> None:
    done = votebox("solve", "x", "--endpoint", "http://127.0.0.1:9/v1", env=env)
    assert done.returncode == 1
    assert "log: " in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
