"""Autoscaling as Serve does it: it waits, starts, grows to what is needed, and shrinks again."""

from dataclasses import replace

import pytest

from votebox.cluster.capacity import Case, Fleet, make_plan
from votebox.cluster.capacity_costs import Costs
from votebox.cluster.capacity_facts import GPUS, SHAPES
from votebox.cluster.capacity_questions import demand_of, typical
from votebox.cluster.preset import load_preset
from votebox.cluster.queues import Clock
from votebox.cluster.roofline import Replica
from votebox.cluster.simulate_growth import Scaler, Scaling, simulate_growth
from votebox.cluster.simulate_parts import Settings
from votebox.deployments.app_args import AppArgs
from votebox.plugins import Registry

HOW = Scaling(least=1, most=5, target=2.0, up_s=20.0, down_s=60.0, start_s=100.0)


class Watched:
    """A part whose load is set by hand; tells when it had how many replicas."""

    def __init__(self, how: Scaling) -> None:
        self.clock, self.load = Clock(), 0
        self.sizes: list[tuple[float, int]] = []
        self.scaler = Scaler(self.clock, how, lambda: self.load, self._note)

    def _note(self, count: int) -> None:
        self.sizes.append((self.clock.now, count))

    def run(self, until: float, load: int) -> list[tuple[float, int]]:
        self.load = load
        assert self.clock.run(until, 10_000)
        return self.sizes


def test_a_part_starts_with_the_least_and_stays_there_while_that_is_enough() -> None:
    assert Watched(HOW).run(1000.0, 2) == [(0.0, 1)]


def test_it_grows_after_the_delay_and_the_start_to_what_the_load_asks() -> None:
    assert Watched(HOW).run(1000.0, 8) == [(0.0, 1), (120.0, 4)]


def test_it_never_grows_past_the_most() -> None:
    assert Watched(HOW).run(1000.0, 1000)[-1][1] == 5


def test_a_peak_shorter_than_the_delay_starts_nothing() -> None:
    part = Watched(HOW)
    part.run(7.0, 4)
    assert part.run(1000.0, 0) == [(0.0, 1)]


def test_it_shrinks_after_its_own_delay() -> None:
    part = Watched(HOW)
    part.run(300.0, 8)
    sizes = part.run(1000.0, 0)
    assert sizes[-1][1] == 1
    assert sizes[-1][0] == pytest.approx(300 + 30 + 60, abs=30)  # the look back, the delay


def test_what_starts_in_vain_is_not_kept() -> None:
    part = Watched(replace(HOW, down_s=30.0, start_s=500.0))
    part.run(40.0, 8)
    assert part.run(2000.0, 0)[-1][1] == 1


def test_a_cluster_of_one_replica_grows_to_the_plan_and_its_solves_get_faster() -> None:
    recipe = Registry.load().recipe("aimo-qwq")
    recipe = replace(recipe, budget=replace(recipe.budget, deadline_s=None))
    questions, costs = typical(), Costs()
    replica = Replica(SHAPES["Qwen/QwQ-32B-AWQ"], GPUS["H100"], 4, {})
    demand = demand_of(questions, recipe, costs)
    plan = make_plan(Case(500.0, replica, demand, costs, Fleet(workers=2)))
    args = AppArgs.model_validate(load_preset("qwq-32b-awq"))
    found = simulate_growth(plan, questions, recipe, Settings(), args)
    assert [len(found), found[-1].replicas] == [12, plan.replicas]
    assert found[0].mean_s > 1.2 * found[-1].mean_s
    assert not any(moment.unfinished for moment in found[:-1])
    assert found == simulate_growth(plan, questions, recipe, Settings(), args)
