"""Reckon what a cluster needs for so many questions an hour: arithmetic alone.

roofline.py says how fast a replica of the model decodes, capacity_questions.py what questions
cost, capacity_costs.py holds every constant. The other parts (jails, solvers, ingress, Serve's
controller, Ray) follow from the rates of chains, programs and messages. capacity_report.py
prints the sums.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from votebox.cluster.capacity_costs import Costs
from votebox.cluster.capacity_questions import Demand
from votebox.cluster.errors import BadUsage
from votebox.cluster.roofline import Replica, Step, batch_at
from votebox.deployments.batching import paced

__all__ = [
    "Case",
    "Fleet",
    "Operating",
    "Part",
    "Plan",
    "erlang_c",
    "make_plan",
    "messages",
    "spread",
]

_WAITS: Final = 0.1
"""The share of programs that may wait for a jail."""

_DOUBT: Final = 0.15


@dataclass(frozen=True, slots=True)
class Fleet:
    """Hold how many of each part there are, None: as many as are needed; and their settings.

    `jails` counts programs at once, `workers` those of one sandbox replica. A replica of the
    model takes `streams` at once, four times its target_ongoing_requests. A solver takes
    `max_ongoing` solves, and one is asked for for each `target_chains` chains in flight. A
    preset lets there be `most_replicas` of the model, `most_boxes` of the sandbox, and
    `most_solvers`.
    """

    replicas: int | None = None
    jails: int | None = None
    solvers: int | None = None
    workers: int = 2
    streams: int = 32
    max_ongoing: int = 64
    target_chains: int = 512
    most_replicas: int | None = None
    most_boxes: int | None = None
    most_solvers: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """Hold what is asked: so much load on such replicas, no part more than `aim` busy."""

    questions_per_hour: float
    replica: Replica
    demand: Demand
    costs: Costs = Costs()
    fleet: Fleet = Fleet()
    aim: float = 0.8

    @property
    def questions_s(self) -> float:
        """Return the questions a second."""
        return self.questions_per_hour / 3600

    @property
    def tokens_s(self) -> float:
        """Return the tokens a second that all replicas sample."""
        return self.questions_s * self.demand.spent.value

    @property
    def message_s(self) -> float:
        """Return the seconds of a core that a solver takes for one message of a stream."""
        chains = self.demand.in_flight / self.demand.streams
        return (self.costs.message_cpu_ms + chains * self.costs.text_cpu_ms) / 1e3

    @property
    def fits(self) -> int:
        """Return how many chains a replica decodes at once.

        Raises:
            BadUsage: not one fits beside the weights.
        """
        replica, context = self.replica, self.demand.context
        fits = replica.fits(context, self.costs)
        if not fits:
            gpus, weights = f"{replica.width} x {replica.gpu.name}", replica.shape.facts.weights_gib
            problem = (
                f"{gpus} leave {max(0.0, replica.room_gib):.1f} GiB beside {weights:.1f} GiB of "
                f"weights: not one chain of {context:,.0f} tokens fits"
            )
            raise BadUsage(problem, "use more or larger GPUs: --gpu, --tensor-parallel")
        return fits

    @property
    def most_tokens_s(self) -> float:
        """Return the tokens a second of a replica whose batch is full."""
        return self.replica.rate(self.fits, self.demand.context, self.costs)


@dataclass(frozen=True, slots=True)
class Part:
    """Hold one part: how many it `needs` to be as busy as is aimed at, and how many it `has`.

    `busy` is the load in parts of what it can carry, 1.2 is more than it can. `by` says what
    loads it, `setting` what changes how much it can carry, and `most` how many the preset allows.
    """

    name: str
    needs: int
    has: int
    busy: float
    by: str
    setting: str
    most: int | None = None

    def full_at(self, questions_per_hour: float) -> float:
        """Return the questions an hour at which it is full, infinite where nothing loads it."""
        return questions_per_hour / self.busy if self.busy else math.inf


@dataclass(frozen=True, slots=True)
class Operating:
    """Hold how replicas run at a load: each with `batch` chains in the mean.

    Whoever looks from within a solve sees `seen` chains, its own siblings beside that mean, and
    so the longer `step`. `solve_s` are the mean, median and 95th percentile of a solve in
    seconds; `added_s` of them are programs, prompts and Ray. `solves` and `streams` are in
    flight in all replicas.
    """

    batch: float
    seen: float
    step: Step
    solve_s: tuple[float, float, float]
    added_s: float
    solves: float
    streams: float

    @property
    def speed(self) -> float:
        """Return the tokens a second of a chain."""
        return 1 / self.step.s


@dataclass(frozen=True, slots=True)
class Ray:
    """Hold what Ray has to carry: replicas of all kinds, and placement groups of the model's.

    The shares are of what Ray is tested with. Serve's controller looks at all replicas once in
    `loop_s`, before which nothing is scaled and no failure seen.
    """

    actors: int
    actors_share: float
    groups: int
    groups_share: float
    loop_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold the answer to a case: how replicas run (None: they cannot keep up), and each part."""

    case: Case
    at: Operating | None
    parts: tuple[Part, ...]
    ray: Ray

    @property
    def replicas(self) -> int:
        """Return the replicas of the model."""
        return self.parts[0].has

    def part(self, name: str) -> Part:
        """Return the part of this name."""
        return next(part for part in self.parts if part.name == name)

    @property
    def bottleneck(self) -> Part:
        """Return the part that is full first as load grows."""
        return max(self.parts, key=lambda part: part.busy)


