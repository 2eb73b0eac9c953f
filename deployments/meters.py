"""Count what the app does: each metric defined once, told by the desk, kept by sinks.

The desk says what happened in small calls; nothing here knows HTTP, Ray or how a solve
runs. The values of every label are bounded (see Labels), so no request can make series
without end, and no label holds text of a question or of a model.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Self, get_args

from votebox.deployments.metric import (
    LONG_S,
    OTHER,
    SHORT_S,
    Labels,
    Metric,
    PrometheusSink,
    RaySink,
    Sink,
)
from votebox.plugins.verdicts import StopReason
from votebox.sandbox.execution import Status

__all__ = ["METRICS", "Meters"]

ACCEPTED: Final = Metric(
    "votebox_solves_accepted", "counter", "Solves taken on, queued or begun.", ("recipe",)
)
SOLVES: Final = Metric(
    "votebox_solves",
    "counter",
    "Solves that ended: completed, failed or cancelled, and why the vote ended.",
    ("recipe", "status", "stop_reason"),
)
SOLVE_S: Final = Metric(
    "votebox_solve_seconds",
    "histogram",
    "Seconds from a solve's start to its answer; of those that gave a verdict.",
    ("recipe",),
    LONG_S,
)
FIRST_VOTE_S: Final = Metric(
    "votebox_first_vote_seconds",
    "histogram",
    "Seconds from a solve's start to the end of the first chain that voted.",
    ("recipe",),
    LONG_S,
)
QUEUE_S: Final = Metric(
    "votebox_queue_seconds", "histogram", "Seconds solves waited for their turn.", (), LONG_S
)
QUEUED: Final = Metric("votebox_queue_length", "gauge", "Solves that wait for their turn.")
RUNNING: Final = Metric("votebox_solves_running", "gauge", "Solves that run.")
FLYING: Final = Metric("votebox_chains_running", "gauge", "Chains in flight in all solves.")
CHAINS: Final = Metric(
    "votebox_chains",
    "counter",
    "Chains that ended, by why; a guard's own reason counts as guard.",
    ("ended",),
)
PROMPTED: Final = Metric(
    "votebox_prompt_tokens", "counter", "Prompt tokens of solves that gave a verdict."
)
WRITTEN: Final = Metric(
    "votebox_completion_tokens", "counter", "Tokens models wrote, counted while they come."
)
ABORTED: Final = Metric(
    "votebox_aborted_tokens",
    "counter",
    "Tokens written by chains that their solve ended; part of the completion tokens.",
)
SAVED: Final = Metric(
    "votebox_saved_tokens", "counter", "Tokens not written because a vote was decided (estimate)."
)
PROGRAMS: Final = Metric(
    "votebox_programs", "counter", "Programs that ended in the sandbox.", ("status",)
)
PROGRAM_S: Final = Metric("votebox_program_seconds", "counter", "Wall seconds programs ran.")
REQUESTS: Final = Metric(
    "votebox_http_requests", "counter", "HTTP replies, by route and status.", ("route", "status")
)
REQUEST_S: Final = Metric(
    "votebox_http_seconds",
    "histogram",
    "Seconds from a request to the end of its reply, streams included.",
    ("route",),
    (*SHORT_S, 1800.0, 3600.0),
)
REFUSED: Final = Metric(
    "votebox_refused",
    "counter",
    "Requests not taken on: queue_full, key_queue_full or rate.",
    ("reason",),
)
GONE: Final = Metric(
    "votebox_disconnects", "counter", "Clients that left before their reply had ended."
)

METRICS: Final = (
    ACCEPTED,
    SOLVES,
    SOLVE_S,
    FIRST_VOTE_S,
    QUEUE_S,
    QUEUED,
    RUNNING,
    FLYING,
    CHAINS,
    PROMPTED,
    WRITTEN,
    ABORTED,
    SAVED,
    PROGRAMS,
    PROGRAM_S,
    REQUESTS,
    REQUEST_S,
    REFUSED,
    GONE,
)
"""All metrics of the app; the sandbox replicas have their own (jails.py)."""

_STATUSES: Final = ("completed", "failed", "cancelled")
_ENDS: Final = ("answered", "finished", "length", "aborted", "deadline", "budget", "error")
_HTTP: Final = range(100, 600)


class Meters:
    """Take what happens in the app; `sinks` keep the numbers.

    Every method is cheap and never waits: all are called in the event loop.
    """

    def __init__(self, sinks: Sequence[Sink], recipes: Iterable[str] = ()) -> None:
        self._sinks = tuple(sinks)
        self._recipe = Labels(recipes)
        self._status = Labels(_STATUSES)
        self._stop_reason = Labels(("", *get_args(StopReason)))
        self._program = Labels(get_args(Status))
        self._route, self._reason = Labels(open=True), Labels(open=True)

    @classmethod
    def here(cls, recipes: Iterable[str] = ()) -> Self:
        """Return meters for this process: Prometheus' text, and Ray's where Serve runs us."""
        return cls([PrometheusSink(), RaySink()] if _in_replica() else [PrometheusSink()], recipes)

    def know(self, recipes: Iterable[str]) -> None:
        """Name the recipes there are; others are counted as `other`."""
        self._recipe.know(recipes)

    def accepted(self, recipe: str) -> None:
        """Count a solve that was taken on."""
        self._add(ACCEPTED, 1, self._recipe(recipe))

    def queued(self, solves: int) -> None:
        """Set how many solves wait."""
        self._set(QUEUED, solves)

    def running(self, solves: int) -> None:
        """Set how many solves run."""
        self._set(RUNNING, solves)

    def flying(self, chains: int) -> None:
        """Set how many chains are in flight in all solves."""
        self._set(FLYING, chains)

    def started(self, queued_s: float) -> None:
        """Count a solve that begins after `queued_s` seconds in the queue."""
        self._observe(QUEUE_S, queued_s)

    def wrote(self, tokens: int) -> None:
        """Count tokens that chains have written."""
        self._add(WRITTEN, tokens)

    def event(self, event: Mapping[str, Any]) -> None:
        """Count one wire event of a running solve that is no text."""
        match event["type"]:
            case "chain_finished":
                self._add(CHAINS, 1, event["ended"] if event["ended"] in _ENDS else "guard")
            case "program_finished":
                execution = event["execution"]
                self._add(PROGRAMS, 1, self._program(execution["status"]))
                self._add(PROGRAM_S, max(0.0, execution.get("wall_s") or 0.0))

    def ended(
        self,
        status: str,
        verdict: Mapping[str, Any] | None,
        elapsed_s: float,
        *,
        recipe: str | None = None,
    ) -> None:
        """Count a solve that ended `elapsed_s` after its start.

        `verdict` is in wire form, None where there is none; then `recipe` names the recipe.
        """
        told = verdict or {}
        name = self._recipe(told.get("recipe") or recipe or OTHER)
        reason = self._stop_reason(told.get("stop_reason", ""))
        self._add(SOLVES, 1, name, self._status(status), reason)
        if verdict is None:
            return
        self._observe(SOLVE_S, elapsed_s, name)
        first = first_vote_s(verdict)
        if first is not None:
            self._observe(FIRST_VOTE_S, first, name)
        self._spent(verdict)

    def request(self, route: str, status: int, elapsed_s: float) -> None:
        """Count a reply; `route` is the route's template, never the path asked for."""
        shown = self._route(route)
        self._add(REQUESTS, 1, shown, str(status) if status in _HTTP else OTHER)
        self._observe(REQUEST_S, elapsed_s, shown)

    def refused(self, reason: str) -> None:
        """Count a request that was not taken on; `reason` is a word for why."""
        self._add(REFUSED, 1, self._reason(reason))

    def disconnected(self) -> None:
        """Count a client that left before its reply had ended."""
        self._add(GONE, 1)

    def text(self) -> tuple[bytes, str]:
        """Return what GET /metrics answers, and its content type; empty without Prometheus."""
        for sink in self._sinks:
            if isinstance(sink, PrometheusSink):
                return sink.text()
        return b"", "text/plain; charset=utf-8"

    def _spent(self, verdict: Mapping[str, Any]) -> None:
        """Count the tokens no event has told of."""
        usage = verdict["usage"]
        streamed = sum(chain["usage"]["completion_tokens"] for chain in verdict["chains"])
        self._add(PROMPTED, usage["prompt_tokens"])
        self._add(WRITTEN, max(0, usage["completion_tokens"] - streamed))
        self._add(ABORTED, usage["aborted_tokens"])
        self._add(SAVED, max(0, verdict["tokens_saved"]))

    def _add(self, metric: Metric, amount: float, *labels: str) -> None:
        for sink in self._sinks:
            sink.add(metric, amount, labels)

    def _set(self, metric: Metric, value: float, *labels: str) -> None:
        for sink in self._sinks:
            sink.set(metric, value, labels)

    def _observe(self, metric: Metric, value: float, *labels: str) -> None:
        for sink in self._sinks:
            sink.observe(metric, value, labels)


def first_vote_s(verdict: Mapping[str, Any]) -> float | None:
    """Return when the first chain that voted had ended, in seconds since the solve's start.

    A chain's answer votes when the chain ends. None where nobody voted.
    """
    voted = {chain for vote in verdict["votes"] for chain in vote["chains"]}
    ends = [chain["end_s"] for chain in verdict["chains"] if chain["index"] in voted]
    return min((end for end in ends if end is not None), default=None)


def _in_replica() -> bool:
    """Tell whether this process is a replica of Ray Serve; imports nothing of Ray elsewhere."""
    if "ray.serve" not in sys.modules:
        return False
    from ray import serve
    from ray.serve.exceptions import RayServeException

    try:
        serve.get_replica_context()
    except RayServeException:
        return False
    return True
