"""Run the live table of `votebox top`: look at the app, draw, obey keys."""

import queue
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Final

from votebox.cluster.errors import INTERRUPTED, CliError, translated
from votebox.cluster.solves import AppSolves, Solve, Standing
from votebox.cluster.top_table import Rates, draw
from votebox.cluster.top_terminal import Terminal
from votebox.cluster.top_view import Action, Mode, View, press, read_keys, settle

__all__ = ["watch"]

_REFRESH_S: Final = 1.0
_DRAW_S: Final = 0.25
_ENDED: Final = 50


@dataclass(slots=True)
class _Looker:
    """Look at the app again and again in a thread, so that keys never wait for it.

    The thread alone talks HTTP; the drawing one puts `wishes` and reads the fields.
    """

    app: AppSolves
    standing: Standing
    details: Solve | None = None
    trouble: str = ""
    note: str = ""
    wanted: str = ""
    wishes: "queue.SimpleQueue[str]" = field(default_factory=queue.SimpleQueue)

    def start(self) -> None:
        """Begin; the thread ends with the process."""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                solve_id = self.wishes.get(timeout=_REFRESH_S)
            except queue.Empty:
                solve_id = ""
            try:
                self._look(solve_id)
                self.trouble = ""
            except Exception as e:
                # Whatever goes wrong is shown and tried again: the app may come back.
                self.trouble = str(translated(e))

    def _look(self, cancelled: str) -> None:
        if cancelled:
            try:
                self.note = self.app.cancel(cancelled).last_words
            except CliError as e:
                self.note = str(e)
        self.standing = self.app.standing(time.time(), _ENDED)
        if self.wanted:
            self.details = self.app.get(self.wanted)


def watch(app: AppSolves, standing: Standing) -> int:
    """Show the app's solves until a key or a signal ends it; return the exit code."""
    looker, rates, view = _Looker(app, standing), Rates(), View()
    looker.start()
    with Terminal() as terminal:
        while not terminal.interrupted:
            standing = looker.standing
            rates.see(standing)
            ids = [solve.id for solve in standing.solves]
            view = settle(view, ids)
            if looker.note:
                view, looker.note = replace(view, note=looker.note), ""
            drawn = draw(
                standing,
                rates,
                view,
                url=app.url,
                size=terminal.size,
                details=looker.details,
                trouble=looker.trouble,
            )
            terminal.show(drawn)
            for key in read_keys(terminal.keys(_DRAW_S)):
                active = view.selected in {solve.id for solve in standing.active}
                view, action = press(view, key, ids, active=active)
                if action is Action.QUIT:
                    return 0
                looker.wanted = view.selected if view.mode is Mode.DETAILS else ""
                if action is not Action.NONE:
                    looker.wishes.put(view.selected if action is Action.CANCEL else "")
    return INTERRUPTED
