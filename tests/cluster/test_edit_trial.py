"""`votebox try edit:`: what a reply would do to a folder, and how the folder is kept safe."""

import json
import os
from pathlib import Path

import pytest
from commands import environment, votebox
from edit_replies import APP, block

from votebox.cluster.edit_folder import read_folder, write_folder
from votebox.cluster.errors import BadUsage, Failed

GOOD = block("    return 1\n", "    return 11\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    (made / "lib").mkdir(parents=True)
    (made / "app.py").write_text(APP)
    (made / "lib" / "util.py").write_bytes(b"a = 1\r\nb = 2")
    return made


def tried(folder: Path, reply: str, *more: str, name: str = "edit:diff") -> tuple[int, str]:
    here = environment(folder.parent)
    done = votebox("try", name, "-", "--files", str(folder), *more, env=here, stdin=reply)
    return done.returncode, done.stdout or done.stderr


def test_a_reply_is_shown_as_a_diff_and_changes_nothing(folder: Path) -> None:
    code, text = tried(folder, GOOD)
    assert code == 0
    assert "applied replace app.py at line 5 (exact, path exact)" in text
    assert "-    return 1\n+    return 11" in text
    assert (folder / "app.py").read_text() == APP


def test_write_changes_the_folder(folder: Path) -> None:
    (folder / "app.py").chmod(0o640)
    reply = GOOD + block("", "x = 1\n", "new/deep.py") + block("b = 2\n", "b = 3\n", "lib/util.py")
    code, text = tried(folder, reply, "--write")
    assert code == 0, text
    assert "written: app.py, lib/util.py, new/deep.py" in text
    assert (folder / "app.py").read_text() == APP.replace("1", "11")
    assert (folder / "app.py").stat().st_mode & 0o777 == 0o640
    assert (folder / "lib/util.py").read_bytes() == b"a = 1\r\nb = 3"
    assert (folder / "new/deep.py").read_text() == "x = 1\n"
    assert not list(folder.rglob(".votebox-*"))


def test_one_bad_edit_writes_nothing(folder: Path) -> None:
    code, text = tried(folder, GOOD + block("no such line\n", "x\n"), "--write")
    assert code == 1
    assert "no_match" in text
    assert "nothing would be changed" in text
    assert (folder / "app.py").read_text() == APP


def test_json_holds_what_came_of_each_edit(folder: Path) -> None:
    code, text = tried(folder, GOOD.replace("return 1\n", "return 1 \n"), "--json")
    row = json.loads(text)
    assert (code, row["ok"], row["level"], row["exact"]) == (0, True, "blank", False)
    assert row["ops"][0]["positions"] == [5]
    assert "+    return 11" in row["diff"]


def test_tolerance_is_bounded_by_level(folder: Path) -> None:
    reply = GOOD.replace("return 1\n", "return 1 \n")
    assert tried(folder, reply, "--level", "exact")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("edit:diff", "-"), "give --files DIR"),
        (("edit:diff", "-", "--files", "nowhere"), "cannot open the folder nowhere"),
        (("edit:diff", "-", "--files", ".", "--level", "lax"), "exact, indent"),
        (("edit:dif", "-", "--files", "."), "did you mean edit:diff"),
        (("extract:answer", "-", "--files", "."), "edit:NAME"),
    ],
)
def test_bad_usage_is_one_line(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = votebox("try", *arguments, env=environment(tmp_path), stdin="text")
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_text_steers_the_terminal(folder: Path) -> None:
    _, text = tried(folder, block("    return 1\n", "    return '\x1b[31m\u202e'\n"))
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_what_is_no_text_of_the_folder_is_left_out(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("secret")
    (folder / "link.py").symlink_to(tmp_path / "secret.py")
    (folder / "away").symlink_to(tmp_path)
    (folder / ".git").mkdir()
    (folder / ".git/config").write_text("x")
    (folder / "data.bin").write_bytes(b"\0\1")
    (folder / "latin.py").write_bytes(b"\xe9")
    (folder / "big.txt").write_bytes(b"x" * (2**20 + 1))
    os.mkfifo(folder / "pipe")
    found = read_folder(folder)
    assert sorted(found.files) == ["app.py", "lib/util.py"]
    assert dict(found.skipped) == {
        ".git/": "begins with a dot",
        "big.txt": "is larger than 1 MiB",
        "data.bin": "is binary",
        "latin.py": "is no UTF-8 text",
        "link.py": "is a link or cannot be read",
        "pipe": "is no plain file",
    }


def test_a_link_put_in_the_way_leads_nowhere(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "util.py").write_text("mine")
    before = read_folder(folder).files
    (folder / "lib" / "util.py").unlink()
    (folder / "lib").rmdir()
    (folder / "lib").symlink_to(outside)
    with pytest.raises(Failed):
        write_folder(folder, before, {**before, "lib/util.py": "owned", "app.py": "owned"})
    assert (outside / "util.py").read_text() == "mine"
    assert [path.name for path in outside.iterdir()] == ["util.py"]
    assert (folder / "app.py").read_text() == APP
    assert not list(folder.rglob(".votebox-*"))


@pytest.mark.parametrize("path", ["app.py", "new.py"])
def test_a_file_that_changed_meanwhile_is_not_overwritten(folder: Path, path: str) -> None:
    before = read_folder(folder).files
    (folder / path).write_text("newer")
    with pytest.raises(Failed, match="has changed"):
        write_folder(folder, before, {**before, path: "old plan", "lib/util.py": "x"})
    assert (folder / path).read_text() == "newer"
    assert (folder / "lib/util.py").read_bytes() == b"a = 1\r\nb = 2"


def test_a_link_in_place_of_a_file_is_not_followed(folder: Path, tmp_path: Path) -> None:
    before = read_folder(folder).files
    (tmp_path / "victim").write_text(APP)
    (folder / "app.py").unlink()
    (folder / "app.py").symlink_to(tmp_path / "victim")
    with pytest.raises(Failed):
        write_folder(folder, before, {**before, "app.py": "owned"})
    assert (tmp_path / "victim").read_text() == APP


def test_files_are_deleted_and_moved(folder: Path) -> None:
    before = dict(read_folder(folder).files)
    after = {"main.py": before["app.py"], "lib/util.py": before["lib/util.py"]}
    assert write_folder(folder, before, after) == ["app.py", "main.py"]
    assert sorted(read_folder(folder).files) == ["lib/util.py", "main.py"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(BadUsage, match="cannot open the folder"):
        read_folder(tmp_path / "x")
