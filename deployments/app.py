"""Build the Ray Serve application from checked arguments.

`votebox.deployments.app:build` is a typed builder: `serve run`, `serve deploy` and KubeRay
take it with AppArgs as YAML. All replicas start at the same time.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from ray.serve import Application, Deployment
from ray.serve.config import AutoscalingPolicy, RequestRouterConfig

from votebox.deployments.app_args import (
    AppArgs,
    ModelArgs,
    SandboxArgs,
    SolverArgs,
    UpdateArgs,
)
from votebox.deployments.ingress import Ingress
from votebox.deployments.jails import ROUTER, Jails
from votebox.deployments.llm import EmbeddedLLM
from votebox.deployments.model_source import check_model, is_mini
from votebox.deployments.scaling import POLICY
from votebox.deployments.solver import SolverDeployment

__all__ = ["AppArgs", "ModelArgs", "SandboxArgs", "SolverArgs", "assemble", "build"]

AFFINITY: Final = "ray.serve.experimental.consistent_hash_router.ConsistentHashRouter"
"""The router of models with several replicas: one replica for a question, another if it is full."""


WATCHED: Final[Mapping[str, Any]] = {"health_check_period_s": 2.0}
"""How often Serve asks a replica whether it lives. It learns of a death in no other way, and
its own 10 s are longer than starting most of them anew."""

NO_SURGE: Final[Mapping[str, Any]] = {}


def build(args: AppArgs) -> Application:
    """Return the application: models, Jails, Solver and, if wanted, Ingress.

    Raises:
        EngineError: a model's folder is missing or holds no model.
    """
    models: dict[str, tuple[Application, str]] = {}
    endpoints: dict[str, Mapping[str, Any]] = {}
    for role, model in args.models.items():
        if model.kind == "endpoint":
            rules = None if model.rules is None else model.rules.model_dump()
            asked = {"url": model.url, "model": model.name, "key_env": model.key_env}
            endpoints[role] = {**asked, "rules": rules}
        else:
            surge = _surge(args.update.surge_models)
            make = _embedded if model.kind == "embedded" else _cluster
            app = make(role, model, surge)
            models[role] = (app, model.shown_name)
    return assemble(args, models, endpoints)


def assemble(
    args: AppArgs,
    models: Mapping[str, tuple[Application, str]],
    endpoints: Mapping[str, Mapping[str, Any]],
) -> Application:
    """Return the application around models that are deployments, with their names, by role.

    What answers as EmbeddedLLM does may stand for one: tests and benchmarks replay.
    """
    solver = (
        _deployment(SolverDeployment)
        .options(
            max_ongoing_requests=args.solver.max_ongoing,
            max_queued_requests=args.solver.max_queued,
            ray_actor_options=_actor(0.1, args.place.front),
            **WATCHED,
            **_takeover(args.update),
            **_solvers(args.solver),
        )
        .bind(
            models,
            endpoints,
            _jails(args.sandbox, args.place.jails, _surge(args.update.surge)),
            args.solver.recipe,
            args.solver.traces,
            plugins=args.plugins.model_dump(),
            pins=args.pins.model_dump(),
        )
    )
    if not args.ingress:
        return solver
    running = args.front.max_running or args.solver.max_ongoing * args.solver.max_replicas
    front = args.front.model_copy(update={"max_running": running})
    ingress = _deployment(Ingress).options(
        ray_actor_options=_actor(0.1, args.place.front), **WATCHED, **_takeover(args.update)
    )
    return ingress.bind(solver, front.model_dump())


def _embedded(role: str, model: ModelArgs, surge: Mapping[str, Any]) -> Application:
    deployment = _deployment(EmbeddedLLM).options(
        name=f"LLM:{role}",
        ray_actor_options={"num_cpus": 1, "runtime_env": {"env_vars": model.env}},
        **WATCHED,
        **surge,
        **_affinity(model),
        **_replicas(model.min_replicas, model.max_replicas, model.target_ongoing_requests),
    )
    where = check_model(model.source) if model.source else None
    source = None if is_mini(model.source) else where
    return deployment.bind(source, model.shown_name, model.engine_kwargs, model.trust_remote_code)


def _cluster(role: str, model: ModelArgs, surge: Mapping[str, Any] = NO_SURGE) -> Application:
    from votebox.deployments.llm_cluster import build_cluster_llm

    trust = {"trust_remote_code": True} if model.trust_remote_code else {}
    return build_cluster_llm(
        model.shown_name,
        check_model(model.source) if is_mini(model.source) else str(model.source),
        engine_kwargs={**model.engine_kwargs, **trust},
        tensor_parallel_size=model.tensor_parallel_size,
        accelerator=model.accelerator,
        replicas=(model.min_replicas, model.max_replicas),
        target_ongoing_requests=model.target_ongoing_requests,
        env=model.env,
        options={**WATCHED, **_affinity(model), **surge},
    )


def _affinity(model: ModelArgs) -> dict[str, Any]:
    """Return the router of a model; one that has a single replica needs none."""
    if model.max_replicas == 1:
        return {}
    router: Any = AFFINITY
    return {"request_router_config": RequestRouterConfig(request_router_class=router)}


def _jails(
    args: SandboxArgs, place: str | None = None, surge: Mapping[str, Any] = NO_SURGE
) -> Application:
    scaling = _replicas(args.min_replicas, args.max_replicas, args.workers)
    if "autoscaling_config" in scaling:
        scaling["autoscaling_config"] |= _delays(args)
    return (
        _deployment(Jails)
        .options(
            max_ongoing_requests=2 * args.workers,
            ray_actor_options=_actor(args.num_cpus, place),
            max_queued_requests=args.max_queued,
            **WATCHED,
            **surge,
            request_router_config=RequestRouterConfig(request_router_class=ROUTER),  # type: ignore[arg-type]
            **scaling,
        )
        .bind(args.workers, backend=args.backend, preload=tuple(args.preload), minimum=args.minimum)
    )


def _solvers(args: SolverArgs) -> dict[str, Any]:
    """Return Serve's options for the number of solvers, by the chains they carry."""
    scaling = _replicas(args.min_replicas, args.max_replicas, args.max_ongoing)
    if "autoscaling_config" in scaling:
        limits = {"chains": args.target_chains, "solves": args.max_ongoing}
        policy = AutoscalingPolicy(policy_function=POLICY, policy_kwargs=limits)  # type: ignore[no-untyped-call]
        scaling["autoscaling_config"] |= {"policy": policy, **_delays(args)}
    return scaling


