"""Judge what exact rules cannot: right, in bounded time, and in processes that end."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from votebox.plugins.answers import equivalent
from votebox.plugins.asking import askable
from votebox.plugins.judge import Judge

HANG_S = 60.0  # bounds a hang; how fast it is, the benchmark tells
IDENTITY = (r"\sin 2x", r"2\sin x\cos x")

EQUAL = [
    IDENTITY,
    (r"\frac{x^2-1}{x-1}", "x+1"),
    (r"e^{i\pi}", "-1"),
    (r"\ln 4", r"2\ln 2"),
    (r"\sqrt{5+2\sqrt6}", r"\sqrt2+\sqrt3"),
    (r"\sqrt{\frac{1}{n}}", r"\frac{1}{\sqrt{n}}"),
    (r"\binom{n}{2}", r"\frac{n(n-1)}{2}"),
    (r"\cos(2\theta)", r"1-2\sin^2\theta"),
    (r"\int_0^1 x^2 dx", r"\frac13"),
    (r"\tan 75^\circ", r"2+\sqrt3"),
    ("3<x", "x>3"),
    ("-793 < a < 10", "(-793, 10)"),
    ("2x+4y-3=0", r"y=-\frac12x+\frac34"),
    ("x^2+y^2=1", "2x^2+2y^2=2"),
    (r"\{\ln 4, 2\}", r"\{2, 2\ln 2\}"),
    (r"\cos x\cos y-\sin x\sin y", r"\cos(x+y)"),
    (r"\sin 3x", r"3\sin x-4\sin^3 x"),
    (r"\cosh x", r"\frac{e^x+e^{-x}}{2}"),
    (r"\sum_{k=1}^{n} k", r"\frac{n(n+1)}{2}"),
    (r"\int_0^\pi \sin x dx", "2"),
    (r"\lim_{n\to\infty}\frac1n", "0"),
    (r"\sin(x+\pi)", r"-\sin x"),
    (r"\sqrt{x^2}", "|x|"),
    (r"\ln(x^2)", r"2\ln x"),
]
DIFFERENT = [
    (r"1-\frac{1}{e}", r"1+\frac{1}{e}"),  # what follows is equal to math-verify 0.9.0 alone
    (r"\frac{1}{2004!}", r"\frac{1}{2006!}"),
    ("2^{-99}", "2^{-98}"),
    ("4", r"4\sqrt{2}"),
    ("2x+3y=5", "3x+2y=5"),
    (r"\ln(2)^{-99}e", r"\ln(2)^{-98}e"),
    (r"\{1-\frac{\ln 2}{e}, 2\}", r"\{1+\frac{\ln 2}{e}, 2\}"),
    ("3t", "3s"),
    (r"e^{\pi\sqrt{163}}", "262537412640768744"),  # equal to 30 digits
    ("|x-10|", "10-x"),  # equal below 10
    (r"\sqrt{x^2}", "x"),
    (r"\log_2 8x", "3x"),
    ("x", "y"),
    ("x>2", r"x\geq 2"),
    (r"\cos 2x", r"1-\sin^2 x"),
    (r"\sin(x+y)", r"\sin x+\sin y"),
]


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    judge = Judge()
    yield judge
    judge.close()


@pytest.fixture
async def fresh() -> AsyncIterator[Judge]:
    judge = Judge(concurrency=2)
    yield judge
    await judge.aclose()


def group_of(judge: Judge) -> int:
    """Return the process of the judge's server, which is its process group, too."""
    return judge._bench._process._process.process.pid


