"""The arithmetic of a plan: rooflines, memory, votes, and what is full first."""

import math
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import pytest

from votebox.cluster.capacity import Case, Fleet, Part, erlang_c, make_plan, messages, spread
from votebox.cluster.capacity_costs import ORIGINS, Costs, read_costs
from votebox.cluster.capacity_facts import GPUS, SHAPES, Gpu, Shape, find_gpu, read_shape
from votebox.cluster.capacity_questions import Demand, Range, demand_of, typical
from votebox.cluster.cluster_checks import ModelFacts
from votebox.cluster.errors import BadUsage
from votebox.cluster.roofline import Replica, batch_at
from votebox.plugins import Registry, SolveOptions
from votebox.plugins.overrides import overridden

# Round numbers: 2 KiB of cache a token, 1 GiB of weights, 2^30 bytes a millisecond.
PLAIN = Shape(ModelFacts("", 4, 1, 128, 1.0), hidden=1024, parameters_b=1.0)
GPU = Gpu("round", 100.0, 2**30 * 1e3 / 1e9, 1000.0, 100.0, "made up")
EXACT = Costs(bandwidth_share=1, flops_share=1, step_ms=1e-9, reduce_us=1e-9, cache_share=1)
DEMAND = Demand(
    chains=4,
    tokens=1000.0,
    context=2.0**19,  # 1 GiB a chain
    prompt_tokens=100.0,
    spent=Range(4000.0, 3000.0, 5000.0),
    full=4000.0,
    steps=(1000.0, 1000.0, 1500.0),
    programs=1.0,
    program_s=2.0,
    alone=0.0,
)
REPLICA = Replica(PLAIN, GPU, 1, {"gpu_memory_utilization": 1.0})
REGISTRY = Registry.load()


def test_a_step_reads_weights_once_and_the_cache_of_each_chain() -> None:
    step = REPLICA.step(5, DEMAND.context, EXACT)
    assert step.weights_ms == pytest.approx(1.0)
    assert step.cache_ms == pytest.approx(5.0)
    assert step.compute_ms == pytest.approx(0.01)
    assert step.s == pytest.approx(6e-3, rel=1e-6)
    assert REPLICA.rate(5, DEMAND.context, EXACT) == pytest.approx(5 / 6e-3, rel=1e-6)


def test_a_step_takes_as_long_as_its_arithmetic_where_that_is_more() -> None:
    slow = replace(REPLICA, gpu=replace(GPU, tflops=0.001))
    step = slow.step(1, 1.0, EXACT)
    assert step.s == pytest.approx(2 * 1e9 / 1e9, rel=1e-6)  # 2 FLOP a parameter


def test_two_gpus_read_twice_as_fast_and_pay_two_reductions_a_layer() -> None:
    one, two = (replace(REPLICA, width=width).step(1, DEMAND.context, EXACT) for width in (1, 2))
    assert two.cache_ms == pytest.approx(one.cache_ms / 2)
    sent = 2 * (2 - 1) / 2 * 1024 * 2  # bytes of one chain's layer in a ring
    assert one.reduce_ms == 0
    assert two.reduce_ms == pytest.approx(2 * 4 * sent / 50e9 * 1e3, rel=1e-3)


def test_as_many_chains_fit_as_the_memory_has_room_for() -> None:
    assert REPLICA.room_gib == pytest.approx(100 - 1 - 2)  # weights, graphs
    assert REPLICA.fits(DEMAND.context, EXACT) == 97
    assert REPLICA.fits(DEMAND.context, replace(EXACT, cache_share=0.5)) == 48
    assert replace(REPLICA, engine_kwargs={"max_num_seqs": 9}).fits(1.0, EXACT) == 9
    fp8 = {"kv_cache_dtype": "fp8", "gpu_memory_utilization": 1.0}
    assert replace(REPLICA, engine_kwargs=fp8).fits(DEMAND.context, EXACT) == 194


def test_a_model_that_does_not_fit_is_said_so() -> None:
    case = Case(10.0, replace(REPLICA, gpu=replace(GPU, memory_gib=3.5)), DEMAND, EXACT)
    with pytest.raises(BadUsage, match="not one chain"):
        make_plan(case)


def test_the_batch_for_a_rate_gives_that_rate() -> None:
    for batch in (1, 20, 96):
        rate = REPLICA.rate(batch, DEMAND.context, EXACT)
        assert batch_at(rate, REPLICA, DEMAND.context, EXACT) == pytest.approx(batch, rel=1e-6)
    assert math.isinf(batch_at(1e6, REPLICA, DEMAND.context, EXACT))


def test_the_sums_of_a_plan_are_those_by_hand() -> None:
    plan = make_plan(Case(3600.0, REPLICA, DEMAND, EXACT, aim=0.9))
    most = 97 / 98e-3
    assert plan.case.tokens_s == 4000
    assert plan.parts[0].needs == math.ceil(4000 / (0.9 * most)) == 5
    assert plan.at is not None
    assert plan.at.batch == pytest.approx(4, rel=1e-4)  # 4 / (1 + 4) ms = 4000 / 5 a second
    assert plan.at.seen == pytest.approx(4 + 4)  # its own four chains
    assert plan.at.step.s == pytest.approx(9e-3, rel=1e-4)
    model_s = 1000 * plan.at.step.s
    assert plan.at.solve_s[0] == pytest.approx(model_s + 2.0 + 0.011 + 0.043, abs=1e-3)
    jails = plan.part("jails")
    assert jails.busy * jails.has == pytest.approx(1.0 * 4 * 1 * (2 + 0.016))  # Little


