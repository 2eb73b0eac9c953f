"""Describe the application: the settings that presets, Serve's files and KubeRay hold.

Checked whole when read. Imports no Ray, so that a wrong preset shows at once.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from votebox.deployments.endpoint_rules import EndpointRules
from votebox.deployments.front_args import FrontArgs
from votebox.deployments.model_source import MINI, is_mini
from votebox.plugins import PluginError
from votebox.plugins.choice import Choice

__all__ = [
    "AppArgs",
    "ModelArgs",
    "PinArgs",
    "PlaceArgs",
    "PluginArgs",
    "SandboxArgs",
    "SolverArgs",
    "UpdateArgs",
]

DEFAULT_RECIPE: Final = "vote"

Count = Annotated[int, Field(ge=1)]


class _Args(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ModelArgs(_Args):
    """Say which model to serve and how.

    `kind` embedded runs vLLM inside one replica, cluster runs it through ray.serve.llm,
    endpoint asks another server at `url`. `source` is a folder, a hub id, or None for the
    packaged model; `name` is what usage shows. `engine_kwargs` are vLLM's. `accelerator`
    (cluster) is Ray's name of a GPU type, None for any, "cpu" for none; `env` are
    environment variables of its replicas. `key_env` names the variable with the key, and
    `rules` say how an endpoint is asked.
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
    rules: EndpointRules | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "ModelArgs":
        """Refuse settings that this kind would ignore."""
        if (self.kind == "endpoint") != bool(self.url):
            raise ValueError("`url` belongs to kind 'endpoint', which needs it")
        if self.kind != "endpoint" and self.rules is not None:
            raise ValueError("`rules` belong to kind 'endpoint'")
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
    queue of `max_queued`, and are refused beyond. `num_cpus` is what Ray sets aside for one:
    the default shares the cores of one machine, on a cluster that grows give `workers`.
    With `min_replicas` 0 the first program waits for a replica to start. `backend` auto, fork
    or once, `preload` and `minimum` are those of votebox.sandbox.Sandbox. The delays, in
    seconds, are how long load must last before a replica is added, and how long it must be gone.
    """

    min_replicas: Annotated[int, Field(ge=0)] = 1
    max_replicas: Count = 4
    workers: Count = 2
    num_cpus: Annotated[float, Field(gt=0)] = 0.1
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
    or a URI; None keeps none. A trace holds the question and all texts. A replica takes
    `max_ongoing` solves; between `min_replicas` and `max_replicas` there is one for each
    `target_chains` chains in flight; the delays are those of SandboxArgs.
    """

    recipe: str = DEFAULT_RECIPE
    traces: str | None = None
    max_ongoing: Count = 64
    max_queued: Count = 256
    min_replicas: Count = 1
    max_replicas: Count = 1
    target_chains: Count = 512
    upscale_delay_s: Annotated[float, Field(ge=0)] = 30.0
    downscale_delay_s: Annotated[float, Field(ge=0)] = 600.0

    @model_validator(mode="after")
    def _in_order(self) -> "SolverArgs":
        if self.max_replicas < self.min_replicas:
            raise ValueError("max_replicas is less than min_replicas")
        return self


class PluginArgs(_Args):
    """Name plugins to leave out, and the only ones to take besides the built-ins (None: all).

    They add to VOTEBOX_BLOCK_PLUGINS and VOTEBOX_ALLOW_PLUGINS of each replica.
    """

    blocked: list[str] = []
    allowed: list[str] | None = None

    @model_validator(mode="after")
    def _are_names(self) -> "PluginArgs":
        """Refuse what is no name of a plugin."""
        try:
            Choice.of(self.blocked, self.allowed, {})
        except PluginError as e:
            raise ValueError(str(e)) from e
        return self


class PlaceArgs(_Args):
    """Name a custom resource of Ray that nodes must offer to hold a part; None: any node.

    `front` keeps solvers and the ingress together, near the keys; `jails` keeps untrusted
    programs on nodes of their own. A replica takes a thousandth, so that 1 serves as a label.
    """

    front: str | None = None
    jails: str | None = None


class UpdateArgs(_Args):
    """Say how replicas of a new version take over from those of the old one.

    An old solver or ingress has `drain_s` seconds to end its solves. With `surge` new solvers,
    jails and ingress start before the old ones stop; models do only with `surge_models`, which
    needs free GPUs for them.
    """

    drain_s: Annotated[float, Field(gt=0)] = 5.0
    surge: bool = False
    surge_models: bool = False


class PinArgs(_Args):
    """Hold what must be installed where solvers run: plugins by version, recipes by hash.

    `votebox deploy` writes them, so that a new version of either is a change that Serve rolls
    out, and a solver on a node that has another refuses to start. What is not named is not checked.
    """

    plugins: dict[str, str] = {}
    recipes: dict[str, str] = {}


class AppArgs(_Args):
    """Describe the application.

    `models` by role; a single one serves every role. Without `ingress` the root is the
    solver, for callers with a handle: no HTTP proxy is needed. `front` is how it serves HTTP.
    `plugins` says which may load, `pins` which versions, `place` on which nodes parts run,
    `update` how a new version takes over.
    """

    models: Annotated[dict[str, ModelArgs], Field(min_length=1)] = {"default": ModelArgs()}
    sandbox: SandboxArgs = SandboxArgs()
    solver: SolverArgs = SolverArgs()
    ingress: bool = True
    front: FrontArgs = FrontArgs()
    plugins: PluginArgs = PluginArgs()
    pins: PinArgs = PinArgs()
    place: PlaceArgs = PlaceArgs()
    update: UpdateArgs = UpdateArgs()
