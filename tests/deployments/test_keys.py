"""Who may ask: keys from a file and from the environment."""

import os

import pytest

from votebox.deployments import keys
from votebox.deployments.keys import Key, KeyFileError, KeyRing, digest, new_key

SECRET = "vb-secret"


def file_of(folder, text):
    path = folder / "keys.toml"
    path.write_text(text)
    return path


def test_keys_are_found_by_their_text_and_by_nothing_else(tmp_path):
    path = file_of(tmp_path, f'[keys.alice]\nsha256 = "{digest(SECRET)}"\nmax_running = 2\n')
    ring = KeyRing(path)
    assert ring.required
    found = ring.find(SECRET)
    assert (found.name, found.max_running, found.admin) == ("alice", 2, False)
    for wrong in ("", "alice", digest(SECRET), SECRET + " ", "vb-secreT", "\udcff", "é" * 1000):
        assert ring.find(wrong) is None


def test_no_file_and_no_variable_asks_for_no_key():
    assert not KeyRing().required
    assert KeyRing(named=" ").find("x") is None


def test_an_empty_file_asks_for_keys_that_nobody_has(tmp_path):
    ring = KeyRing(file_of(tmp_path, ""))
    assert ring.required
    assert ring.find("") is None


def test_the_environment_holds_hashes(tmp_path):
    ring = KeyRing(named=f"a={digest('x')}, b={digest('y')}")
    assert (ring.find("x").name, ring.find("y").name) == ("a", "b")
    with pytest.raises(KeyFileError) as caught:
        KeyRing(named="vb-somebodys-key")
    assert "vb-somebodys-key" not in str(caught.value)


def test_a_hash_is_not_shown(tmp_path):
    key = KeyRing(named=f"a={digest('x')}").find("x")
    assert digest("x") not in repr(key)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[keys.a]\n", "'a' has no sha256"),
        ('[keys.a]\nsha256 = "12"\n', "'a'.*sha256"),
        (f'[keys.a]\nsha256 = "{"0" * 64}"\nlimit = 1\n', "'a': unknown key 'limit'"),
        (f'[keys.a]\nsha256 = "{"0" * 64}"\nmax_running = 0\n', "'a': max_running"),
        (f'[keys."a b"]\nsha256 = "{"0" * 64}"\n', "'a b' is no name"),
        ("[key.a]\n", "does not know 'key'"),
        ("keys = 1\n", "does not know 'keys'"),
        ("[keys", "is not TOML"),
    ],
)
def test_wrong_files_name_the_key_and_the_field(tmp_path, text, message):
    with pytest.raises(KeyFileError, match=message):
        KeyRing(file_of(tmp_path, text))


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(KeyFileError, match="No such file"):
        KeyRing(tmp_path / "none.toml")


def test_a_changed_file_counts_without_a_restart_and_a_broken_one_changes_nothing(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(keys, "_LOOK_S", 0.0)
    path = file_of(tmp_path, f'[keys.a]\nsha256 = "{digest("x")}"\n')
    ring = KeyRing(path)
    path.write_text(f'[keys.b]\nsha256 = "{digest("y")}"\n')
    os.utime(path, (1, 1))
    assert ring.find("x") is None
    assert ring.find("y").name == "b"
    path.write_text("[keys")
    assert ring.find("y").name == "b"
    assert "is not TOML" in str(ring.trouble)
    assert ring.find("y").name == "b"
    (record,) = caplog.records  # told once, not at each request
    assert "is not TOML" in record.getMessage()
    path.unlink()
    assert ring.find("y").name == "b"
    assert ring.find("y").name == "b"
    told = [record.getMessage() for record in caplog.records]
    assert ["is not TOML" in told[0], "cannot be read" in told[1], len(told)] == [True, True, 2]


def test_new_keys_differ_and_are_long():
    made = {new_key() for _ in range(100)}
    assert len(made) == 100
    assert all(len(key) > 40 for key in made)
    assert Key(name="x").sha256 == "0" * 64  # matches no key
