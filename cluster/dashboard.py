"""Write the Grafana dashboard of an app from the definitions of its metrics.

    python -m votebox.cluster.dashboard > cluster/grafana/votebox.json

A test holds the file to this. The queries take the metrics of GET /metrics or Ray's copies
of them, as the variable `metrics` says; those of the sandbox are Ray's alone, and those of
vLLM have the names vLLM gives them, or Ray for it.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from votebox.deployments import meters
from votebox.deployments.metric import Metric

__all__ = ["dashboard"]

_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_RATE: Final = "[$__rate_interval]"
_COLUMNS: Final = 24
_PREFIX: Final = "votebox_"
_SANDBOX: Final = "ray_votebox_sandbox_"
_VLLM: Final = ("vllm:", "ray_vllm_")


@dataclass(frozen=True, slots=True)
class _Panel:
    """Describe a panel: `queries` are (PromQL, legend); `width` of 24 columns."""

    title: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"
    about: str = ""
    width: int = 8
    height: int = 8
    kind: str = "timeseries"
    stacked: bool = False


def dashboard() -> dict[str, Any]:
    """Return the dashboard in the JSON model of Grafana 11."""
    return {
        "uid": "votebox",
        "title": "votebox",
        "description": "Solves, votes, tokens and sandboxes of a votebox app.",
        "tags": ["votebox"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "",
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": _variables()},
        "panels": list(_placed(_panels())),
    }


def _panels() -> list[_Panel]:
    return [*_numbers(), *_solves(), *_spent(), *_sandbox(), *_doors()]


def _numbers() -> list[_Panel]:
    """Return the row of single numbers."""
    saved, written = _rate(meters.SAVED), _rate(meters.WRITTEN)
    told = (
        ("Running", _name(meters.RUNNING), "short"),
        ("Waiting", _name(meters.QUEUED), "short"),
        ("Solves per minute", f"60 * {_rate(meters.SOLVES)}", "short"),
        ("Tokens per second", written, "short"),
        ("Tokens saved by votes", f"{saved} / ({saved} + {written})", "percentunit"),
        ("Refused per minute", f"60 * {_rate(meters.REFUSED)}", "short"),
    )
    return [
        _Panel(title, [(_summed(query), "")], unit, width=4, height=4, kind="stat")
        for title, query, unit in told
    ]


def _solves() -> list[_Panel]:
    answer, first = meters.SOLVE_S, meters.FIRST_VOTE_S
    times = [
        (_quantile(0.5, answer), "answer p50"),
        (_quantile(0.95, answer), "answer p95"),
        (_quantile(0.5, first), "first vote p50"),
        (_quantile(0.95, first), "first vote p95"),
    ]
    flying = [
        (f"sum({_name(meters.FLYING)})", "chains"),
        (f"sum({_name(meters.RUNNING)})", "solves"),
        (f"sum({_name(meters.QUEUED)})", "waiting solves"),
    ]
    ends = [(_rate(meters.SOLVES, "stop_reason", 'stop_reason!=""'), "{{stop_reason}}")]
    return [
        _Panel("Solves by status", [(_rate(meters.SOLVES, "status"), "{{status}}")], "ops"),
        _Panel("Time to the answer", times, "s", "Of solves with a verdict."),
        _Panel("In flight and waiting", flying),
        _Panel("Why votes ended", ends, "ops", "consensus: a stop rule fired.", stacked=True),
        _Panel("How chains ended", [(_rate(meters.CHAINS, "ended"), "{{ended}}")], "ops"),
        _Panel("Time in the queue", [(_quantile(0.95, meters.QUEUE_S), "p95")], "s"),
    ]


def _spent() -> list[_Panel]:
    tokens = [
        (_rate(meters.WRITTEN), "written"),
        (_rate(meters.PROMPTED), "prompts"),
        (_rate(meters.ABORTED), "of aborted chains"),
        (_rate(meters.SAVED), "saved (estimate)"),
    ]
    return [
        _Panel("Tokens used and saved per second", tokens, width=12),
        _Panel(
            "vLLM: tokens per second",
            [(_vllm("generation_tokens_total"), "written"), (_vllm("prompt_tokens_total"), "read")],
            about="From vLLM's own metrics, whoever asked.",
            width=12,
        ),
    ]


def _sandbox() -> list[_Panel]:
    pool = f'sum by (state) ({_SANDBOX}pool{{state!="server_runs"}})'
    waits = f"sum by (le) (rate({_SANDBOX}queue_seconds_bucket{_RATE}))"
    ran = f"sum by (status) (rate({_SANDBOX}executions_total{_RATE}))"
    return [
        _Panel("Programs by status", [(_rate(meters.PROGRAMS, "status"), "{{status}}")], "ops"),
        _Panel(
            "Sandbox replicas: programs", [(ran, "{{status}}")], "ops", "failed: a fault of ours."
        ),
        _Panel(
            "Sandbox replicas: pool",
            [(pool, "{{state}}"), (f"sum({_SANDBOX}running)", "running or waiting")],
        ),
        _Panel("Sandbox: wait for a turn", [(f"histogram_quantile(0.95, {waits})", "p95")], "s"),
        _Panel("Seconds of programs per second", [(_rate(meters.PROGRAM_S), "programs")]),
    ]


def _doors() -> list[_Panel]:
    refused = [
        (_rate(meters.REFUSED, "reason"), "{{reason}}"),
        (_rate(meters.GONE), "clients that left"),
    ]
    return [
        _Panel("Refusals and disconnects", refused, "reqps"),
        _Panel(
            "HTTP replies by status", [(_rate(meters.REQUESTS, "status"), "{{status}}")], "reqps"
        ),
        _Panel(
            "HTTP time by route, p95",
            [(_quantile(0.95, meters.REQUEST_S, "route"), "{{route}}")],
            "s",
            "Streams included: a solve's reply ends with the solve.",
            width=16,
        ),
    ]


def _name(metric: Metric) -> str:
    """Return a metric as queries write it: the variable stands for who tells of it."""
    return "${metrics}" + metric.shown.removeprefix(_PREFIX)


def _selector(metric: Metric, *more: str) -> str:
    of_recipe = ('recipe=~"$recipe"',) if "recipe" in metric.labels else ()
    chosen = ",".join((*of_recipe, *more))
    return f"{{{chosen}}}" if chosen else ""


def _rate(metric: Metric, by: str = "", *more: str) -> str:
    rate = f"rate({_name(metric)}{_selector(metric, *more)}{_RATE})"
    return f"sum by ({by}) ({rate})" if by else f"sum({rate})"


def _quantile(share: float, metric: Metric, *by: str) -> str:
    rate = f"rate({_name(metric)}_bucket{_selector(metric)}{_RATE})"
    return f"histogram_quantile({share:g}, sum by ({', '.join(('le', *by))}) ({rate}))"


def _summed(query: str) -> str:
    return query if "(" in query else f"sum({query})"


def _vllm(name: str) -> str:
    names = "|".join(start + name for start in _VLLM)
    return f'sum(rate({{__name__=~"{names}"}}{_RATE}))'


def _placed(panels: Sequence[_Panel]) -> Iterator[dict[str, Any]]:
    """Yield the panels row by row, from the left, each row as high as its highest."""
    x = y = height = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > _COLUMNS:
            x, y, height = 0, y + height, 0
        place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
        yield _drawn(number, panel, place)
        x, height = x + panel.width, max(height, panel.height)


def _drawn(number: int, panel: _Panel, place: Mapping[str, int]) -> dict[str, Any]:
    targets = [
        {
            "refId": chr(ord("A") + n),
            "datasource": _SOURCE,
            "editorMode": "code",
            "range": True,
            "expr": expr,
            "legendFormat": legend or "__auto",
        }
        for n, (expr, legend) in enumerate(panel.queries)
    ]
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    options: dict[str, Any] = {"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "area"}
    if panel.kind == "timeseries":
        stacking = {"mode": "normal" if panel.stacked else "none"}
        defaults["custom"] = {"fillOpacity": 10, "showPoints": "never", "stacking": stacking}
        options = {"legend": {"displayMode": "list"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": dict(place),
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": targets,
    }


def _variables() -> list[dict[str, Any]]:
    sources = {"GET /metrics": _PREFIX, "Ray": f"ray_{_PREFIX}"}
    recipes = f"label_values({_name(meters.ACCEPTED)}, recipe)"
    everything = {"text": "All", "value": "$__all"}
    return [
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
        {
            "name": "metrics",
            "label": "Metrics from",
            "type": "custom",
            "query": ", ".join(f"{text} : {value}" for text, value in sources.items()),
            "options": [
                {"text": text, "value": value, "selected": value == _PREFIX}
                for text, value in sources.items()
            ],
            "current": {"text": "GET /metrics", "value": _PREFIX},
        },
        {
            "name": "recipe",
            "label": "Recipe",
            "type": "query",
            "datasource": _SOURCE,
            "definition": recipes,
            "query": {"query": recipes, "refId": "recipe"},
            "refresh": 2,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": everything,
        },
    ]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(dashboard(), indent=2) + "\n")
