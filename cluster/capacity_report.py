"""Print a plan as sums that a reader can follow, or as JSON."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from votebox.cluster.capacity import Case, Operating, Part, Plan, erlang_c
from votebox.cluster.capacity_costs import ORIGINS
from votebox.cluster.capacity_questions import Demand, Questions
from votebox.cluster.roofline import Step
from votebox.cluster.simulate import Simulated
from votebox.cluster.simulate_growth import Moment
from votebox.cluster.text import columns

__all__ = ["Named", "Told", "as_wire", "tell"]

_HEAD: Final = (
    "part",
    "needs",
    "has",
    "preset",
    "busy",
    "full at, questions/h",
    "loaded by",
    "setting",
)
_GROWTH: Final = ("min", "replicas", "jails", "chains wait", "solves", "solve, s", "cut off")
_SIMULATED: Final = (
    "load",
    "questions/h",
    "solve, s",
    "median",
    "p95",
    "cut off",
    "tokens",
    "chains/replica",
    "wait, s",
    "jail wait, ms",
    "busiest",
)


@dataclass(frozen=True, slots=True)
class Named:
    """Name what a plan is made for: model, recipe, stop rule and dispatcher."""

    model: str
    recipe: str
    rules: str


@dataclass(frozen=True, slots=True)
class Told:
    """Hold all that is told: the plan, those of least and most demand, and simulations of it."""

    plan: Plan
    between: tuple[Plan, Plan]
    questions: Questions
    named: Named
    simulated: tuple[Simulated, ...] = ()
    growth: tuple[Moment, ...] = ()


def tell(told: Told) -> Iterator[str]:
    """Yield the lines of a plan, and of its simulations where there are any."""
    plan, questions, named = told.plan, told.questions, told.named
    case = plan.case
    gpus = f"{case.replica.width} x {case.replica.gpu.name}"
    yield f"{case.questions_per_hour:,.0f} questions an hour of {named.model}, {gpus} a replica"
    yield ""
    yield f"a question: {questions.origin}, recipe {named.recipe}"
    yield from _question(case.demand, named)
    yield ""
    yield "a replica, full"
    yield from _replica(case)
    yield ""
    yield "the load"
    yield from _load(plan)
    yield ""
    yield columns(_HEAD, [_row(part, case.questions_per_hour) for part in plan.parts])
    yield ""
    yield from _summary(plan, told.between)
    if told.simulated:
        yield ""
        yield "simulated"
        yield columns(_SIMULATED, [_times(one) for one in told.simulated])
        yield ""
        yield from _parts(told.simulated)
    if told.growth:
        yield ""
        yield "the load comes at once, to the preset's least replicas"
        yield columns(_GROWTH, [_moment(one) for one in told.growth])


def _question(demand: Demand, named: Named) -> Iterator[str]:
    spent = demand.spent
    yield (
        f"  tokens     {demand.tokens:,.0f} a chain x {demand.chains} chains = {demand.full:,.0f};"
        f" {named.rules} spends {spent.value:,.0f}, {demand.saved:.0%} less"
    )
    yield f"  chains     {spent.value:,.0f} / {demand.tokens:,.0f} = {demand.worth:.1f} whole ones"
    mean, median, late = demand.steps
    yield (
        f"  in a row   {mean:,.0f} tokens until the answer, median {median:,.0f}, p95 {late:,.0f};"
        f" so {demand.in_flight:.1f} chains at once"
    )
    yield (
        f"  programs   {demand.worth:.1f} x {demand.programs:.2f} of {demand.program_s:.2f} s ="
        f" {demand.worth * demand.programs * demand.program_s:,.1f} s"
    )


def _replica(case: Case) -> Iterator[str]:
    replica, costs, context = case.replica, case.costs, case.demand.context
    facts, room = replica.shape.facts, replica.room_gib
    total = replica.width * replica.gpu.memory_gib
    yield (
        f"  memory     {total:.1f} GiB, {room:.1f} beside {facts.weights_gib:.1f} of weights"
        " and what vLLM keeps"
    )
    each = replica.token_kib * context / 2**20
    yield f"  a chain    {replica.token_kib:,.0f} KiB x {context:,.0f} tokens = {each:.2f} GiB"
    by_memory = costs.cache_share * room / each
    yield (
        f"  at once    {costs.cache_share:g} x {room:.1f} / {each:.2f} = {by_memory:.1f},"
        f" so {case.fits} chains"
    )
    step = replica.step(case.fits, context, costs)
    yield f"  a step     {_step(step)}"
    yield f"  tokens     {case.fits} / {step.s * 1e3:.1f} ms = {case.most_tokens_s:,.0f} a second"


def _step(step: Step) -> str:
    read = f"weights {step.weights_ms:.1f} + cache {step.cache_ms:.1f}"
    both = f"max({read}, compute {step.compute_ms:.1f})"
    return f"{both} + reduce {step.reduce_ms:.1f} + {step.step_ms:g} = {step.s * 1e3:.1f} ms"


def _load(plan: Plan) -> Iterator[str]:
    case = plan.case
    yield (
        f"  tokens     {case.questions_per_hour:,.0f} / 3600 x {case.demand.spent.value:,.0f} ="
        f" {case.tokens_s:,.0f} a second"
    )
    wanted = case.tokens_s / case.most_tokens_s
    yield (
        f"  replicas   {case.tokens_s:,.0f} / {case.most_tokens_s:,.0f} = {wanted:.2f},"
        f" / {case.aim:g} = {plan.parts[0].needs:,} that are {case.aim:.0%} busy"
    )
    if plan.at is None:
        yield f"  replicas   the {plan.replicas:,} there are cannot keep up: solves wait, then end"
        yield "             by their deadline"
        return
    yield from _running(plan, plan.at)


def _running(plan: Plan, at: Operating) -> Iterator[str]:
    case = plan.case
    mean, median, late = at.solve_s
    yield (
        f"  each has   {at.batch:.1f} chains; with its own a solve sees {at.seen:.1f} of at most"
        f" {case.fits}: a step of {at.step.s * 1e3:.1f} ms"
    )
    yield (
        f"  a solve    {case.demand.steps[0]:,.0f} x {at.step.s * 1e3:.1f} ms + {at.added_s:.1f} s"
        f" = {mean:,.0f} s, median {median:,.0f} s, p95 {late:,.0f} s"
    )
    deadline_s = case.demand.deadline_s
    if deadline_s is not None and deadline_s < late:
        share = "most" if deadline_s < median else "many"
        yield f"  deadline   {deadline_s:g} s cuts {share} solves off: raise it, --deadline-s"
    yield f"  in flight  {case.questions_s:.3g} x {mean:,.0f} s = {at.solves:,.1f} solves"
    jails = plan.part("jails")
    waits = erlang_c(jails.has, jails.busy * jails.has)
    yield f"  jails      {waits:.2%} of programs wait for one"


def _row(part: Part, questions_per_hour: float) -> tuple[str, ...]:
    full = part.full_at(questions_per_hour)
    return (
        part.name,
        f"{part.needs:,}",
        f"{part.has:,}",
        "" if part.most is None else f"{part.most:,}",
        f"{part.busy:.0%}",
        "" if math.isinf(full) else f"{full:,.0f}",
        part.by,
        part.setting,
    )


def _summary(plan: Plan, between: Sequence[Plan]) -> Iterator[str]:
    first, case = plan.bottleneck, plan.case
    gpus = plan.parts[0].needs * case.replica.width
    low, high = (found.parts[0].needs * case.replica.width for found in between)
    ray = plan.ray
    yield (
        f"Ray: {ray.actors:,} replicas and {ray.groups:,} placement groups, {ray.actors_share:.0%}"
        f" and {ray.groups_share:.0%} of what it is tested with; Serve's controller looks at all"
        f" once in {ray.loop_s:.2f} s"
    )
    yield f"GPUs: {gpus:,}, between {low:,} and {high:,} by what tokens and bandwidth may be"
    yield f"first bottleneck: {first.name}, {first.busy:.0%} busy; move it with {first.setting}"


def _times(one: Simulated) -> tuple[str, ...]:
    return (
        f"{one.load:.0%}",
        f"{one.questions_per_hour:,.0f}",
        f"{one.mean_s:,.0f} +- {one.error_s:,.0f}",
        f"{one.median_s:,.0f}",
        f"{one.p95_s:,.0f}",
        f"{one.late:.0%}",
        f"{one.tokens:,.0f}",
        f"{one.batch:.1f}",
        f"{one.replica_wait_s:,.1f}",
        f"{one.jail_wait_s * 1e3:,.0f}",
        f"{one.bottleneck}",
    )


def _moment(one: Moment) -> tuple[str, ...]:
    return (
        f"{one.at_s / 60:.0f}",
        f"{one.replicas:,}",
        f"{one.jails:,}",
        f"{one.chains_waiting:,}",
        f"{one.solves:,}",
        "none ended" if math.isinf(one.mean_s) else f"{one.mean_s:,.0f}",
        f"{one.late:.0%}",
    )


def _parts(found: Sequence[Simulated]) -> Iterator[str]:
    head = ("busy at", *(f"{one.load:.0%}" for one in found), "")
    names = found[0].busy
    yield columns(head, [(n, *(f"{one.busy[n]:.0%}" for one in found), "") for n in names])


def as_wire(told: Told) -> dict[str, Any]:
    """Return a plan as JSON types."""
    plan, questions, named = told.plan, told.questions, told.named
    case = plan.case
    demand = asdict(case.demand) | {"saved": case.demand.saved, "in_flight": case.demand.in_flight}
    width = case.replica.width
    return {
        "model": named.model,
        "recipe": named.recipe,
        "rules": named.rules,
        "questions": {"origin": questions.origin, "notes": list(questions.notes)},
        "questions_per_hour": case.questions_per_hour,
        "utilization": case.aim,
        "gpu": asdict(case.replica.gpu),
        "tensor_parallel_size": width,
        "demand": demand,
        "replica": {
            "room_gib": case.replica.room_gib,
            "token_kib": case.replica.token_kib,
            "chains": case.fits,
            "tokens_s": case.most_tokens_s,
        },
        "operating": None if plan.at is None else asdict(plan.at),
        "parts": [
            asdict(part) | {"full_at": _finite(part.full_at(case.questions_per_hour))}
            for part in plan.parts
        ],
        "ray": asdict(plan.ray),
        "bottleneck": plan.bottleneck.name,
        "gpus": plan.parts[0].needs * width,
        "gpus_between": [found.parts[0].needs * width for found in told.between],
        "costs": {
            name: {"value": value, **asdict(ORIGINS[name])}
            for name, value in asdict(case.costs).items()
        },
        "simulated": [_plain(asdict(one)) for one in told.simulated],
        "growth": [_plain(asdict(one)) for one in told.growth],
    }


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    return {name: _finite(v) if isinstance(v, float) else v for name, v in found.items()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