def make_plan(case: Case) -> Plan:
    """Return how many of each part a case needs, or how busy those are that it has.

    Raises:
        BadUsage: not one chain fits in a replica.
    """
    most = case.most_tokens_s
    needs = max(1, math.ceil(case.tokens_s / (case.aim * most)))
    has = case.fleet.replicas or needs
    busy = case.tokens_s / (has * most)
    model = Part(
        "replicas", needs, has, busy, "tokens", "models.*.max_replicas", case.fleet.most_replicas
    )
    at = _operating(case, has)
    jails, solvers = _jails(case), _solvers(case, has, at)
    boxes = math.ceil(jails.has / case.fleet.workers)
    ray = _ray(case, has, has + boxes + solvers.has + 1)
    parts = (model, _streams(case, has, at), jails, solvers, _ingress(case))
    return Plan(case, at, parts, ray)


def erlang_c(servers: int, load: float) -> float:
    """Return the chance to wait in M/M/c with `load` = arrival rate x service time.

    A. K. Erlang, 1917; by the recursion of formula B, which overflows for no number of servers.

    >>> round(erlang_c(1, 0.8), 3), round(erlang_c(2, 1.0), 3)
    (0.8, 0.333)
    """
    if load >= servers:
        return 1.0
    blocked = 1.0
    for server in range(1, servers + 1):
        blocked = load * blocked / (server + load * blocked)
    busy = load / servers
    return blocked / (1 - busy * (1 - blocked))


@lru_cache(4096)  # a simulation asks for each stream that opens or closes
def messages(streams: float, batch_s: float) -> float:
    """Return the messages a second of a replica with so many streams open."""
    return streams / paced(batch_s, max(1, round(streams)))


def _operating(case: Case, replicas: int) -> Operating | None:
    demand, costs, replica = case.demand, case.costs, case.replica
    batch = batch_at(case.tokens_s / replicas, replica, demand.context, costs)
    if math.isinf(batch):
        return None
    # Chains of a question share a replica: each sees the others beside what it would find there.
    seen = min(float(case.fits), batch + max(1.0, demand.in_flight))
    step = replica.step(seen, demand.context, costs)
    programs_s = demand.programs * (demand.program_s + costs.handle_ms / 1e3)
    added_s = programs_s + costs.text_ms / 1e3 + replica.prefill_s(demand.prompt_tokens, costs)
    mean, median, late = (steps * step.s + added_s for steps in demand.steps)
    solves = case.questions_s * mean
    streams = solves * demand.streams
    return Operating(batch, seen, step, (mean, median, late), added_s, solves, streams)


