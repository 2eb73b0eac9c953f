"""Say how fast a replica of a model decodes: a roofline of its GPUs, and what fits in them.

A step reads the weights once and the cache of every chain in the batch, while it computes; the
slower of the two decides (Williams, Waterman and Patterson, CACM 52, 2009). Pure arithmetic.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from votebox.cluster.capacity_costs import Costs
from votebox.cluster.capacity_facts import Gpu, Shape
from votebox.cluster.cluster_checks import room_gib

__all__ = ["Replica", "Step", "batch_at"]

_BISECTIONS: Final = 60


@dataclass(frozen=True, slots=True)
class Replica:
    """Describe one replica of the model: its shape on `width` GPUs, under vLLM's settings."""

    shape: Shape
    gpu: Gpu
    width: int
    engine_kwargs: Mapping[str, object] = field(default_factory=dict)

    @property
    def room_gib(self) -> float:
        """Return the GiB its GPUs have left for keys and values."""
        return room_gib([self.gpu.memory_gib] * self.width, self.shape.facts, self.engine_kwargs)

    @property
    def token_kib(self) -> float:
        """Return the KiB of keys and values of a token."""
        fp8 = str(self.engine_kwargs.get("kv_cache_dtype", "")).startswith("fp8")
        return self.shape.facts.token_kib(1 if fp8 else 2)

    def fits(self, context: float, costs: Costs) -> int:
        """Return how many chains decode at once, each with `context` tokens in the cache."""
        memory = costs.cache_share * self.room_gib * 2**20 / (self.token_kib * context)
        most = int(str(self.engine_kwargs.get("max_num_seqs", int(costs.sequences))))
        return max(0, min(int(memory), most))

    def step(self, batch: float, context: float, costs: Costs) -> "Step":
        """Return what one step takes that decodes a token of each of `batch` chains."""
        gpu, shape, width = self.gpu, self.shape, self.width
        read_gb_s = width * gpu.bandwidth_gb_s * costs.bandwidth_share
        gib_ms = 2**30 / 1e9 / read_gb_s * 1e3
        cache_gib = batch * context * self.token_kib / 2**20
        flops = 2 * shape.parameters_b * 1e9 * batch
        return Step(
            weights_ms=shape.facts.weights_gib * gib_ms,
            cache_ms=cache_gib * gib_ms,
            compute_ms=flops / (width * gpu.tflops * 1e12 * costs.flops_share) * 1e3,
            reduce_ms=self._reduce_ms(batch, costs),
            step_ms=costs.step_ms,
        )

    def rate(self, batch: float, context: float, costs: Costs) -> float:
        """Return the tokens a second of a replica with `batch` chains."""
        return batch / self.step(batch, context, costs).s

    def prefill_s(self, tokens: float, costs: Costs) -> float:
        """Return the seconds a replica takes to read a prompt."""
        flops = 2 * self.shape.parameters_b * 1e9 * tokens
        return flops / (self.width * self.gpu.tflops * 1e12 * costs.flops_share)

    def _reduce_ms(self, batch: float, costs: Costs) -> float:
        """Two all-reduces a layer; a ring sends 2 (n - 1) / n of the bytes, half the link up."""
        if self.width == 1:
            return 0.0
        sent = 2 * (self.width - 1) / self.width * batch * self.shape.hidden * 2
        each_s = costs.reduce_us / 1e6 + sent / (self.gpu.link_gb_s / 2 * 1e9)
        return 2 * self.shape.facts.layers * each_s * 1e3


@dataclass(frozen=True, slots=True)
class Step:
    """Hold the milliseconds of one decoding step, by what takes them.

    Reading weights and cache goes on beside the arithmetic: the longer of them counts.
    """

    weights_ms: float
    cache_ms: float
    compute_ms: float
    reduce_ms: float
    step_ms: float

    @property
    def s(self) -> float:
        """Return the seconds of the step."""
        longer = max(self.weights_ms + self.cache_ms, self.compute_ms)
        return (longer + self.reduce_ms + self.step_ms) / 1e3


def batch_at(tokens_s: float, replica: Replica, context: float, costs: Costs) -> float:
    """Return the chains with which a replica decodes so many tokens a second; infinite: never.

    The rate grows with the batch, so halving finds it.
    """
    low, high = 0.0, float(max(1, replica.fits(context, costs)))
    if replica.rate(high, context, costs) < tokens_s:
        return math.inf
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if replica.rate(middle, context, costs) < tokens_s:
            low = middle
        else:
            high = middle
    return high
