import os
import time
from pathlib import Path

import pytest

from votebox.cluster.state import App, claim, forget_app, new_log, read_app, state_dir, write_app

APP = App("http://127.0.0.1:8000", 1, 2.0, "log", ready=True)


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "not yet there"))


def test_an_app_is_running_while_its_lock_is_held() -> None:
    lock = claim()
    assert lock is not None
    assert claim() is None
    write_app(APP)
    assert read_app() == APP
    os.close(lock)
    assert read_app() is None


def test_a_stale_file_is_no_app() -> None:
    write_app(APP)
    assert read_app() is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": 1}', '{"unknown": 1}'])
def test_a_broken_file_is_no_app(text: str) -> None:
    lock = claim()
    assert lock is not None
    (state_dir() / "app.json").write_text(text)
    assert read_app() is None
    os.close(lock)


def test_forgetting_twice_is_fine() -> None:
    write_app(APP)
    forget_app()
    forget_app()
    assert not list(state_dir().glob("*.json"))


def test_state_is_closed_to_others() -> None:
    assert state_dir().stat().st_mode & 0o077 == 0
    assert new_log("x").stat().st_mode & 0o077 == 0


def test_the_oldest_logs_are_dropped() -> None:
    folder = state_dir() / "logs"
    folder.mkdir()
    for n in range(30):
        path = folder / f"solve-{n:02}.log"
        path.touch()
        os.utime(path, (time.time() - 100 + n,) * 2)
    new_log("solve")
    assert len(list(folder.iterdir())) == 20
    assert not (folder / "solve-00.log").exists()
    assert (folder / "solve-29.log").exists()
