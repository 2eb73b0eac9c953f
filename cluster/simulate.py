"""Simulate a plan at several loads: what each part does, and how long solves take.

Questions come by chance (Poisson). After a time to fill up, so many of them are counted; what
is told of the parts is of the time in which those came. The same seed gives the same numbers.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Final

from votebox.cluster.capacity import Case, Plan, make_plan
from votebox.cluster.capacity_questions import Questions
from votebox.cluster.errors import Failed
from votebox.cluster.simulate_parts import Fabric, Settings
from votebox.cluster.simulate_solve import Solve
from votebox.cluster.statistics import quantile
from votebox.plugins import Recipe

__all__ = ["Arrivals", "Simulated", "at_load", "full_load", "simulate_load"]

_MOST_STEPS: Final = 100_000_000
_PIECES: Final = 16
_GROUPS: Final = 20
_T: Final = 2.093
"""Student's t of 19 degrees of freedom, 95 %: batch means of 20 groups."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """Hold what a simulation found at one load, in parts of what the replicas carry.

    Of `solves` counted `unfinished` had no answer at the end, and of the others a share of
    `late` was ended by the deadline; times are infinite where none had an answer. `mean_s` is give or take `error_s` (95 %, batch means). `tokens` and
    `chains` are of a question, `batch` of a replica. `busy` is by part; waits are the mean of
    chains for a replica, of programs for a jail. `in_flight` solves were open in the mean,
    and came at `rate_s` a second.
    """

    load: float
    questions_per_hour: float
    solves: int
    unfinished: int
    late: float
    mean_s: float
    error_s: float
    median_s: float
    p95_s: float
    tokens: float
    chains: float
    batch: float
    busy: Mapping[str, float]
    replica_wait_s: float
    jail_wait_s: float
    in_flight: float
    rate_s: float
    steps: int

    @property
    def bottleneck(self) -> str:
        """Return the busiest part."""
        return max(self.busy, key=lambda name: self.busy[name])


def full_load(plan: Plan) -> float:
    """Return the questions an hour at which the replicas of a plan are full."""
    case = plan.case
    return plan.replicas * case.most_tokens_s / case.demand.spent.value * 3600


def at_load(plan: Plan, load: float) -> Plan:
    """Return the plan with as many of each part, under `load` times what its replicas carry."""
    has = {part.name: part.has for part in plan.parts}
    counts = {"replicas": has["replicas"], "jails": has["jails"], "solvers": has["solvers"]}
    fleet = replace(plan.case.fleet, **counts)
    asked = load * full_load(plan)
    return make_plan(replace(plan.case, questions_per_hour=asked, fleet=fleet))


def simulate_load(
    plan: Plan, questions: Questions, recipe: Recipe, load: float, how: Settings
) -> Simulated:
    """Return what happens with the parts of `plan` at `load` times what its replicas carry.

    Raises:
        Failed: it takes too many steps.
        PluginError: the rule or the dispatcher failed.
    """
    plan = at_load(plan, load)
    asked = plan.case.questions_per_hour
    fabric = Fabric(plan, questions, recipe, how)
    warm_s = _warm_s(plan.case, recipe)
    solves = Arrivals(fabric, asked / 3600)
    solves.run(warm_s)
    fabric.forget()
    begun = fabric.clock.now
    solves.counted.clear()
    solves.run(how.solves / (asked / 3600))
    fabric.settle()
    counted, lasted_s = list(solves.counted), fabric.clock.now - begun
    busy = _busy(fabric, plan, lasted_s)
    told = _Told(fabric, lasted_s)
    for _ in range(_PIECES):
        if any(solve.seconds is None for solve in counted):
            solves.run(2 * warm_s / _PIECES)  # under the same load, to their end
    return _simulated(load, asked, counted, busy, told)


class Arrivals:
    """Let questions come, a number of seconds at a time; `counted` are their solves in order."""

    def __init__(self, fabric: Fabric, rate_s: float) -> None:
        self._fabric, self._rate_s = fabric, rate_s
        self.counted: list[Solve] = []
        self._plan_next()

    def run(self, seconds: float) -> None:
        """Let so many seconds pass; raise Failed where that takes too many steps."""
        clock = self._fabric.clock
        if not clock.run(clock.now + seconds, _MOST_STEPS):
            problem = f"the simulation takes more than {_MOST_STEPS:,} steps"
            raise Failed(problem, "simulate fewer GPUs, or fewer --solves")

    def _plan_next(self) -> None:
        self._fabric.clock.after(self._fabric.source.expovariate(self._rate_s), self._arrive)

    def _arrive(self) -> None:
        self.counted.append(Solve(self._fabric))
        self._plan_next()


class _Told:
    """Keep the statistics of the parts of one stretch of time."""

    def __init__(self, fabric: Fabric, lasted_s: float) -> None:
        chains = [model.chains for model in fabric.models]
        begun = sum(queue.begun for queue in chains)
        self.lasted_s = lasted_s
        self.batch = sum(queue.active_s for queue in chains) / lasted_s / len(chains)
        waited_s = fabric.routed_s + sum(queue.waited_s for queue in chains)
        self.replica_wait_s = waited_s / max(1, begun)
        self.jail_wait_s = fabric.jails.waited_s / max(1, fabric.jails.begun)
        places = fabric.places
        self.in_flight = (places.taken_s + places.waiting_s) / lasted_s
        self.steps = fabric.clock.steps


def _warm_s(case: Case, recipe: Recipe) -> float:
    """Return the seconds in which queues fill up: one of the longest solves, or the deadline."""
    full_s = case.replica.step(case.fits, case.demand.context, case.costs).s
    return min(case.demand.steps[2] * full_s, 1.5 * (recipe.budget.deadline_s or math.inf))


def _busy(fabric: Fabric, plan: Plan, lasted_s: float) -> dict[str, float]:
    """Return how busy each part was."""
    models, solvers = fabric.models, fabric.solvers
    done = sum(model.chains.work_done for model in models)
    received_s = fabric.messages * fabric.case.message_s
    walked_s = sum(solver.core.busy_s for solver in solvers)
    return {
        "replicas": done / lasted_s / len(models) / plan.case.most_tokens_s,
        "jails": fabric.jails.busy_s / fabric.jails.server_s,
        "solvers": min(1.0, (received_s + walked_s) / lasted_s / len(solvers)),
        "streams": fabric.streams_s / lasted_s / len(models) / fabric.case.fleet.streams,
        "places": fabric.places.taken_s / lasted_s / fabric.places.count,
        "ingress": fabric.ingress.busy_s / lasted_s,
    }


def _simulated(
    load: float,
    asked: float,
    counted: Sequence[Solve],
    busy: Mapping[str, float],
    told: _Told,
) -> Simulated:
    done = [solve for solve in counted if solve.seconds is not None]
    seconds = [solve.seconds for solve in done if solve.seconds is not None]
    ordered = sorted(seconds) or [math.inf]
    return Simulated(
        load,
        asked,
        len(counted),
        len(counted) - len(done),
        _mean([float(solve.late) for solve in done]),
        fmean(ordered),
        _error(seconds),
        quantile(ordered, 0.5) if seconds else math.inf,
        quantile(ordered, 0.95) if seconds else math.inf,
        _mean([solve.tokens for solve in done]),
        _mean([solve.chains for solve in done]),
        told.batch,
        busy,
        told.replica_wait_s,
        told.jail_wait_s,
        told.in_flight,
        len(counted) / told.lasted_s,
        told.steps,
    )


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0


def _error(seconds: Sequence[float]) -> float:
    """Return the half width of the 95 % interval of the mean, by batch means.

    Solves that came together saw the same queues, so that groups of neighbours are the units.
    """
    size = len(seconds) // _GROUPS
    if size < 2:
        return math.inf
    means = [fmean(seconds[n * size : (n + 1) * size]) for n in range(_GROUPS)]
    return _T * stdev(means) / math.sqrt(_GROUPS)
