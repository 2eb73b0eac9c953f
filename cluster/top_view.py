"""Say what a key does in `votebox top`: bytes to keys, and keys to a new view.

Pure functions: nothing here knows a terminal or an app.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

__all__ = ["Action", "Mode", "View", "press", "read_keys", "settle"]

_SEQUENCE: Final = re.compile(rb"\x1b(?:\[[0-?]*+[ -/]*+[@-~]|O[@-~])|.", re.DOTALL)
_NAMES: Final[Mapping[bytes, str]] = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"k": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"j": "down",
    b"\x1b[5~": "page-up",
    b"\x1b[6~": "page-down",
    b"\x1b[H": "first",
    b"g": "first",
    b"\x1b[F": "last",
    b"G": "last",
    b"\r": "enter",
    b"\n": "enter",
    b"\x1b": "escape",
    b"c": "c",
    b"y": "y",
    b"q": "q",
}
_PAGE: Final = 10
_STEPS: Final[Mapping[str, int]] = {
    "up": -1,
    "down": 1,
    "page-up": -_PAGE,
    "page-down": _PAGE,
    "first": -(10**9),
    "last": 10**9,
}


class Mode(StrEnum):
    """What the screen shows."""

    TABLE = "table"
    CONFIRM = "confirm"
    DETAILS = "details"


class Action(StrEnum):
    """What a key asks of the program."""

    NONE = "none"
    CANCEL = "cancel"
    DETAILS = "details"
    QUIT = "quit"


@dataclass(frozen=True, slots=True)
class View:
    """Hold what the person at the keys has chosen.

    `selected` is the id of a solve ("" before there is one), `row` where it stood, `note`
    one line about what happened last.
    """

    selected: str = ""
    row: int = 0
    mode: Mode = Mode.TABLE
    note: str = ""


def read_keys(typed: bytes) -> list[str]:
    r"""Return the names of the keys in what a terminal sent; what has no name is `other`.

    >>> read_keys(b"j\x1b[A\x1b[200~q")
    ['down', 'up', 'other', 'q']
    """
    return [_NAMES.get(piece, "other") for piece in _SEQUENCE.findall(typed)]


def settle(view: View, ids: Sequence[str]) -> View:
    """Return `view` with a solve selected that is there: the same, else the one in its row.

    A solve that is asked about (cancel it?) and has gone is asked about no more, so that
    the answer cannot fall on its neighbour.
    """
    if view.selected in ids:
        return replace(view, row=ids.index(view.selected))
    row = min(view.row, max(0, len(ids) - 1))
    mode = Mode.TABLE if view.mode is Mode.CONFIRM else view.mode
    if view.mode is Mode.DETAILS and view.selected:
        return replace(view, row=row)  # what is shown stays, though the list has moved on
    return replace(view, selected=ids[row] if ids else "", row=row, mode=mode)


def press(view: View, key: str, ids: Sequence[str], *, active: bool) -> tuple[View, Action]:
    """Return the view after `key`, and what is to be done.

    `ids` are the solves shown, `active` tells whether the selected one can be cancelled.
    """
    view = replace(view, note="")
    if view.mode is Mode.CONFIRM:
        action = Action.CANCEL if key == "y" else Action.NONE
        note = "" if action is Action.CANCEL else "not cancelled"
        return replace(view, mode=Mode.TABLE, note=note), action
    if key == "q":
        return view, Action.QUIT
    if view.mode is Mode.DETAILS:
        back = key in ("enter", "escape")
        return (replace(view, mode=Mode.TABLE) if back else view), Action.NONE
    return _press_in_table(view, key, ids, active=active)


def _press_in_table(
    view: View, key: str, ids: Sequence[str], *, active: bool
) -> tuple[View, Action]:
    if key in _STEPS and ids:
        row = max(0, min(len(ids) - 1, view.row + _STEPS[key]))
        return replace(view, row=row, selected=ids[row]), Action.NONE
    if key == "enter" and view.selected:
        return replace(view, mode=Mode.DETAILS), Action.DETAILS
    if key == "c" and view.selected:
        if active:
            return replace(view, mode=Mode.CONFIRM), Action.NONE
        return replace(view, note=f"{view.selected} has ended"), Action.NONE
    return view, Action.NONE
