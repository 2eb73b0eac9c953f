"""The watch behind the real front door, over real HTTP."""

import json
import logging

import httpx
import pytest
from collector import collector
from front import backend, front_door
from prometheus_client.parser import text_string_to_metric_families

from votebox.deployments.logs import LOGGER
from votebox.deployments.spans import SpansError

ASK = {"question": "How many secret things?", "chains": 4, "seed": 1}


def metrics(url: str) -> dict[tuple[str, tuple[str, ...]], float]:
    reply = httpx.get(f"{url}/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(reply.text)
    return {(s.name, tuple(s.labels.values())): s.value for f in families for s in f.samples}


def test_metrics_and_log_tell_of_a_solve(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VOTEBOX_LOG", "json")
    # One that an earlier test made would write to that test's standard error.
    monkeypatch.setattr(logging.getLogger(LOGGER), "handlers", [])
    with front_door(backend(pause_s=0.002)) as url:
        verdict = httpx.post(f"{url}/v1/solves", json=ASK, timeout=60).json()
        httpx.get(f"{url}/v1/solves/nobody-made-this")
        httpx.get(f"{url}/no/such/path")
        told = metrics(url)
    reason = verdict["stop_reason"]
    assert told["votebox_solves_total", ("vote", "completed", reason)] == 1
    assert told["votebox_completion_tokens_total", ()] == verdict["usage"]["completion_tokens"]
    assert told["votebox_http_requests_total", ("/v1/solves", "200")] == 1
    assert told["votebox_http_requests_total", ("/v1/solves/{solve_id}", "404")] == 1
    assert told["votebox_http_requests_total", ("other", "404")] == 1
    lines = [json.loads(x) for x in capfd.readouterr().err.splitlines() if x.startswith("{")]
    (solve,) = [line for line in lines if line["event"] == "solve"]
    assert solve["solve_id"] == verdict["id"]
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["status"] for line in requests] == [200, 404, 404]
    assert requests[0]["request_id"] == solve["request_id"]
    assert "secret things" not in json.dumps(lines)


def test_a_client_that_leaves_is_counted() -> None:
    with front_door(backend(pause_s=5.0)) as url:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/v1/solves", json=ASK, timeout=1.0)
        for _ in range(100):
            told = metrics(url)
            if ("votebox_solves_total", ("vote", "cancelled", "")) in told:
                break
    assert told["votebox_solves_total", ("vote", "cancelled", "")] == 1
    assert told["votebox_disconnects_total", ()] == 1


def test_spans_that_cannot_be_sent_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")
    with pytest.raises(SpansError), front_door():
        pass


def test_a_callers_trace_goes_on_in_the_solve(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    with collector() as (url, came):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        with front_door(backend(pause_s=0.002)) as door:
            headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01", "x-request-id": "mine-1"}
            httpx.post(f"{door}/v1/solves", json=ASK, headers=headers, timeout=60)
    spans = [
        span
        for _, request in came
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert {span.trace_id.hex() for span in spans} == {trace}
    (solve,) = [span for span in spans if span.name == "invoke_workflow vote"]
    assert solve.parent_span_id.hex() == "b7ad6b7169203331"
    told = {a.key: a.value.string_value for a in solve.attributes}
    assert told["votebox.request.id"] == "mine-1"
