"""`votebox plan`: how many GPUs, jails and solvers a load needs, and what is full first."""

import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from votebox.cluster import solve_options as opt
from votebox.cluster.errors import BadUsage, translated
from votebox.cluster.text import one_line

if TYPE_CHECKING:
    from votebox.cluster.capacity import Case, Fleet
    from votebox.cluster.capacity_costs import Costs
    from votebox.cluster.capacity_questions import Questions
    from votebox.cluster.capacity_report import Named, Told
    from votebox.cluster.roofline import Replica
    from votebox.cluster.simulate import Simulated
    from votebox.cluster.simulate_growth import Moment
    from votebox.cluster.simulate_parts import Settings
    from votebox.deployments.app_args import AppArgs, ModelArgs
    from votebox.plugins import Recipe

__all__ = ["plan"]

_MOST: Final = 1e9
_MOST_PARTS: Final = 1_000_000
_LOADS: Final = (0.5, 0.8, 0.95, 1.1)


class Routing(StrEnum):
    """How streams find a replica of the model."""

    SESSION = "session"
    TWO = "two"


def plan(
    preset: Annotated[
        str, typer.Argument(metavar="PRESET", help="A preset by name, or a YAML or TOML file.")
    ] = "qwq-32b-awq",
    *,
    questions_per_hour: Annotated[
        float | None,
        typer.Option(min=0.001, max=_MOST, help="The load. Default: the most that --gpus carry."),
    ] = None,
    gpu: Annotated[str, typer.Option(help="The type of GPU: L4, A100-80G, H100, H200, ...")],
    gpus: Annotated[
        int | None,
        typer.Option(min=1, max=_MOST_PARTS, help="How many there are. Default: what is needed."),
    ] = None,
    jails: Annotated[
        int | None, typer.Option(min=1, max=_MOST_PARTS, help="Programs at once, likewise.")
    ] = None,
    solvers: Annotated[
        int | None, typer.Option(min=1, max=_MOST_PARTS, help="Solver replicas, likewise.")
    ] = None,
    tensor_parallel: Annotated[
        int | None, typer.Option(min=1, max=64, help="GPUs of a replica. Default: the preset's.")
    ] = None,
    shape: Annotated[
        str | None,
        typer.Option(metavar="NAME=VALUE,...", help="The model's shape, where it is unknown."),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A recipe's name, or a TOML file. Default: the preset's.")
    ] = None,
    chains: opt.Chains = None,
    stop: opt.Stop = None,
    dispatch: Annotated[str | None, typer.Option(help="A dispatcher, as need-driven:3.")] = None,
    deadline_s: opt.DeadlineS = None,
    traces: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Traces, or a table of votes: what questions cost."),
    ] = None,
    tokens: Annotated[
        float | None, typer.Option(min=1, max=1e7, help="Tokens of a chain, in the mean.")
    ] = None,
    utilization: Annotated[
        float, typer.Option(min=0.05, max=0.99, help="How busy parts may be.")
    ] = 0.8,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A constant of the plan; repeatable."),
    ] = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Simulate the plan, too, question by question.")
    ] = False,
    load: Annotated[
        list[float] | None,
        typer.Option(
            min=0.01,
            max=10.0,
            help="Simulate at this part of what the replicas carry; repeatable."
            " Default: 0.5, 0.8, 0.95 and 1.1.",
        ),
    ] = None,
    grow: Annotated[
        bool,
        typer.Option("--grow", help="Simulate how the preset's least replicas grow to the plan."),
    ] = False,
    solves: Annotated[
        int, typer.Option(min=40, max=1_000_000, help="Solves that a simulation counts.")
    ] = 2000,
    route: Annotated[
        Routing, typer.Option(help="To the replica of the question, or the less busy of two.")
    ] = Routing.SESSION,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same simulation.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Reckon what a load needs, from measured costs, and say what is full first.

    The questions are typical of recorded votes, or those of --traces; the recipe's own stop
    rule and dispatcher say what they cost. docs/capacity.md has the constants and their sources.
    """
    from dataclasses import replace

    from votebox.cluster.capacity_costs import read_costs
    from votebox.cluster.capacity_report import Named, as_wire, tell
    from votebox.cluster.preset import load_preset
    from votebox.cluster.result import write_json
    from votebox.cluster.simulate_parts import Settings
    from votebox.deployments.app_args import AppArgs

    args = AppArgs.model_validate(load_preset(preset))
    costs = read_costs(set_ or ())
    model = _model(preset, args)
    replica = _replica(model, gpu, tensor_parallel, shape)
    given = {"chains": chains, "stop": stop, "dispatch": dispatch, "deadline_s": deadline_s}
    found = _recipe(recipe or args.solver.recipe, given)
    fleet = _fleet(args, model, replica.width, (gpus, jails, solvers))
    questions = _questions(traces, found, tokens, _longest(found, replica, costs))
    case = _case(
        questions_per_hour,
        replica,
        questions,
        recipe=found,
        costs=costs,
        fleet=fleet,
        aim=utilization,
    )
    named = Named(model.shown_name, found.name, f"{found.stop} with {found.dispatch}")
    told = _made(case, questions, named)
    how = Settings(solves, route.value, seed)
    if simulate:
        told = replace(told, simulated=_simulated(told, found, load or _LOADS, how))
    if grow:
        told = replace(told, growth=_growth(told, found, how, args))
    if json:
        write_json(as_wire(told), sys.stdout)
        return
    for note in questions.notes:
        typer.echo(f"votebox: {one_line(note)}", err=True)
    for line in tell(told):
        typer.echo(line)


def _model(preset: str, args: "AppArgs") -> "ModelArgs":
    """Return the model that samples chains; raise BadUsage where it has no GPU."""
    model = args.models.get("reasoner") or next(iter(args.models.values()))
    if model.kind != "cluster" or model.accelerator == "cpu":
        raise BadUsage(
            f"preset {preset!r} serves {model.shown_name} without GPUs",
            "a plan counts GPUs: name a preset that has some, as qwq-32b-awq",
        )
    return model


def _replica(model: "ModelArgs", gpu: str, width: int | None, shape: str | None) -> "Replica":
    from votebox.cluster.capacity_facts import find_gpu, find_shape, read_shape
    from votebox.cluster.roofline import Replica

    known = read_shape(shape) if shape else find_shape(model.shown_name)
    return Replica(
        known, find_gpu(gpu), width or model.tensor_parallel_size, dict(model.engine_kwargs)
    )


def _recipe(name: str, given: Mapping[str, Any]) -> "Recipe":
    from votebox.cluster.checks import check_recipe
    from votebox.plugins import Registry, SolveOptions, VoteboxError
    from votebox.plugins.overrides import overridden

    registry = Registry.load()
    found = check_recipe(name, registry)
    try:
        return overridden(found, SolveOptions(**given), registry)
    except VoteboxError as e:
        raise translated(e) from e


def _fleet(
    args: "AppArgs", model: "ModelArgs", width: int, given: tuple[int | None, ...]
) -> "Fleet":
    """Return how many of each part are `given` (GPUs, jails, solvers), and the preset's limits."""
    from votebox.cluster.capacity import Fleet

    gpus, jails, solvers = given

    if gpus is not None and gpus < width:
        fix = "give more, or fewer a replica: --tensor-parallel"
        raise BadUsage(f"--gpus {gpus} are fewer than the {width} of one replica", fix)
    return Fleet(
        None if gpus is None else gpus // width,
        jails,
        solvers,
        workers=args.sandbox.workers,
        streams=4 * model.target_ongoing_requests,
        max_ongoing=args.solver.max_ongoing,
        target_chains=args.solver.target_chains,
        most_replicas=model.max_replicas,
        most_boxes=args.sandbox.max_replicas,
        most_solvers=args.solver.max_replicas,
    )


