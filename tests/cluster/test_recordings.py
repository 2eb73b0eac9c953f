"""Record a solve from the command line and replay it, without the server it asked."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from commands import environment, votebox
from fake_app import chat_model, serving

QUESTION = "What is 137 times 48?"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path)


def reply(body: Mapping[str, Any]) -> str:
    answered = any(message["role"] == "assistant" for message in body["messages"])
    return "\\boxed{6576}" if answered else "```python\nprint(137 * 48)\n```"


def test_a_solve_is_recorded_and_replayed_without_server_or_sandbox(
    env: dict[str, str], tmp_path: Path
) -> None:
    folder = str(tmp_path / "kept")
    with serving(chat_model(reply)) as url:
        asked = ("solve", QUESTION, "--endpoint", f"{url}/v1", "--record", folder, "--json")
        first = votebox(*asked, "--chains", "6", env=env)
        assert first.returncode == 0, first.stderr
        again = votebox(*asked, env=env)
    assert again.returncode == 2
    assert "holds a recording; name another folder" in again.stderr
    verdict = json.loads(first.stdout)

    def replayed(*more: str) -> dict[str, Any]:
        done = votebox(
            "solve", QUESTION, "--replay", folder, "--chains", "6", "--json", *more, env=env
        )
        assert done.returncode in (0, 3), done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    second = replayed()
    for key in ("answer", "seed", "recipe_hash"):
        assert second[key] == verdict[key]
    assert second["wall_s"] == replayed()["wall_s"]
    assert replayed("--deadline-s", "0.001")["stop_reason"] == "deadline"
    assert replayed("--stop", "lead:1")["stopped_by"] == "lead:1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--record", "d"), "--record needs a solve in this process"),
        (("--replay", "d", "--local"), "exclude each other"),
        (("--replay", "d", "--record", "e"), "exclude each other"),
        (("--replay", "nowhere"), "--replay nowhere holds no recording"),
        (("--replay", "broken"), "solve.json is not as it was written"),
        (("--replay", "other"), "the recording is of another question: What else?"),
        (("--replay", "empty"), "engine.jsonl' cannot be read"),
    ],
)
def test_what_cannot_be_replayed_is_one_line(
    env: dict[str, str], tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    asked = {"question": QUESTION, "recipe": "vote", "seed": 1}
    changes = {"broken": {"seed": "one"}, "other": {"question": "What else?"}, "empty": {}}
    for name, change in changes.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "solve.json").write_text(json.dumps({**asked, **change}))
    told = [str(tmp_path / x) if x in changes else x for x in arguments]
    done = votebox("solve", QUESTION, *told, env=env)
    assert done.returncode in (1, 2)
    (line,) = done.stderr.splitlines()
    assert words in line
