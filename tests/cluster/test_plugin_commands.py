"""Look at plugins: what is loaded, blocked and broken is listed, shown and checked."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from commands import environment, votebox
from installed import READER, RECIPE, install

GOOD = READER.format(name="last-line") + RECIPE


def rows(*arguments: str, env: dict[str, str], code: int = 0) -> list[dict[str, Any]]:
    done = votebox(*arguments, "--json", env=env)
    assert done.returncode == code, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment in which one good plugin is installed."""
    folder = install(tmp_path / "site", "votebox-lines", "lines", GOOD)
    return environment(tmp_path, PYTHONPATH=str(folder))


def test_a_plugin_is_listed_with_its_distribution_version_and_doc(env: dict[str, str]) -> None:
    (found,) = [r for r in rows("plugins", "list", env=env) if r["name"] == "last-line"]
    assert found == {
        "state": "loaded",
        "kind": "extract",
        "name": "last-line",
        "origin": "lines",
        "distribution": "votebox-lines",
        "version": "1.2",
        "doc": "Read the last line.",
        "fix": "",
    }
    text = votebox("plugins", env=env).stdout
    assert "extract:last-line  votebox-lines 1.2  Read the last line." in re.sub(
        " {2,}", "  ", text
    )


def test_a_kind_filters_and_an_unknown_one_is_bad_usage(env: dict[str, str]) -> None:
    assert {r["kind"] for r in rows("plugins", "list", "--kind", "vote", env=env)} == {"vote"}
    done = votebox("plugins", "list", "--kind", "votes", env=env)
    assert (done.returncode, "there is no kind 'votes'" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import no_such_module_at_all", "cannot be imported"),
        (READER.format(name="last-line"), "which lines has registered already"),
        (GOOD.replace("extract:last-line", "extract:x", 1), "recipe 'lines' a second time"),
        (READER.format(name="Not_A_Name"), "not a plugin name"),
        ("raise SystemExit(0)", "SystemExit"),
        (
            f"{READER.format(name='y')}\n@hookimpl\ndef register_oddly(register): ...",
            "unknown hook",
        ),
    ],
)
def test_a_broken_plugin_is_listed_with_why_and_stops_other_commands(
    tmp_path: Path, env: dict[str, str], source: str, why: str
) -> None:
    install(tmp_path / "site", "votebox-other", "other", source)
    listed = rows("plugins", "list", env=env, code=1)
    (broken,) = [r for r in listed if r["state"] == "broken"]
    assert (broken["origin"], broken["distribution"]) == ("other", "votebox-other")
    assert why in broken["doc"]
    assert broken["fix"]
    assert any(r["name"] == "last-line" and r["origin"] == "lines" for r in listed)
    refused = votebox("recipes", "list", env=env)
    assert (refused.returncode, "plugin other" in refused.stderr) == (1, True)
    assert votebox("-p", "no:votebox-other", "recipes", "list", env=env).returncode == 0


def test_a_plugin_that_registers_no_thing_is_listed_and_checked(tmp_path: Path) -> None:
    source = "from votebox.plugins import hookimpl\n@hookimpl\ndef verdict_reached(verdict): ..."
    folder = install(tmp_path / "site", "votebox-quiet", "quiet", source)
    env = environment(tmp_path, PYTHONPATH=str(folder))
    (found,) = [r for r in rows("plugins", "list", env=env) if r["name"] == "quiet"]
    assert (found["state"], found["doc"]) == ("loaded", "observes verdict_reached")
    assert votebox("plugins", "check", env=env).stderr == "quiet: 0 findings\n"


@pytest.mark.parametrize("name", ["lines", "votebox-lines", "Votebox_Lines"])
def test_a_blocked_plugin_is_left_out_and_listed(env: dict[str, str], name: str) -> None:
    found = rows("-p", f"no:{name}", "plugins", "list", env=env)
    (blocked,) = [r for r in found if r["state"] != "loaded"]
    assert (blocked["name"], blocked["state"]) == ("lines", "blocked")
    assert "-p no:NAME or VOTEBOX_BLOCK_PLUGINS" in blocked["doc"]
    assert "last-line" not in {r["name"] for r in found}


def test_a_recipe_that_needs_what_is_blocked_says_so(tmp_path: Path, env: dict[str, str]) -> None:
    done = votebox("-p", "no:extract:last-line", "recipes", "show", "lines", env=env)
    assert done.returncode == 2
    assert "extract:last-line is blocked by -p no:NAME or VOTEBOX_BLOCK_PLUGINS" in done.stderr
    (tmp_path / "mine.toml").write_text(tomllib_of_lines(env))
    done = votebox("-p", "no:lines", "recipes", "check", str(tmp_path / "mine.toml"), env=env)
    assert done.returncode == 2
    assert "it may be in a plugin that is left out: lines (blocked by -p" in done.stderr
    assert votebox("-p", "no:vote:majority", "recipes", "list", env=env).returncode == 0


