import pytest

from votebox.cluster.solves import read_solve
from votebox.cluster.top_view import Action, Mode, View, press, read_keys, settle

IDS = ["a", "b", "c"]


def after(keys: str, view: View = View("a"), *, active: bool = True) -> tuple[View, Action]:  # noqa: B008
    action = Action.NONE
    for key in keys.split():
        view, action = press(view, key, IDS, active=active)
    return view, action


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        (b"jkq", ["down", "up", "q"]),
        (b"\x1b[A\x1bOB\x1b[5~", ["up", "down", "page-up"]),
        (b"\x1b", ["escape"]),
        (b"\x1b[<35;1;1M\x1b[200~x\xff", ["other"] * 4),
        (b"\x1b[A\x1b", ["up", "escape"]),
    ],
)
def test_bytes_of_a_terminal_are_keys(typed: bytes, keys: list[str]) -> None:
    assert read_keys(typed) == keys


@pytest.mark.parametrize(
    ("keys", "selected"),
    [("down", "b"), ("down down down", "c"), ("up", "a"), ("last", "c"), ("last first", "a")],
)
def test_moving_stays_within_the_table(keys: str, selected: str) -> None:
    assert after(keys)[0].selected == selected


def test_a_cancel_needs_a_yes() -> None:
    assert after("c")[0].mode is Mode.CONFIRM
    assert after("c y")[1] is Action.CANCEL
    for other in ("q", "c", "enter", "down", "other"):
        view, action = after(f"c {other}")
        assert (view.mode, view.selected, action) == (Mode.TABLE, "a", Action.NONE)


def test_what_has_ended_is_not_cancelled() -> None:
    view, action = after("c", active=False)
    assert (view.mode, action, view.note) == (Mode.TABLE, Action.NONE, "a has ended")


def test_a_question_about_a_solve_that_went_does_not_fall_on_its_neighbour() -> None:
    asking = after("down c")[0]
    left = settle(asking, ["a", "c"])
    assert (left.mode, left.selected) == (Mode.TABLE, "c")
    assert press(left, "y", ["a", "c"], active=True)[1] is Action.NONE


def test_the_selection_follows_its_solve_when_others_come() -> None:
    moved = settle(View("a"), ["new", "a"])
    assert (moved.selected, moved.row) == ("a", 1)


def test_details_stay_though_the_list_moves_on() -> None:
    shown = after("enter")[0]
    assert settle(shown, ["x", "y"]).selected == "a"
    assert after("escape", shown)[0].mode is Mode.TABLE
    assert after("q", shown)[1] is Action.QUIT


def test_an_empty_table_takes_every_key() -> None:
    view = settle(View(), [])
    for key in ("up", "down", "enter", "c", "y", "last"):
        view, action = press(view, key, [], active=False)
        assert (view.selected, action) == ("", Action.NONE)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"id": 3, "status": None, "progress": [1], "verdict": "x", "error": "text"},
        {"created": float("nan"), "started": -1, "ended": 10**400, "progress": {"tokens": True}},
        {"progress": {"votes": [["a"], "b", [1, 2], None], "planned": "16"}},
    ],
)
def test_a_solve_object_of_any_shape_is_read(given: dict) -> None:
    solve = read_solve(given)
    assert (solve.id, solve.tokens, solve.planned, solve.created) == ("", 0, 0, 0.0)
    assert solve.age_s(5.0) == 0.0
    assert solve.share in (None, 1.0)
