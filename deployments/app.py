"""Build the Ray Serve application from checked arguments.

`votebox.deployments.app:build` is a typed builder: `serve run`, `serve deploy` and KubeRay
take it with AppArgs as YAML. All replicas start at the same time.
"""

from typing import Annotated, Any, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator
from ray.serve import Application, Deployment
from ray.serve.config import RequestRouterConfig

from votebox.deployments.ingress import Ingress
from votebox.deployments.jails import ROUTER, Jails
from votebox.deployments.llm import EmbeddedLLM
from votebox.deployments.model_source import MINI, check_model, is_mini
from votebox.deployments.solver import SolverDeployment

__all__ = ["AppArgs", "ModelArgs", "SandboxArgs", "SolverArgs", "build"]

DEFAULT_RECIPE: Final = "vote"

AFFINITY: Final = "ray.serve.experimental.consistent_hash_router.ConsistentHashRouter"
"""The router of models with several replicas: one replica for a question, another if it is full."""

Count = Annotated[int, Field(ge=1)]


class _Args(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ModelArgs(_Args):
    """Say which model to serve and how.

    `kind` embedded runs vLLM inside one replica, cluster runs it through ray.serve.llm,
    endpoint asks another server at `url`. `source` is a folder, a hub id, or None for the
    packaged model; `name` is what usage shows. `engine_kwargs` are vLLM's. `accelerator`
    (cluster) is Ray's name of a GPU type, None for any, "cpu" for none; `env` are
    environment variables of its replicas. `key_env` names the variable with the key.
    """

    kind: Literal["embedded", "cluster", "endpoint"] = "embedded"
    source: str | None = None
    name: str = ""
    engine_kwargs: dict[str, Any] = {}
    trust_remote_code: bool = False
    tensor_parallel_size: Count = 1
    accelerator: str | None = None
    min_replicas: Annotated[int, Field(ge=0)] = 1
    max_replicas: Count = 1
    target_ongoing_requests: Count = 64
    env: dict[str, str] = {}
    url: str = ""
    key_env: str = "OPENAI_API_KEY"

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "ModelArgs":
        """Refuse settings that this kind would ignore."""
        if (self.kind == "endpoint") != bool(self.url):
            raise ValueError("`url` belongs to kind 'endpoint', which needs it")
        if self.kind != "cluster" and (self.tensor_parallel_size > 1 or self.accelerator):
            raise ValueError("tensor_parallel_size and accelerator need kind 'cluster'")
        if self.max_replicas < self.min_replicas:
            raise ValueError("max_replicas is less than min_replicas")
        return self

    @property
    def shown_name(self) -> str:
        """Return the name that usage and traces show."""
        return self.name or (MINI if is_mini(self.source) else str(self.source))


class SandboxArgs(_Args):
    """Say how many sandbox replicas there may be, and how each runs programs.

    A replica runs `workers` programs at once and takes as many more; callers wait in a
    queue of `max_queued`, and are refused beyond. `backend` auto, fork or once, `preload` and
    `minimum` are those of votebox.sandbox.Sandbox. The delays, in seconds, are how long
    load must last before a replica is added, and how long it must be gone.
    """

    min_replicas: Count = 1
    max_replicas: Count = 4
    workers: Count = 2
    backend: Literal["auto", "fork", "once"] = "auto"
    preload: list[str] = ["numpy", "sympy"]
    minimum: Literal["rlimits", "cgroup"] = "rlimits"
    max_queued: Count = 1024
    upscale_delay_s: Annotated[float, Field(ge=0)] = 5.0
    downscale_delay_s: Annotated[float, Field(ge=0)] = 60.0

    @model_validator(mode="after")
    def _in_order(self) -> "SandboxArgs":
        if self.max_replicas < self.min_replicas:
            raise ValueError("max_replicas is less than min_replicas")
        return self


class SolverArgs(_Args):
    """Name the recipe of requests that name none, and bound the solves at once.

    `traces` is where the trace of each solve is kept, a folder of the solver's own machine
    or a URI; None keeps none. A trace holds the question and all texts.
    """

    recipe: str = DEFAULT_RECIPE
    traces: str | None = None
    max_ongoing: Count = 64
    max_queued: Count = 256


class AppArgs(_Args):
    """Describe the application.

    `models` by role; a single one serves every role. Without `ingress` the root is the
    solver, for callers with a handle: no HTTP proxy is needed.
    """

    models: Annotated[dict[str, ModelArgs], Field(min_length=1)] = {"default": ModelArgs()}
    sandbox: SandboxArgs = SandboxArgs()
    solver: SolverArgs = SolverArgs()
    ingress: bool = True


def build(args: AppArgs) -> Application:
    """Return the application: models, Jails, Solver and, if wanted, Ingress.

    Raises:
        EngineError: a model's folder is missing or holds no model.
    """
    models: dict[str, tuple[Application, str]] = {}
    endpoints: dict[str, dict[str, Any]] = {}
    for role, model in args.models.items():
        if model.kind == "endpoint":
            endpoints[role] = {"url": model.url, "model": model.name, "key_env": model.key_env}
        else:
            app = _embedded(role, model) if model.kind == "embedded" else _cluster(role, model)
            models[role] = (app, model.shown_name)
    solver = (
        _deployment(SolverDeployment)
        .options(
            max_ongoing_requests=args.solver.max_ongoing,
            max_queued_requests=args.solver.max_queued,
        )
        .bind(models, endpoints, _jails(args.sandbox), args.solver.recipe, args.solver.traces)
    )
    return _deployment(Ingress).bind(solver) if args.ingress else solver


def _embedded(role: str, model: ModelArgs) -> Application:
    deployment = _deployment(EmbeddedLLM).options(
        name=f"LLM:{role}",
        ray_actor_options={"num_cpus": 1, "runtime_env": {"env_vars": model.env}},
        **_affinity(model),
        **_replicas(model.min_replicas, model.max_replicas, model.target_ongoing_requests),
    )
    where = check_model(model.source) if model.source else None
    source = None if is_mini(model.source) else where
    return deployment.bind(source, model.shown_name, model.engine_kwargs, model.trust_remote_code)


def _cluster(role: str, model: ModelArgs) -> Application:
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
        router=_affinity(model),
    )


def _affinity(model: ModelArgs) -> dict[str, Any]:
    """Return the router of a model; one that has a single replica needs none."""
    if model.max_replicas == 1:
        return {}
    router: Any = AFFINITY
    return {"request_router_config": RequestRouterConfig(request_router_class=router)}


def _jails(args: SandboxArgs) -> Application:
    scaling = _replicas(args.min_replicas, args.max_replicas, args.workers)
    if "autoscaling_config" in scaling:
        scaling["autoscaling_config"] |= {
            "upscale_delay_s": args.upscale_delay_s,
            "downscale_delay_s": args.downscale_delay_s,
        }
    return (
        _deployment(Jails)
        .options(
            max_ongoing_requests=2 * args.workers,
            max_queued_requests=args.max_queued,
            request_router_config=RequestRouterConfig(request_router_class=ROUTER),  # type: ignore[arg-type]
            **scaling,
        )
        .bind(args.workers, backend=args.backend, preload=tuple(args.preload), minimum=args.minimum)
    )


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
