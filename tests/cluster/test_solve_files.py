"""`votebox solve --files`: the diff of an editing task, and writing it only where asked to.

Over a recording, and through an app: the real front door over real HTTP.
"""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from contract import FakeBox
from fake_app import app as answering
from fake_app import serving
from front import front_door
from typer.testing import CliRunner, Result

from votebox.cluster import cli
from votebox.cluster.cli import app
from votebox.cluster.errors import ABSTAINED, BadUsage, Failed
from votebox.cluster.recordings import Recorder
from votebox.deployments.backend import LocalBackend
from votebox.plugins import Problem, Registry, ReplayEngine, Solver

BEFORE, AFTER = "def one():\n    return 1\n", "def one():\n    return 11\n"
REPLY = "app.py\n<<<<<<< SEARCH\n    return 1\n=======\n    return 11\n>>>>>>> REPLACE\n"
TASK = "one() has to give eleven"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def asked(tmp_path: Path) -> list[str]:
    """Return a command that solves an editing task over a recording."""
    folder, kept = tmp_path / "src", tmp_path / "kept"
    folder.mkdir()
    kept.mkdir()
    (folder / "app.py").write_text(BEFORE)
    recorder = Recorder(kept, ReplayEngine(lambda prompt: REPLY), FakeBox(lambda code: ""))
    solver = Solver(recorder.engine, recorder.sandbox, Registry.load(allowed=()))
    verdict = asyncio.run(solver.solve(Problem(TASK, files={"app.py": BEFORE}), "solo"))
    recorder.save(TASK, "solo", verdict.seed)
    return ["solve", TASK, "--replay", str(kept), "--files", str(folder)]


def test_the_diff_is_shown_and_nothing_is_written(asked: list[str]) -> None:
    done = run(*asked)
    assert done.exit_code == 0, done.output
    assert "-    return 1\n+    return 11\n" in done.stdout
    assert "--write" in done.stdout
    assert (Path(asked[-1]) / "app.py").read_text() == BEFORE


def test_write_changes_the_folder(asked: list[str]) -> None:
    done = run(*asked, "--write")
    assert done.exit_code == 0, done.output
    assert "written: app.py" in done.stdout
    assert (Path(asked[-1]) / "app.py").read_text() == AFTER


def test_the_diff_of_the_json_is_one_that_git_applies(asked: list[str]) -> None:
    verdict: dict[str, Any] = json.loads(run(*asked, "--json").stdout)
    assert verdict["files"] == {"app.py": AFTER}
    subprocess.run(
        ["git", "apply", "-"], input=verdict["answer"], text=True, cwd=asked[-1], check=True
    )
    assert (Path(asked[-1]) / "app.py").read_text() == AFTER


def diff_of(shown: str) -> str:
    """Return the diff in what was shown, "" without one."""
    start, end = shown.find("--- a/"), shown.find("+    return 11\n")
    return shown[start:end]


def served(reply: str) -> LocalBackend:
    """Return an app whose model says one reply."""
    box = FakeBox(lambda code: "")
    return LocalBackend(Solver(ReplayEngine(lambda p: reply), box, Registry.load(allowed=())))


def test_an_app_gives_what_a_solve_in_process_gives(asked: list[str]) -> None:
    with front_door(served(REPLY)) as url:
        through = [asked[0], asked[1], "--url", url, *asked[-2:]]
        here, done = run(*asked), run(*through)
        told = run(*through, "--json")
        wrote = run(*through, "--write")
    assert done.exit_code == told.exit_code == wrote.exit_code == 0, done.output
    assert diff_of(done.stdout) == diff_of(here.stdout) != ""
    assert "--write changes the folder" in done.stdout
    verdict = json.loads(told.stdout)
    assert (verdict["files"], verdict["recipe"]) == ({"app.py": AFTER}, "solo")
    assert "written: app.py" in wrote.stdout
    assert (Path(asked[-1]) / "app.py").read_text() == AFTER


def test_an_app_that_finds_no_change_abstains(asked: list[str]) -> None:
    with front_door(served("Words alone.")) as url:
        code = cli.run([*asked[:2], "--url", url, *asked[-2:], "--write"])
    assert code == ABSTAINED
    assert (Path(asked[-1]) / "app.py").read_text() == BEFORE


@pytest.mark.parametrize("path", ["../up.py", "/etc/up.py", ".git/hooks/up"])
def test_an_app_cannot_write_outside_of_the_folder(asked: list[str], path: str) -> None:
    verdict = {"answer": "diff", "files": {path: "boo"}}
    event = {"type": "verdict_reached", "verdict": verdict}
    with serving(answering([event])) as url:
        fault = run(asked[0], asked[1], "--url", url, *asked[-2:], "--write").exception
    assert isinstance(fault, Failed)
    assert "is refused" in str(fault)
    assert [p.name for p in Path(asked[-1]).parent.rglob("up*")] == []


def test_write_without_files_is_named() -> None:
    fault = run("solve", "x", "--write").exception
    assert isinstance(fault, BadUsage)
    assert "--write needs --files" in str(fault)