def _delays(args: SandboxArgs | SolverArgs) -> dict[str, float]:
    """Return Serve's options for how long load must last, or be gone."""
    return {"upscale_delay_s": args.upscale_delay_s, "downscale_delay_s": args.downscale_delay_s}


def _takeover(update: UpdateArgs) -> dict[str, Any]:
    """Return Serve's options for how a part that holds solves is replaced."""
    return {"graceful_shutdown_timeout_s": update.drain_s, **_surge(update.surge)}


def _surge(wanted: bool) -> Mapping[str, Any]:  # noqa: FBT001 - a setting
    """Return Serve's option to start new replicas before old ones stop."""
    return {"max_surge_percent": 100} if wanted else NO_SURGE


def _actor(num_cpus: float, place: str | None) -> dict[str, Any]:
    """Return Ray's options for a replica's actor."""
    return {"num_cpus": num_cpus} | ({"resources": {place: 0.001}} if place else {})


def _deployment(decorated: object) -> Deployment:
    """Return what `@serve.deployment` made of a class, which it types as the class."""
    return cast("Deployment", decorated)


def _replicas(least: int, most: int, target: int) -> dict[str, Any]:
    """Return Serve's options for a fixed or an autoscaled number of replicas."""
    if least == most:
        return {"num_replicas": least}
    scaling = {
        "min_replicas": least,
        "max_replicas": most,
        "target_ongoing_requests": target,
    }
    return {"autoscaling_config": scaling}
