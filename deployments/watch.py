"""Tell meters, spans and logs what happens at the front door.

One `Watch` per app: the desk's observer, and the gate's ear. It holds nothing up: spans are
built in a thread of its own, and what goes wrong here is logged, never raised.
"""

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self

from votebox.deployments.gate import Visit
from votebox.deployments.live_solve import Event, LiveSolve
from votebox.deployments.logs import Logs, RequestLine, SolveLine
from votebox.deployments.meters import Meters
from votebox.deployments.spans import Spans

__all__ = ["Watch"]

_CLIENT_GONE: Final = 499

_log = logging.getLogger(__name__)


class Watch:
    """Hear of solves and requests; `close` sends what is left."""

    def __init__(self, meters: Meters, logs: Logs, spans: Spans | None = None) -> None:
        self.meters, self._logs, self._spans = meters, logs, spans
        self._threads = ThreadPoolExecutor(1, "votebox-spans") if spans else None
        self._queued = self._running = 0
        self._flying: dict[str, int] = {}
        self._chains = 0  # of all solves, in flight

    @classmethod
    def from_environment(cls, *, questions: bool = False) -> Self:
        """Return what this process is to tell, as its environment says.

        Raises:
            SpansError: it asks for spans that cannot be sent.
            ValueError: VOTEBOX_LOG makes no sense.
        """
        logs = Logs.from_environment(questions=questions)
        return cls(Meters.here(), logs, Spans.from_environment())

    def accepted(self, solve: LiveSolve) -> None:
        """Hear of a solve that was taken."""
        self._queued += 1
        self.meters.accepted(solve.recipe)
        self.meters.queued(self._queued)

    def begun(self, solve: LiveSolve) -> None:
        """Hear of a solve whose turn has come."""
        self._queued -= 1
        self._running += 1
        self._flying[solve.id] = 0
        self.meters.started(_queued_s(solve))
        self._gauge()

    def happened(self, solve: LiveSolve, batch: Sequence[Event]) -> None:
        """Hear of events of a running solve; most are texts, counted together."""
        tokens, flown = 0, 0
        for event in batch:
            match event["type"]:
                case "chain_text":
                    tokens += event["tokens"]
                    continue
                case "chain_started":
                    flown += 1
                case "chain_finished":
                    flown -= 1
            self.meters.event(event)
        if tokens:
            self.meters.wrote(tokens)
        if flown:
            self._fly(solve, flown)

    def over(self, solve: LiveSolve) -> None:
        """Hear of its end."""
        if solve.started is None:
            self._queued -= 1
        else:
            self._running -= 1
            self._chains -= self._flying.pop(solve.id, 0)
        self._gauge()
        self.meters.ended(solve.status, solve.verdict, _ran_s(solve), recipe=solve.recipe)
        self._logs.solve(_line(solve))
        if self._threads is not None:
            self._threads.submit(self._trace, solve)

    def refused(self, reason: str) -> None:
        """Hear of a request that was not taken."""
        self.meters.refused(reason)

    def seen(self, visit: Visit) -> None:
        """Hear of a request that was answered, or whose client has gone."""
        self.meters.request(visit.route, visit.status, visit.wall_s)
        if visit.status == _CLIENT_GONE:
            self.meters.disconnected()
        self._logs.request(
            RequestLine(
                visit.request_id,
                visit.method,
                visit.route,
                visit.status,
                round(1000 * visit.wall_s),
                visit.key,
            )
        )

    def close(self) -> None:
        """Send the spans that are left; may take seconds."""
        if self._threads is not None:
            self._threads.shutdown()
        if self._spans is not None:
            self._spans.close()

    def _fly(self, solve: LiveSolve, chains: int) -> None:
        self._flying[solve.id] += chains
        self._chains += chains
        self.meters.flying(self._chains)

    def _gauge(self) -> None:
        self.meters.queued(self._queued)
        self.meters.running(self._running)
        self.meters.flying(self._chains)

    def _trace(self, solve: LiveSolve) -> None:
        if self._spans is None:
            return
        parent = solve.traceparent
        try:
            if solve.verdict is not None:
                self._spans.solve(solve.verdict, parent, solve.request_id)
                return
            self._spans.failed(
                solve.status,
                solve.created,
                solve.ended or time.time(),
                solve_id=solve.id,
                recipe=solve.recipe,
                traceparent=parent,
                request_id=solve.request_id,
            )
        except Exception:
            # An error in a thread of an executor would be seen by nobody.
            _log.exception("the spans of solve %s are lost", solve.id)


def _line(solve: LiveSolve) -> SolveLine:
    code = solve.error.body["error"]["code"] if solve.error is not None else ""
    verdict = solve.verdict or {}
    usage = verdict.get("usage", {})
    return SolveLine(
        solve_id=solve.id,
        request_id=solve.request_id,
        status=solve.status,
        recipe=solve.recipe,
        ms=round(1000 * _ran_s(solve)),
        queued_ms=round(1000 * _queued_s(solve)),
        key=solve.key.name,
        stop_reason=verdict.get("stop_reason", ""),
        chains=solve.progress.started,
        tokens=usage.get("total_tokens", solve.progress.tokens),
        programs=solve.progress.programs,
        code=code or "",
        question=solve.question,
    )


def _queued_s(solve: LiveSolve) -> float:
    until = solve.started or solve.ended or time.time()
    return max(0.0, until - solve.created)


def _ran_s(solve: LiveSolve) -> float:
    if solve.started is None:
        return 0.0
    return max(0.0, (solve.ended or time.time()) - solve.started)