def test_a_part_that_is_given_is_not_grown() -> None:
    plan = make_plan(Case(3600.0, REPLICA, DEMAND, EXACT, Fleet(replicas=2, jails=4), aim=0.5))
    assert [(part.needs, part.has) for part in (plan.parts[0], plan.part("jails"))] == [
        (9, 2),
        (17, 4),
    ]
    assert plan.at is None
    assert plan.bottleneck == max(plan.parts, key=lambda part: part.busy)
    assert plan.bottleneck.full_at(3600.0) < 3600.0


def test_a_part_without_load_is_never_full() -> None:
    assert math.isinf(Part("jails", 1, 1, 0.0, "programs", "").full_at(100.0))


def test_the_spread_has_the_plan_between_its_ends() -> None:
    case = Case(3600.0, REPLICA, DEMAND, replace(EXACT, bandwidth_share=0.7))
    low, high = (found.parts[0].needs for found in spread(case))
    assert low < make_plan(case).parts[0].needs < high


def test_waiting_by_erlang_is_that_of_published_tables() -> None:
    assert erlang_c(10, 8.0) == pytest.approx(0.4092, abs=1e-4)
    assert erlang_c(100, 80.0) == pytest.approx(0.0196, abs=2e-3)
    assert erlang_c(3, 3.0) == 1.0
    assert 0 < erlang_c(10_000, 9_950.0) < 1


def test_messages_stop_growing_until_streams_wait_the_longest() -> None:
    assert [messages(streams, 0.05) for streams in (0, 1, 4, 8, 40)] == [0, 20, 80, 80, 80]
    assert messages(80, 0.05) == 160


def test_typical_questions_are_as_long_as_asked_and_shorter_where_they_agree() -> None:
    questions = typical(5000)
    assert questions.mean_tokens == pytest.approx(5000, rel=1e-3)
    means = [e.tokens.mean() for e in questions.experiments]
    assert means[0] > 2 * means[-1]
    shares = [(e.votes == 0).mean() for e in questions.experiments]
    assert all(a <= b for a, b in pairwise(shares))
    assert questions.cut(3000).experiments[0].tokens.max() == 3000


def demanded(**changes: object) -> Demand:
    options = SolveOptions(**changes)  # type: ignore[arg-type]
    recipe = overridden(REGISTRY.recipe("vote"), options, REGISTRY)
    return demand_of(typical(), recipe, Costs())


def test_the_recipe_s_own_rules_say_what_a_question_costs() -> None:
    every = demanded(stop="never", dispatch="all")
    one = demanded(stop="never", dispatch="fixed:1")
    lead = demanded(stop="lead:2", dispatch="fixed:1")
    assert every.saved == one.saved == 0
    assert every.steps[0] < one.steps[0]
    assert one.in_flight == pytest.approx(1.0)
    assert lead.streams == 1.0
    # All start together, and half of a chain comes after its program, in a stream of its own.
    assert every.streams == pytest.approx(1 + (every.in_flight - 1) / 2, rel=0.01)
    assert lead.saved > 0.6
    assert lead.spent.low < lead.spent.value < lead.spent.high
    assert lead.worth == pytest.approx(lead.spent.value / lead.tokens)


def test_a_chain_in_flight_is_longer_than_half_of_the_mean() -> None:
    found = demanded()
    assert found.context > found.prompt_tokens + found.tokens / 2


def test_every_constant_says_what_it_is_and_where_it_is_from() -> None:
    assert list(ORIGINS) == [f.name for f in fields(Costs)]
    assert all(origin.meaning and origin.source for origin in ORIGINS.values())


def test_the_page_shows_the_constants_and_gpus_as_they_are() -> None:
    page = (Path(__file__).parents[2] / "docs/capacity.md").read_text()
    for f in fields(Costs):
        origin = ORIGINS[f.name]
        value = getattr(Costs(), f.name)
        assert (
            f"| `{f.name}` | {value:g} | {origin.meaning} | {origin.kind}: {origin.source} |"
            in page
        )
    for gpu in GPUS.values():
        row = f"| {gpu.name} | {gpu.memory_gib:g} | {gpu.bandwidth_gb_s:,g} | {gpu.tflops:,g} |"
        assert f"{row} {gpu.link_gb_s:,g} | {gpu.source} |" in page


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("programs", "sets no constant"),
        ("nothing=1", "known: bandwidth_share"),
        ("program_s=fast", "a number above 0"),
        ("program_s=-1", "a number above 0"),
        ("program_s=nan", "a number above 0"),
        ("bandwidth_share=1.5", "at most 1"),
    ],
)
def test_a_wrong_constant_is_refused(given: str, said: str) -> None:
    with pytest.raises(BadUsage, match=said):
        read_costs([given])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("layers=2", "lacks kv-heads"),
        ("layers=2,layers=3", "sets nothing"),
        ("width=2", "sets nothing"),
        ("layers=2.5", "whole number"),
        ("layers=1e9", "below a million"),
        ("layers=inf", "below a million"),
    ],
)
def test_a_wrong_shape_is_refused(given: str, said: str) -> None:
    with pytest.raises(BadUsage, match=said):
        read_shape(given)


def test_a_gpu_is_found_in_any_case_and_an_unknown_one_named() -> None:
    assert find_gpu("h100") is GPUS["H100"]
    with pytest.raises(BadUsage, match="known: L4"):
        find_gpu("H1000")


def test_shapes_hold_the_256_kib_of_a_token_of_the_guide() -> None:
    assert SHAPES["Qwen/QwQ-32B"].facts.token_kib(2) == 256
