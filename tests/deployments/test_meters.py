import ast
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from wired import wired

from votebox.deployments.meters import METRICS, Meters, first_vote_s
from votebox.deployments.metric import Labels, Metric, PrometheusSink, RaySink

ROOT = Path(__file__).parents[2]


def samples(meters: Meters) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return what GET /metrics would tell: (name, label values) to number."""
    text = meters.text()[0].decode()
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(meters: Meters, name: str, *labels: str) -> float:
    return samples(meters)[name, labels]


async def told(*more: Any) -> tuple[Meters, list[dict[str, Any]]]:
    """Tell meters all that can happen, around one real solve."""
    meters, events = Meters([PrometheusSink(), *more], ["vote"]), await wired()
    verdict = events[-1]["verdict"]
    meters.accepted("vote")
    meters.queued(1)
    meters.started(2.5)
    meters.queued(0)
    meters.running(1)
    meters.flying(40)
    for event in events:
        if event["type"] == "chain_text":
            meters.wrote(event["tokens"])
        else:
            meters.event(event)
    meters.running(0)
    meters.flying(0)
    meters.ended("completed", verdict, verdict["wall_s"])
    meters.request("/v1/solves/{id}", 200, 0.25)
    meters.refused("rate_limit_exceeded")
    meters.disconnected()
    return meters, events


async def test_a_solve_is_counted_as_its_verdict_tells_it() -> None:
    meters, events = await told()
    verdict = events[-1]["verdict"]
    usage, chains = verdict["usage"], verdict["chains"]
    executions = [e for chain in chains for e in chain["executions"]]
    assert value(meters, "votebox_completion_tokens_total") == usage["completion_tokens"] > 0
    assert value(meters, "votebox_prompt_tokens_total") == usage["prompt_tokens"] > 0
    assert value(meters, "votebox_aborted_tokens_total") == usage["aborted_tokens"] > 0
    assert value(meters, "votebox_saved_tokens_total") == verdict["tokens_saved"] > 0
    assert value(meters, "votebox_solves_total", "vote", "completed", "consensus") == 1
    for status, number in Counter(e["status"] for e in executions).items():
        assert value(meters, "votebox_programs_total", status) == number
    assert value(meters, "votebox_program_seconds_total") == pytest.approx(
        sum(e["wall_s"] for e in executions)
    )
    ends = Counter(chain["ended"] for chain in chains)
    guarded = ends.pop("repetition", 0)  # how far that chain comes before the end is chance
    assert guarded == 0 or value(meters, "votebox_chains_total", "guard") == guarded
    assert {end: value(meters, "votebox_chains_total", end) for end in ends} == ends


async def test_the_first_vote_is_the_earliest_end_of_a_chain_that_voted() -> None:
    verdict = (await wired())[-1]["verdict"]
    voters = [chain for vote in verdict["votes"] for chain in vote["chains"]]
    ends = {chain["index"]: chain["end_s"] for chain in verdict["chains"]}
    assert first_vote_s(verdict) == min(ends[chain] for chain in voters)
    assert first_vote_s({**verdict, "votes": []}) is None


async def test_a_solve_without_verdict_is_counted_under_its_recipe() -> None:
    meters = Meters([PrometheusSink()], ["vote"])
    meters.ended("cancelled", None, 3.0, recipe="vote")
    assert value(meters, "votebox_solves_total", "vote", "cancelled", "") == 1
    assert not any(name.startswith("votebox_solve_seconds") for name, _ in samples(meters))


def test_labels_are_bounded_whatever_clients_send() -> None:
    meters = Meters([PrometheusSink()], ["vote"])
    for number in range(500):
        meters.accepted(f"recipe-{number}")
        meters.request(f"/v1/{number}", 200, 0.1)
        meters.refused(f"reason-{number}")
        meters.request("/v1/solves", 1000 + number, 0.1)
        meters.event({"type": "chain_finished", "chain": 0, "ended": f"own-{number}", "tokens": 1})
    seen = Counter(name for name, _ in samples(meters))
    assert seen["votebox_solves_accepted_total"] == 1
    assert seen["votebox_chains_total"] == 1
    assert seen["votebox_refused_total"] == 65
    assert seen["votebox_http_requests_total"] <= 66
    assert value(meters, "votebox_solves_accepted_total", "other") == 500


def test_a_recipe_that_becomes_known_has_series_of_its_own() -> None:
    meters = Meters([PrometheusSink()])
    meters.accepted("vote")
    meters.know(["vote"])
    meters.accepted("vote")
    assert value(meters, "votebox_solves_accepted_total", "other") == 1
    assert value(meters, "votebox_solves_accepted_total", "vote") == 1


def test_what_is_beyond_the_most_values_is_other() -> None:
    labels = Labels(["a"], open=True, most=2)
    assert [labels(text) for text in ("a", "b", "c", "b")] == ["a", "b", "other", "b"]


def test_every_sink_is_told_the_same() -> None:
    told: list[tuple[str, str, float, tuple[str, ...]]] = []

    class Noting:
        def add(self, metric: Metric, amount: float, labels: Any) -> None:
            told.append(("add", metric.name, amount, tuple(labels)))

        def set(self, metric: Metric, value: float, labels: Any) -> None:
            told.append(("set", metric.name, value, tuple(labels)))

        def observe(self, metric: Metric, value: float, labels: Any) -> None:
            told.append(("observe", metric.name, value, tuple(labels)))

    meters = Meters([Noting(), PrometheusSink()], ["vote"])
    meters.accepted("vote")
    meters.queued(3)
    meters.started(1.5)
    assert told == [
        ("add", "votebox_solves_accepted", 1, ("vote",)),
        ("set", "votebox_queue_length", 3, ()),
        ("observe", "votebox_queue_seconds", 1.5, ()),
    ]
    assert value(meters, "votebox_queue_length") == 3
    assert value(meters, "votebox_queue_seconds_sum") == 1.5


async def test_every_metric_is_used() -> None:
    meters, _ = await told()
    names = {name for name, _ in samples(meters)}
    ends = {"counter": "_total", "gauge": "", "histogram": "_bucket"}
    assert {m.name + ends[m.kind] for m in METRICS} <= names
    assert len({m.name for m in METRICS}) == len(METRICS)


async def test_ray_takes_every_metric() -> None:
    """Ray refuses a wrong tag, a missing one and a count of zero when it is told of it."""
    sink = RaySink()
    await told(sink)
    assert {name: made.info["tag_keys"] for name, made in sink._made.items()} == {
        metric.name: metric.labels for metric in METRICS
    }


def sandbox_metrics() -> set[str]:
    """Return the names of the metrics a sandbox replica makes."""
    tree = ast.parse((ROOT / "deployments/jails.py").read_text())
    texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
    return {t for t in texts if isinstance(t, str) and re.fullmatch(r"votebox_sandbox_\w+", t)}


def test_the_document_has_a_row_for_every_metric() -> None:
    page = (ROOT / "docs/observing.md").read_text()
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        assert f"| `{metric.shown}` | {metric.kind} | {labels} | {metric.help} |\n" in page
    assert len(sandbox_metrics()) == 5
    counted = set(re.findall(r"^\| `(\w+)` \| (?:counter|gauge|histogram) ", page, re.MULTILINE))
    known = {metric.shown for metric in METRICS}
    beside = {re.sub("_total$", "", name) for name in counted - known}
    assert beside == {f"ray_{name}" for name in sandbox_metrics()}
