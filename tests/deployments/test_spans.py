import json
import socket
import sys
import time
from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from collector import collector
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from solved import HOSTILE, QUESTION
from wired import wired

from votebox.deployments.span_tree import span_tree
from votebox.deployments.spans import Spans, SpansError

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = CALLER[:-2] + "00"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)


async def verdict() -> dict[str, Any]:
    return (await wired())[-1]["verdict"]


def sent(told: dict[str, Any], *arguments: Any) -> list[ReadableSpan]:
    """Return the spans of a verdict, as an exporter gets them."""
    exporter = InMemorySpanExporter()
    spans = Spans(exporter)
    spans.solve(told, *arguments)
    spans.close()
    return list(exporter.get_finished_spans())


def named(spans: list[ReadableSpan], start: str) -> list[ReadableSpan]:
    return [span for span in spans if span.name.startswith(start)]


async def test_each_chain_and_node_has_its_span_below_the_solve() -> None:
    told = await verdict()
    spans = sent(told)
    by_id = {span.context.span_id: span for span in spans}
    (solve,) = named(spans, "invoke_workflow vote")
    assert solve.parent is None
    chains = named(spans, "chain")
    assert len(chains) == len(told["chains"]) > 5
    assert {span.parent.span_id for span in chains} == {solve.context.span_id}
    for start, items in (("chat QwQ-32B", "completions"), ("execute_tool python", "executions")):
        found = Counter(
            by_id[s.parent.span_id].attributes["votebox.chain"] for s in named(spans, start)
        )
        assert found == {c["index"]: len(c[items]) for c in told["chains"] if c[items]}
    assert len({span.context.trace_id for span in spans}) == 1


async def test_spans_have_the_times_of_the_record_within_their_parents() -> None:
    told = await verdict()
    spans = sent(told)
    by_id = {span.context.span_id: span for span in spans}
    began = datetime.fromisoformat(told["started"]).timestamp() * 1e9
    (solve,) = named(spans, "invoke_workflow")
    assert solve.start_time == pytest.approx(began, abs=1_000)
    assert solve.end_time - solve.start_time == pytest.approx(told["wall_s"] * 1e9)
    programs = sorted(s.start_time for s in named(spans, "execute_tool"))
    starts = sorted(e["start_s"] for chain in told["chains"] for e in chain["executions"])
    assert [(at - began) / 1e9 for at in programs] == pytest.approx(starts, abs=1e-5)
    slack = 2_000_000  # the wire rounds the solve's seconds to milliseconds
    for span in spans:
        assert span.start_time <= span.end_time
        if span.parent:
            above = by_id[span.parent.span_id]
            assert above.start_time - slack <= span.start_time
            assert span.end_time <= above.end_time + slack


async def test_attributes_count_what_the_verdict_counts() -> None:
    told = await verdict()
    spans = sent(told, None, "req-1")
    (solve,) = named(spans, "invoke_workflow")
    assert solve.attributes["votebox.request.id"] == "req-1"
    assert solve.attributes["votebox.solve.id"] == told["id"]
    assert solve.attributes["votebox.stop_reason"] == "consensus"
    calls = named(spans, "chat")
    written = sum(span.attributes["gen_ai.usage.output_tokens"] for span in calls)
    assert written == solve.attributes["gen_ai.usage.output_tokens"] > 0
    assert calls[0].attributes["votebox.node"] == "think"
    statuses = Counter(s.attributes["votebox.program.status"] for s in named(spans, "execute"))
    ran = Counter(e["status"] for chain in told["chains"] for e in chain["executions"])
    assert statuses == ran != {}
    failed = {s.attributes["error.type"] for s in spans if not s.status.is_ok and s.attributes}
    assert failed == set(ran) - {"ok"}


async def test_no_text_of_a_question_or_a_model_is_in_a_span() -> None:
    told = await verdict()
    texts = json.dumps([json.loads(span.to_json()) for span in sent(told)])
    assert HOSTILE[:20] in json.dumps(told)
    for secret in (QUESTION[:20], HOSTILE[:20], "boxed", "print(", "NameError", "residue"):
        assert secret not in texts


