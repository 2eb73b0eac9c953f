"""Know what GPUs and models are: the facts a capacity plan starts from.

Facts, not measurements: data sheets and config.json files. What was measured, or assumed for
want of a measurement, is in capacity_costs.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from votebox.cluster.cluster_checks import ModelFacts
from votebox.cluster.errors import BadUsage

__all__ = ["GPUS", "SHAPES", "Gpu", "Shape", "find_gpu", "find_shape", "read_shape"]


@dataclass(frozen=True, slots=True)
class Gpu:
    """Tell of one type of GPU what decides how fast it decodes.

    `memory_gib` is what nvidia-smi shows; `bandwidth_gb_s` that of its memory, in 10^9 bytes;
    `tflops` dense bfloat16; `link_gb_s` to the other GPUs of its node, both ways together.
    """

    name: str
    memory_gib: float
    bandwidth_gb_s: float
    tflops: float
    link_gb_s: float
    source: str


GPUS: Final[Mapping[str, Gpu]] = {
    gpu.name: gpu
    for gpu in (
        Gpu("L4", 22.5, 300, 121, 64, "NVIDIA L4 data sheet, 2023; PCIe 4"),
        Gpu("A10", 22.5, 600, 125, 64, "NVIDIA A10 data sheet, 2021; PCIe 4"),
        Gpu("L40S", 45.0, 864, 362, 64, "NVIDIA L40S data sheet, 2023; PCIe 4"),
        Gpu("A100-40G", 40.0, 1555, 312, 600, "NVIDIA A100 data sheet, 2021; SXM"),
        Gpu("A100-80G", 80.0, 2039, 312, 600, "NVIDIA A100 data sheet, 2021; SXM"),
        Gpu("H100", 79.6, 3350, 989, 900, "NVIDIA H100 data sheet, 2023; SXM"),
        Gpu("H200", 140.4, 4800, 989, 900, "NVIDIA H200 data sheet, 2024; SXM"),
        Gpu("B200", 179.1, 8000, 2250, 1800, "NVIDIA HGX B200 data sheet, 2024; a GPU of eight"),
    )
}
"""By name. Half of the TFLOPS of a sheet that counts sparsity."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Tell of a model what decides how fast it decodes.

    `facts` are those the doctor of clusters reads; `hidden` is the width of a layer, and
    `parameters_b` the billions of parameters that take part in one token.
    """

    facts: ModelFacts
    hidden: int
    parameters_b: float


def _qwen_32b(weights_gib: float) -> Shape:
    facts = ModelFacts("", layers=64, kv_heads=8, head_dim=128, weights_gib=weights_gib)
    return Shape(facts, hidden=5120, parameters_b=32.8)


SHAPES: Final[Mapping[str, Shape]] = {
    "Qwen/QwQ-32B": _qwen_32b(61.0),
    "Qwen/QwQ-32B-AWQ": _qwen_32b(18.0),
    "Qwen/Qwen2.5-Coder-32B-Instruct": _qwen_32b(61.0),
    "Qwen/Qwen2.5-Coder-32B-Instruct-AWQ": _qwen_32b(18.0),
}
"""By source: config.json and the sizes of the weights' files on huggingface.co."""

_FIELDS: Final = ("layers", "kv-heads", "head-dim", "hidden", "weights-gib", "parameters-b")
_WHOLE: Final = _FIELDS[:4]
_MOST: Final = 1e6


def find_gpu(name: str) -> Gpu:
    """Return the GPU of this name, in any case; raise BadUsage naming those there are."""
    for known, gpu in GPUS.items():
        if name.casefold() == known.casefold():
            return gpu
    raise BadUsage(f"--gpu {name!r} is not in the table", f"known: {', '.join(GPUS)}")


def find_shape(source: str) -> Shape:
    """Return the shape of a model by its source: of the table, or of its files on this machine.

    Raises:
        BadUsage: neither knows it.
    """
    if source in SHAPES:
        return SHAPES[source]
    from votebox.cluster.cluster_facts import model_facts

    facts = model_facts(source)
    if facts is None or not (facts.layers and facts.weights_gib):
        fix = f"give --shape {','.join(f'{name}=...' for name in _FIELDS)}"
        raise BadUsage(f"nothing is known of the shape of {source!r}", fix)
    # Attention is as wide as a layer in all but few models; two bytes a weight is the most.
    hidden = facts.head_dim * facts.kv_heads * 4
    return Shape(facts, hidden, facts.weights_gib * 2**30 / 2e9)


def read_shape(text: str) -> Shape:
    """Read `layers=64,kv-heads=8,...` as a shape; raise BadUsage naming what does not fit.

    >>> read_shape("layers=2,kv-heads=1,head-dim=64,hidden=256,weights-gib=1,parameters-b=0.5").hidden
    256
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name not in _FIELDS or not equals or name in found:
            problem = f"--shape: {part!r} sets nothing"
            raise BadUsage(problem, f"give each once: {', '.join(_FIELDS)}")
        found[name] = _number(name, value)
    missing = [name for name in _FIELDS if name not in found]
    if missing:
        raise BadUsage(f"--shape lacks {', '.join(missing)}", "give all of a model's config.json")
    layers, kv_heads, head_dim, hidden = (int(found[name]) for name in _WHOLE)
    facts = ModelFacts("", layers, kv_heads, head_dim, found["weights-gib"])
    return Shape(facts, hidden, found["parameters-b"])


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= _MOST or (name in _WHOLE and value % 1):
        kind = "whole number" if name in _WHOLE else "number"
        raise BadUsage(f"--shape: {name}={text!r:.40}", f"give a {kind} above 0, below a million")
    return value
