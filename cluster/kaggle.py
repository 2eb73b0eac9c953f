"""Answer as the inference server of an AIMO competition asks: one question a call, in time.

A call never raises and never takes longer than its share of the time: a submission that
fails on one question fails on all. What went wrong is logged and counted.
"""

import asyncio
import logging
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import CancelledError
from importlib import import_module
from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from votebox.cluster.batch_ask import Ask, Busy, Gone
from votebox.cluster.errors import BadUsage

if TYPE_CHECKING:
    from votebox.plugins import TimeBank

__all__ = ["Predictor", "integer"]

_log = logging.getLogger(__name__)

_GRACE_S: Final = 10.0
"""What a solve may take beyond its deadline before it is given up."""

_AWAY_S: Final = 1.0
"""How long who does not answer is left alone before the next try."""

_FRAMES: Final = ("polars", "pandas")


class Predictor:
    """Predict answers over `ask`, with `request` (keys of SolveRequest) for every question.

    Each question gets its deadline from `bank`. `default` is the answer of a solve that
    gives none or fails, `late` the one when no time is left. Answers are integers modulo
    `modulo`: 1000 in AIMO-2, 100,000 in AIMO-3. `loop` is a running event loop of another
    thread that `ask` belongs to; without one it gets a thread of its own, which `close`
    ends. `asked` and `failed` count questions.
    """

    def __init__(
        self,
        ask: "Ask",
        bank: "TimeBank",
        request: Mapping[str, Any] | None = None,
        *,
        default: int = 49,
        late: int = 210,
        modulo: int = 1000,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        for name, value in (("default", default), ("late", late)):
            if not 0 <= value < modulo:
                raise BadUsage(f"{name} = {value} is no answer", f"give 0 to {modulo - 1}")
        self._ask, self._bank, self._request = ask, bank, dict(request or {})
        self._default, self._late, self._modulo = default, late, modulo
        self._name = uuid4().hex
        self.asked = self.failed = 0
        self._thread: threading.Thread | None = None
        self._loop = loop or asyncio.new_event_loop()
        if loop is None:
            self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
            self._thread.start()

    def predict(self, id_: Any, question: Any) -> Any:
        """Return a frame of one row, `id` and `answer`, for frames of one cell.

        It is of polars or pandas, as `id_` is. Both may be plain values, too; then it is of
        the one that is installed, polars first.
        """
        frames = _library(id_)
        try:
            name = _cell(id_)
        except Exception as e:
            # Whatever a frame raises that is not as agreed: an exception would end it all.
            _log.warning("no id can be read of %.200r", id_, exc_info=e)
            name = ""
        return frames.DataFrame({"id": [name], "answer": [self.answer(str(name), question)]})

    def answer(self, name: str, question: Any) -> int:
        """Return the answer to one question, or a frame of it; `name` is its id."""
        self.asked += 1
        share = self._bank.draw()
        try:
            if share.deadline_s <= 0:
                return self._late
            request = {**self._request, "question": _cell(question), "id": name}
            key = f"kaggle-{self._name}-{self.asked}"
            verdict = self._wait(self._patiently(request, key, share.deadline_s), share)
            return self._read(verdict["answer"])
        except Exception as e:
            # Whatever a solve, a server or a frame raises would end the whole submission.
            _log.warning("question %s failed: %s", name, e, exc_info=e)
            self.failed += 1
            return self._default
        finally:
            self._bank.settle(share)

    def close(self) -> None:
        """Close the way to ask and end the thread, where it is ours."""
        if self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._ask.aclose(), self._loop).result(_GRACE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_GRACE_S)
        self._loop.close()

    async def _patiently(
        self, request: Mapping[str, Any], key: str, deadline_s: float
    ) -> Mapping[str, Any]:
        """Return the verdict; who is busy or away is asked again while there is time."""
        until, attempt = monotonic() + deadline_s, 0
        while True:
            attempt += 1
            given = {**request, "deadline_s": max(0.0, until - monotonic())}
            try:
                return await self._ask(given, f"{key}-{attempt}")
            except (Busy, Gone) as e:
                wait_s = e.after_s if isinstance(e, Busy) else _AWAY_S
                if monotonic() + wait_s >= until:
                    raise
                await asyncio.sleep(wait_s)

    def _wait(self, solving: Coroutine[Any, Any, Any], share: Any) -> Mapping[str, Any]:
        future = asyncio.run_coroutine_threadsafe(solving, self._loop)
        try:
            found: Mapping[str, Any] = future.result(share.deadline_s + _GRACE_S)
        except (TimeoutError, CancelledError):
            future.cancel()
            raise TimeoutError(f"no verdict {_GRACE_S:g} s after its deadline") from None
        return found

    def _read(self, answer: str | None) -> int:
        if answer is None:
            return self._default
        found = integer(answer)
        return self._default if found is None else found % self._modulo


def integer(answer: str) -> int | None:
    r"""Return the integer an answer is, None when it is none.

    >>> integer("1,042"), integer("84/2"), integer("\\pi")
    (1042, 42, None)
    """
    from votebox.plugins.answers import canonical

    value = canonical(answer)
    return int(value) if value is not None and value.denominator == 1 else None


def _library(value: Any) -> Any:
    """Return polars or pandas, whichever `value` is of, or else is installed."""
    home = type(value).__module__.partition(".")[0]
    for name in (home, *_FRAMES):
        if name in _FRAMES and find_spec(name) is not None:
            return import_module(name)
    raise BadUsage("no frames can be made here", "install polars or pandas")


def _cell(value: Any) -> Any:
    """Return the one cell of a frame or series, and any other value as it is."""
    if hasattr(value, "iloc"):  # pandas
        value = value.iloc[0]
        return value.iloc[0] if hasattr(value, "iloc") else value
    if type(value).__module__.partition(".")[0] == "polars":
        return value.item(0, 0) if hasattr(value, "columns") else value[0]
    return value