def _streams(case: Case, replicas: int, at: Operating | None) -> Part:
    """Count the streams that replicas take before Serve has others wait."""
    has = replicas * case.fleet.streams
    solves = replicas * case.fits / case.demand.in_flight if at is None else at.solves
    load = solves * case.demand.streams
    needs, setting = math.ceil(load / case.aim), "models.*.target_ongoing_requests"
    return Part("streams", max(1, needs), has, load / has, "chains, or groups of them", setting)


def _jails(case: Case) -> Part:
    """Count jails by how busy they may be, and so that few programs wait for one."""
    demand, fleet = case.demand, case.fleet
    each_s = demand.program_s + case.costs.sandbox_cpu_ms / 1e3
    load = case.questions_s * demand.worth * demand.programs * each_s
    needs = max(1, math.ceil(load / case.aim))
    while erlang_c(needs, load) > _WAITS:
        needs += 1
    most = None if fleet.most_boxes is None else fleet.most_boxes * fleet.workers
    has = fleet.jails or math.ceil(needs / fleet.workers) * fleet.workers
    return Part("jails", needs, has, load / has, "programs", "sandbox.max_replicas", most)


def _solvers(case: Case, replicas: int, at: Operating | None) -> Part:
    """Count solvers by processor time, by solves and by chains: the most of the three.

    Where replicas cannot keep up, as many solves are open as they hold chains for.
    """
    demand, costs, fleet = case.demand, case.costs, case.fleet
    solves = replicas * case.fits / demand.in_flight if at is None else at.solves
    sent_s = replicas * messages(solves * demand.streams / replicas, costs.batch_s)
    received = sent_s * case.message_s
    walked = case.questions_s * demand.worth * costs.chain_cpu_ms / 1e3
    cores, places = received + walked, solves / fleet.max_ongoing
    asked = solves * demand.in_flight / fleet.target_chains
    needs = max(1, *(math.ceil(load / case.aim) for load in (cores, places)), math.ceil(asked))
    has = fleet.solvers or needs
    by = "messages" if received > walked else "chains"
    # target_chains asks for more solvers, but those there are carry on without them.
    setting = "solver.max_replicas"
    if places > cores:
        by, setting = "solves at once", f"{setting}, max_ongoing"
    return Part("solvers", needs, has, max(cores, places) / has, by, setting, fleet.most_solvers)


def _ingress(case: Case) -> Part:
    load = case.questions_s * case.costs.ingress_cpu_ms / 1e3
    return Part("ingress", max(1, math.ceil(load / case.aim)), 1, load, "questions", "more apps")


def _ray(case: Case, replicas: int, actors: int) -> Ray:
    costs = case.costs
    loop_s = costs.watch_s + actors * costs.watch_cpu_ms / 1e3
    return Ray(actors, actors / costs.actors, replicas, replicas / costs.placements, loop_s)


def spread(case: Case) -> tuple[Plan, Plan]:
    """Return the plans of the least and the most that tokens and bandwidth may demand.

    Questions are those of the interval's ends; decoding reaches 0.15 more or less of the
    memory's bandwidth, about what engines differ by.
    """

    def at(tokens: float, share: float) -> Plan:
        spent = replace(case.demand.spent, value=tokens)
        costs = replace(case.costs, bandwidth_share=min(1.0, max(0.05, share)))
        return make_plan(replace(case, demand=replace(case.demand, spent=spent), costs=costs))

    spent, share = case.demand.spent, case.costs.bandwidth_share
    return at(spent.low, share + _DOUBT), at(spent.high, share - _DOUBT)
