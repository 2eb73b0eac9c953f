"""Simulate how a cluster grows under a load that comes at once: Serve's autoscaling, in time.

A replica more is asked for once the mean load of half a minute has been too high for as long as
the delay says; it is there when it has started. Replicas of the model and jails grow so;
solvers start in seconds, and here are there from the beginning.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from votebox.cluster.capacity import Plan
from votebox.cluster.capacity_questions import Questions
from votebox.cluster.queues import Clock
from votebox.cluster.simulate import Arrivals
from votebox.cluster.simulate_parts import Fabric, Settings
from votebox.deployments.app_args import AppArgs, ModelArgs
from votebox.plugins import Recipe

__all__ = ["Moment", "Scaler", "Scaling", "simulate_growth"]

_LOOK_S: Final = 5.0
_LOOKS: Final = 6
"""Serve's look_back_period_s is 30 s."""

_UP_S, _DOWN_S = 30.0, 600.0
"""Serve's own upscale_delay_s and downscale_delay_s, which models have."""

_JAIL_START_S: Final = 5.0
"""A sandbox is ready after 1.3 s (benchmarks/sandbox); an actor of Ray comes before."""

_MOMENTS: Final = 12
_LEAST_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Scaling:
    """Say how one part grows: from `least` to `most` replicas, one for each `target` of load."""

    least: int
    most: int
    target: float
    up_s: float
    down_s: float
    start_s: float


class Scaler:
    """Watch the load of one part, and change its replicas by Serve's rule."""

    def __init__(
        self, clock: Clock, how: Scaling, load: Callable[[], int], resize: Callable[[int], None]
    ) -> None:
        self._clock, self._how, self._load, self._resize = clock, how, load, resize
        self._seen: deque[int] = deque(maxlen=_LOOKS)
        self._asked = self.there = how.least
        self._lasted_s = 0.0  # above 0: so long too few, below: so long too many
        resize(how.least)
        clock.after(_LOOK_S, self._look)

    def _look(self) -> None:
        how = self._how
        self._clock.after(_LOOK_S, self._look)
        self._seen.append(self._load())
        wanted = min(max(math.ceil(fmean(self._seen) / how.target), how.least), how.most)
        if wanted == self._asked:
            self._lasted_s = 0.0
        elif wanted > self._asked:
            self._lasted_s = max(0.0, self._lasted_s) + _LOOK_S
        else:
            self._lasted_s = min(0.0, self._lasted_s) - _LOOK_S
        if self._lasted_s >= max(how.up_s, _LOOK_S):
            self._ask(wanted)
            self._clock.after(how.start_s, self._started, wanted)
        elif self._lasted_s <= -max(how.down_s, _LOOK_S):
            self._ask(wanted)
            self._started(wanted)

    def _ask(self, count: int) -> None:
        self._asked, self._lasted_s = count, 0.0

    def _started(self, count: int) -> None:
        """Have so many, but none that has been given up since."""
        if count > self.there or count == self._asked:
            self.there = min(count, self._asked)
            self._resize(self.there)


@dataclass(frozen=True, slots=True)
class Moment:
    """Hold what there was some time after the load came, and how solves fared that came before.

    `mean_s` and `late` are of the solves that came since the moment before; those that had no
    answer at the end of the simulation are `unfinished`.
    """

    at_s: float
    replicas: int
    jails: int
    chains_waiting: int
    solves: int
    mean_s: float
    late: float
    unfinished: int


def simulate_growth(
    plan: Plan, questions: Questions, recipe: Recipe, how: Settings, args: AppArgs
) -> tuple[Moment, ...]:
    """Return twelve moments after the plan's load comes to the least replicas of a preset.

    Raises:
        Failed: it takes too many steps.
        PluginError: the rule or the dispatcher failed.
    """
    fabric = Fabric(plan, questions, recipe, how)
    model = args.models.get("reasoner") or next(iter(args.models.values()))
    models, boxes = _scalers(fabric, plan, model, args)
    arrivals = Arrivals(fabric, plan.case.questions_s)
    each_s = _lasts_s(plan) / _MOMENTS
    seen: list[tuple[float, int, int, int, int]] = []
    for _ in range(_MOMENTS):
        arrivals.run(each_s)
        waiting = fabric.chains_waiting + sum(one.chains.lined_up for one in fabric.models)
        there = (models.there, boxes.there * args.sandbox.workers)
        seen.append((fabric.clock.now, *there, waiting, len(arrivals.counted)))
    arrivals.run(2 * each_s)
    return tuple(_moments(seen, arrivals))


def _scalers(fabric: Fabric, plan: Plan, model: ModelArgs, args: AppArgs) -> tuple[Scaler, Scaler]:
    box, costs = args.sandbox, plan.case.costs
    least = min(max(1, model.min_replicas), plan.replicas)
    target = float(model.target_ongoing_requests)
    grown = Scaling(least, plan.replicas, target, _UP_S, _DOWN_S, costs.model_start_s)
    most = max(1, fabric.jails.count // box.workers)
    few = min(max(1, box.min_replicas), most)
    delays = (box.upscale_delay_s, box.downscale_delay_s, _JAIL_START_S)
    jailed = Scaling(few, most, float(box.workers), *delays)
    jails = fabric.jails
    return (
        Scaler(fabric.clock, grown, lambda: fabric.streams, fabric.keep),
        Scaler(fabric.clock, jailed, lambda: jails.load, lambda n: jails.resize(n * box.workers)),
    )


def _lasts_s(plan: Plan) -> float:
    """Return the seconds to watch: an hour, or what growing and three long solves take."""
    case = plan.case
    step_s = case.replica.step(case.fits, case.demand.context, case.costs).s
    return max(_LEAST_S, 2 * case.costs.model_start_s + 3 * case.demand.steps[2] * step_s)


def _moments(seen: list[tuple[float, int, int, int, int]], arrivals: Arrivals) -> list[Moment]:
    found, before = [], 0
    for at_s, replicas, jails, waiting, count in seen:
        came = arrivals.counted[before:count]
        done = [solve for solve in came if solve.seconds is not None]
        seconds = [solve.seconds for solve in done if solve.seconds is not None]
        late = fmean([float(solve.late) for solve in done]) if done else 0.0
        mean_s = fmean(seconds) if seconds else math.inf
        open_ = len(came) - len(done)
        found.append(Moment(at_s, replicas, jails, waiting, len(came), mean_s, late, open_))
        before = count
    return found
