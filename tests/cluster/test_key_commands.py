"""Key files as `votebox keys` writes them."""

import stat

import pytest

from votebox.cluster.errors import BadUsage
from votebox.cluster.key_commands import keys_new, keys_remove
from votebox.deployments.keys import KeyRing


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_its_owners_and_holds_a_key_that_is_shown_once(tmp_path, capsys):
    path = tmp_path / "keys.toml"
    keys_new("alice", file=path)
    key = capsys.readouterr().out.strip()
    assert mode_of(path) == 0o600
    assert key not in path.read_text()
    assert KeyRing(path).find(key).name == "alice"


def test_whoever_could_read_the_file_still_can_so_that_a_key_taken_away_is_gone(tmp_path):
    path = tmp_path / "keys.toml"
    keys_new("alice", file=path)
    path.chmod(0o640)
    keys_remove("alice", file=path)
    assert mode_of(path) == 0o640


def test_a_link_to_the_file_stays_one_and_the_app_behind_it_sees_the_change(tmp_path, capsys):
    path, link = tmp_path / "keys.toml", tmp_path / "link.toml"
    keys_new("alice", file=path)
    link.symlink_to(path)
    keys_remove("alice", file=link)
    assert link.is_symlink()
    assert KeyRing(path).find(capsys.readouterr().out.split()[0]) is None


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path):
    target = tmp_path / "keys.toml"
    target.mkdir()
    with pytest.raises(BadUsage):
        keys_new("alice", file=target)
    assert [path.name for path in tmp_path.iterdir()] == ["keys.toml"]
