"""Show and replay a real solve: real sandbox, real Parquet, hostile text."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from commands import environment, votebox
from fake_app import chat_model, serving

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
    assert "votebox show 2" in done.stdout
    return env


def test_show_tells_the_story_without_obeying_it(env: dict[str, str]) -> None:
    done = votebox("show", "latest", env=env)
    assert done.returncode == 0, done.stderr
    assert "6576" in done.stdout
    assert "print(137 * 48)" in done.stdout
    assert "\x1b" not in done.stdout
    assert json.loads(votebox("show", "latest", "--json", env=env).stdout)["answer"] == "6576"


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
    for command in ("show", "replay"):
        done = votebox(command, "../../etc", env=env)
        assert (done.returncode, done.stdout) == (2, "")
        assert "no id of a solve" in done.stderr
