"""Make a plugin distribution: what it is called, where it goes, and what it looks like."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from votebox.cluster.errors import BadUsage, CliError
from votebox.cluster.plugin_new import License, Names, names_of, write_distribution

LONGEST = "a" + "b" * 31


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("votebox-fresh", Names("votebox-fresh", "votebox_fresh", "fresh")),
        ("My_Fresh.Units2", Names("my-fresh-units2", "my_fresh_units2", "my-fresh-units2")),
        (LONGEST, Names(LONGEST, LONGEST, LONGEST)),
    ],
)
def test_a_name_is_spelled_for_index_import_and_recipe(name: str, names: Names) -> None:
    assert names_of(name) == names


@pytest.mark.parametrize(
    "name",
    ["", "a/b", "../up", "2nd", "a b", "-a", "a-", "a--2", "ä", "a\n", "$(x)", LONGEST + "b"],
)
def test_what_is_no_name_is_refused_and_shown(name: str) -> None:
    with pytest.raises(BadUsage, match="is no name for a plugin; letters, digits"):
        names_of(name)


@pytest.mark.parametrize(
    ("name", "by"),
    [
        ("votebox", "votebox itself"),
        ("json", "Python"),
        ("Class", "Python"),
        ("PyArrow", "an installed distribution"),
        ("google-protobuf-x", ""),
        ("yaml", "an installed package"),
        ("votebox-vote", "the recipe 'vote' of votebox"),
        ("Tool_Loop", "the recipe 'tool-loop' of votebox"),
    ],
)
def test_a_name_that_is_taken_is_refused(name: str, by: str) -> None:
    if not by:
        assert names_of(name).distribution == name
        return
    with pytest.raises(BadUsage, match=f"is taken by {by}; choose another"):
        names_of(name)


def test_nothing_that_exists_is_written_over(tmp_path: Path) -> None:
    names = names_of("votebox-fresh")
    (tmp_path / "votebox-fresh").mkdir()
    with pytest.raises(BadUsage, match="exists already"):
        write_distribution(names, tmp_path, License.MIT)
    assert [*tmp_path.rglob("*")] == [tmp_path / "votebox-fresh"]
    with pytest.raises(BadUsage, match="is no folder"):
        write_distribution(names, tmp_path / "nowhere", License.MIT)
    (tmp_path / "file").touch()
    with pytest.raises(CliError, match="is no folder"):
        write_distribution(names, tmp_path / "file", License.MIT)


@pytest.mark.parametrize(
    ("name", "license", "says"),
    [
        ("ab", License.NONE, None),
        ("votebox-fresh", License.MIT, "MIT License"),
        (LONGEST, License.APACHE, "Apache License"),
    ],
)
def test_a_distribution_is_whole_and_passes_its_own_linters(
    tmp_path: Path, name: str, license: License, says: str | None
) -> None:
    names = names_of(name)
    made = write_distribution(names, tmp_path, license)
    assert [path.name for path in tmp_path.iterdir()] == [names.distribution]
    texts = {p.relative_to(made).as_posix(): p.read_text() for p in made.rglob("*") if p.is_file()}
    assert not [path for path, text in texts.items() if "{{" in path + text or "{%" in path + text]
    assert {".gitignore", ".github/workflows/test.yml", "README.md"} <= texts.keys()
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    assert project.get("license") == (None if says is None else license.value)
    assert says is None or says in texts["LICENSE"]
    assert project["entry-points"]["votebox"] == {names.plugin: f"{names.package}.plugin"}
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run(
            [*ruff, *command], cwd=made, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_the_user_s_own_settings_of_the_template_tool_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings.yml").write_text("defaults: [1")
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(tmp_path / "settings.yml"))
    made = write_distribution(names_of("votebox-fresh"), tmp_path, License.MIT)
    assert (made / "pyproject.toml").is_file()


def test_git_keeps_the_package_of_a_plugin_called_dist(tmp_path: Path) -> None:
    made = write_distribution(Names("dist", "dist", "dist"), tmp_path, License.NONE)
    ignored = (made / ".gitignore").read_text().split()
    assert {"/build/", "/dist/"} <= {*ignored}
    assert "build/" not in ignored