def tomllib_of_lines(env: dict[str, str]) -> str:
    text = votebox("recipes", "show", "lines", "--format", "toml", env=env).stdout
    assert tomllib.loads(text)["name"] == "lines"
    return text


def test_an_allow_list_leaves_out_what_it_does_not_name(env: dict[str, str]) -> None:
    none = rows("plugins", "list", env={**env, "VOTEBOX_ALLOW_PLUGINS": ""})
    (blocked,) = [r for r in none if r["state"] == "blocked"]
    assert (blocked["name"], blocked["doc"]) == (
        "lines",
        "not in the allow-list VOTEBOX_ALLOW_PLUGINS",
    )
    allowed = rows("plugins", "list", env={**env, "VOTEBOX_ALLOW_PLUGINS": "votebox-lines"})
    assert "last-line" in {r["name"] for r in allowed}


@pytest.mark.parametrize("given", ["lines", "no:", "no:../x", "no:a b"])
def test_a_block_that_is_no_name_is_bad_usage(env: dict[str, str], given: str) -> None:
    done = votebox("-p", given, "plugins", env=env)
    assert (done.returncode, done.stderr.startswith("votebox: -p")) == (2, True)


def test_a_block_without_effect_is_told(env: dict[str, str]) -> None:
    done = votebox("-p", "no:linse", "plugins", env=env)
    assert (done.returncode, "no plugin linse to block; did you mean" in done.stderr) == (
        0,
        True,
    )


def test_show_documents_options_with_types_limits_and_an_example(env: dict[str, str]) -> None:
    text = votebox("plugins", "show", "guard:runaway", env=env).stdout
    assert "tokens  integer, >= 1; default 16384" in text
    assert '[[guards]]\n    use = "guard:runaway"\n    tokens = 16384\n    wall_s = inf' in text
    page = json.loads(votebox("plugins", "show", "vote:majority", "--json", env=env).stdout)
    assert page["schema"]["properties"]["prefer"]["type"] == "array"
    assert page["recipes"][:1] == ["lines"]
    done = votebox("plugins", "show", "vote:majorty", env=env)
    assert (done.returncode, "did you mean vote:majority" in done.stderr) == (2, True)


def test_show_says_which_plugin_has_options_that_cannot_be_told(tmp_path: Path) -> None:
    source = READER.format(name="odd").replace("last_line)", "last_line, options=print)")
    env = environment(tmp_path, PYTHONPATH=str(install(tmp_path / "site", "odd", "odd", source)))
    done = votebox("plugins", "show", "extract:odd", env=env)
    assert done.returncode == 2
    assert "extract:odd has options that cannot be told" in done.stderr
    assert "votebox plugins check extract:odd" in done.stderr


def test_check_finds_nothing_in_a_good_plugin_and_names_what_is_wrong(
    tmp_path: Path, env: dict[str, str]
) -> None:
    done = votebox("plugins", "check", env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "lines: 0 findings\n")
    bad = (
        GOOD.replace("last-line", "bad")
        .replace('"lines"', '"bad"')
        .replace("lines else []", "lines else None")
    )
    install(tmp_path / "site", "votebox-bad", "bad", bad)
    done = votebox("plugins", "check", "votebox-bad", env=env)
    assert done.returncode == 1
    assert "extract:bad [type]: returned NoneType (given empty, stop" in done.stdout
    (found,) = rows("plugins", "check", "extract:bad", env=env, code=1)
    assert found["rule"] == "type"


def test_hook_calls_are_traced_without_texts_unless_asked(
    env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "reply.txt").write_text("the secret")
    command = ("try", "extract:last-line", str(tmp_path / "reply.txt"))
    traced = votebox(*command, env={**env, "VOTEBOX_TRACE_HOOKS": "1"}).stderr
    assert "hook register_extractors  lines(register=" in traced
    assert "extract:last-line  lines(str[10], str[4], None) -> list[Reading(value=str[10]" in traced
    assert "secret" not in traced
    full = votebox(*command, env={**env, "VOTEBOX_TRACE_HOOKS": "full"}).stderr
    assert "extract:last-line  lines('the secret', 'stop', None)" in full
    assert votebox(*command, env=env).stderr == ""
    wrong = votebox(*command, env={**env, "VOTEBOX_TRACE_HOOKS": "yes"})
    assert (wrong.returncode, "set 1, full or 0" in wrong.stderr) == (1, True)
