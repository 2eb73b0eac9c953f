"""The watch at a real desk over a real solver: what it tells of solves and requests."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest
from front import backend
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from votebox.deployments.admission import Admission, Refused
from votebox.deployments.desk import Desk, Order
from votebox.deployments.gate import Visit
from votebox.deployments.keys import Key
from votebox.deployments.live_solve import LiveSolve
from votebox.deployments.logs import Logs
from votebox.deployments.meters import Meters
from votebox.deployments.metric import PrometheusSink
from votebox.deployments.openai_models import ApiError
from votebox.deployments.spans import Spans
from votebox.deployments.watch import Watch

ALICE = Key(name="alice")


class Seen:
    """A desk with a watch, and what the watch told."""

    def __init__(self, *, running: int = 2, queued: int = 10, pause_s: float = 0.002) -> None:
        self.lines: list[dict[str, Any]] = []
        self.exporter = InMemorySpanExporter()
        logs = Logs(lambda line: self.lines.append(json.loads(line)), as_json=True)
        self.watch = Watch(Meters([PrometheusSink()], ["vote"]), logs, Spans(self.exporter))
        solver = backend(pause_s=pause_s).solve_events
        self.desk = Desk(solver, Admission(running, queued), (self.watch,))

    def submit(self, question: str = "How many?", **more: Any) -> LiveSolve:
        request = {"question": question, "recipe": "vote", "chains": 4, "seed": 1, **more}
        return self.desk.submit(Order(request, question, "vote", ALICE, request_id="req-1"))

    def value(self, name: str, **labels: str) -> float:
        return value_of(self.watch, name, labels)


def value_of(watch: Watch, name: str, labels: dict[str, str]) -> float:
    """Return a number as GET /metrics would tell it, 0 where it does not."""
    text = watch.meters.text()[0].decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if (sample.name, sample.labels) == (name, labels):
                return sample.value
    return 0.0


async def ended(live: LiveSolve) -> None:
    async with aclosing(live.follow()) as batches, asyncio.timeout(60):
        async for _ in batches:
            pass
    await asyncio.sleep(0)


async def test_a_solve_is_told_to_meters_log_and_spans() -> None:
    seen = Seen()
    live = seen.submit()
    assert seen.value("votebox_solves_accepted_total", recipe="vote") == 1
    assert seen.value("votebox_queue_length") == 1
    await ended(live)
    verdict = live.verdict
    assert verdict is not None
    labels = {"recipe": "vote", "status": "completed", "stop_reason": verdict["stop_reason"]}
    assert seen.value("votebox_solves_total", **labels) == 1
    tokens = verdict["usage"]["completion_tokens"]
    assert seen.value("votebox_completion_tokens_total") == tokens > 0
    assert seen.value("votebox_queue_seconds_count") == 1
    for gauge in ("votebox_queue_length", "votebox_solves_running", "votebox_chains_running"):
        assert seen.value(gauge) == 0
    (line,) = seen.lines
    assert (line["solve_id"], line["request_id"], line["key"]) == (live.id, "req-1", "alice")
    assert (line["status"], line["stop_reason"]) == ("completed", verdict["stop_reason"])
    assert line["tokens"] == verdict["usage"]["total_tokens"]
    assert "question" not in line
    seen.watch.close()
    (solve,) = [s for s in seen.exporter.get_finished_spans() if s.parent is None]
    assert solve.attributes is not None
    assert solve.attributes["votebox.request.id"] == "req-1"


async def test_what_runs_and_waits_is_shown_while_it_does() -> None:
    seen = Seen(running=1, pause_s=5.0)
    running, waiting = seen.submit(), seen.submit()
    async with aclosing(running.follow()) as batches:
        async for _ in batches:
            break
    assert seen.value("votebox_solves_running") == 1
    assert seen.value("votebox_queue_length") == 1
    assert seen.value("votebox_chains_running") == running.progress.started > 0
    await seen.desk.cancel(waiting)
    await seen.desk.cancel(running)
    assert seen.value("votebox_solves_running") == 0
    assert seen.value("votebox_chains_running") == 0
    labels = {"recipe": "vote", "status": "cancelled", "stop_reason": ""}
    assert seen.value("votebox_solves_total", **labels) == 2
    assert [line["code"] for line in seen.lines] == ["cancelled", "cancelled"]
    seen.watch.close()
    spans = seen.exporter.get_finished_spans()
    assert [span.attributes["votebox.status"] for span in spans] == ["cancelled"] * 2


async def test_a_solve_that_fails_is_a_failure_everywhere() -> None:
    seen = Seen()
    live = seen.submit(rounds=0)
    with pytest.raises(ApiError):
        await ended(live)
    await asyncio.sleep(0)
    labels = {"recipe": "vote", "status": "failed", "stop_reason": ""}
    assert seen.value("votebox_solves_total", **labels) == 1
    assert seen.lines[0]["status"] == "failed"
    seen.watch.close()
    (span,) = seen.exporter.get_finished_spans()
    assert not span.status.is_ok


async def test_a_full_queue_is_counted_by_its_reason() -> None:
    seen = Seen(running=1, queued=0, pause_s=5.0)
    live = seen.submit()
    with pytest.raises(ApiError) as caught:
        seen.submit()
    assert isinstance(caught.value.__cause__, Refused)
    assert seen.value("votebox_refused_total", reason="queue_full") == 1
    await seen.desk.cancel(live)
    seen.watch.close()


def test_requests_and_clients_that_leave_are_counted_and_logged() -> None:
    lines: list[str] = []
    watch = Watch(Meters([PrometheusSink()]), Logs(lines.append))
    watch.seen(Visit("r-1", "alice", "GET", "/v1/solves", 200, 0.25))
    watch.seen(Visit("r-2", "alice", "POST", "/v1/solves", 499, 2.0))
    watch.seen(Visit("r-3", "", "GET", "/health", 200, 0.001))
    assert (
        value_of(watch, "votebox_http_requests_total", {"route": "/v1/solves", "status": "499"})
        == 1
    )
    assert (
        value_of(watch, "votebox_http_requests_total", {"route": "/health", "status": "200"}) == 1
    )
    assert value_of(watch, "votebox_http_seconds_sum", {"route": "/v1/solves"}) == 2.25
    assert value_of(watch, "votebox_disconnects_total", {}) == 1
    assert ["request_id=r-1" in lines[0], "request_id=r-2" in lines[1]] == [True, True]
    assert len(lines) == 2
    watch.close()