def processes(group: int) -> list[int]:
    """Return the processes of a group that still run."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                state, _, pgrp = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:3]
            except OSError:
                continue
            if int(pgrp) == group and state != "Z":
                found.append(int(folder.name))
    return found


def gone(group: int) -> bool:
    """Wait until no process of the group runs."""
    until = time.monotonic() + HANG_S
    while processes(group) and time.monotonic() < until:
        time.sleep(0.05)
    return not processes(group)


async def at_work(group: int) -> None:
    """Wait until the server has a child."""
    async with asyncio.timeout(HANG_S):
        while len(processes(group)) < 2:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("a", "b"), EQUAL)
def test_equal_in_both_directions(judge: Judge, a: str, b: str) -> None:
    assert (judge.same_blocking(a, b), judge.same_blocking(b, a)) == (True, True)


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_different_in_both_directions(judge: Judge, a: str, b: str) -> None:
    assert (judge.same_blocking(a, b), judge.same_blocking(b, a)) == (False, False)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("12:00", "1:00"),  # divisions by zero
        (r"\frac{x}{0}", r"\frac{y}{0}"),
        ("101_2", "101_3"),  # math-verify drops bases, primes and case
        ("x'", "x"),
        ("A'B'+1", "AB+1"),
        ("ab+1", "AB+1"),
        (r"\frac{dy}{dx}", r"\frac{dz}{dx}"),
        (r"\left(", "x"),
        ("", "x"),
    ],
)
def test_what_has_no_value_or_would_be_misread_is_not_equal(judge: Judge, a: str, b: str) -> None:
    assert judge.same_blocking(a, b) is not True


HANG = (r"\prod_{k=1}^{10^{9}} (x+k)", "x")
HANGS = [
    HANG,
    (r"\int_0^{10} e^{x^3\sin x} dx", r"3\ln x"),
    (r"\int_0^\infty \frac{\sin(x^x)}{\ln(x+\sqrt{x^{7}+1})} dx", "y"),
    (r"\sum_{k=1}^{100000000} \frac{\sin k}{k^k+\ln k}", "y"),
    ("(" * 200 + "x" + ")" * 200 + r"\sin x", r"\cos x"),
    ("x^" * 150 + "x", "x"),
    (r"\sqrt{" * 100 + "x" + "}" * 100, r"\sin x"),
    (r"x^{9^{9^{9}}}", "x"),
    (r"((((9^{99})^{99})^{99})^{99})^{99}\ln 2", "x"),
    (r"(99999!)! \ln 2", "x"),
    (r"\binom{10^{9}}{5\cdot 10^{8}}\ln x", "x"),
    (r"(x+y+z+a+b+c)^{300}", r"(a+b+c+x+y+z)^{300}+\ln a"),
]


@pytest.mark.parametrize(("a", "b"), HANGS, ids=range(len(HANGS)))
def test_no_input_takes_long(judge: Judge, a: str, b: str) -> None:
    judge.same_blocking(*IDENTITY)  # the start of the server is aside
    started = time.monotonic()
    assert judge.same_blocking(a, b) is not True
    assert time.monotonic() - started < HANG_S


def test_a_huge_number_is_never_asked_about(fresh: Judge) -> None:
    for text in ("9^{9^{9}}+\\ln 2", "9^{99999}\\ln 2", "99999!\\ln 2", "1000!!\\ln 2"):
        assert askable(text, "x") is None
        assert fresh.same_blocking(text, "x") is None
    assert (fresh.stats.refused, fresh.stats.starts) == (4, 0)
    assert askable(r"e^{-x^2}", r"\frac{1}{2004!}") is not None


HOSTILE = "__import__('os').system('touch {path}')"


@pytest.mark.parametrize(
    "wrap",
    [
        "{}",
        "${}$",
        r"\text{{{}}}",
        r"\operatorname{{{}}}(x)",
        r"x_{{{}}}",
        "f({})",
        r"\sqrt{{{}}}+x",
        "1+{}",
        r"\begin{{pmatrix}}{}&1\end{{pmatrix}}",
        "x={}",
        r"\gcd({},2)",
    ],
)
def test_text_is_never_run_as_python(judge: Judge, tmp_path: Path, wrap: str) -> None:
    path = tmp_path / "touched"
    text = HOSTILE.format(path=path)
    assert judge.same_blocking(wrap.format(text), "x+y") is not True
    assert not path.exists()


def test_a_child_that_would_run_text_refuses() -> None:
    """Feed sympy's own evaluating reader in a confined child: the wall behind the wall."""
    code = (
        "import os, sympy\n"
        "from votebox.plugins import judging\n"
        "writing = WRITING\n"
        "judging._confine(writing)\n"
        "try:\n"
        "    sympy.sympify('x.__class__')\n"
        "except BaseException as e:\n"
        "    os.write(3, type(e).__name__.encode())\n"
        "os._exit(0)\n"
    )
    reading, writing = os.pipe()
    code = code.replace("WRITING", str(writing))
    subprocess.run([sys.executable, "-c", code], pass_fds=[writing], check=True)
    os.close(writing)
    with os.fdopen(reading) as told:
        assert told.read() == "_Refused"


def test_a_decided_pair_starts_nothing() -> None:
    judge = Judge()
    threads = threading.active_count()
    assert judge.same_blocking("0.5", r"\frac12") is True
    assert judge.same_blocking("(1, 2)", "(2, 1)") is False
    assert (judge.stats.starts, threading.active_count()) == (0, threads)
    judge.close()


async def test_a_pair_is_compared_once_and_shared_while_it_is(fresh: Judge) -> None:
    a, b = IDENTITY
    assert (
        await asyncio.gather(*(fresh.same(a, b) for _ in range(5)), fresh.same(b, a)) == [True] * 6
    )
    assert (fresh.stats.asked, fresh.stats.known) == (1, 5)
    assert await fresh.same(b, a) is True
    assert (fresh.stats.asked, fresh.stats.known) == (1, 6)


async def test_the_least_recently_used_pair_is_forgotten() -> None:
    judge = Judge(remember=2)
    pairs = [("\\sin x", f"{n}\\cos x") for n in range(1, 4)]
    for pair in [*pairs[:2], pairs[0], pairs[2], pairs[0], pairs[1]]:
        assert await judge.same(*pair) is False
    assert (judge.stats.asked, judge.stats.known) == (4, 2)
    await judge.aclose()


def test_two_event_loops_and_other_threads_share_a_judge(judge: Judge) -> None:
    found: list[bool | None] = []

    def ask() -> None:
        found.append(asyncio.run(judge.same(*IDENTITY)))
        found.append(judge.same_blocking("\\sin x", "\\cos x"))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_S)
    assert sorted(map(str, found)) == ["False"] * 3 + ["True"] * 3


