"""Answer one row: ask, wait where there is no room, and make a row of whatever comes.

A row fails alone. Only an engine that stays away ends a run, because what is not asked
now can be asked when the run is taken up again.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from votebox.cluster.batch_ask import Ask, Busy, Gone
from votebox.cluster.batch_rows import BatchRow, RowRequest, failed_row, solved_row
from votebox.cluster.errors import CliError, Failed

__all__ = ["RowSolver"]

_TRIES: Final = 2
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 10.0

Grade = Callable[[str | None, str], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class RowSolver:
    """Hold what all rows of a batch share.

    `request` are the keys of SolveRequest that every row gets, which a row's own options
    replace; a `seed` is the first row's, the next row's is one more. `keep` are names of
    batch_rows.KEPT, `patience_s` how long nobody may answer, `name` keeps the requests of
    different batches apart, also of one that begins anew in the same place.
    """

    ask: Ask
    request: Mapping[str, Any]
    keep: Sequence[str] = ()
    grade: Grade | None = None
    patience_s: float = 300.0
    name: str = ""

    async def solve(self, asked: RowRequest, until: float | None = None) -> BatchRow:
        """Return the row; `until` is the time of `monotonic` at which it must have an answer.

        Raises:
            Failed: nobody has answered for `patience_s` seconds.
            CliError: no row can be asked.
        """
        if asked.fault is not None:
            return failed_row(asked)
        tries = 0
        while True:
            tries += 1
            try:
                verdict = await self._patiently(asked, until)
                correct = None
                if self.grade is not None and asked.reference is not None:
                    correct = await self.grade(verdict["answer"], asked.reference)
                return solved_row(asked, verdict, self.keep, correct)
            except CliError:
                raise
            except Exception as e:
                # Whatever a solve, a plugin or a server raises is this row's own error; what
                # is not said of the row itself may be an accident, and is tried again.
                if isinstance(e, ValueError) or tries == _TRIES:
                    return failed_row(asked, e)

    async def _patiently(self, asked: RowRequest, until: float | None) -> Mapping[str, Any]:
        """Return the verdict, however long there is no room."""
        since, wait_s = None, _FIRST_WAIT_S
        while True:
            try:
                request = self._request(asked, until)
                return await self.ask(request, self._key(asked, request))
            except Busy as e:
                since, wait_s = None, _FIRST_WAIT_S
                await asyncio.sleep(e.after_s)
            except Gone as e:
                since = since or monotonic()
                if monotonic() - since > self.patience_s:
                    fix = "when it is back, give the same command again: it goes on from here"
                    raise Failed(e.why, fix) from e
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _request(self, asked: RowRequest, until: float | None) -> dict[str, Any]:
        request = {**self.request, "question": asked.question, "id": asked.id}
        if (seed := self.request.get("seed")) is not None:
            request["seed"] = (seed + max(asked.row, 0)) % 2**63
        request |= asked.options
        if until is not None:
            left = max(0.0, until - monotonic())
            request["deadline_s"] = min(left, request.get("deadline_s", left))
        return request

    def _key(self, asked: RowRequest, request: Mapping[str, Any]) -> str:
        """Return a key that is the same whenever this row of this batch is asked for the same.

        With less time left it is another request, and a key that came with one before would be
        refused: the row would be lost.
        """
        text = f"{self.name}\0{asked.row}\0{sorted(request.items())}"
        return f"batch-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:32]}"
