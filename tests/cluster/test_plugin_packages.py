"""Install plugin distributions where votebox is alone: no engine, none of its extras.

One virtual environment holds votebox's wheel and pytest; the example distributions, one that
`plugins new` has just made and all their tests run there.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/pyproject.toml"))
ENGINES = ("ray", "torch", "vllm")
KINDS = {
    *("prompt", "code", "extract", "strip", "edit", "policy", "vote"),
    *("stop", "dispatch", "guard", "step", "select"),
}


@dataclass(frozen=True, slots=True)
class Light:
    """Run commands in a virtual environment without engines."""

    folder: Path
    home: Path

    def run(self, *command: str, cwd: Path | None = None) -> str:
        """Return what a command of the environment says; fail with all of it."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        done = subprocess.run(
            [str(self.folder / "bin" / command[0]), *command[1:]],
            cwd=cwd or self.home,
            env={**kept, "HOME": str(self.home)},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def install(self, *what: str) -> None:
        """Install wheels without their dependencies, which are there."""
        uv("pip", "install", "--no-deps", "--offline", "--python", str(self.folder), *what)


def uv(*arguments: str) -> None:
    done = subprocess.run(
        [os.environ.get("UV", "uv"), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def wheel(source: Path, folder: Path) -> str:
    """Build a wheel of a copy, as no build folder may stay in the tree."""
    copy = folder / f"source-{source.name}"
    kept = shutil.ignore_patterns("__pycache__", ".*_cache", "*.egg-info", "build", ".venv", ".git")
    if source == ROOT:
        for name in ("sandbox", "plugins", "deployments", "cluster"):
            shutil.copytree(source / name, copy / name, ignore=kept)
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(source / name, copy / name)
    else:
        shutil.copytree(source, copy, ignore=kept)
    made = folder / f"wheel-{source.name}"
    code = f"from setuptools import build_meta as b; b.build_wheel({str(made)!r})"
    made.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (found,) = made.glob("*.whl")
    return str(found)


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Light:
    folder = tmp_path_factory.mktemp("light")
    (folder / "home").mkdir()
    uv("venv", "-q", "--python", sys.executable, str(folder / "venv"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pytest_itself = next(d for d in project["dependency-groups"]["dev"] if "pytest==" in d)
    built = wheel(ROOT, folder)
    uv("pip", "install", "-q", "--python", str(folder / "venv"), built, pytest_itself)
    return Light(folder / "venv", folder / "home")


def test_the_base_install_has_no_engine_and_its_commands_work(light: Light) -> None:
    code = "from importlib.util import find_spec as f; print([m for m in {} if f(m)])"
    assert light.run("python", "-c", code.format(ENGINES)).strip() == "[]"
    assert "plugins" in light.run("votebox", "--help")
    assert "vote:majority" in light.run("votebox", "plugins")


def test_a_new_plugin_passes_its_own_tests_as_made(light: Light, tmp_path: Path) -> None:
    said = light.run("votebox", "plugins", "new", "votebox-fresh", "--dir", str(tmp_path))
    made = tmp_path / "votebox-fresh"
    assert str(made) in said
    assert (made / ".gitignore").is_file()
    assert (made / ".github/workflows/test.yml").is_file()
    light.install(wheel(made, tmp_path))
    assert " passed" in light.run("python", "-m", "pytest", "-q", cwd=made)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_installed_and_passes_its_own_tests(
    light: Light, example: Path, tmp_path: Path
) -> None:
    light.install(wheel(example, tmp_path))
    command = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    said = light.run(*command, "--rootdir", str(example), str(example / "tests"))
    assert " passed" in said
    assert "skipped" not in said
    rows = json.loads(light.run("votebox", "plugins", "list", "--json"))
    assert example.name in json.dumps(rows)


def test_the_examples_have_each_kind_of_hook_between_them() -> None:
    sources = "".join(p.read_text() for e in EXAMPLES for p in e.rglob("src/**/*.py"))
    assert not [kind for kind in KINDS if f'register("{kind}:' not in sources]
    observers = ("chain_finished", "program_finished", "verdict_reached")
    hooks = (*observers, "register_recipes")
    assert not [hook for hook in hooks if f"@hookimpl\ndef {hook}(" not in sources]
