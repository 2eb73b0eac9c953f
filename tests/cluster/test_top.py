import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from commands import command, environment, votebox
from fake_app import serving
from fake_solves import FakeSolves, solve_object
from terminals import Typed

LEAVE = "\x1b[?1049l"
SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def watched(
    app: FakeSolves, tmp_path: Path, columns: int = 120, lines: int = 24
) -> Iterator[Typed]:
    with serving(app) as url:
        terminal = Typed(command("top", "--url", url), environment(tmp_path), columns, lines)
        try:
            yield terminal
        finally:
            terminal.close()


def assert_given_back(terminal: Typed) -> None:
    assert terminal.now == terminal.before
    assert LEAVE in terminal.raw
    assert terminal.raw.rfind(SHOW_CURSOR) > terminal.raw.rfind("\x1b[?25l")


def test_the_table_lives_and_q_leaves_it(tmp_path: Path) -> None:
    with watched(FakeSolves(grows=1_000), tmp_path) as terminal:
        screen = terminal.until("2 running, 1 queued")
        assert "solve-3" in screen
        assert "6576 80%" in screen
        assert "5/16" in screen
        terminal.until("tokens/s")
        first = terminal.screen
        terminal.until("9,321")  # it looks again by itself
        assert terminal.screen != first
        terminal.type("q")
        assert terminal.ended() == 0
        assert_given_back(terminal)


def test_a_solve_is_cancelled_after_a_yes_only(tmp_path: Path) -> None:
    app = FakeSolves([solve_object("solve-a", "running"), solve_object("solve-b", "running")])
    app.solves[1]["created"] -= 100  # the list has the newest first
    with watched(app, tmp_path) as terminal:
        terminal.until("2 running")
        terminal.type("\x1b[Bc")
        terminal.until("cancel solve-b?")
        terminal.type("n")
        terminal.until("not cancelled")
        assert [s["status"] for s in app.solves] == ["running", "running"]
        terminal.type("kjc")
        terminal.until("cancel solve-b?")
        terminal.type("y")
        terminal.until("solve-b cancelled")
        assert [s["status"] for s in app.solves] == ["running", "cancelled"]
        terminal.until("1 running")
        terminal.type("c")
        terminal.until("solve-b has ended")
        terminal.type("q")
        assert terminal.ended() == 0


def test_enter_shows_one_solve_in_full(tmp_path: Path) -> None:
    question = "What is the sum? " * 20 + "THE END"
    with watched(FakeSolves([solve_object("one", "running", question=question)]), tmp_path) as t:
        t.until("1 running")
        t.type("\r")
        screen = t.until("THE END")
        assert "req-one" in screen
        assert "2 more votes would decide" in screen
        t.type("\x1b")
        t.until("Enter details")
        t.type("q")
        assert t.ended() == 0


def test_a_hostile_solve_writes_no_control_sequence(tmp_path: Path) -> None:
    with watched(FakeSolves(), tmp_path) as terminal:
        terminal.until("[bold red]markup")
        terminal.type("\r")
        terminal.until("second line")
        terminal.type("q")
        assert terminal.ended() == 0
        assert "\x1b]0;" not in terminal.raw
        assert "\x1b[2J" not in terminal.raw.partition("\x1b[?1049h")[2].replace(
            "\x1b[2J\x1b[H", ""
        )
        assert "\u202e" not in terminal.raw


def test_the_table_follows_the_size_of_the_terminal(tmp_path: Path) -> None:
    many = [solve_object(f"solve-{n:02d}", "running") for n in range(40)]
    with watched(FakeSolves(many), tmp_path, columns=140, lines=30) as terminal:
        wide = terminal.until("alice")
        assert wide.count("solve-") == 27
        terminal.resize(50, 10)
        terminal.until("solve-39")
        for _ in range(50):
            terminal._read()
            if "alice" not in terminal.screen and terminal.screen.count("solve-") == 7:
                break
        assert terminal.screen.count("solve-") == 7
        assert max(len(line) for line in terminal.screen.splitlines()) <= 50
        terminal.type("G")
        terminal.until("solve-00")
        terminal.type("q")
        assert terminal.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back(tmp_path: Path, number: int) -> None:
    with watched(FakeSolves(), tmp_path) as terminal:
        terminal.until("2 running")
        terminal.process.send_signal(number)
        assert terminal.ended() == 130
        assert_given_back(terminal)
        assert "Traceback" not in terminal.raw


