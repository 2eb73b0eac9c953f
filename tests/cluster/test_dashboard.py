import json
import re
import tomllib
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from votebox.cluster.dashboard import dashboard
from votebox.deployments.meters import METRICS

ROOT = Path(__file__).parents[2]
FILE = ROOT / "cluster/grafana/votebox.json"
BOARD: dict[str, Any] = json.loads(FILE.read_text())
QUERIES = [(p["title"], t["expr"]) for p in BOARD["panels"] for t in p["targets"]]
FUNCTIONS = {"sum", "rate", "histogram_quantile", "by"}
VLLM = {"generation_tokens_total", "prompt_tokens_total"}  # vllm/v1/metrics/loggers.py


def known() -> set[str]:
    """Return every name a query may use: ours, Ray's copies of ours, the sandbox's, vLLM's."""
    found = {f"vllm:{name}" for name in VLLM} | {f"ray_vllm_{name}" for name in VLLM}
    for metric in METRICS:
        ends = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
        found |= {start + metric.shown + end for start in ("", "ray_") for end in ends}
    source = (ROOT / "deployments/jails.py").read_text()
    for kind, name in re.findall(r'metrics\.(\w+)\(\s*"(votebox_\w+)"', source):
        end = {"Counter": "_total", "Gauge": "", "Histogram": "_bucket"}[kind]
        found.add(f"ray_{name}{end}")
    return found


def names(query: str) -> set[str]:
    """Return the metrics a query names, with both values of the variable `metrics`."""
    found: set[str] = set()
    for prefix in ("votebox_", "ray_votebox_"):
        text = query.replace("${metrics}", prefix)
        for listed in re.findall(r'__name__=~"([^"]+)"', text):
            found |= set(listed.split("|"))
        bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|by \([^)]*\)", " ", text)
        found |= set(re.findall(r"[a-zA-Z_:][\w:]*", bare)) - FUNCTIONS
    return found


def test_the_file_is_generated() -> None:
    assert dashboard() == BOARD, (
        "python -m votebox.cluster.dashboard > cluster/grafana/votebox.json"
    )


@pytest.mark.parametrize(
    ("title", "query"), QUERIES, ids=[f"{t}-{n}" for n, (t, _) in enumerate(QUERIES)]
)
def test_a_query_names_only_metrics_there_are(title: str, query: str) -> None:
    assert names(query)
    assert names(query) <= known()
    assert query.count("(") == query.count(")")
    assert query.count("{") == query.count("}")


def test_a_metric_there_is_not_would_be_found() -> None:
    assert names("sum(rate(${metrics}solvs_total[5m]))") - known() == {
        "votebox_solvs_total",
        "ray_votebox_solvs_total",
    }


def test_every_metric_of_the_app_is_on_the_board_but_for_one() -> None:
    used = {name for _, query in QUERIES for name in names(query)}
    unused = {m.name for m in METRICS if not {m.shown, f"{m.shown}_bucket"} & used}
    assert unused == {"votebox_solves_accepted"}  # solves are counted when they end


@pytest.mark.parametrize(
    ("title", "query"), QUERIES, ids=[f"{t}-{n}" for n, (t, _) in enumerate(QUERIES)]
)
def test_labels_of_a_query_are_those_of_its_metrics(title: str, query: str) -> None:
    labels = {m.shown.removeprefix("votebox_"): m.labels for m in METRICS}
    for name, chosen in re.findall(r"\$\{metrics\}(\w+?)(?:_bucket)?\{([^}]*)\}", query):
        assert set(re.findall(r"(\w+)(?:=|!=)", chosen)) <= set(labels[name])
    for by, name in re.findall(
        r"sum by \(([^)]*)\) \(rate\(\$\{metrics\}(\w+?)(?:_bucket)?[{[]", query
    ):
        assert set(by.split(", ")) - {"le"} <= set(labels[name])


def test_panels_have_ids_of_their_own_and_overlap_nowhere() -> None:
    panels = BOARD["panels"]
    assert len({p["id"] for p in panels}) == len(panels) > 15
    for one, other in combinations([p["gridPos"] for p in panels], 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y
    assert all(
        p["gridPos"]["x"] >= 0 and p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in panels
    )


def test_the_data_source_is_a_variable_everywhere() -> None:
    sources = re.findall(r'"uid": "([^"]*)"', FILE.read_text())
    assert set(sources) == {"votebox", "${datasource}"}
    assert [v["name"] for v in BOARD["templating"]["list"]] == ["datasource", "metrics", "recipe"]


def test_the_board_is_in_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "grafana/*.json" in project["tool"]["setuptools"]["package-data"]["votebox.cluster"]
