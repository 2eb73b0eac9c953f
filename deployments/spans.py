"""Send the spans of each solve to an OpenTelemetry collector, where the environment asks.

The variables are OpenTelemetry's own: OTEL_EXPORTER_OTLP_ENDPOINT (or ..._TRACES_ENDPOINT)
or OTEL_TRACES_EXPORTER turns it on, the others are obeyed by its SDK. Spans are built when a
solve has ended, with the times it had, and sent by a thread of the SDK.
"""

import logging
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Self

from votebox.deployments.span_tree import MOST_SPANS, PlannedSpan, span_tree
from votebox.plugins import VoteboxError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter

__all__ = ["Spans", "SpansError"]

_NS: Final = 1_000_000_000
_CLOSE_S: Final = 3.0  # less than Serve gives a replica to end
_SERVICE: Final = "votebox"
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")

_log = logging.getLogger(__name__)


class SpansError(VoteboxError):
    """Report an environment that asks for spans which cannot be sent, and the fix."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)
        self.problem, self.fix = problem, fix

    def __str__(self) -> str:
        return f"{self.problem}; {self.fix}"


class Spans:
    """Build the spans of solves; owns the exporter, `close` sends what is left."""

    def __init__(self, exporter: "SpanExporter") -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        given = Resource.create()  # reads OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
        unnamed = str(given.attributes["service.name"]).startswith("unknown_service")
        resource = given.merge(Resource({"service.name": _SERVICE})) if unnamed else given
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=2 * MOST_SPANS)
        )
        self._tracer = self._provider.get_tracer("votebox")

    @classmethod
    def from_environment(cls) -> Self | None:
        """Return what the environment asks for, None where it asks for no spans.

        Raises:
            SpansError: it asks for an exporter that is not known or not installed.
        """
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            return None
        names = os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
        if not names:
            names = "otlp" if any(os.environ.get(name) for name in _ENDPOINTS) else "none"
        if names == "none":
            return None
        return cls(_exporter(names))

    def solve(
        self, verdict: Mapping[str, Any], traceparent: str | None = None, request_id: str = ""
    ) -> None:
        """Make the spans of a solve from its verdict in wire form.

        `traceparent` is the caller's header (W3C Trace Context); one that is not valid
        starts a trace of its own, as that specification says.
        """
        started = verdict["started"]
        began = datetime.fromisoformat(started) if started else datetime.now(UTC)
        tree = span_tree(verdict)
        self._emit(tree, _ns(began.timestamp()), _parent(traceparent), request_id)

    def failed(
        self,
        status: str,
        created: float,
        ended: float,
        *,
        solve_id: str = "",
        recipe: str = "",
        traceparent: str | None = None,
        request_id: str = "",
    ) -> None:
        """Make the span of a solve that has no verdict; times are seconds since the epoch.

        `status` says why in a word, as failed or cancelled.
        """
        told = {"votebox.solve.id": solve_id, "gen_ai.workflow.name": recipe}
        name = f"invoke_workflow {recipe}".strip()
        failure = "" if status == "cancelled" else status
        attributes = {
            "gen_ai.operation.name": "invoke_workflow",
            "votebox.status": status,
            **{key: value for key, value in told.items() if value},
        }
        span = PlannedSpan(name, 0.0, max(0.0, ended - created), attributes, failure=failure)
        self._emit(span, _ns(created), _parent(traceparent), request_id)

    def close(self) -> None:
        """Send what is left, and end; a collector that does not answer is left after seconds."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(_CLOSE_S)
        if ending.is_alive():
            _log.warning("the OpenTelemetry collector does not answer; spans are lost")

    def _emit(
        self, planned: PlannedSpan, origin_ns: int, parent: "Context", request_id: str = ""
    ) -> None:
        """Start and end a span and all below it, at the times they had."""
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        span = self._tracer.start_span(
            planned.name,
            parent,
            SpanKind.CLIENT if planned.kind == "client" else SpanKind.INTERNAL,
            dict(planned.attributes),
            start_time=origin_ns + _ns(planned.start_s),
        )
        if request_id:
            span.set_attribute("votebox.request.id", request_id)
        if planned.failure:
            span.set_attribute("error.type", planned.failure)
            span.set_status(Status(StatusCode.ERROR))
        within = set_span_in_context(span, parent)
        for child in planned.children:
            self._emit(child, origin_ns, within)
        span.end(origin_ns + _ns(planned.end_s))


def _ns(seconds: float) -> int:
    return round(seconds * _NS)


def _parent(traceparent: str | None) -> "Context":
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if traceparent is None:
        return Context()
    carrier = {"traceparent": traceparent}
    return TraceContextTextMapPropagator().extract(carrier, Context())


def _exporter(name: str) -> "SpanExporter":
    """Return the exporter of that name, as OTEL_TRACES_EXPORTER names them."""
    if name not in ("otlp", "console"):
        problem = f"OTEL_TRACES_EXPORTER is {name!r}, which votebox does not have"
        raise SpansError(problem, "set it to otlp, console or none")
    module, kind = "opentelemetry.sdk.trace.export", "ConsoleSpanExporter"
    if name == "otlp":
        _check_protocol()
        module = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
        kind = "OTLPSpanExporter"
    try:
        exporter: SpanExporter = getattr(import_module(module), kind)()
    except ImportError as e:
        problem = f"the environment asks for OpenTelemetry spans, and {e.name} is not installed"
        raise SpansError(problem, "install votebox[otel], or set OTEL_TRACES_EXPORTER=none") from e
    return exporter


def _check_protocol() -> None:
    for name in _PROTOCOLS:
        given = os.environ.get(name, "").strip()
        if given and given != "http/protobuf":
            problem = f"{name} is {given!r}, and votebox sends http/protobuf alone"
            raise SpansError(problem, "set it to http/protobuf and use a port that takes it")
