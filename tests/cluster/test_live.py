import io

import pytest
from recorded import ABSTAINED, NASTY, VERDICT, solve_events
from rich.console import Console

from votebox.cluster.live import Board, bar, render
from votebox.cluster.result import write_json, write_verdict
from votebox.cluster.screen import Screen


def drawn(board: Board, width: int = 80, height: int = 24) -> str:
    console = Console(file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False)
    with console.capture() as capture:
        console.print(render(board, 1.5, width, height))
    return capture.get()


def board_after(count: int) -> Board:
    board = Board()
    for event in solve_events()[:count]:
        board.apply(event)
    return board


def test_a_start_shows_what_is_happening_and_since_when() -> None:
    assert "loading the model" in drawn(board_after(1))
    assert "2 s" in drawn(board_after(1))


def test_a_board_shows_chains_programs_votes_and_what_would_decide() -> None:
    text = drawn(board_after(15))
    assert "vote · 5 chains · m · seed 7" in text
    assert "✓ 0 8 tok 6576" in text
    assert "[ok] 6576" in text
    assert "1 of 5 chains finished · 2 more votes for 6576 would decide" in text
    assert "runs: print(137 * 48)" in drawn(board_after(11))


def test_a_provider_that_fails_is_told_apart_from_what_a_chain_writes() -> None:
    told = {"chain": 1, "node": "think", "provider": "Odd", "problem": "provider Odd failed: no"}
    board, stream = board_after(4), io.StringIO()
    board.apply({"type": "provider_failed", "again": True, **told})
    assert "provider Odd failed: no" in drawn(board)
    with Screen(stream) as screen:
        for again in (True, False):
            screen.show({"type": "provider_failed", "again": again, **told})
    first, second = stream.getvalue().splitlines()
    assert first.endswith("chain 1: provider Odd failed: no; asked again")
    assert second.endswith("chain 1: provider Odd failed: no; the chain ends")


@pytest.mark.parametrize("count", range(1, len(solve_events()) + 1))
def test_no_event_makes_the_terminal_obey_the_model(count: int) -> None:
    text = drawn(board_after(count))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 10), (20, 5), (200, 60)])
def test_a_board_of_many_chains_fits_the_terminal(width: int, height: int) -> None:
    board = board_after(15)
    board.planned = 4000
    for n in range(4000):
        board.apply({"type": "chain_started", "chain": n, "label": ""})
    lines = drawn(board, width, height).splitlines()
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert any("more chains" in line for line in lines)


def test_markup_of_a_model_is_text() -> None:
    assert "[bold red]markup[/]" in drawn(board_after(9))


def test_bars_are_full_empty_or_in_between() -> None:
    assert bar(1.5, 4) == "━━━━"
    assert bar(-1, 4) == "    "
    assert bar(0.5, 4) == "━━  "


def test_elsewhere_than_on_a_terminal_progress_is_sparse_plain_lines() -> None:
    stream = io.StringIO()
    with Screen(stream) as screen:
        for event in solve_events():
            screen.show(event)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("s] loading the model")
    assert lines[1].endswith("s] asking 5 chains of m (recipe vote)")


def test_a_verdict_starts_with_the_answer_and_holds_the_votes() -> None:
    stream = io.StringIO()
    write_verdict(VERDICT, stream)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "6576"
    assert any(line.startswith("6576") and " 3 " in line for line in lines[1:])
    assert "confidence 75% · stopped by fhpc:0.02 · 5 chains, 1 stopped early" in lines[-1]
    assert "\x1b" not in stream.getvalue()


def test_a_verdict_without_answer_says_so_and_why() -> None:
    stream = io.StringIO()
    write_verdict(ABSTAINED, stream)
    assert stream.getvalue().startswith("no answer: no chain gave an answer\n")


def test_a_verdict_that_was_cut_short_says_so() -> None:
    stream = io.StringIO()
    cut = {**VERDICT, "stop_reason": "deadline", "stopped_by": None, "ladder_s": 60.0}
    write_verdict(cut, stream)
    assert "confidence 75% · ladder below 60 s · cut short by the deadline" in stream.getvalue()


def test_json_is_one_line_no_terminal_obeys() -> None:
    stream = io.StringIO()
    write_json({"text": NASTY + "\x9b \ud800"}, stream)
    assert stream.getvalue().isascii()
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