def test_ctrl_c_gives_the_terminal_back_and_ctrl_z_does_nothing(tmp_path: Path) -> None:
    with watched(FakeSolves(), tmp_path) as terminal:
        terminal.until("2 running")
        terminal.type("\x1a\r")
        terminal.until("Esc back")
        terminal.type("\x03")
        assert terminal.ended() == 130
        assert_given_back(terminal)


def test_an_error_gives_the_terminal_back(tmp_path: Path) -> None:
    code = (
        "from votebox.cluster.top_terminal import Terminal\n"
        "from rich.text import Text\n"
        "with Terminal() as terminal:\n"
        "    terminal.show(Text('on the screen'))\n"
        "    terminal.keys(0.5)\n"
        "    raise ZeroDivisionError\n"
    )
    terminal = Typed([sys.executable, "-c", code], environment(tmp_path))
    try:
        assert terminal.ended() == 1
        assert "on the screen" in terminal.raw
        assert "ZeroDivisionError" in terminal.raw.partition(LEAVE)[2]
        assert_given_back(terminal)
    finally:
        terminal.close()


def test_an_app_that_goes_away_is_waited_for(tmp_path: Path) -> None:
    app, broken = FakeSolves(), False

    def answer(what: str, body: object) -> tuple[int, object]:
        return (500, {"error": {"message": "out of order"}}) if broken else app(what, {})

    with serving(answer) as url:
        terminal = Typed(command("top", "--url", url), environment(tmp_path))
        try:
            terminal.until("2 running")
            broken = True
            assert "solve-1" in terminal.until("out of order")
            broken = False
            terminal.until("Enter details")
            terminal.type("q")
            assert terminal.ended() == 0
        finally:
            terminal.close()


def test_without_a_terminal_the_table_is_printed_once(tmp_path: Path) -> None:
    with serving(FakeSolves()) as url:
        done = votebox("top", "--url", url, env=environment(tmp_path))
        same = votebox("top", "--once", "--url", url, env=environment(tmp_path))
    assert done.returncode == same.returncode == 0
    first, head, *rows = done.stdout.splitlines()
    assert first.startswith("ready: 2 running, 1 queued, 2 solves/min, ")
    assert head.split() == [
        "id",
        "age",
        "status",
        "recipe",
        "key",
        "chains",
        "leader",
        "tokens",
        "tok/s",
        "question",
    ]
    assert [row.split()[0] for row in rows] == [
        "solve-2",
        "solve-1",
        "solve-3",
        "solve-5",
        "solve-4",
    ]
    assert not set("\x1b\x07\u202e") & set(done.stdout)


def test_json_is_one_object(tmp_path: Path) -> None:
    with serving(FakeSolves()) as url:
        done = votebox("top", "--json", "--url", url, env=environment(tmp_path))
        told = json.loads(done.stdout)
        assert done.stdout.isascii()
        assert (told["url"], told["status"], told["running"]) == (url, "ready", 2)
    by_id = {solve["id"]: solve for solve in told["solves"]}
    assert by_id["solve-1"]["votes"] == [["6576", 4.0], ["12", 1.0]]
    assert by_id["solve-1"]["share"] == 0.8
    assert by_id["solve-5"]["error"].startswith("the engine died")
    assert told["tokens_per_second"] == pytest.approx(2 * 4321 / 60, rel=0.2)


def test_solves_older_than_the_newest_are_shown_while_they_run(tmp_path: Path) -> None:
    ended = [solve_object(f"done-{n}", "completed") for n in range(80)]
    app = FakeSolves([*ended, solve_object("old", "running"), solve_object("waits", "queued")])
    with serving(app) as url:
        done = votebox("top", "--json", "--url", url, env=environment(tmp_path))
    ids = [solve["id"] for solve in json.loads(done.stdout)["solves"]]
    assert ids[:2] == ["old", "waits"]
    assert len(ids) == 52


