import json
from pathlib import Path

import pytest
from commands import environment, votebox

from votebox.cluster.doctor import diagnose
from votebox.cluster.reference import reference

ROOT = Path(__file__).parents[2]


def test_the_reference_is_generated() -> None:
    written = (ROOT / "docs/cli.md").read_text()
    assert written == reference(), "python -m votebox.cluster.reference > docs/cli.md"


def test_the_doctor_finds_this_machine_able() -> None:
    found = {finding.name: finding for finding in diagnose()}
    assert [f for f in found.values() if f.state == "fail"] == []
    assert found["vllm"].state == "ok"
    assert all(f.fix for f in found.values() if f.state != "ok")


def test_looking_commands_write_text_and_json(tmp_path: Path) -> None:
    env = environment(tmp_path)
    plugins = json.loads(votebox("plugins", "list", "--json", env=env).stdout)
    assert {"kind", "name", "origin", "version", "doc"} <= set(plugins[0])
    recipes = json.loads(votebox("recipes", "list", "--json", env=env).stdout)
    assert {"aimo-qwq", "tool-loop", "vote"} <= {r["name"] for r in recipes}
    assert "vote" in votebox("recipes", "list", env=env).stdout
    checks = json.loads(votebox("doctor", "--json", env=env).stdout)
    assert {"check", "state", "found", "fix"} == set(checks[0])


@pytest.mark.parametrize(
    ("format_", "words"),
    [("tree", "think"), ("mermaid", "flowchart"), ("svg", "<svg"), ("toml", "[nodes.think]")],
)
def test_a_recipe_is_drawn_four_ways(tmp_path: Path, format_: str, words: str) -> None:
    done = votebox("recipes", "show", "vote", "--format", format_, env=environment(tmp_path))
    assert done.returncode == 0
    assert words in done.stdout


def test_a_recipe_file_without_fault_is_shown_and_passes(tmp_path: Path) -> None:
    env = environment(tmp_path)
    path = tmp_path / "mine.toml"
    path.write_text(votebox("recipes", "show", "vote", "--format", "toml", env=env).stdout)
    done = votebox("recipes", "check", str(path), env=env)
    assert (done.returncode, "no fault" in done.stdout) == (0, True)


def test_the_program_keeps_bytecode_whatever_the_environment_says(tmp_path: Path) -> None:
    """Else each of its processes compiles Ray and vLLM again."""
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, os, sys\n"
        "said = lambda: print(sys.dont_write_bytecode, os.environ.get('PYTHONDONTWRITEBYTECODE'))\n"
        "atexit.register(said)\n"
    )
    env = environment(tmp_path, PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=str(tmp_path))
    assert votebox("--version", env=env).stdout.splitlines()[1:] == ["False None"]