def _longest(recipe: "Recipe", replica: "Replica", costs: "Costs") -> int:
    """Return the tokens at which a chain is cut: by the context, or by the recipe's own bound."""
    nodes = (node for node in recipe.nodes.values() if node.kind == "model")
    bounds = [n.sampling.max_tokens for n in nodes if n.sampling and n.sampling.max_tokens]
    each = max(bounds, default=_MOST) * recipe.rounds
    context = replica.engine_kwargs.get("max_model_len")
    room = context - costs.prompt_tokens if isinstance(context, int) else _MOST
    return max(1, int(min(each, room)))


def _questions(
    traces: str | None, recipe: "Recipe", tokens: float | None, longest: int
) -> "Questions":
    from votebox.cluster.capacity_questions import typical
    from votebox.cluster.capacity_traces import recorded
    from votebox.plugins import TableError, VoteboxError
    from votebox.plugins.ballot import policy_of

    try:
        found = typical() if traces is None else recorded(traces, policy_of(recipe))
    except TableError as e:
        raise BadUsage(str(e)) from e
    except VoteboxError as e:
        raise translated(e) from e
    return (found if tokens is None else found.scaled(tokens)).cut(longest)


def _case(
    questions_per_hour: float | None,
    replica: "Replica",
    questions: "Questions",
    *,
    recipe: "Recipe",
    costs: "Costs",
    fleet: "Fleet",
    aim: float,
) -> "Case":
    from dataclasses import replace

    from votebox.cluster.capacity import Case
    from votebox.cluster.capacity_questions import demand_of
    from votebox.plugins import VoteboxError

    try:
        demand = demand_of(questions, recipe, costs)
    except VoteboxError as e:
        raise translated(e) from e
    case = Case(questions_per_hour or 0.0, replica, demand, costs, fleet, aim)
    if questions_per_hour is not None:
        return case
    if fleet.replicas is None:
        fix = "give --questions-per-hour, or --gpus for the most they carry"
        raise BadUsage("neither a load nor a number of GPUs is given", fix)
    most = aim * fleet.replicas * case.most_tokens_s / demand.spent.value * 3600
    return replace(case, questions_per_hour=most)


def _made(case: "Case", questions: "Questions", named: "Named") -> "Told":
    from votebox.cluster.capacity import make_plan, spread
    from votebox.cluster.capacity_report import Told

    return Told(make_plan(case), spread(case), questions, named)


def _simulated(
    told: "Told", recipe: "Recipe", loads: Sequence[float], how: "Settings"
) -> "tuple[Simulated, ...]":
    from votebox.cluster.simulate import simulate_load
    from votebox.plugins import VoteboxError

    try:
        return tuple(
            simulate_load(told.plan, told.questions, recipe, load, how) for load in sorted(loads)
        )
    except VoteboxError as e:
        raise translated(e) from e


def _growth(
    told: "Told", recipe: "Recipe", how: "Settings", args: "AppArgs"
) -> "tuple[Moment, ...]":
    from votebox.cluster.simulate_growth import simulate_growth
    from votebox.plugins import VoteboxError

    try:
        return simulate_growth(told.plan, told.questions, recipe, how, args)
    except VoteboxError as e:
        raise translated(e) from e
