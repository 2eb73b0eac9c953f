import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import marked

from votebox.cluster.keeper import Charge, start_keeper

DETACHING = """
import os, subprocess, sys, time
subprocess.Popen(["sleep", "600"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(sys.argv[1], "w").write("up")
        time.sleep(600)
    os._exit(0)
{then}
"""


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    mark = f"VOTEBOX_TEST_MARK={tmp_path}"
    monkeypatch.setenv(*mark.split("="))
    return mark


def until(what: Callable[[], bool], limit_s: float = 20) -> bool:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return what()


def charge(tmp_path: Path, then: str, **more: object) -> Charge:
    script = DETACHING.format(then=then)
    return Charge((sys.executable, "-c", script, str(tmp_path / "up")), grace_s=0.2, **more)  # type: ignore[arg-type]


def others(mark: str) -> list[str]:
    """Return the marked processes but for this one and its ended children."""
    return [line for line in marked(mark) if not line.startswith(f"{os.getpid()} ")]


def test_what_detaches_itself_ends_with_the_command(tmp_path: Path, mark: str) -> None:
    then = "time.sleep(1); sys.exit(7)"
    keeper = start_keeper(charge(tmp_path, then), tmp_path / "log")
    assert until((tmp_path / "up").exists)
    assert len(others(mark)) >= 3
    assert keeper.wait(20) == 7
    assert not others(mark)


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_command_and_all_below(tmp_path: Path, mark: str, told: int) -> None:
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    keeper = start_keeper(charge(tmp_path, stubborn), tmp_path / "log")
    assert until((tmp_path / "up").exists)
    keeper.send_signal(told)
    assert keeper.wait(20) == 128 + told
    assert not others(mark)


def test_a_tied_keeper_ends_with_its_parent_however_that_dies(tmp_path: Path, mark: str) -> None:
    parent = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from votebox.cluster.keeper import Charge, start_keeper\n"
        "command = (sys.executable, '-c', sys.argv[1], sys.argv[2])\n"
        "start_keeper(Charge(command, parent=os.getpid(), grace_s=0.2), Path(sys.argv[3]))\n"
        "time.sleep(600)\n"
    )
    script = DETACHING.format(then="time.sleep(600)")
    arguments = [script, str(tmp_path / "up"), str(tmp_path / "log")]
    process = subprocess.Popen([sys.executable, "-c", parent, *arguments])
    assert until((tmp_path / "up").exists)
    process.kill()
    process.wait()
    assert until(lambda: not others(mark)), others(mark)


def test_a_killed_keeper_takes_its_command_along_and_the_next_one_cleans_up(
    tmp_path: Path, mark: str
) -> None:
    show = "import os; print(os.environ['VOTEBOX_SCRATCH'], flush=True)"
    log = tmp_path / "log"
    command = (sys.executable, "-c", f"{show}; import time; time.sleep(600)")
    keeper = start_keeper(Charge(command), log)
    assert until(lambda: log.read_text().endswith("\n"))
    scratch = Path(log.read_text().strip())
    assert scratch.is_dir()
    other = start_keeper(Charge((sys.executable, "-c", "")), tmp_path / "other")
    assert other.wait(20) == 0
    assert scratch.is_dir()  # a living keeper's is left alone
    keeper.kill()
    keeper.wait()
    assert until(lambda: not others(mark)), others(mark)
    assert start_keeper(Charge((sys.executable, "-c", "")), tmp_path / "other").wait(20) == 0
    assert not scratch.exists()


def test_the_scratch_folder_and_the_files_to_forget_are_removed(tmp_path: Path) -> None:
    show = "import os; print(os.environ['VOTEBOX_SCRATCH']); open(os.environ['VOTEBOX_SCRATCH'] + '/f', 'w')"
    (tmp_path / "app.json").touch()
    forget = (str(tmp_path / "app.json"), str(tmp_path / "not there"))
    log = tmp_path / "log"
    assert start_keeper(Charge((sys.executable, "-c", show), forget=forget), log).wait(20) == 0
    assert not Path(log.read_text().strip()).exists()
    assert not (tmp_path / "app.json").exists()


def test_the_reader_of_a_pipe_sees_its_end_while_the_keeper_lives(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    script = (
        f"import os; os.write({writer}, b'said'); os.close({writer}); import time; time.sleep(600)"
    )
    keeper = start_keeper(
        Charge((sys.executable, "-c", script), pass_fds=(writer,)), tmp_path / "log"
    )
    os.close(writer)
    with os.fdopen(reader, "rb") as events:
        assert events.read() == b"said"
    assert keeper.poll() is None
    keeper.terminate()
    keeper.wait(20)