def test_servers_that_lived_long_are_always_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("votebox.plugins.judging_process._SOUND_S", 0.0)
    judge = Judge()
    for number in range(3):
        assert judge.same_blocking("\\sin x", f"{number + 2}\\cos x") is False
        server = group_of(judge)
        os.kill(server, signal.SIGKILL)
        assert gone(server)
    assert judge.stats.starts == 3
    judge.close()


def test_a_killed_server_is_started_again_once(caplog: pytest.LogCaptureFixture) -> None:
    judge = Judge()
    assert judge.same_blocking(*IDENTITY) is True
    first = group_of(judge)
    os.kill(first, signal.SIGKILL)
    assert gone(first)
    assert judge.same_blocking("\\sin x", "\\cos x") is False
    second = group_of(judge)
    assert (judge.stats.starts, first != second) == (2, True)
    os.kill(second, signal.SIGKILL)
    assert gone(second)
    with caplog.at_level(logging.WARNING):
        assert judge.same_blocking("\\sin x", "2\\cos x") is None
        assert judge.same_blocking("\\sin x", "3\\cos x") is None
    assert [r.message for r in caplog.records if "ended twice" in r.message] != []
    assert len(caplog.records) == 1
    assert judge.same_blocking(*IDENTITY) is True  # what is known stays known
    judge.close()


async def test_a_server_killed_while_it_compares_is_asked_again(fresh: Judge) -> None:
    await fresh.same(*IDENTITY)
    group = group_of(fresh)
    asked = asyncio.create_task(fresh.same(*HANG))
    await at_work(group)
    os.kill(group, signal.SIGKILL)
    assert await asyncio.wait_for(asked, HANG_S) is None
    assert fresh.stats.starts == 2
    assert gone(group)  # its child has an alarm of its own


async def test_cancelling_the_last_who_waits_ends_the_comparison(fresh: Judge) -> None:
    await fresh.same(*IDENTITY)
    group = group_of(fresh)
    asked = [asyncio.create_task(fresh.same(*HANG)) for _ in range(2)]
    await at_work(group)
    asked[0].cancel()
    await asyncio.wait(asked[:1])
    assert asked[0].cancelled()
    assert not asked[1].done()
    asked[1].cancel()
    await asyncio.wait(asked)
    until = time.monotonic() + HANG_S
    while processes(group) != [group] and time.monotonic() < until:
        await asyncio.sleep(0.01)
    assert processes(group) == [group]
    assert await fresh.same("\\sin x", "\\cos x") is False
    assert fresh.stats.starts == 1


async def test_cancelling_while_the_server_starts_leaves_one_server(fresh: Judge) -> None:
    asked = asyncio.create_task(fresh.same(*IDENTITY))
    await asyncio.sleep(0.2)
    asked.cancel()
    await asyncio.wait([asked])
    assert await fresh.same(*IDENTITY) is True
    assert fresh.stats.starts == 1


async def test_closing_ends_server_and_children_and_who_waits_is_told_nothing() -> None:
    judge = Judge()
    await judge.same(*IDENTITY)
    group = group_of(judge)
    asked = asyncio.create_task(judge.same(*HANG))
    await at_work(group)
    await judge.aclose()
    assert gone(group)
    assert await asyncio.wait_for(asked, HANG_S) is None
    assert await judge.same("\\sin x", "\\cos x") is None
    await judge.aclose()


@pytest.mark.parametrize("how", ["os.kill(os.getpid(), 9)", "raise SystemExit"])
def test_the_server_ends_with_its_parent(how: str) -> None:
    code = (
        "import os, sys\n"
        "from votebox.plugins.judge import Judge\n"
        "judge = Judge()\n"
        f"judge.same_blocking(*{IDENTITY!r})\n"
        "print(judge._bench._process._process.process.pid, flush=True)\n"
        f"{how}\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert gone(int(done.stdout))
    assert done.stderr == ""


def test_a_judge_works_in_a_process_that_runs_on_uvloop() -> None:
    code = (
        "import asyncio, uvloop\n"
        "from votebox.plugins.judge import Judge\n"
        "asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())\n"
        "async def main():\n"
        "    judge = Judge()\n"
        f"    print(await judge.same(*{IDENTITY!r}))\n"
        "    await judge.aclose()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=HANG_S * 2)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_without_math_verify_pairs_are_undecided_and_it_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "math_verify.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    judge = Judge()
    with caplog.at_level(logging.WARNING):
        assert judge.same_blocking(*IDENTITY) is None
        assert judge.same_blocking("\\sin x", "\\cos x") is None
    (record,) = caplog.records
    assert "votebox[verify]" in record.message
    assert judge.same_blocking("0.5", r"\frac12") is True
    judge.close()


def test_the_examples_are_what_exact_rules_leave_undecided() -> None:
    assert sum(equivalent(a, b) is None for a, b in EQUAL) >= 12
    assert sum(equivalent(a, b) is None for a, b in DIFFERENT) >= 8
