"""The real thing: Ray, Serve, vLLM and nsjail, started and ended by the command line."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import environment, marked, start, votebox

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

QUESTION = "What is the product of 137 and 48?"
KEYS = {
    "answer",
    "votes",
    "confidence",
    "chains",
    "usage",
    "stopped_by",
    "reason",
    "recipe",
    "seed",
}


type Env = dict[str, str]


def own_environment(folder: Path) -> Env:
    """Return an environment that marks whatever inherits it."""
    # An address that leads nowhere: a Ray of ours must not even look at it.
    return environment(folder, VOTEBOX_TEST_MARK=str(folder), RAY_ADDRESS="192.0.2.1:6379")


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Env:
    return own_environment(tmp_path_factory.mktemp("end-to-end"))


@pytest.fixture(scope="module")
def gone() -> Iterator[list[Env]]:
    """Take environments of which nothing may run any more when all is done."""
    environments: list[Env] = []
    yield environments
    for each in environments:
        assert not left(each, 150)


def left(env: Env, limit_s: float = 15) -> list[str]:
    """Return what still runs of anything started with `env`, after at most `limit_s`."""
    end = time.monotonic() + limit_s
    while (found := marked(f"VOTEBOX_TEST_MARK={env['VOTEBOX_TEST_MARK']}")) and (
        time.monotonic() < end
    ):
        time.sleep(0.1)
    return found


def checked(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the verdict of a solve that answered the question."""
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    verdict: dict[str, Any] = json.loads(done.stdout)
    assert verdict.keys() >= KEYS
    assert verdict["answer"] == "6576"
    assert verdict["votes"][0]["answer"] == "6576"
    assert verdict["usage"]["completion_tokens"] > 0
    return verdict


def interrupted(
    env: Env, told: signal.Signals, when: str, *arguments: str
) -> tuple[int, list[str]]:
    """Start a solve, send `told` once stderr says `when`; return its code and last lines."""
    process = start("solve", QUESTION, *arguments, env=env)
    assert process.stderr is not None
    for line in process.stderr:
        if when in line:
            break
    process.send_signal(told)
    _, stderr = process.communicate(timeout=60)
    return process.returncode, stderr.splitlines()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class TestRunningApp:
    """One app, started once, asked by all of these in order.

    The first of the file: a daemon of Ray needs up to two minutes to see that its app is gone,
    and the other tests run meanwhile.
    """

    @pytest.fixture(scope="class")
    @classmethod
    def env(cls, tmp_path_factory: pytest.TempPathFactory, gone: list[Env]) -> Env:
        gone.append(made := own_environment(tmp_path_factory.mktemp("running-app")))
        return made

    @pytest.fixture(scope="class")
    @classmethod
    def port(cls, env: Env) -> Iterator[int]:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        done = votebox("up", "--port", str(port), env=env, timeout_s=500)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"votebox answers at http://127.0.0.1:{port}")
        yield port
        assert votebox("down", env=env).returncode == 0
        assert json.loads(votebox("status", "--json", env=env).stdout) == {"state": "stopped"}

    def test_status_says_where_and_that_it_is_well(self, env: Env, port: int) -> None:
        done = votebox("status", "--json", env=env)
        found = json.loads(done.stdout)
        assert (done.returncode, found["state"]) == (0, "running")
        assert found["url"] == f"http://127.0.0.1:{port}"
        assert Path(found["log"]).exists()

    def test_a_solve_attaches_and_starts_nothing(self, env: Env, port: int) -> None:
        before = set(marked(env["VOTEBOX_TEST_MARK"]))
        done = votebox("solve", "-", "--seed", "1", "--json", env=env, stdin=QUESTION)
        checked(done)
        assert "starting" not in done.stderr
        # Serve may add a sandbox replica, but no second app.
        fresh = set(marked(env["VOTEBOX_TEST_MARK"])) - before
        assert not [line for line in fresh if "votebox.cluster" in line]

    def test_a_second_up_says_where_it_runs(self, env: Env, port: int) -> None:
        done = votebox("up", env=env)
        assert done.returncode == 0
        assert f"running already at http://127.0.0.1:{port}" in done.stdout

    def test_an_unknown_recipe_is_one_line(self, env: Env, port: int) -> None:
        done = votebox("solve", "x", "--recipe", "nope", env=env)
        assert done.returncode == 2
        assert (
            "known: aimo-qwq, architect-editor, architect-vote, solo, tool-inline, tool-loop, vote"
            in done.stderr
        )
        assert len(done.stderr.splitlines()) == 1

    def test_an_interrupted_solve_leaves_the_app_well(self, env: Env, port: int) -> None:
        options = ("--chains", "64", "--recipe", "tool-loop")
        code, _ = interrupted(env, signal.SIGINT, "asking", *options)
        assert code == 130
        checked(votebox("solve", QUESTION, "--seed", "1", "--json", env=env))

    def test_a_port_in_use_is_told_by_another_user(
        self, env: Env, port: int, tmp_path: Path
    ) -> None:
        other = {**env, "XDG_STATE_HOME": str(tmp_path)}
        done = votebox("up", "--port", str(port), env=other)
        assert done.returncode == 2
        assert f"port {port} on 127.0.0.1 is in use" in done.stderr

    def test_an_app_whose_keeper_was_killed_is_gone(self, env: Env, port: int) -> None:
        os.kill(json.loads(votebox("status", "--json", env=env).stdout)["pid"], signal.SIGKILL)
        end = time.monotonic() + 60
        while answers(port) and time.monotonic() < end:
            time.sleep(0.1)
        assert not answers(port)
        assert json.loads(votebox("status", "--json", env=env).stdout) == {"state": "stopped"}
        assert votebox("down", env=env).stdout == "no app is running\n"


@pytest.mark.parametrize("mode", [(), ("--local",)], ids=["temporary app", "in process"])
def test_a_question_is_answered_and_nothing_is_left(env: Env, mode: tuple[str, ...]) -> None:
    checked(votebox("solve", QUESTION, "--seed", "1", "--json", *mode, env=env, timeout_s=500))
    assert not left(env)


@pytest.mark.parametrize(
    ("told", "when"),
    [
        (signal.SIGINT, "importing Ray"),
        (signal.SIGTERM, "starting Ray"),
        (signal.SIGINT, "loading the model"),
        (signal.SIGHUP, "asking 64 chains"),
    ],
    ids=lambda value: str(value),
)
def test_an_interrupted_solve_leaves_nothing(env: Env, told: signal.Signals, when: str) -> None:
    code, lines = interrupted(env, told, when, "--chains", "64", "--recipe", "tool-loop")
    assert code == 130
    assert lines[-1] == "votebox: interrupted"
    assert not left(env)


@pytest.mark.parametrize("when", ["importing vLLM", "asking 64 chains"])
def test_an_interrupted_solve_in_process_leaves_nothing(env: Env, when: str) -> None:
    options = ("--local", "--chains", "64", "--recipe", "tool-loop")
    code, lines = interrupted(env, signal.SIGINT, when, *options)
    assert code == 130
    assert lines[-1] == "votebox: interrupted"
    assert not left(env)


def test_a_killed_solve_leaves_nothing(env: Env) -> None:
    code, _ = interrupted(env, signal.SIGKILL, "loading the model")
    assert code == -signal.SIGKILL
    assert not left(env)
