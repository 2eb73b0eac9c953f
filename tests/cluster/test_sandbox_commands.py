"""`votebox sandbox`: a program's output and exit code, files in and out, clear refusals."""

import json
from pathlib import Path

import pytest
from commands import environment, votebox


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_output_and_exit_code_are_the_programs(here: Path) -> None:
    (here / "p.py").write_text(
        "import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(7)\n"
    )
    done = votebox("sandbox", "run", "p.py", env=environment(here))
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_files_go_in_and_come_out(here: Path) -> None:
    (here / "in.txt").write_text("data")
    code = "open('out.txt', 'w').write(open('in.txt').read().upper())"
    arguments = ("-", "--file", "in.txt", "--collect", "out.txt", "--collect", "missing")
    done = votebox("sandbox", "run", *arguments, env=environment(here), stdin=code)
    assert done.returncode == 0
    assert (here / "out.txt").read_text() == "DATA"
    assert "left no file 'missing'" in done.stderr


def test_json_is_the_whole_execution(here: Path) -> None:
    options = ("--echo", "--json", "--backend", "once")
    done = votebox("sandbox", "run", "-", *options, env=environment(here), stdin="6 * 7")
    found = json.loads(done.stdout)
    assert (found["status"], found["stdout"], found["exit_code"]) == ("ok", "42\n", 0)
    assert found["isolation"].startswith("nsjail+userns")


def test_what_ended_it_is_said(here: Path) -> None:
    options = ("--wall-s", "0.5")
    done = votebox("sandbox", "run", "-", *options, env=environment(here), stdin="while True: pass")
    assert done.returncode == 1
    assert "votebox: timeout after 0.5" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nope.py",), "cannot read nope.py"),
        (("binary.py",), "not UTF-8"),
        (("p.py", "--wall-s", "1e9"), "at most 120"),
        (("p.py", "--memory-mib", "0"), "memory_mib=0"),
        (("p.py", "--file", "nope"), "cannot read nope"),
        (("/dev/zero",), "more than 4 MiB"),
        (("p.py", "--file", "/dev/zero"), "more than 64 MiB"),
        (("p.py", "--collect", "p.py"), "p.py exists here"),
        (("p.py", "--backend", "docker"), "docker"),
    ],
)
def test_bad_usage_is_one_line(here: Path, arguments: tuple[str, ...], words: str) -> None:
    (here / "p.py").write_text("print(1)")
    (here / "binary.py").write_bytes(b"\xff\xfe")
    done = votebox("sandbox", "run", *arguments, env=environment(here))
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_collect_stays_in_this_folder(here: Path) -> None:
    done = votebox("sandbox", "run", "-", "--collect", "../x", env=environment(here), stdin="1")
    assert done.returncode == 1
    assert not (here.parent / "x").exists()


def test_bench_measures(here: Path) -> None:
    done = votebox("sandbox", "bench", "--programs", "4", "--json", env=environment(here))
    found = json.loads(done.stdout)
    assert found["programs_per_s"] > 0
    assert found["median_ms"] > 0
