"""What `votebox top` draws fits the screen, whatever the app tells."""

import itertools
from io import StringIO

import pytest
from fake_solves import solve_object, some
from rich.cells import cell_len
from rich.console import Console, RenderableType

from votebox.cluster.solves import Solve, Standing, read_solve
from votebox.cluster.top_table import Rates, age, draw, lines
from votebox.cluster.top_view import Mode, View

WIDE = "数学の問題👩‍🔬" * 50


def standing(objects: list[dict], now: float = 0.0) -> Standing:
    solves = tuple(read_solve(each) for each in objects)
    return Standing(now or solves[0].created + 60, "ready", 2, 1, solves)


def drawn(told: RenderableType, width: int) -> list[str]:
    stream = StringIO()
    Console(file=stream, width=width, force_terminal=False, markup=False).print(told)
    return stream.getvalue().rstrip("\n").split("\n")


def screen(view: View, size: tuple[int, int], objects: list[dict], trouble: str = "") -> list[str]:
    shown = standing(objects)
    details = next((s for s in shown.solves if s.id == view.selected), None)
    told = draw(shown, Rates(), view, size=size, details=details, trouble=trouble, url="http://x")
    return drawn(told, size[0])


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("size", list(itertools.product((20, 40, 79, 100, 200), (4, 12, 50))))
def test_every_screen_has_its_head_and_its_word_and_fits(mode: Mode, size: tuple[int, int]) -> None:
    many = [*some(), *(solve_object(f"more-{n}", "running", question=WIDE) for n in range(60))]
    many.append(solve_object("long", "running", question="line\n" * 300, recipe=WIDE))
    for selected in ("solve-2", "long"):
        found = screen(View(selected, 1, mode), size, many)
        width, height = size
        assert len(found) <= height
        assert max(cell_len(line) for line in found) <= width
        assert found[0].startswith("votebox http://x"[:width])
        word = {"table": "↑↓ select", "confirm": "cancel ", "details": "Esc back"}[mode]
        assert found[1].startswith(word)
        assert not [line for line in found if not line.isprintable()]


def test_the_selected_solve_is_always_on_the_screen() -> None:
    many = [solve_object(f"s{n:02d}", "running") for n in range(50)]
    for row in (0, 1, 24, 48, 49):
        found = screen(View(f"s{row:02d}", row), (80, 10), many)
        assert any(f"s{row:02d}" in line for line in found)


def test_trouble_takes_the_place_of_the_keys() -> None:
    assert screen(View("solve-1"), (80, 10), some(), "the app has gone")[1] == "the app has gone"


def test_a_solve_that_is_not_there_yet_is_asked_for() -> None:
    assert "asking the app" in "".join(screen(View("unknown", 0, Mode.DETAILS), (80, 10), some()))


def test_an_app_without_solves_says_so() -> None:
    empty = Standing(1.0, "ready", 0, 0, ())
    assert "no solves yet" in "".join(drawn(draw(empty, Rates(), View()), 80))
    assert len(lines(empty, Rates())) == 2


def test_rates_are_of_the_last_ten_seconds() -> None:
    rates = Rates()
    solve = solve_object("one", "running", tokens=0)
    begin = solve["created"] + 100
    for second in range(31):
        solve["progress"]["tokens"] = 0 if second < 15 else (second - 15) * 50
        rates.see(standing([solve], begin + second))
    last = standing([solve], begin + 30)
    assert rates.of(last.solves[0], last.now) == pytest.approx(50)
    assert rates.total(last) == pytest.approx(50)


def test_a_rate_of_a_solve_seen_once_is_that_of_its_whole_time() -> None:
    solve = read_solve(solve_object("one", "running", tokens=600))
    assert Rates().of(solve, solve.started + 60) == pytest.approx(10)
    assert Rates().of(Solve("waits", "queued"), 5.0) is None


def test_ended_solves_keep_no_rates() -> None:
    rates, solve = Rates(), solve_object("one", "running")
    rates.see(standing([solve]))
    assert list(rates._seen) == ["one"]
    rates.see(standing([{**solve, "status": "completed"}]))
    assert not rates._seen


def test_solves_per_minute_counts_those_that_ended_in_the_last() -> None:
    ended = [solve_object(f"s{n}", "completed", ended=1_000.0 + n) for n in range(100)]
    assert standing(ended, 1_099.0).per_minute == 61


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59.9, "59s"), (60, "1m00s"), (1e12, "11574074d01h")]
)
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text