def test_without_an_app_it_says_what_to_do(tmp_path: Path) -> None:
    done = votebox("top", env=environment(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "votebox: no app is running; start one with `votebox up`, or give --url\n"
    )


def test_cancel_ends_what_runs_and_leaves_what_has_ended(tmp_path: Path) -> None:
    app = FakeSolves()
    with serving(app) as url:
        done = votebox("cancel", "solve-1", "solve-4", "--url", url, env=environment(tmp_path))
    assert done.returncode == 0
    assert done.stdout == "solve-1 cancelled\nsolve-4 had ended (completed)\n"
    assert app.status("solve-1") == "cancelled"
    assert app.status("solve-4") == "completed"  # an app forgets an ended solve on DELETE


def test_cancel_goes_on_after_an_id_there_is_not(tmp_path: Path) -> None:
    app = FakeSolves()
    with serving(app) as url:
        ids = ("../ready", "none", "solve-3")
        done = votebox("cancel", *ids, "--url", url, env=environment(tmp_path))
    assert done.returncode == 2
    assert done.stdout == "solve-3 cancelled\n"
    assert "'../ready' is no id of a solve" in done.stderr
    assert "there is no solve 'none'" in done.stderr
    assert not [what for what in app.asked if "ready" in what]


def test_cancel_all_reads_every_page(tmp_path: Path) -> None:
    app = FakeSolves([solve_object(f"s{n}", "running") for n in range(7)], most=3)
    app.solves.append(solve_object("waits", "queued"))
    with serving(app) as url:
        done = votebox("cancel", "--all", "--url", url, env=environment(tmp_path))
        again = votebox("cancel", "--all", "--url", url, env=environment(tmp_path))
    assert done.returncode == again.returncode == 0
    assert {s["status"] for s in app.solves} == {"cancelled"}
    assert len(done.stdout.splitlines()) == 8
    assert again.stdout == "nothing runs or waits\n"


@pytest.mark.parametrize("arguments", [(), ("x", "--all")])
def test_cancel_wants_ids_or_all(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = votebox("cancel", *arguments, env=environment(tmp_path))
    assert done.returncode == 2
    assert "give ids" in done.stderr


def test_the_key_is_sent_from_the_variable_that_is_named(tmp_path: Path) -> None:
    seen: list = []
    with serving(FakeSolves(), seen) as url:
        keys = {"VOTEBOX_API_KEY": "vb-one", "OTHER": "vb-two"}
        for more in ((), ("--key-env", "OTHER"), ("--key-env", "UNSET")):
            votebox("top", "--url", url, *more, env=environment(tmp_path, **keys))
    sent = [headers.get("Authorization") for headers in seen]
    assert sent == ["Bearer vb-one"] * 2 + ["Bearer vb-two"] * 2 + [None] * 2


def test_a_key_that_no_header_can_carry_is_not_shown(tmp_path: Path) -> None:
    env = environment(tmp_path, VOTEBOX_API_KEY="secret\nX-Evil: 1")
    with serving(FakeSolves()) as url:
        done = votebox("top", "--url", url, env=env)
    assert done.returncode == 2
    assert "VOTEBOX_API_KEY" in done.stderr
    assert "secret" not in done.stderr + done.stdout


def test_an_app_that_wants_a_key_says_where_it_goes(tmp_path: Path) -> None:
    error = {"error": {"message": "no such key", "type": "authentication_error"}}
    with serving(lambda what, body: (401, error)) as url:
        done = votebox("top", "--url", url, env=environment(tmp_path))
    assert done.returncode == 2
    assert done.stderr == "votebox: no such key; set VOTEBOX_API_KEY to one it knows\n"


def test_a_server_that_is_no_votebox_app_is_named(tmp_path: Path) -> None:
    with serving(lambda what, body: (200, [1, 2])) as url:
        done = votebox("top", "--url", url, env=environment(tmp_path))
    assert done.returncode == 1
    assert "is it a votebox app?" in done.stderr
    assert os.linesep in done.stderr
