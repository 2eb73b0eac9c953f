"""Define a metric once, and send its numbers to Prometheus' text and to Ray's metrics.

A sink takes numbers of any `Metric`; the first one of a metric makes it. Nothing here
knows what is counted: that is meters.py.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Literal, Protocol

__all__ = ["LONG_S", "SHORT_S", "Labels", "Metric", "PrometheusSink", "RaySink", "Sink"]

SHORT_S: Final = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 300.0)
"""Bounds, in seconds, of what should be quick."""

LONG_S: Final = (0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
"""Bounds, in seconds, of what may take an hour."""

OTHER: Final = "other"
"""The value of a label for what is not known."""

_MOST: Final = 64


@dataclass(frozen=True, slots=True)
class Metric:
    """Define a metric: what Prometheus and Ray are told of it.

    A counter's `name` comes without the suffix `_total`, which both add. `bounds` are the
    upper ends of a histogram's buckets.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()

    @property
    def shown(self) -> str:
        """Return the name a query uses; a histogram has `_bucket`, `_sum`, `_count` behind it."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


class Labels:
    """Bound the values of one label: `known` ones, and with `open` the first `most` others.

    Whatever is beyond becomes `other`, so that no client can make series without end.
    """

    def __init__(self, known: Iterable[str] = (), *, open: bool = False, most: int = _MOST) -> None:
        self._known, self._open, self._most = set(known), open, most

    def know(self, values: Iterable[str]) -> None:
        """Let `values` pass from now on."""
        self._known.update(values)

    def __call__(self, value: object) -> str:
        """Return `value` as this label's text, or `other`."""
        text = str(value)
        if text in self._known:
            return text
        if self._open and len(self._known) < self._most:
            self._known.add(text)
            return text
        return OTHER


class Sink(Protocol):
    """Take numbers; `labels` are values in the order of the metric's labels."""

    def add(self, metric: Metric, amount: float, labels: Sequence[str]) -> None:
        """Add `amount` (0 or more) to a counter."""

    def set(self, metric: Metric, value: float, labels: Sequence[str]) -> None:
        """Set a gauge."""

    def observe(self, metric: Metric, value: float, labels: Sequence[str]) -> None:
        """Add one value to a histogram."""


class PrometheusSink:
    """Keep the numbers in a registry of its own; `text` is what GET /metrics answers."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry

        self._registry = CollectorRegistry()
        self._made: dict[str, Any] = {}

    def add(self, metric: Metric, amount: float, labels: Sequence[str]) -> None:
        """Add to a counter."""
        self._at(metric, labels).inc(amount)

    def set(self, metric: Metric, value: float, labels: Sequence[str]) -> None:
        """Set a gauge."""
        self._at(metric, labels).set(value)

    def observe(self, metric: Metric, value: float, labels: Sequence[str]) -> None:
        """Add one value to a histogram."""
        self._at(metric, labels).observe(value)

    def text(self) -> tuple[bytes, str]:
        """Return the exposition in Prometheus' text format, and its content type."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def _at(self, metric: Metric, labels: Sequence[str]) -> Any:
        made = self._made.get(metric.name)
        if made is None:
            made = self._made[metric.name] = self._make(metric)
        return made.labels(*labels) if metric.labels else made

    def _make(self, metric: Metric) -> Any:
        from prometheus_client import Counter, Gauge, Histogram

        given = (metric.name, metric.help, metric.labels)
        if metric.kind == "histogram":
            return Histogram(*given, buckets=metric.bounds, registry=self._registry)
        kind = Counter if metric.kind == "counter" else Gauge
        return kind(*given, registry=self._registry)


class RaySink:
    """Keep the numbers in Ray's metrics, with the tags Ray Serve adds in a replica."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def add(self, metric: Metric, amount: float, labels: Sequence[str]) -> None:
        """Add to a counter; Ray refuses zero."""
        if amount > 0:
            self._at(metric).inc(amount, tags=_tags(metric, labels))

    def set(self, metric: Metric, value: float, labels: Sequence[str]) -> None:
        """Set a gauge."""
        self._at(metric).set(value, tags=_tags(metric, labels))

    def observe(self, metric: Metric, value: float, labels: Sequence[str]) -> None:
        """Add one value to a histogram."""
        self._at(metric).observe(value, tags=_tags(metric, labels))

    def _at(self, metric: Metric) -> Any:
        made = self._made.get(metric.name)
        if made is None:
            made = self._made[metric.name] = self._make(metric)
        return made

    def _make(self, metric: Metric) -> Any:
        metrics: Any = import_module("ray.serve.metrics")  # its hints take one label only
        if metric.kind == "histogram":
            bounds = list(metric.bounds)
            return metrics.Histogram(metric.name, metric.help, bounds, metric.labels)
        kind = metrics.Counter if metric.kind == "counter" else metrics.Gauge
        return kind(metric.name, metric.help, metric.labels)


def _tags(metric: Metric, labels: Sequence[str]) -> dict[str, str]:
    return dict(zip(metric.labels, labels, strict=True))