async def test_the_caller_is_the_parent() -> None:
    spans = sent(await verdict(), CALLER)
    (solve,) = named(spans, "invoke_workflow")
    assert f"{solve.context.trace_id:032x}" == CALLER.split("-")[1]
    assert f"{solve.parent.span_id:016x}" == CALLER.split("-")[2]
    assert solve.parent.is_remote


@pytest.mark.parametrize("given", ["", "nonsense", CALLER.replace("00-0af", "zz-0af"), "0" * 9999])
async def test_a_traceparent_that_is_not_valid_starts_a_trace(given: str) -> None:
    (solve,) = named(sent(await verdict(), given), "invoke_workflow")
    assert solve.parent is None


async def test_a_caller_who_does_not_sample_gets_no_spans() -> None:
    assert sent(await verdict(), UNSAMPLED) == []


async def test_a_large_solve_leaves_chains_out_and_says_how_much() -> None:
    told = await verdict()
    whole = span_tree(told)
    all_ = sum(1 + len(chain.children) for chain in whole.children)
    cut = span_tree(told, most=20)
    kept = sum(1 + len(chain.children) for chain in cut.children)
    assert 1 + kept <= 20
    assert cut.attributes["votebox.spans.left_out"] == all_ - kept > 0
    assert "votebox.spans.left_out" not in whole.attributes


async def test_a_seed_that_otlp_cannot_hold_is_text() -> None:
    tree = span_tree({**await verdict(), "seed": 2**64})
    assert tree.attributes["votebox.seed"] == str(2**64)


def test_a_solve_without_verdict_has_one_span() -> None:
    exporter = InMemorySpanExporter()
    spans = Spans(exporter)
    spans.failed("failed", 100.0, 103.5, solve_id="s1", recipe="vote", traceparent=CALLER)
    spans.failed("cancelled", 100.0, 101.0)
    spans.close()
    broken, cancelled = exporter.get_finished_spans()
    assert (broken.start_time, broken.end_time) == (100_000_000_000, 103_500_000_000)
    assert broken.attributes["error.type"] == "failed"
    assert not broken.status.is_ok
    assert cancelled.status.is_ok or cancelled.status.is_unset


def test_without_being_asked_there_are_no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Spans.from_environment() is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    assert Spans.from_environment() is None
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert Spans.from_environment() is None


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin", "set it to otlp, console or none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "set it to http/protobuf"),
    ],
)
def test_what_votebox_cannot_send_is_refused_at_start(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv(variable, value)
    with pytest.raises(SpansError, match=words) as caught:
        Spans.from_environment()
    assert value in str(caught.value)


def test_a_missing_exporter_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SpansError, match=r"install votebox\[otel\]"):
        Spans.from_environment()


@pytest.mark.parametrize("listens", [True, False])
async def test_a_collector_that_does_not_answer_holds_no_end_up(
    monkeypatch: pytest.MonkeyPatch, *, listens: bool
) -> None:
    told = await verdict()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if listens else 9
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        spans = Spans.from_environment()
        assert spans is not None
        spans.solve(told)
        began = time.monotonic()
        spans.close()
        assert time.monotonic() - began < 5


async def test_a_collector_gets_the_whole_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    told = await verdict()
    with collector() as (url, came):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        spans = Spans.from_environment()
        assert spans is not None
        spans.solve(told, CALLER, "req-9")
        spans.close()
    assert {path for path, _ in came} == {"/v1/traces"}
    resources = [each for _, request in came for each in request.resource_spans]
    service = {a.key: a.value.string_value for a in resources[0].resource.attributes}
    assert service["service.name"] == "votebox"
    got = [span for r in resources for scope in r.scope_spans for span in scope.spans]
    tree = span_tree(told)
    assert len(got) == 1 + sum(1 + len(chain.children) for chain in tree.children)
    ids = {span.span_id for span in got}
    assert [s.name for s in got if s.parent_span_id not in ids] == ["invoke_workflow vote"]
    assert {span.trace_id.hex() for span in got} == {CALLER.split("-")[1]}
