"""Two models on two endpoints, over real HTTP servers and the real command line."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from commands import environment, votebox
from endpoints import Endpoint, serving

from votebox.cluster.cli import run

EDIT = "calc.py\n```python\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n```\n"


def editor(body: Mapping[str, Any]) -> str:
    """Write the edit that the architect's words ask for."""
    assert "turn the minus into a plus" in body["messages"][-1]["content"]
    return EDIT.format(old="    return a - b", new="    return a + b")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "state", ROLE_KEY="sk-very-secret")


def roles(tmp_path: Path, architect: str, second: str, more: str = "") -> str:
    file = tmp_path / "roles.toml"
    file.write_text(
        f'[architect]\nurl = "{architect}/v1"\nkey_env = "ROLE_KEY"\n{more}'
        f'[editor]\nurl = "{second}/v1"\n[editor.sampling]\ntemperature = 0.25\n'
    )
    return str(file)


def test_architect_and_editor_edit_a_folder_over_two_endpoints(
    tmp_path: Path, env: dict[str, str]
) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    first = Endpoint(
        reply=lambda _: "In `add`, turn the minus into a plus.", providers=("Parasail",)
    )
    price = "[architect.price]\nprompt = 2.0\ncompletion = 1_000_000.0\n"
    second, headers = Endpoint(reply=editor), []  # type: ignore[var-annotated]
    with serving(first, headers) as one, serving(second, headers) as two:
        file = roles(tmp_path, one, two, f"[architect.extra]\nthinking = true\n{price}")
        asked = ("solve", "add() is wrong", "--recipe", "architect-editor", "--files", str(folder))
        done = votebox(*asked, "--endpoints", file, "--write", "--json", env=env)
    assert done.returncode == 0, done.stderr
    assert (folder / "calc.py").read_text() == "def add(a, b):\n    return a + b\n"
    verdict = json.loads(done.stdout)
    (prompted,) = [
        c["prompt_tokens"] for c in verdict["chains"][0]["completions"] if c["node"] == "think"
    ]
    assert verdict["cost"] == {"USD": {"architect": pytest.approx(1.0 + prompted * 2e-6)}}
    told = {c["node"]: c["provider"] for c in verdict["chains"][0]["completions"]}
    assert told == {"think": "Parasail", "write": ""}
    assert first.bodies[0]["thinking"] is True
    assert "thinking" not in second.bodies[0]
    assert second.bodies[0]["temperature"] == 0.25
    keys = {header.get("Authorization") for header in headers}
    assert keys == {"Bearer sk-very-secret", None}
    kept = b"".join(p.read_bytes() for p in (tmp_path / "state").rglob("*") if p.is_file())
    assert b"sk-very-secret" not in kept + done.stdout.encode() + done.stderr.encode()


def test_an_endpoint_that_cuts_prompts_ends_a_solve_before_its_first_question(
    tmp_path: Path, env: dict[str, str]
) -> None:
    small = Endpoint(context=2048)
    with serving(small) as one, serving(Endpoint()) as two:
        file = roles(tmp_path, one, two, "context_min = 8000\n")
        asked = (
            "solve",
            "x",
            "--recipe",
            "architect-editor",
            "--files",
            str(Path(__file__).parent),
        )
        done = votebox(*asked, "--endpoints", file, env=env)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "reads about 2,048 and drops the rest in silence" in last
    assert len(small.bodies) == 1


def test_doctor_measures_the_endpoints_of_a_file(tmp_path: Path, env: dict[str, str]) -> None:
    with serving(Endpoint(context=2048)) as one, serving(Endpoint()) as two:
        file = roles(tmp_path, one, two, "context_min = 8000\n")
        done = votebox("doctor", "--endpoints", file, "--json", env=env)
        table = votebox("doctor", "--endpoints", file, env=env)
    found = {row["check"]: row for row in json.loads(done.stdout)}
    assert done.returncode == table.returncode == 1
    assert found["architect"]["state"] == "fail"
    assert "2,048" in found["architect"]["found"]
    assert (found["editor"]["state"], found["editor"]["fix"]) == ("ok", "")
    assert "fix: raise the server's context" in table.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--endpoints", "none.toml"), "none.toml: cannot be read"),
        (("--endpoints", "r.toml", "--local"), "--endpoints and --local exclude each other"),
        (("--endpoints", "r.toml", "--endpoint", "http://h"), "exclude each other"),
        (("--endpoints", "r.toml", "--model", "m"), "name it in the file"),
        (("--endpoints", "r.toml", "--endpoint-model", "m"), "name it in the file"),
        (("--endpoints", "r.toml", "--record", "d"), "exclude each other"),
    ],
)
def test_words_that_do_not_go_together_are_one_line(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert run(["solve", "x", *words]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("command", ["eval", "batch"])
def test_tables_and_evaluations_take_endpoints_too(
    tmp_path: Path, env: dict[str, str], command: str
) -> None:
    file, out = tmp_path / "roles.toml", tmp_path / "out"
    with serving(Endpoint(reply=lambda _: "\\boxed{4}")) as url:
        file.write_text(f'[default]\nurl = "{url}/v1"\n')
        data = tmp_path / "in.jsonl"
        data.write_text('{"problem": "2 + 2?", "question": "2 + 2?", "answer": "4"}\n')
        target = ("--out", str(out)) if command == "eval" else (str(out),)
        asked = (command, str(data), *target, "--endpoints", str(file), "--chains", "2")
        done = votebox(*asked, "--no-trace", "--json", env=env)
        assert done.returncode == 0, done.stderr
        file.write_text(f'[default]\nurl = "{url}/v1"\nsampling = {{top_k = 3}}\n')
        other = votebox(*asked, "--no-trace", "--json", env=env)
    assert other.returncode == 2, other.stderr
