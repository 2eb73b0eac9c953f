"""A simulated cluster obeys the laws of queues, and the rules of the recipe."""

from dataclasses import replace

import numpy as np
import pytest

from votebox.cluster.capacity import Case, Fleet, Plan, make_plan
from votebox.cluster.capacity_costs import Costs
from votebox.cluster.capacity_facts import GPUS, SHAPES
from votebox.cluster.capacity_questions import Questions, demand_of, typical
from votebox.cluster.roofline import Replica
from votebox.cluster.simulate import full_load, simulate_load
from votebox.cluster.simulate_parts import Settings
from votebox.plugins import Recipe, Registry, SolveOptions
from votebox.plugins.overrides import overridden
from votebox.plugins.whatif import Experiment

REPLICA = Replica(SHAPES["Qwen/QwQ-32B-AWQ"], GPUS["H100"], 1, {})
REGISTRY = Registry.load()
BRISK = Settings(solves=600)


def recipe(name: str = "vote", **changes: object) -> Recipe:
    options = SolveOptions(**{"deadline_s": 1e6, **changes})  # type: ignore[arg-type]
    return overridden(REGISTRY.recipe(name), options, REGISTRY)


def planned(
    questions: Questions, used: Recipe, replicas: int = 8, costs: Costs | None = None, **fleet: int
) -> Plan:
    made = costs or Costs()
    demand = demand_of(questions, used, made)
    case = Case(1.0, REPLICA, demand, made, Fleet(replicas=replicas, **fleet))
    plan = make_plan(case)
    return make_plan(replace(case, questions_per_hour=0.8 * full_load(plan)))


def alike(tokens: int) -> Questions:
    """Return one question whose chains all say the same, in as many tokens."""
    count = 50
    ranks = np.zeros(1, dtype=np.int64)
    votes = np.zeros(count, dtype=np.int64)
    lengths = np.full(count, tokens, dtype=np.int64)
    return Questions((Experiment("", "one", votes, lengths, ranks),), "all alike")


def test_solves_inside_are_the_rate_times_the_time_inside() -> None:
    used = recipe()
    questions = typical(9000)
    found = simulate_load(planned(questions, used), questions, used, 0.6, BRISK)
    assert not found.unfinished
    assert found.in_flight == pytest.approx(found.rate_s * found.mean_s, rel=0.05)  # Little


def test_an_idle_cluster_takes_the_time_of_its_parts_one_after_the_other() -> None:
    used, questions = recipe("aimo-qwq", chains=1), alike(1000)
    costs = Costs(programs=1e-9)
    plan = planned(questions, used, costs=costs)
    found = simulate_load(plan, questions, used, 1e-5, replace(BRISK, solves=60))
    step_s = REPLICA.step(1, plan.case.demand.context, costs).s
    beside = costs.ingress_cpu_ms + costs.text_ms + costs.chain_cpu_ms
    assert found.median_s == pytest.approx(1000 * step_s + beside / 1e3, rel=1e-3)


def test_the_sums_say_how_long_a_solve_takes_where_chains_do_not_wait() -> None:
    used, questions = recipe("aimo-qwq"), typical(3000)  # some ninety chains fit
    plan = planned(questions, used, replicas=4)
    found = simulate_load(plan, questions, used, 0.6, BRISK)
    at = make_plan(replace(plan.case, questions_per_hour=found.questions_per_hour)).at
    assert at is not None
    assert found.mean_s == pytest.approx(at.solve_s[0], rel=0.1)


def test_a_question_costs_the_tokens_that_the_what_if_says() -> None:
    used, questions = recipe("vote", stop="fhpc:0.02", dispatch="need-driven:3"), typical()
    plan = planned(questions, used, replicas=20)
    found = simulate_load(plan, questions, used, 0.3, replace(BRISK, solves=1500))
    # Other chains end first where replicas are not equally fast, so not to the last token.
    assert found.tokens == pytest.approx(plan.case.demand.spent.value, rel=0.08)


def test_chains_that_agree_stop_as_soon_as_the_rule_fires() -> None:
    used, questions = recipe("vote", stop="lead:3", dispatch="fixed:1"), alike(20_000)
    found = simulate_load(planned(questions, used), questions, used, 0.5, BRISK)
    assert found.chains == 3
    assert found.tokens == 60_000


def test_a_deadline_ends_every_solve_by_itself() -> None:
    used, questions = recipe(deadline_s=20.0), typical(30_000)
    found = simulate_load(planned(questions, used), questions, used, 0.8, BRISK)
    assert found.late > 0.95
    assert found.p95_s == pytest.approx(20.0, abs=1.0)


def test_the_same_seed_gives_the_same_numbers_and_another_gives_others() -> None:
    used, questions = recipe(), typical()
    plan = planned(questions, used, replicas=2)
    first, again, other = (
        simulate_load(plan, questions, used, 0.7, replace(BRISK, solves=200, seed=seed))
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first.mean_s != other.mean_s


def test_more_load_takes_longer_and_keeps_replicas_busier() -> None:
    used, questions = recipe(), typical()
    plan = planned(questions, used)
    half, most = (simulate_load(plan, questions, used, load, BRISK) for load in (0.4, 0.9))
    assert half.mean_s + half.error_s < most.mean_s - most.error_s
    assert half.busy["replicas"] == pytest.approx(0.4, abs=0.06)
    assert most.busy["replicas"] == pytest.approx(0.9, abs=0.08)


def test_too_few_jails_are_found_as_the_bottleneck() -> None:
    used, questions = recipe("aimo-qwq", deadline_s=300.0), typical(2000)
    costs = Costs(programs=3, program_s=8)
    few = planned(questions, used, costs=costs, jails=1)
    found = simulate_load(few, questions, used, 0.8, BRISK)
    assert found.bottleneck == "jails"
    assert found.busy["jails"] == pytest.approx(1.0, abs=0.01)
    assert found.jail_wait_s > 60


def test_too_few_solvers_are_found_as_the_bottleneck() -> None:
    used, questions = recipe(deadline_s=300.0), typical(2000)
    slow = Costs(message_cpu_ms=20)
    found = simulate_load(
        planned(questions, used, costs=slow, solvers=1), questions, used, 0.8, BRISK
    )
    assert found.bottleneck == "solvers"


def test_streams_that_replicas_do_not_take_wait_and_leave_the_gpus_idle() -> None:
    used, questions = recipe(deadline_s=600.0), typical(9000)
    plan = planned(questions, used, replicas=4, streams=3)
    found = simulate_load(plan, questions, used, 0.8, BRISK)
    assert plan.bottleneck.name == "streams"
    assert found.bottleneck in {"streams", "places"}
    assert found.busy["streams"] == pytest.approx(1.0, abs=0.02)
    assert found.busy["replicas"] < 0.6


def test_the_less_busy_of_two_evens_out_what_the_ring_does_not() -> None:
    used, questions = recipe("aimo-qwq"), typical()
    plan = planned(questions, used, replicas=20)
    ring, two = (
        simulate_load(plan, questions, used, 0.8, replace(BRISK, solves=1000, route=route))
        for route in ("session", "two")
    )
    assert two.mean_s + two.error_s < ring.mean_s - ring.error_s
