"""Show the progress of a run: numbers that hold, lines that are few, text that is safe."""

import io

import pytest
from evaluated import chain, made, row
from rich.console import Console

from votebox.cluster.evaluate_report import write_summary
from votebox.cluster.evaluate_rows import Fault
from votebox.cluster.evaluate_screen import EvalScreen, Progress
from votebox.cluster.runs import Run
from votebox.cluster.summary import summarize

NASTY = "\x1b[2Jprompt\u202e"


def test_progress_counts_what_was_there_and_what_comes() -> None:
    progress = Progress(4, [row("a", right=True, tokens_saved=1000)])
    assert progress.line().startswith("1 of 4 · accuracy 100.0%")
    progress.add(row("b", right=False, error=Fault("E", "x")))
    told = progress.line()
    assert told.startswith("2 of 4 · ")
    assert " left · accuracy 50.0% (9.5% to 90.5%) · 1 error · 1,000 tokens saved" in told
    progress.add(row("c", right=None))
    progress.add(row("d", right=None))
    assert "4 of 4" in progress.line()
    assert " left" not in progress.line()


def test_elsewhere_than_on_a_terminal_lines_are_few() -> None:
    stream = io.StringIO()
    with EvalScreen(stream, Progress(100)) as screen:
        screen.show({"type": "stage", "text": NASTY})
        screen.show({"type": "vote_changed"})
        for n in range(100):
            screen.add(row(f"p{n}", right=True))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "prompt"
    assert 2 <= len(lines) <= 4
    assert "100 of 100" in lines[-1]


def test_quiet_says_nothing_but_notes() -> None:
    stream = io.StringIO()
    with EvalScreen(stream, Progress(1), quiet=True) as screen:
        screen.show({"type": "stage", "text": "starting"})
        screen.add(row("a", right=True))
        screen.note("interrupted")
    assert stream.getvalue() == "interrupted\n"


def test_on_a_terminal_both_lines_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    stream = io.StringIO()
    screen = EvalScreen(stream, Progress(2, [row("a", right=True, tokens_saved=10**9)]))
    shown = io.StringIO()
    Console(file=shown, width=60).print(screen._draw())
    lines = shown.getvalue().splitlines()
    assert len(lines) == 2
    assert all(len(line) <= 60 for line in lines)
    assert "1 of 2" in lines[0]
    assert "accuracy 100.0%" in lines[1]


def test_a_summary_shows_prompts_and_obeys_no_text_of_theirs() -> None:
    chains = (chain(0, "2", label=NASTY, model=NASTY), chain(1, None, label="plain"))
    run = made(row("a", right=True, chains=chains, abstained=False), models=(NASTY,))
    out = io.StringIO()
    write_summary(run.head, summarize(run), out)
    text = out.getvalue()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "100.0% (1 of 1), 95 % 20.7% to 100.0%" in text
    assert "plain" in text


def test_a_summary_without_references_says_so() -> None:
    run: Run = made(row("a", right=None))
    out = io.StringIO()
    write_summary(run.head, summarize(run), out)
    assert "unknown: the data set has no answers" in out.getvalue()
